//! `bench stalled`: what the others notice of a client that does not read (scenario 4 of the seed).
//!
//! Two emulators with the same room; in one of them a seed client registers and never reads again.
//! They are sent to in turn, with messages so long that what the kernel and the gateway hold for
//! that client fills up early.

use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use serde_json::Value;
use serde_json::json;

use super::cpu;
use super::median;
use super::plain;
use super::plain::Plain;
use super::release;
use super::rounded;
use crate::member::Member;
use crate::stalled::Stalled;

/// The room of seed clients.
const ROOM: &str = "lobby";

/// About the longest body there is.
const TEXT_BYTES: usize = 8000;

/// A room on an emulator of its own.
struct Room {
    members: Vec<Member>,
    milliseconds: Vec<f64>,
    _emulator: Plain,
}

/// Sends `messages` messages to each of two rooms of `members`; each is waited for at every member.
///
/// # Errors
/// If something cannot be built, started or reached, or an entry does not arrive.
pub async fn run(members: usize, messages: usize) -> anyhow::Result<Value> {
    let release = release::build()?;
    cpu::pin_client(cpu::OTHER)?;
    let mut calm = room(&release, members).await?;
    let mut stalled = room(&release, members).await?;
    let socket = Stalled::launch(&stalled._emulator.websocket, "stalled").await?;
    // The registration was a message to all.
    for member in &mut stalled.members {
        member.event("entries").await?;
    }
    for _ in 0..messages {
        calm.deliver().await?;
        stalled.deliver().await?;
    }
    drop(socket);
    let figures = |room: &Room| {
        let mut sorted = room.milliseconds.clone();
        sorted.sort_by(f64::total_cmp);
        json!({
            "p50_ms": rounded(median(sorted.clone())),
            "p99_ms": rounded(sorted[sorted.len() * 99 / 100]),
        })
    };
    let ratio = median(stalled.milliseconds.clone()) / median(calm.milliseconds.clone());
    Ok(json!({
        "bench": "stalled",
        "members": members,
        "messages": messages,
        "bytes": TEXT_BYTES * messages,
        "all_delivered": figures(&calm),
        "all_others_delivered_beside_a_stalled_client": figures(&stalled),
        "p50_ratio": rounded(ratio),
    }))
}

async fn room(release: &Path, members: usize) -> anyhow::Result<Room> {
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/template.yaml");
    let arguments = ["--env", "RATE_PER_USER=0", "--env", "RATE_PER_ROOM=0"];
    let emulator = plain::start(release, &template, &arguments).await?;
    let mut room = Vec::new();
    for member in 0..members {
        let mut member = Member::hello(&emulator.websocket, &format!("m{member}")).await?;
        member.join(ROOM).await?;
        room.push(member);
    }
    Ok(Room {
        members: room,
        milliseconds: Vec::new(),
        _emulator: emulator,
    })
}

impl Room {
    /// The first member says something, and all hear it.
    async fn deliver(&mut self) -> anyhow::Result<()> {
        let started = Instant::now();
        let seq = self.members[0].say(ROOM, &"x".repeat(TEXT_BYTES)).await?;
        for member in &mut self.members {
            member
                .entries_to(ROOM, seq)
                .await
                .context("a member that reads")?;
        }
        let elapsed = started.elapsed();
        self.milliseconds.push(elapsed.as_secs_f64() * 1000.0);
        Ok(())
    }
}
