//! However the emulator ends, nothing of it is left.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::time::Duration;

use anyhow::Context;
use gatepost_tests::emulator::Emulator;
use gatepost_tests::emulator::Launch;
use gatepost_tests::socket::PATIENCE;
use gatepost_tests::socket::Received;
use gatepost_tests::socket::Socket;
use rustix::io::Errno;
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
async fn a_terminal_that_is_closed_stops_it_in_order() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let launch = Launch::fixture("python.yaml").data_dir(folder.path());
    let emulator = launch.from_a_terminal().start().await?;
    let file = folder.path().join("emulator.json");
    assert!(file.exists());
    let family = family(&emulator)?;
    emulator.signal(Signal::HUP)?;
    assert!(emulator.stop_asked().await?.success());
    assert!(!file.exists(), "the token was left behind");
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

#[tokio::test]
async fn killed_during_a_build_it_takes_the_compilers_along() -> anyhow::Result<()> {
    for kills in [true, false] {
        let emulator = Launch::fixture("slow-rust.yaml").begin()?;
        let mut again = tokio::time::interval(Duration::from_millis(20));
        let family = tokio::time::timeout(Duration::from_secs(60), async {
            loop {
                again.tick().await;
                // Cargo, the build script that never ends, and the guard.
                let family = family(&emulator)?;
                if family.len() == 3 && programs_below(&emulator)?.contains("build-script-bu") {
                    return anyhow::Ok(family);
                }
            }
        });
        let family = family.await??;
        if kills {
            emulator.kill().await?;
        } else {
            assert!(emulator.stop().await?.success());
        }
        ended(family).await?;
    }
    Ok(())
}

/// A handle of every process below the emulator, whatever its group or session.
fn family(emulator: &Emulator) -> anyhow::Result<Vec<AsyncFd<OwnedFd>>> {
    let mut family = Vec::new();
    for pid in below(emulator)?.into_keys() {
        let pid = i32::try_from(pid)
            .ok()
            .and_then(Pid::from_raw)
            .context("a pid")?;
        match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(process) => {
                #[expect(deprecated, reason = "an OwnedFd is sound, and unsafe is forbidden")]
                family.push(AsyncFd::with_interest(process, Interest::READABLE)?);
            }
            // It ended since it was listed.
            Err(Errno::SRCH) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(family)
}

/// What these processes run, in one text.
fn programs_below(emulator: &Emulator) -> anyhow::Result<String> {
    Ok(below(emulator)?.into_values().collect::<Vec<_>>().join(" "))
}

/// The processes below the emulator and their names (`/proc/PID/stat`, proc(5)).
fn below(emulator: &Emulator) -> anyhow::Result<BTreeMap<u32, String>> {
    let mut processes = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // `pid (name) state parent …`; the name may hold anything. The process may have ended.
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let Some((before, after)) = stat.rsplit_once(')') else {
            continue;
        };
        let name = before.split_once('(').map_or("", |(_, name)| name);
        let mut after = after.split_whitespace();
        let (state, parent) = (
            after.next(),
            after.next().and_then(|p| p.parse::<u32>().ok()),
        );
        if let (Some(parent), true) = (parent, state != Some("Z")) {
            processes.push((parent, pid, name.to_owned()));
        }
    }
    let mut below = BTreeMap::new();
    let mut parents = vec![emulator.pid()];
    while let Some(above) = parents.pop() {
        for (_, pid, name) in processes.iter().filter(|(parent, ..)| *parent == above) {
            below.insert(*pid, name.clone());
            parents.push(*pid);
        }
    }
    Ok(below)
}

/// Waits until each of these processes has ended: a pidfd becomes readable then (`pidfd_open(2)`).
async fn ended(family: Vec<AsyncFd<OwnedFd>>) -> anyhow::Result<()> {
    for process in family {
        let ended = tokio::time::timeout(PATIENCE, process.readable()).await;
        drop(ended.context("a process was left behind")??);
    }
    Ok(())
}
