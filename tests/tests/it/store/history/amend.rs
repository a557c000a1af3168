//! Edits, deletions and reactions.

use std::sync::Arc;

use futures_util::future::join_all;
use gatepost_protocol::Content;
use gatepost_protocol::Entry;
use gatepost_protocol::Role;
use gatepost_protocol::RoomKind;
use gatepost_protocol::Seq;
use gatepost_store::Append;
use gatepost_store::Appended;
use gatepost_store::History;
use gatepost_store::Range;
use gatepost_store::Standing;

use super::FUTURE;
use super::stored;
use super::with_lobby;
use crate::store::Histories;
use crate::store::behaviours;
use crate::store::words::keyed;
use crate::store::words::message;
use crate::store::words::room;
use crate::store::words::send;
use crate::store::words::user;

behaviours! { Histories:
    only_its_author_edits_a_message,
    a_deletion_takes_the_texts_of_the_message_and_its_edits_away,
    what_is_no_message_any_more_is_not_found,
    a_moderator_deletes_what_others_wrote,
    nobody_moderates_a_direct_room,
    whoever_may_not_write_changes_nothing,
    what_was_purged_is_below_the_floor,
    a_repeated_edit_is_told_its_place_after_the_deletion,
    of_deletions_at_once_one_is_stored,
    no_text_survives_a_deletion_among_edits,
}

fn edit(target: Seq, text: &str) -> Content {
    let Content::Message { body, .. } = message(text) else {
        unreachable!("message makes one");
    };
    Content::Edit { target, body }
}

fn delete(target: Seq) -> Content {
    Content::Delete { target }
}

fn react(target: Seq) -> Content {
    Content::Reaction {
        target,
        emoji: String::from("👍"),
        on: true,
    }
}

/// An append of `content` to `to`, under a key of its own.
fn about(to: &str, from: &str, key: &str, content: Content) -> Append {
    Append {
        digest: content.digest(),
        content,
        ..keyed(to, from, key, "")
    }
}

async fn appended(
    history: &Arc<dyn History>,
    to: &str,
    from: &str,
    key: &str,
    content: Content,
) -> Appended {
    history
        .append(&about(to, from, key, content))
        .await
        .unwrap()
}

async fn all(history: &Arc<dyn History>, name: &str) -> Vec<Entry> {
    let entries = history
        .entries(&room(name), Range::After(0), 1_000)
        .await
        .unwrap();
    let seqs: Vec<_> = entries.iter().map(|entry| entry.seq).collect();
    assert_eq!(seqs, (1..=entries.len() as u64).collect::<Vec<_>>());
    entries
}

fn text(entry: &Entry) -> Option<&str> {
    match &entry.content {
        Content::Message { body, .. } | Content::Edit { body, .. } => body.get("text")?.as_str(),
        Content::Delete { .. } | Content::Reaction { .. } => None,
    }
}

async fn only_its_author_edits_a_message(histories: Histories) {
    let history = with_lobby(&histories).await;
    stored(&history, &send("lobby", "ann", "c", 1, "one")).await;
    history
        .set_standing(&room("lobby"), &user("bob"), &Standing::Member(Role::Owner))
        .await
        .unwrap();
    let other = appended(&history, "lobby", "bob", "m1", edit(1, "x")).await;
    assert_eq!(other, Appended::Forbidden);
    stored(&history, &about("lobby", "ann", "m2", edit(1, "two"))).await;
    stored(&history, &about("lobby", "bob", "m3", react(1))).await;
    let log = all(&history, "lobby").await;
    let texts: Vec<_> = log.iter().map(text).collect();
    assert_eq!(texts, [Some("one"), Some("two"), None]);
    assert_eq!(log[1].content, edit(1, "two"));
    assert_eq!(log[2].content, react(1));
}

