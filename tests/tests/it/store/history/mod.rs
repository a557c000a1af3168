//! What every history does. Each behaviour has a database of its own.

mod amend;
mod append;
mod inside;
mod keep;
mod moderate;
mod resume;
mod right;
mod room;

use std::sync::Arc;

use futures_util::future::join_all;
use gatepost_protocol::RoomKind;
use gatepost_protocol::Seq;
use gatepost_store::Append;
use gatepost_store::Appended;
use gatepost_store::History;
use gatepost_store::Migrate;
use gatepost_store::Range;
use gatepost_store::migrate;
use gatepost_store::open_history;

use super::Behaviour;
use super::Histories;
use super::words::room;
use super::words::send;

/// The behaviours by subject.
pub(super) const ALL: &[&[Behaviour<Histories>]] = &[
    append::ALL,
    amend::ALL,
    right::ALL,
    moderate::ALL,
    resume::ALL,
    room::ALL,
    keep::ALL,
];

/// A history with a public room `lobby`.
pub(super) async fn with_lobby(histories: &Histories) -> Arc<dyn History> {
    let history = histories.open();
    assert!(
        history
            .create_room(&room("lobby"), RoomKind::Public, 1, None)
            .await
            .unwrap()
    );
    history
}

/// The seq of an append that must have been stored.
pub(super) async fn stored(history: &Arc<dyn History>, append: &Append) -> Seq {
    match history.append(append).await.unwrap() {
        Appended::Stored { seq, .. } => seq,
        other => panic!("{other:?}"),
    }
}

pub(super) async fn texts(
    history: &Arc<dyn History>,
    name: &str,
    range: Range,
    limit: u32,
) -> Vec<Seq> {
    let entries = history.entries(&room(name), range, limit).await.unwrap();
    entries.into_iter().map(|entry| entry.seq).collect()
}

pub(super) async fn migrate_together(url: &str) {
    let all = (0..6).map(|_| {
        let url = url.to_owned();
        tokio::spawn(async move { migrate(&url).await })
    });
    for done in join_all(all).await {
        done.unwrap().unwrap();
    }
    migrate(url).await.unwrap();
    let history = open_history(url, Migrate::Off).unwrap();
    assert!(
        history
            .create_room(&room("lobby"), RoomKind::Public, 1, None)
            .await
            .unwrap()
    );
    assert_eq!(
        stored(&history, &send("lobby", "ann", "c", 1, "hi")).await,
        1
    );
}

/// Far before and far after the log's clock.
pub(super) const PAST: i64 = 1_600_000_000_000;

pub(super) const FUTURE: i64 = 4_000_000_000_000;
