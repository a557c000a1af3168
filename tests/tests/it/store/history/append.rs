//! Appends: their order, and what makes two the same.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use futures_util::future::join_all;
use gatepost_protocol::Content;
use gatepost_protocol::Entry;
use gatepost_protocol::RoomKind;
use gatepost_store::Append;
use gatepost_store::AppendKey;
use gatepost_store::Appended;
use gatepost_store::Range;
use gatepost_store::StoreError;

use super::stored;
use super::texts;
use super::with_lobby;
use crate::store::Histories;
use crate::store::behaviours;
use crate::store::words::client;
use crate::store::words::keyed;
use crate::store::words::message;
use crate::store::words::room;
use crate::store::words::send;
use crate::store::words::user;

behaviours! { Histories:
    what_is_appended_is_read,
    appends_of_many_are_gapless_and_in_the_order_of_commit,
    a_reader_behind_many_writers_misses_nothing,
    copies_of_one_send_are_stored_once,
    copies_of_one_message_are_stored_once,
    a_number_names_one_body_for_ever,
    numbers_belong_to_a_room_a_user_and_a_page,
    a_key_that_is_none_is_refused,
}

/// Sixteen processes send the same; all are told one place, and one that it was stored there.
async fn race(histories: &Histories, append: &Append) {
    let copies = (0..16).map(|_| {
        let (history, append) = (histories.open(), append.clone());
        tokio::spawn(async move { history.append(&append).await.unwrap() })
    });
    let mut stored = 0;
    let mut places = Vec::new();
    for copy in join_all(copies).await {
        match copy.unwrap() {
            Appended::Stored { seq, at, .. } => {
                stored += 1;
                places.push((seq, at));
            }
            Appended::Duplicate { seq, at, .. } => places.push((seq.unwrap(), at.unwrap())),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(stored, 1);
    places.dedup();
    assert_eq!(places.len(), 1);
}

async fn what_is_appended_is_read(histories: Histories) {
    let history = with_lobby(&histories).await;
    let long = "🙂é\\\"'\n\u{7f}".repeat(600);
    let mut body = serde_json::Map::new();
    body.insert("text".into(), long.into());
    body.insert(
        "nested".into(),
        serde_json::json!({"a": [1, 1.5, null, true], "ü": {}}),
    );
    let contents = [
        message("hi"),
        Content::Message {
            body: body.clone(),
            reply_to: Some(1),
        },
        Content::Edit { target: 1, body },
        Content::Delete { target: 2 },
        Content::Reaction {
            target: 1,
            emoji: "👩‍👩‍👧".into(),
            on: true,
        },
    ];
    let mut expected = Vec::new();
    for (n, content) in (1..).zip(contents) {
        let append = Append {
            content,
            ..send("lobby", "ann 🙂", "c", n, "")
        };
        let Appended::Stored {
            epoch,
            seq,
            at,
            shards,
        } = history.append(&append).await.unwrap()
        else {
            panic!("nothing stands in the way");
        };
        assert_eq!((seq, shards), (n, 1));
        assert!(u64::try_from(at).unwrap() >= epoch && epoch > 1_700_000_000_000);
        let Append {
            from, mut content, ..
        } = append;
        if n == 2 {
            let Content::Message { body, .. } = &mut content else {
                panic!("the second is a message");
            };
            // The fourth deletes it.
            body.clear();
        }
        expected.push(Entry {
            seq,
            at,
            from,
            client: Some(client("c")),
            n: Some(n),
            content,
        });
    }
    let mut unnumbered = keyed("lobby", "bob", "Xy=", "bye");
    unnumbered.from.name = "x".repeat(64);
    assert_eq!(stored(&history, &unnumbered).await, 6);
    let read = histories
        .open()
        .entries(&room("lobby"), Range::After(0), 100)
        .await
        .unwrap();
    assert_eq!(read[..5], expected);
    assert_eq!(
        (&read[5].client, read[5].n, &read[5].from),
        (&None, None, &unnumbered.from)
    );
}

async fn appends_of_many_are_gapless_and_in_the_order_of_commit(histories: Histories) {
    const EACH: u64 = 25;
    let history = with_lobby(&histories).await;
    let writers = (0..8).map(|writer| {
        let history = histories.open();
        tokio::spawn(async move {
            let mut last = 0;
            for n in 1..=EACH {
                let from = format!("u{writer}");
                let seq = stored(&history, &send("lobby", &from, "c", n, "hi")).await;
                assert!(seq > last, "what was answered before comes before");
                last = seq;
            }
        })
    });
    for writer in join_all(writers).await {
        writer.unwrap();
    }
    let entries = history
        .entries(&room("lobby"), Range::After(0), 1_000)
        .await
        .unwrap();
    let seqs: Vec<_> = entries.iter().map(|entry| entry.seq).collect();
    assert_eq!(seqs, (1..=8 * EACH).collect::<Vec<_>>());
    assert!(
        entries.is_sorted_by_key(|entry| entry.at),
        "time does not go back"
    );
    for writer in 0..8 {
        let own: Vec<_> = entries
            .iter()
            .filter(|entry| entry.from.id == user(&format!("u{writer}")))
            .filter_map(|entry| entry.n)
            .collect();
        assert_eq!(own, (1..=EACH).collect::<Vec<_>>());
    }
    let found = history.rooms(&[room("lobby")], &user("ann")).await.unwrap();
    assert_eq!(found[0].head, 8 * EACH);
}

async fn a_reader_behind_many_writers_misses_nothing(histories: Histories) {
    const EACH: u64 = 30;
    with_lobby(&histories).await;
    let done = Arc::new(AtomicBool::new(false));
    let reader = {
        let (history, done) = (histories.open(), done.clone());
        tokio::spawn(async move {
            let mut seen = 0;
            loop {
                let last = done.load(Ordering::SeqCst);
                let entries = history
                    .entries(&room("lobby"), Range::After(seen), 100)
                    .await
                    .unwrap();
                for entry in &entries {
                    assert_eq!(entry.seq, seen + 1, "nothing appears behind the cursor");
                    seen = entry.seq;
                }
                if last && entries.is_empty() {
                    return seen;
                }
                tokio::task::yield_now().await;
            }
        })
    };
    let writers = (0..8).map(|writer| {
        let history = histories.open();
        tokio::spawn(async move {
            for n in 1..=EACH {
                stored(
                    &history,
                    &send("lobby", &format!("u{writer}"), "c", n, "hi"),
                )
                .await;
            }
        })
    });
    for writer in join_all(writers).await {
        writer.unwrap();
    }
    done.store(true, Ordering::SeqCst);
    assert_eq!(reader.await.unwrap(), 8 * EACH);
}

async fn copies_of_one_send_are_stored_once(histories: Histories) {
    let history = with_lobby(&histories).await;
    for n in 1..=3 {
        race(&histories, &send("lobby", "ann", "c", n, "hi")).await;
        assert_eq!(
            texts(&history, "lobby", Range::After(0), 100).await.len() as u64,
            n
        );
    }
}

async fn copies_of_one_message_are_stored_once(histories: Histories) {
    let history = with_lobby(&histories).await;
    for (id, count) in [("m1", 1), ("m2", 2)] {
        race(&histories, &keyed("lobby", "ann", id, "hi")).await;
        assert_eq!(
            texts(&history, "lobby", Range::After(0), 100).await.len(),
            count
        );
    }
}

async fn a_number_names_one_body_for_ever(histories: Histories) {
    let history = with_lobby(&histories).await;
    let early = history
        .append(&send("lobby", "ann", "c", 2, "b"))
        .await
        .unwrap();
    assert_eq!(early, Appended::Early { expected: 1 });
    let Appended::Stored {
        epoch,
        seq: 1,
        at,
        shards: 1,
    } = history
        .append(&send("lobby", "ann", "c", 1, "a"))
        .await
        .unwrap()
    else {
        panic!("the first is 1");
    };
    assert_eq!(
        stored(&history, &send("lobby", "bob", "d", 1, "a")).await,
        2
    );
    assert_eq!(
        stored(&history, &send("lobby", "ann", "c", 2, "b")).await,
        3
    );
    assert_eq!(
        history
            .append(&send("lobby", "ann", "c", 1, "a"))
            .await
            .unwrap(),
        Appended::Duplicate {
            epoch,
            seq: Some(1),
            at: Some(at),
            shards: 1
        }
    );
    let other = history
        .append(&send("lobby", "ann", "c", 1, "b"))
        .await
        .unwrap();
    assert_eq!(other, Appended::Conflict);
    let early = history
        .append(&send("lobby", "ann", "c", 9, "b"))
        .await
        .unwrap();
    assert_eq!(early, Appended::Early { expected: 3 });
    assert_eq!(
        texts(&history, "lobby", Range::After(0), 100).await,
        [1, 2, 3]
    );
}

async fn numbers_belong_to_a_room_a_user_and_a_page(histories: Histories) {
    let history = with_lobby(&histories).await;
    history
        .create_room(&room("other"), RoomKind::Public, 3, None)
        .await
        .unwrap();
    assert_eq!(
        stored(&history, &send("lobby", "ann", "c", 1, "a")).await,
        1
    );
    assert_eq!(
        stored(&history, &send("lobby", "ann", "d", 1, "b")).await,
        2
    );
    assert_eq!(
        stored(&history, &send("lobby", "bob", "c", 1, "c")).await,
        3
    );
    // A message id that looks like a client is still none.
    let id = client("c").to_string();
    assert_eq!(stored(&history, &keyed("lobby", "ann", &id, "e")).await, 4);
    let Appended::Stored {
        seq: 1, shards: 3, ..
    } = history
        .append(&send("other", "ann", "c", 1, "d"))
        .await
        .unwrap()
    else {
        panic!("another room has another log");
    };
}

async fn a_key_that_is_none_is_refused(histories: Histories) {
    let history = with_lobby(&histories).await;
    let zero = send("lobby", "ann", "c", 0, "a");
    let long = Append {
        key: AppendKey::Message("m".repeat(129)),
        ..zero.clone()
    };
    for append in [zero, long] {
        let error = history.append(&append).await.unwrap_err();
        assert!(matches!(error, StoreError::Unusable { .. }), "{error:?}");
    }
}