async fn a_deletion_takes_the_texts_of_the_message_and_its_edits_away(histories: Histories) {
    let history = with_lobby(&histories).await;
    stored(&history, &send("lobby", "bob", "c", 1, "first")).await;
    let Content::Message { body, .. } = message("secret") else {
        unreachable!("message makes one");
    };
    let reply_to = Some(1);
    let secret = Content::Message { body, reply_to };
    stored(&history, &about("lobby", "ann", "m1", secret)).await;
    stored(&history, &send("lobby", "ann", "c", 1, "kept")).await;
    for (key, target, to) in [("m2", 2, "secret 2"), ("m3", 3, "kept 2"), ("m4", 2, "s 3")] {
        stored(&history, &about("lobby", "ann", key, edit(target, to))).await;
    }
    let before = all(&history, "lobby").await;
    stored(&history, &about("lobby", "ann", "m5", delete(2))).await;
    let log = all(&history, "lobby").await;
    let texts: Vec<_> = log.iter().map(text).collect();
    let expected = [
        Some("first"),
        None,
        Some("kept"),
        None,
        Some("kept 2"),
        None,
        None,
    ];
    assert_eq!(texts, expected);
    let body = serde_json::Map::new();
    let empty = Content::Message {
        body: body.clone(),
        reply_to,
    };
    assert_eq!(log[1].content, empty);
    assert_eq!(log[3].content, Content::Edit { target: 2, body });
    assert_eq!(log[6].content, delete(2));
    for (before, after) in before.iter().zip(&log) {
        assert_eq!((before.at, &before.from), (after.at, &after.from));
    }
}

async fn what_is_no_message_any_more_is_not_found(histories: Histories) {
    let history = with_lobby(&histories).await;
    stored(&history, &send("lobby", "ann", "c", 1, "a")).await;
    stored(&history, &about("lobby", "ann", "m1", edit(1, "b"))).await;
    stored(&history, &about("lobby", "ann", "m2", delete(1))).await;
    // A body that only looks deleted is none.
    let mut body = serde_json::Map::new();
    body.insert("text".into(), "".into());
    let empty = Content::Message {
        body,
        reply_to: None,
    };
    assert_eq!(
        stored(&history, &about("lobby", "ann", "m3", empty)).await,
        4
    );
    stored(&history, &about("lobby", "bob", "m4", react(4))).await;
    for (number, target) in [0, 1, 2, 3, 5, 6, 9_000].into_iter().enumerate() {
        for (kind, content) in [edit(target, "x"), delete(target), react(target)]
            .into_iter()
            .enumerate()
        {
            let key = format!("n{number}.{kind}");
            let found = appended(&history, "lobby", "ann", &key, content).await;
            assert_eq!(found, Appended::NotFound, "{target} {kind}");
        }
    }
    assert_eq!(all(&history, "lobby").await.len(), 5);
}

async fn a_moderator_deletes_what_others_wrote(histories: Histories) {
    let history = with_lobby(&histories).await;
    for n in 1..=4 {
        stored(&history, &send("lobby", "ann", "c", n, "a")).await;
    }
    let lobby = room("lobby");
    for (who, role) in [
        ("member", Role::Member),
        ("moderator", Role::Moderator),
        ("owner", Role::Owner),
    ] {
        history
            .set_standing(&lobby, &user(who), &Standing::Member(role))
            .await
            .unwrap();
    }
    for who in ["member", "stranger"] {
        let found = appended(&history, "lobby", who, who, delete(1)).await;
        assert_eq!(found, Appended::Forbidden);
    }
    stored(&history, &about("lobby", "moderator", "m1", delete(1))).await;
    stored(&history, &about("lobby", "owner", "m2", delete(2))).await;
    let by_token = Append {
        moderates: true,
        ..about("lobby", "stranger", "m3", delete(3))
    };
    stored(&history, &by_token).await;
    let edits = Append {
        moderates: true,
        ..about("lobby", "stranger", "m4", edit(4, "x"))
    };
    assert_eq!(history.append(&edits).await.unwrap(), Appended::Forbidden);
    let log = all(&history, "lobby").await;
    let texts: Vec<_> = log.iter().map(text).collect();
    assert_eq!(texts, [None, None, None, Some("a"), None, None, None]);
}

async fn nobody_moderates_a_direct_room(histories: Histories) {
    let history = histories.open();
    let name = "dm:00112233445566778899aabbccddeeff";
    history
        .create_direct(&room(name), [&user("ann"), &user("bob")])
        .await
        .unwrap();
    stored(&history, &send(name, "ann", "c", 1, "a")).await;
    let by_token = Append {
        moderates: true,
        ..about(name, "bob", "m1", delete(1))
    };
    assert_eq!(
        history.append(&by_token).await.unwrap(),
        Appended::Forbidden
    );
    stored(&history, &about(name, "ann", "m2", delete(1))).await;
}

