//! However the emulator ends, nothing of it is left.

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;

use anyhow::Context;
use gatepost_tests::emulator::Emulator;
use gatepost_tests::emulator::Launch;
use gatepost_tests::socket::PATIENCE;
use gatepost_tests::socket::Received;
use gatepost_tests::socket::Socket;
use rustix::process::Pid;
use rustix::process::PidfdFlags;
use rustix::process::Signal;
use rustix::process::pidfd_open;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

#[tokio::test]
async fn asked_to_stop_it_says_goodbye_and_leaves_nothing() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml").start().await?;
    let mut socket = Socket::open(emulator.websocket()).await?;
    socket.send("hello").await?;
    socket.text().await?;
    let family = family(&emulator)?;
    emulator.signal(Signal::TERM)?;
    assert_eq!(
        socket.next().await?,
        Received::Close(1001, "Going away".to_owned())
    );
    emulator.event("stopping", |_| true).await?;
    emulator
        .event("routed", |fact| fact["route"] == "$disconnect")
        .await?;
    let why = emulator
        .event("environment_stopped", |fact| fact["function"] == "Forks")
        .await?;
    assert_eq!(why["why"], "shutdown");
    assert!(emulator.stop_asked().await?.success());
    ended(family).await
}

#[tokio::test]
async fn a_busy_function_does_not_hold_up_the_end() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml").start().await?;
    let mut socket = Socket::open(emulator.websocket()).await?;
    socket.send(r#"{"action":"silent"}"#).await?;
    emulator
        .event("received", |fact| fact["route"] == "silent")
        .await?;
    let family = family(&emulator)?;
    assert!(emulator.stop().await?.success());
    ended(family).await
}

#[tokio::test]
async fn killed_without_a_word_it_leaves_nothing_either() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml").start().await?;
    let mut socket = Socket::open(emulator.websocket()).await?;
    socket.send("hello").await?;
    socket.text().await?;
    let family = family(&emulator)?;
    // Four functions, the child of one of them, and the guard.
    assert!(
        family.len() >= 6,
        "only {} processes were found",
        family.len()
    );
    emulator.kill().await?;
    ended(family).await
}

#[tokio::test]
async fn asked_twice_it_ends_at_once() -> anyhow::Result<()> {
    let emulator = Launch::fixture("rust.yaml").start().await?;
    let mut socket = Socket::open(emulator.websocket()).await?;
    socket.send(r#"{"action":"silent"}"#).await?;
    emulator
        .event("received", |fact| fact["route"] == "silent")
        .await?;
    let family = family(&emulator)?;
    emulator.signal(Signal::INT)?;
    emulator.event("stopping", |_| true).await?;
    // It may have stopped already: then there is nobody to insist with.
    let _ = emulator.signal(Signal::INT);
    emulator.stop_asked().await?;
    ended(family).await
}

/// Every process below the emulator, also those that belong to nobody's group.
fn family(emulator: &Emulator) -> anyhow::Result<Vec<AsyncFd<OwnedFd>>> {
    let mut children = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // `pid (comm) state ppid …`; comm may hold anything.
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let parent = stat
            .rsplit_once(')')
            .and_then(|(_, rest)| rest.split_whitespace().nth(1));
        if let Some(parent) = parent.and_then(|parent| parent.parse::<u32>().ok()) {
            children.push((parent, pid));
        }
    }
    let mut below = BTreeSet::from([emulator.pid()]);
    loop {
        let found: Vec<u32> = children
            .iter()
            .filter(|(parent, pid)| below.contains(parent) && !below.contains(pid))
            .map(|(_, pid)| *pid)
            .collect();
        if found.is_empty() {
            break;
        }
        below.extend(found);
    }
    below.remove(&emulator.pid());
    below
        .into_iter()
        .map(|pid| {
            let pid = i32::try_from(pid)
                .ok()
                .and_then(Pid::from_raw)
                .context("a pid")?;
            let process = pidfd_open(pid, PidfdFlags::empty())?;
            #[expect(
                deprecated,
                reason = "an OwnedFd keeps its promise, and unsafe is forbidden"
            )]
            let process = AsyncFd::with_interest(process, Interest::READABLE)?;
            Ok(process)
        })
        .collect()
}

/// Waits until each of these processes has ended: a pidfd becomes readable then (`pidfd_open(2)`).
async fn ended(family: Vec<AsyncFd<OwnedFd>>) -> anyhow::Result<()> {
    for process in family {
        let ended = tokio::time::timeout(PATIENCE, process.readable()).await;
        drop(ended.context("a process was left behind")??);
    }
    Ok(())
}
