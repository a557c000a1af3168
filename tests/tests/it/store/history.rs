//! What every history does. Each behaviour has a database of its own.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use futures_util::future::join_all;
use gatepost_protocol::Content;
use gatepost_protocol::Entry;
use gatepost_protocol::Role;
use gatepost_protocol::RoomKind;
use gatepost_protocol::Seq;
use gatepost_store::Append;
use gatepost_store::AppendKey;
use gatepost_store::Appended;
use gatepost_store::History;
use gatepost_store::Migrate;
use gatepost_store::Range;
use gatepost_store::Standing;
use gatepost_store::StoreError;
use gatepost_store::migrate;
use gatepost_store::open_history;
use sqlx::Connection;

use super::Histories;
use super::behaviours;
use super::words::LOOKALIKES;
use super::words::client;
use super::words::conn;
use super::words::keyed;
use super::words::message;
use super::words::room;
use super::words::send;
use super::words::user;

behaviours! { Histories:
    what_is_appended_is_read,
    appends_of_many_are_gapless_and_in_the_order_of_commit,
    a_reader_behind_many_writers_misses_nothing,
    copies_of_one_send_are_stored_once,
    copies_of_one_message_are_stored_once,
    a_number_names_one_body_for_ever,
    numbers_belong_to_a_room_a_user_and_a_page,
    users_that_look_alike_are_apart,
    nothing_is_appended_to_a_room_that_is_not_there,
    a_private_room_is_for_its_members,
    a_direct_room_is_for_its_two_users,
    a_ban_shuts_out_and_ends_the_membership,
    a_ban_ends_when_it_says,
    a_mute_keeps_from_writing_only,
    a_repetition_is_told_its_place_by_a_room_that_shut_its_sender_out,
    rooms_are_shown_as_their_reader_meets_them,
    many_rooms_are_read_at_once,
    a_room_is_made_once,
    reading_never_goes_back,
    memberships_come_in_pages,
    entries_are_read_from_either_end,
    what_is_purged_stays_a_repetition,
    only_what_is_old_is_purged,
    recent_rooms_are_those_written_to,
    moderation_is_audited,
    sessions_begin_and_end_once,
    a_key_that_is_none_is_refused,
}