async fn whoever_may_not_write_changes_nothing(histories: Histories) {
    let history = with_lobby(&histories).await;
    let lobby = room("lobby");
    for from in ["ann", "bob"] {
        stored(&history, &send("lobby", from, "c", 1, "a")).await;
    }
    history
        .set_standing(&lobby, &user("ann"), &Standing::Banned(None))
        .await
        .unwrap();
    history
        .set_standing(&lobby, &user("bob"), &Standing::Muted(FUTURE))
        .await
        .unwrap();
    for (number, content) in [edit(1, "x"), delete(1), react(1)].into_iter().enumerate() {
        let key = format!("m{number}");
        let banned = appended(&history, "lobby", "ann", &key, content).await;
        assert_eq!(banned, Appended::Banned);
    }
    for (number, content) in [edit(2, "x"), delete(2), react(2)].into_iter().enumerate() {
        let key = format!("m{number}");
        let muted = appended(&history, "lobby", "bob", &key, content).await;
        assert_eq!(muted, Appended::Muted { until: FUTURE });
    }
    history
        .create_room(&room("den"), RoomKind::Private, 1, Some(&user("cy")))
        .await
        .unwrap();
    stored(&history, &send("den", "cy", "c", 1, "a")).await;
    let outside = appended(&history, "den", "ann", "m", react(1)).await;
    assert_eq!(outside, Appended::NotMember);
    let early = Append {
        content: react(1),
        ..send("lobby", "dee", "c", 2, "")
    };
    assert_eq!(
        history.append(&early).await.unwrap(),
        Appended::Early { expected: 1 }
    );
}

async fn what_was_purged_is_below_the_floor(histories: Histories) {
    let history = with_lobby(&histories).await;
    for n in 1..=3 {
        stored(&history, &send("lobby", "ann", "c", n, "a")).await;
    }
    assert_eq!(history.purge(FUTURE, 2).await.unwrap(), 2);
    for (number, content) in [edit(1, "x"), delete(2), react(2)].into_iter().enumerate() {
        let key = format!("m{number}");
        let found = appended(&history, "lobby", "ann", &key, content).await;
        assert_eq!(found, Appended::BelowFloor { floor: 2 });
    }
    assert_eq!(
        stored(&history, &about("lobby", "ann", "m", edit(3, "b"))).await,
        4
    );
}

async fn a_repeated_edit_is_told_its_place_after_the_deletion(histories: Histories) {
    let history = with_lobby(&histories).await;
    stored(&history, &send("lobby", "ann", "c", 1, "a")).await;
    let numbered = |content: Content, n| Append {
        digest: content.digest(),
        content,
        ..send("lobby", "ann", "c", n, "")
    };
    let (edits, deletes) = (numbered(edit(1, "b"), 2), numbered(delete(1), 3));
    assert_eq!(stored(&history, &edits).await, 2);
    assert_eq!(stored(&history, &deletes).await, 3);
    for (append, place) in [(&edits, 2), (&deletes, 3)] {
        let again = history.append(append).await.unwrap();
        assert!(
            matches!(again, Appended::Duplicate { seq: Some(seq), .. } if seq == place),
            "{again:?}"
        );
    }
    let other = history.append(&numbered(delete(2), 3)).await.unwrap();
    assert_eq!(other, Appended::Conflict);
}

async fn of_deletions_at_once_one_is_stored(histories: Histories) {
    let history = with_lobby(&histories).await;
    stored(&history, &send("lobby", "ann", "c", 1, "a")).await;
    let copies = (0..8).map(|number| {
        let history = histories.open();
        let append = about("lobby", "ann", &format!("m{number}"), delete(1));
        tokio::spawn(async move { history.append(&append).await.unwrap() })
    });
    let mut stored = 0;
    for copy in join_all(copies).await {
        match copy.unwrap() {
            Appended::Stored { .. } => stored += 1,
            other => assert_eq!(other, Appended::NotFound),
        }
    }
    assert_eq!((stored, all(&history, "lobby").await.len()), (1, 2));
}

async fn no_text_survives_a_deletion_among_edits(histories: Histories) {
    let history = with_lobby(&histories).await;
    stored(&history, &send("lobby", "ann", "c", 1, "secret")).await;
    let writers = (0..6).map(|number| {
        let history = histories.open();
        let content = if number == 3 {
            delete(1)
        } else {
            edit(1, "secret")
        };
        let append = about("lobby", "ann", &format!("m{number}"), content);
        tokio::spawn(async move { history.append(&append).await.unwrap() })
    });
    for writer in join_all(writers).await {
        let found = writer.unwrap();
        assert!(matches!(
            found,
            Appended::Stored { .. } | Appended::NotFound
        ));
    }
    let log = all(&history, "lobby").await;
    assert!(log.iter().all(|entry| text(entry).is_none()), "{log:?}");
}
