//! What is read back, and what is not kept.

use gatepost_protocol::RoomKind;
use gatepost_protocol::Seq;
use gatepost_store::Appended;
use gatepost_store::Range;

use super::FUTURE;
use super::PAST;
use super::inside::sessions;
use super::stored;
use super::texts;
use super::with_lobby;
use crate::store::Histories;
use crate::store::behaviours;
use crate::store::words::conn;
use crate::store::words::room;
use crate::store::words::send;
use crate::store::words::user;

behaviours! { Histories:
    entries_are_read_from_either_end,
    what_is_purged_stays_a_repetition,
    only_what_is_old_is_purged,
    sessions_begin_and_end_once,
    a_log_that_lost_entries_gets_another_epoch,
}

async fn entries_are_read_from_either_end(histories: Histories) {
    let history = with_lobby(&histories).await;
    for n in 1..=9 {
        stored(&history, &send("lobby", "ann", "c", n, "a")).await;
    }
    let cases: [(Range, u32, &[Seq]); 9] = [
        (Range::After(0), 3, &[1, 2, 3]),
        (Range::After(7), 3, &[8, 9]),
        (Range::After(9), 3, &[]),
        (Range::After(u64::MAX), 3, &[]),
        (Range::Before(4), 2, &[2, 3]),
        (Range::Before(1), 2, &[]),
        (Range::Before(u64::MAX), 2, &[8, 9]),
        (Range::Newest, 2, &[8, 9]),
        (Range::Newest, 100, &[1, 2, 3, 4, 5, 6, 7, 8, 9]),
    ];
    for (range, limit, expected) in cases {
        assert_eq!(
            texts(&history, "lobby", range, limit).await,
            expected,
            "{range:?}"
        );
    }
}

async fn what_is_purged_stays_a_repetition(histories: Histories) {
    let history = with_lobby(&histories).await;
    for n in 1..=5 {
        stored(&history, &send("lobby", "ann", "c", n, "a")).await;
    }
    let last = history
        .entries(&room("lobby"), Range::Newest, 1)
        .await
        .unwrap()[0]
        .at;
    // Everything but what may be as young as the last: there is always one to be sure of.
    let mut gone = 0;
    while gone == 0 {
        gone = history.purge(last, 2).await.unwrap();
        if gone == 0 {
            gone = history.purge(last + 1, 2).await.unwrap();
        }
    }
    let found = &history.rooms(&[room("lobby")], &user("ann")).await.unwrap()[0];
    assert_eq!((found.floor, found.head), (gone, 5));
    let kept = texts(&history, "lobby", Range::After(0), 10).await;
    assert_eq!(kept, (gone + 1..=5).collect::<Vec<_>>());
    let again = history
        .append(&send("lobby", "ann", "c", 1, "a"))
        .await
        .unwrap();
    assert!(
        matches!(
            again,
            Appended::Duplicate {
                seq: None,
                at: None,
                ..
            }
        ),
        "{again:?}"
    );
    assert_eq!(
        stored(&history, &send("lobby", "ann", "c", 6, "b")).await,
        6
    );
}

async fn only_what_is_old_is_purged(histories: Histories) {
    let history = with_lobby(&histories).await;
    for name in ["lobby", "other"] {
        history
            .create_room(&room(name), RoomKind::Public, 1, None)
            .await
            .unwrap();
        for n in 1..=5 {
            stored(&history, &send(name, "ann", "c", n, "a")).await;
        }
    }
    assert_eq!(history.purge(PAST, 100).await.unwrap(), 0);
    assert_eq!(texts(&history, "lobby", Range::After(0), 10).await.len(), 5);
    let mut purged = Vec::new();
    loop {
        match history.purge(FUTURE, 3).await.unwrap() {
            0 => break,
            gone => purged.push(gone),
        }
    }
    purged.sort_unstable();
    assert_eq!(purged, [2, 2, 3, 3], "a room at a time, so many at once");
    for name in ["lobby", "other"] {
        let found = &history.rooms(&[room(name)], &user("ann")).await.unwrap()[0];
        assert_eq!((found.floor, found.head), (5, 5));
        assert_eq!(stored(&history, &send(name, "bob", "c", 1, "b")).await, 6);
    }
    // The producers went too: a page that old begins again.
    let old = history
        .append(&send("lobby", "ann", "c", 6, "a"))
        .await
        .unwrap();
    assert_eq!(old, Appended::Early { expected: 1 });
}

async fn sessions_begin_and_end_once(histories: Histories) {
    let history = histories.open();
    let ann = user("ann");
    history.close_session(&conn("c0"), 5).await.unwrap();
    history.open_session(&conn("c1"), &ann, 10).await.unwrap();
    history
        .open_session(&conn("c1"), &user("bob"), 11)
        .await
        .unwrap();
    let ann = String::from("ann");
    assert_eq!(
        sessions(&histories).await,
        [(String::from("c1"), ann.clone(), 10, None)]
    );
    history.close_session(&conn("c1"), 20).await.unwrap();
    history.close_session(&conn("c1"), 21).await.unwrap();
    assert_eq!(
        sessions(&histories).await,
        [(String::from("c1"), ann, 10, Some(20))]
    );
    history.purge(20, 10).await.unwrap();
    assert_eq!(sessions(&histories).await.len(), 1);
    history.purge(21, 10).await.unwrap();
    assert_eq!(sessions(&histories).await, []);
    // No end was told of this one.
    history
        .open_session(&conn("c2"), &user("bob"), 30)
        .await
        .unwrap();
    history.purge(30, 10).await.unwrap();
    assert_eq!(sessions(&histories).await.len(), 1);
    history.purge(31, 10).await.unwrap();
    assert_eq!(sessions(&histories).await, []);
}

async fn a_log_that_lost_entries_gets_another_epoch(histories: Histories) {
    let history = with_lobby(&histories).await;
    for n in 1..=3 {
        stored(&history, &send("lobby", "ann", "c", n, "a")).await;
    }
    let lobby = async || {
        let mut found = history.rooms(&[room("lobby")], &user("ann")).await.unwrap();
        found.remove(0)
    };
    let before = lobby().await;
    for known in [0, 1, 3] {
        history.renew_epoch(&room("lobby"), known).await.unwrap();
        assert_eq!(lobby().await, before, "nothing is lost up to {known}");
    }
    history.renew_epoch(&room("nowhere"), 9).await.unwrap();
    history.renew_epoch(&room("lobby"), 4).await.unwrap();
    let after = lobby().await;
    assert!(after.epoch > before.epoch);
    assert_eq!((after.head, after.floor), (before.head, before.floor));
    let next = history.append(&send("lobby", "ann", "c", 4, "b")).await;
    let Appended::Stored { epoch, seq, .. } = next.unwrap() else {
        panic!("it goes on");
    };
    assert_eq!((epoch, seq), (after.epoch, 4));
}