/// A history with a public room `lobby`.
async fn with_lobby(histories: &Histories) -> Arc<dyn History> {
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
async fn stored(history: &Arc<dyn History>, append: &Append) -> Seq {
    match history.append(append).await.unwrap() {
        Appended::Stored { seq, .. } => seq,
        other => panic!("{other:?}"),
    }
}

async fn texts(history: &Arc<dyn History>, name: &str, range: Range, limit: u32) -> Vec<Seq> {
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
        let Append { from, content, .. } = append;
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
                for entry in history
                    .entries(&room("lobby"), Range::After(seen), 100)
                    .await
                    .unwrap()
                {
                    assert_eq!(entry.seq, seen + 1, "nothing appears behind the cursor");
                    seen = entry.seq;
                }
                if last {
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

async fn users_that_look_alike_are_apart(histories: Histories) {
    let history = with_lobby(&histories).await;
    history
        .create_room(&room("private"), RoomKind::Private, 1, None)
        .await
        .unwrap();
    let (lobby, private) = (room("lobby"), room("private"));
    let banned = user(LOOKALIKES[0]);
    history
        .set_standing(&lobby, &banned, &Standing::Banned(None))
        .await
        .unwrap();
    history
        .set_standing(&private, &banned, &Standing::Member(Role::Member))
        .await
        .unwrap();
    for (number, id) in LOOKALIKES.iter().enumerate() {
        let appended = history
            .append(&send("lobby", id, "c", 1, id))
            .await
            .unwrap();
        let inside = history
            .append(&send("private", id, "c", 1, id))
            .await
            .unwrap();
        if number == 0 {
            assert_eq!(appended, Appended::Banned);
            assert!(matches!(inside, Appended::Stored { .. }));
        } else {
            assert!(
                matches!(appended, Appended::Stored { .. }),
                "{id:?}: {appended:?}"
            );
            assert_eq!(inside, Appended::NotMember, "{id:?}");
        }
    }
    let entries = history.entries(&lobby, Range::After(0), 100).await.unwrap();
    let senders: Vec<_> = entries.iter().map(|entry| entry.from.id.as_str()).collect();
    assert_eq!(senders, LOOKALIKES[1..]);
}

async fn nothing_is_appended_to_a_room_that_is_not_there(histories: Histories) {
    let history = with_lobby(&histories).await;
    let nowhere = history
        .append(&send("nowhere", "ann", "c", 1, "a"))
        .await
        .unwrap();
    assert_eq!(nowhere, Appended::NoRoom);
    assert!(
        texts(&history, "nowhere", Range::Newest, 10)
            .await
            .is_empty()
    );
    let (nowhere, ann) = (room("nowhere"), user("ann"));
    assert!(
        !history
            .set_standing(&nowhere, &ann, &Standing::Unbanned)
            .await
            .unwrap()
    );
    history
        .mark_read(&room("nowhere"), &user("ann"), 1)
        .await
        .unwrap();
}

async fn a_private_room_is_for_its_members(histories: Histories) {
    let history = histories.open();
    let (private, ann) = (room("private"), user("ann"));
    history
        .create_room(&private, RoomKind::Private, 1, Some(&ann))
        .await
        .unwrap();
    assert_eq!(
        stored(&history, &send("private", "ann", "c", 1, "a")).await,
        1
    );
    let bob = send("private", "bob", "c", 1, "b");
    assert_eq!(history.append(&bob).await.unwrap(), Appended::NotMember);
    assert!(
        !history
            .rooms(&[private.clone()], &user("bob"))
            .await
            .unwrap()[0]
            .may_read()
    );
    for role in [Role::Member, Role::Moderator, Role::Owner] {
        history
            .set_standing(&private, &user("bob"), &Standing::Member(role))
            .await
            .unwrap();
        let found = history
            .rooms(&[private.clone()], &user("bob"))
            .await
            .unwrap();
        assert_eq!((found[0].role, found[0].may_read()), (Some(role), true));
    }
    assert_eq!(stored(&history, &bob).await, 2);
    history
        .set_standing(&private, &user("bob"), &Standing::NotMember)
        .await
        .unwrap();
    let again = history
        .append(&send("private", "bob", "c", 2, "c"))
        .await
        .unwrap();
    assert_eq!(again, Appended::NotMember);
}

async fn a_direct_room_is_for_its_two_users(histories: Histories) {
    let history = histories.open();
    let name = "dm:00112233445566778899aabbccddeeff";
    let (ann, bob) = (user("ann"), user("bob"));
    assert!(
        history
            .create_direct(&room(name), [&ann, &bob])
            .await
            .unwrap()
    );
    assert!(
        !history
            .create_direct(&room(name), [&bob, &ann])
            .await
            .unwrap()
    );
    assert_eq!(stored(&history, &send(name, "ann", "c", 1, "a")).await, 1);
    assert_eq!(stored(&history, &send(name, "bob", "c", 1, "b")).await, 2);
    let third = history
        .append(&send(name, "cy", "c", 1, "c"))
        .await
        .unwrap();
    assert_eq!(third, Appended::NotMember);
    let memberships = history.memberships(&ann, None, 10).await.unwrap();
    assert_eq!(memberships.len(), 1);
    let one = &memberships[0];
    assert_eq!(
        (one.kind, one.role, one.head),
        (RoomKind::Direct, Role::Member, 2)
    );
    assert_eq!(one.with, Some(bob.clone()));
    // Made again it brings back who left, not who was shut out.
    history
        .set_standing(&room(name), &ann, &Standing::NotMember)
        .await
        .unwrap();
    history
        .set_standing(&room(name), &bob, &Standing::Banned(None))
        .await
        .unwrap();
    assert!(
        !history
            .create_direct(&room(name), [&ann, &bob])
            .await
            .unwrap()
    );
    assert_eq!(stored(&history, &send(name, "ann", "c", 2, "d")).await, 3);
    let shut_out = history
        .append(&send(name, "bob", "c", 2, "e"))
        .await
        .unwrap();
    assert_eq!(shut_out, Appended::Banned);
}

async fn a_ban_shuts_out_and_ends_the_membership(histories: Histories) {
    let history = histories.open();
    let (private, ann) = (room("private"), user("ann"));
    history
        .create_room(&private, RoomKind::Private, 1, Some(&ann))
        .await
        .unwrap();
    history
        .set_standing(&private, &ann, &Standing::Banned(None))
        .await
        .unwrap();
    let found = history.rooms(&[private.clone()], &ann).await.unwrap();
    assert_eq!(
        (found[0].role, found[0].banned, found[0].may_read()),
        (None, true, false)
    );
    let send = send("private", "ann", "c", 1, "a");
    assert_eq!(history.append(&send).await.unwrap(), Appended::Banned);
    history
        .set_standing(&private, &ann, &Standing::Unbanned)
        .await
        .unwrap();
    assert_eq!(history.append(&send).await.unwrap(), Appended::NotMember);
    history
        .set_standing(&private, &ann, &Standing::Member(Role::Member))
        .await
        .unwrap();
    assert_eq!(stored(&history, &send).await, 1);
}

/// Far before and far after the log's clock.
const PAST: i64 = 1_600_000_000_000;
const FUTURE: i64 = 4_000_000_000_000;

async fn a_ban_ends_when_it_says(histories: Histories) {
    let history = with_lobby(&histories).await;
    let (lobby, ann) = (room("lobby"), user("ann"));
    history
        .set_standing(&lobby, &ann, &Standing::Banned(Some(FUTURE)))
        .await
        .unwrap();
    let send = send("lobby", "ann", "c", 1, "a");
    assert_eq!(history.append(&send).await.unwrap(), Appended::Banned);
    history
        .set_standing(&lobby, &ann, &Standing::Banned(Some(PAST)))
        .await
        .unwrap();
    assert!(history.rooms(&[lobby], &ann).await.unwrap()[0].may_read());
    assert_eq!(stored(&history, &send).await, 1);
}

async fn a_mute_keeps_from_writing_only(histories: Histories) {
    let history = with_lobby(&histories).await;
    let (lobby, ann) = (room("lobby"), user("ann"));
    let send = send("lobby", "ann", "c", 1, "a");
    history
        .set_standing(&lobby, &ann, &Standing::Muted(FUTURE))
        .await
        .unwrap();
    assert_eq!(
        history.append(&send).await.unwrap(),
        Appended::Muted { until: FUTURE }
    );
    let found = history.rooms(&[lobby.clone()], &ann).await.unwrap();
    assert_eq!(
        (found[0].role, found[0].may_read()),
        (None, true),
        "a mute makes no member"
    );
    assert!(
        history
            .memberships(&ann, None, 10)
            .await
            .unwrap()
            .is_empty()
    );
    history
        .set_standing(&lobby, &ann, &Standing::Unmuted)
        .await
        .unwrap();
    assert_eq!(stored(&history, &send).await, 1);
    history
        .set_standing(&lobby, &ann, &Standing::Muted(PAST))
        .await
        .unwrap();
    let next = super::words::send("lobby", "ann", "c", 2, "b");
    assert_eq!(stored(&history, &next).await, 2);
}

async fn a_repetition_is_told_its_place_by_a_room_that_shut_its_sender_out(histories: Histories) {
    let history = with_lobby(&histories).await;
    let first = send("lobby", "ann", "c", 1, "a");
    stored(&history, &first).await;
    history
        .set_standing(&room("lobby"), &user("ann"), &Standing::Banned(None))
        .await
        .unwrap();
    let again = history.append(&first).await.unwrap();
    assert!(
        matches!(again, Appended::Duplicate { seq: Some(1), .. }),
        "{again:?}"
    );
    let next = history
        .append(&send("lobby", "ann", "c", 2, "b"))
        .await
        .unwrap();
    assert_eq!(next, Appended::Banned);
}

async fn rooms_are_shown_as_their_reader_meets_them(histories: Histories) {
    let history = with_lobby(&histories).await;
    let (private, ann) = (room("private"), user("ann"));
    history
        .create_room(&private, RoomKind::Private, 5, Some(&ann))
        .await
        .unwrap();
    let Appended::Stored { epoch, .. } = history
        .append(&send("private", "ann", "c", 1, "a"))
        .await
        .unwrap()
    else {
        panic!("the owner may write");
    };
    history.mark_read(&private, &ann, 1).await.unwrap();
    let names = [
        private.clone(),
        room("nowhere"),
        room("lobby"),
        private.clone(),
    ];
    let mut found = history.rooms(&names, &ann).await.unwrap();
    found.sort_by_key(|room| room.name.to_string());
    assert_eq!(found.len(), 2, "once each, and none that is not there");
    let (lobby, own) = (&found[0], &found[1]);
    assert_eq!(
        (lobby.kind, lobby.head, lobby.floor, lobby.read),
        (RoomKind::Public, 0, 0, 0)
    );
    assert_eq!(
        (lobby.role, lobby.banned, lobby.shards, lobby.may_read()),
        (None, false, 1, true)
    );
    assert_eq!(
        (own.kind, own.head, own.epoch, own.read),
        (RoomKind::Private, 1, epoch, 1)
    );
    assert_eq!(
        (own.role, own.shards, own.may_read()),
        (Some(Role::Owner), 5, true)
    );
    assert!(history.rooms(&[], &ann).await.unwrap().is_empty());
}

async fn many_rooms_are_read_at_once(histories: Histories) {
    let history = histories.open();
    let names: Vec<_> = (0..140).map(|number| room(&format!("r{number}"))).collect();
    for name in names.iter().step_by(2) {
        history
            .create_room(name, RoomKind::Public, 1, None)
            .await
            .unwrap();
    }
    for count in [1, 3, 128, 129, 140] {
        let found = history.rooms(&names[..count], &user("ann")).await.unwrap();
        assert_eq!(found.len(), count.div_ceil(2));
    }
}

async fn a_room_is_made_once(histories: Histories) {
    let makers = (0..8).map(|number| {
        let history = histories.open();
        tokio::spawn(async move {
            let owner = user(&format!("u{number}"));
            history
                .create_room(&room("new"), RoomKind::Public, 4, Some(&owner))
                .await
                .unwrap()
        })
    });
    let made: Vec<_> = join_all(makers)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(made.iter().filter(|made| **made).count(), 1);
    let history = histories.open();
    let maker = made.iter().position(|made| *made).unwrap();
    for number in 0..8 {
        let of = user(&format!("u{number}"));
        let found = history.rooms(&[room("new")], &of).await.unwrap();
        assert_eq!(found[0].role, (number == maker).then_some(Role::Owner));
    }
    assert!(
        !history
            .create_room(&room("new"), RoomKind::Private, 9, None)
            .await
            .unwrap()
    );
    let found = history.rooms(&[room("new")], &user("ann")).await.unwrap();
    assert_eq!(
        (found[0].kind, found[0].shards),
        (RoomKind::Public, 4),
        "as it was made"
    );
}

async fn reading_never_goes_back(histories: Histories) {
    let history = with_lobby(&histories).await;
    for n in 1..=5 {
        stored(&history, &send("lobby", "ann", "c", n, "a")).await;
    }
    let (lobby, bob) = (room("lobby"), user("bob"));
    for (marked, read) in [(3, 3), (2, 3), (5, 5), (99, 5), (1, 5)] {
        history.mark_read(&lobby, &bob, marked).await.unwrap();
        let found = history.rooms(&[lobby.clone()], &bob).await.unwrap();
        assert_eq!((found[0].read, found[0].role), (read, None));
    }
    history
        .set_standing(&lobby, &bob, &Standing::Member(Role::Member))
        .await
        .unwrap();
    assert_eq!(history.memberships(&bob, None, 9).await.unwrap()[0].read, 5);
}

async fn memberships_come_in_pages(histories: Histories) {
    let history = histories.open();
    let ann = user("ann");
    for number in [3, 1, 4, 0, 2] {
        let name = room(&format!("r{number}"));
        history
            .create_room(&name, RoomKind::Public, 1, Some(&ann))
            .await
            .unwrap();
    }
    history
        .create_room(&room("r9"), RoomKind::Public, 1, Some(&user("bob")))
        .await
        .unwrap();
    let mut after = None;
    let mut found = Vec::new();
    loop {
        let page = history.memberships(&ann, after.as_ref(), 2).await.unwrap();
        assert!(page.len() <= 2);
        let Some(last) = page.last() else { break };
        after = Some(last.room.clone());
        found.extend(page.into_iter().map(|one| one.room.to_string()));
    }
    assert_eq!(found, ["r0", "r1", "r2", "r3", "r4"]);
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

async fn recent_rooms_are_those_written_to(histories: Histories) {
    let history = with_lobby(&histories).await;
    history
        .create_room(&room("quiet"), RoomKind::Public, 1, None)
        .await
        .unwrap();
    history
        .create_room(&room("wide"), RoomKind::Public, 8, None)
        .await
        .unwrap();
    assert!(history.recent_rooms(600_000, 10).await.unwrap().is_empty());
    stored(&history, &send("lobby", "ann", "c", 1, "a")).await;
    stored(&history, &send("wide", "ann", "c", 1, "a")).await;
    stored(&history, &send("wide", "ann", "c", 2, "a")).await;
    let mut found = history.recent_rooms(600_000, 10).await.unwrap();
    found.sort_by_key(|room| room.room.to_string());
    let found: Vec<_> = found
        .iter()
        .map(|one| (one.room.as_str(), one.head, one.shards))
        .collect();
    assert_eq!(found, [("lobby", 1, 1), ("wide", 2, 8)]);
    assert_eq!(history.recent_rooms(600_000, 1).await.unwrap().len(), 1);
}

/// Asks the database itself for one number.
async fn number(histories: &Histories, sql: &'static str) -> i64 {
    if histories.url.starts_with("sqlite:") {
        let mut connection = sqlx::SqliteConnection::connect(&histories.url)
            .await
            .unwrap();
        sqlx::query_scalar(sql)
            .fetch_one(&mut connection)
            .await
            .unwrap()
    } else {
        let mut connection = sqlx::MySqlConnection::connect(&histories.url)
            .await
            .unwrap();
        sqlx::query_scalar(sql)
            .fetch_one(&mut connection)
            .await
            .unwrap()
    }
}

async fn moderation_is_audited(histories: Histories) {
    let history = with_lobby(&histories).await;
    let (lobby, ann, bob) = (room("lobby"), user("ann"), user("bob"));
    history
        .set_standing(&lobby, &bob, &Standing::Member(Role::Member))
        .await
        .unwrap();
    let standings = [
        Standing::Muted(FUTURE),
        Standing::Unmuted,
        Standing::NotMember,
        Standing::Member(Role::Moderator),
        Standing::Banned(Some(FUTURE)),
        Standing::Banned(None),
        Standing::Unbanned,
    ];
    for standing in &standings {
        assert!(
            history
                .moderate(&ann, &lobby, &bob, standing)
                .await
                .unwrap()
        );
    }
    assert!(
        !history
            .moderate(&ann, &room("nowhere"), &bob, &Standing::Unmuted)
            .await
            .unwrap()
    );
    assert_eq!(number(&histories, "select count(*) from audit").await, 7);
    let banned = "select count(*) from audit where op = 'banned' and actor = x'616e6e' \
        and user_id = x'626f62' and ends_at = 4000000000000 and at > 1700000000000";
    assert_eq!(number(&histories, banned).await, 1);
    let role = "select count(*) from audit where op = 'member' and role = 'moderator'";
    assert_eq!(number(&histories, role).await, 1);
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
    let open = "select count(*) from session where ended_at is null and started_at = 10 \
        and user_id = x'616e6e'";
    assert_eq!(number(&histories, open).await, 1);
    history.close_session(&conn("c1"), 20).await.unwrap();
    history.close_session(&conn("c1"), 21).await.unwrap();
    assert_eq!(
        number(
            &histories,
            "select count(*) from session where ended_at = 20"
        )
        .await,
        1
    );
    assert_eq!(number(&histories, "select count(*) from session").await, 1);
    history.purge(21, 10).await.unwrap();
    assert_eq!(number(&histories, "select count(*) from session").await, 0);
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
