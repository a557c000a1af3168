//! What a client that comes back is told.

use std::collections::BTreeMap;
use std::sync::Arc;

use gatepost_protocol::Epoch;
use gatepost_protocol::Position;
use gatepost_protocol::Role;
use gatepost_protocol::RoomKind;
use gatepost_protocol::RoomName;
use gatepost_protocol::Seq;
use gatepost_store::History;
use gatepost_store::Resume;
use gatepost_store::Standing;

use super::inside::sessions;
use super::stored;
use super::with_lobby;
use crate::store::Histories;
use crate::store::behaviours;
use crate::store::words::conn;
use crate::store::words::room;
use crate::store::words::send;
use crate::store::words::user;

behaviours! { Histories:
    each_room_comes_with_the_entries_that_the_client_lacks,
    what_a_client_has_of_another_log_or_before_the_floor_is_void,
    rooms_that_may_not_be_read_come_without_entries,
    the_entries_are_shared_among_the_rooms_that_went_on,
    memberships_and_the_session_come_with_it,
    many_rooms_are_told_at_once,
}

fn at(epoch: Epoch, seq: Seq) -> Position {
    Position { epoch, seq }
}

async fn told(
    history: &Arc<dyn History>,
    positions: &[(&str, Position)],
    entries: u32,
    page: u32,
) -> Vec<(String, Seq, Vec<Seq>)> {
    let positions: BTreeMap<RoomName, Position> = positions
        .iter()
        .map(|(name, position)| (room(name), *position))
        .collect();
    let resume = Resume {
        user: &user("ann"),
        positions: &positions,
        entries,
        page,
        memberships: 0,
        session: None,
    };
    let resumed = history.resume(&resume).await.unwrap();
    assert_eq!(resumed.memberships, []);
    let mut rooms: Vec<_> = resumed
        .rooms
        .into_iter()
        .map(|(room, entries)| {
            let seqs = entries.iter().map(|entry| entry.seq).collect();
            (room.name.to_string(), room.head, seqs)
        })
        .collect();
    rooms.sort();
    rooms
}

async fn epoch(history: &Arc<dyn History>, name: &str) -> Epoch {
    history.rooms(&[room(name)], &user("ann")).await.unwrap()[0].epoch
}

async fn fill(history: &Arc<dyn History>, name: &str, entries: u64) {
    for n in 1..=entries {
        stored(history, &send(name, "bob", "c", n, "a")).await;
    }
}

async fn each_room_comes_with_the_entries_that_the_client_lacks(histories: Histories) {
    let history = with_lobby(&histories).await;
    fill(&history, "lobby", 5).await;
    let epoch = epoch(&history, "lobby").await;
    for (seq, expected) in [
        (0, vec![1, 2, 3]),
        (1, vec![2, 3, 4]),
        (4, vec![5]),
        (5, vec![]),
    ] {
        let positions = [("lobby", at(epoch, seq)), ("nowhere", at(1, 1))];
        let told = told(&history, &positions, 300, 3).await;
        assert_eq!(told, [("lobby".into(), 5, expected)]);
    }
    // The entries themselves are what `entries` reads.
    let positions = BTreeMap::from([(room("lobby"), at(epoch, 2))]);
    let resume = Resume {
        user: &user("ann"),
        positions: &positions,
        entries: 300,
        page: 50,
        memberships: 0,
        session: None,
    };
    let resumed = history.resume(&resume).await.unwrap();
    let range = gatepost_store::Range::After(2);
    let entries = history.entries(&room("lobby"), range, 50).await.unwrap();
    let found = history.rooms(&[room("lobby")], &user("ann")).await.unwrap();
    assert_eq!(resumed.rooms, [(found[0].clone(), entries)]);
}

async fn what_a_client_has_of_another_log_or_before_the_floor_is_void(histories: Histories) {
    let history = with_lobby(&histories).await;
    fill(&history, "lobby", 5).await;
    let epoch = epoch(&history, "lobby").await;
    for void in [at(epoch + 1, 4), at(epoch, 6), at(u64::MAX, u64::MAX)] {
        let told = told(&history, &[("lobby", void)], 300, 2).await;
        assert_eq!(told, [("lobby".into(), 5, vec![4, 5])], "{void:?}");
    }
    assert!(history.purge(4_102_444_800_000, 3).await.unwrap() == 3);
    for (seq, expected) in [(2, vec![4, 5]), (3, vec![4, 5]), (4, vec![5])] {
        let told = told(&history, &[("lobby", at(epoch, seq))], 300, 50).await;
        assert_eq!(told, [("lobby".into(), 5, expected)], "{seq}");
    }
}

async fn rooms_that_may_not_be_read_come_without_entries(histories: Histories) {
    let history = with_lobby(&histories).await;
    history
        .create_room(&room("den"), RoomKind::Private, 1, Some(&user("bob")))
        .await
        .unwrap();
    for name in ["lobby", "den"] {
        fill(&history, name, 2).await;
    }
    let positions = [
        ("lobby", at(epoch(&history, "lobby").await, 0)),
        ("den", at(epoch(&history, "den").await, 0)),
    ];
    let told = async || told(&history, &positions, 2, 50).await;
    let nothing = Vec::new;
    // The room that may be read has all the entries that there are.
    let den = (String::from("den"), 2, nothing());
    let lobby = (String::from("lobby"), 2, vec![1, 2]);
    assert_eq!(told().await, [den, lobby]);
    let standings = [
        ("den", Standing::Member(Role::Member)),
        ("lobby", Standing::Banned(None)),
    ];
    for (name, standing) in standings {
        history
            .set_standing(&room(name), &user("ann"), &standing)
            .await
            .unwrap();
    }
    let den = (String::from("den"), 2, vec![1, 2]);
    let lobby = (String::from("lobby"), 2, nothing());
    assert_eq!(told().await, [den, lobby]);
    let past = Standing::Banned(Some(1));
    history
        .set_standing(&room("lobby"), &user("ann"), &past)
        .await
        .unwrap();
    assert_eq!(told().await[1].2, [1], "a ban that ended is none");
}

async fn the_entries_are_shared_among_the_rooms_that_went_on(histories: Histories) {
    let history = with_lobby(&histories).await;
    let mut positions = Vec::new();
    for name in ["lobby", "one", "two"] {
        history
            .create_room(&room(name), RoomKind::Public, 1, None)
            .await
            .unwrap();
        fill(&history, name, 4).await;
        let seq = if name == "two" { 4 } else { 0 };
        positions.push((name, at(epoch(&history, name).await, seq)));
    }
    for (entries, each) in [(300, 4), (6, 3), (3, 1), (1, 1)] {
        let told = told(&history, &positions, entries, 50).await;
        let counts: Vec<_> = told.iter().map(|(.., seqs)| seqs.len()).collect();
        assert_eq!(counts, [each, each, 0], "{entries}");
    }
}

async fn memberships_and_the_session_come_with_it(histories: Histories) {
    let history = with_lobby(&histories).await;
    let ann = user("ann");
    for name in ["den", "cellar"] {
        history
            .create_room(&room(name), RoomKind::Private, 1, Some(&ann))
            .await
            .unwrap();
    }
    let direct = room("dm:0123456789abcdef0123456789abcdef");
    let created = history.create_direct(&direct, [&ann, &user("bob")]).await;
    assert!(created.unwrap());
    let (connection, nowhere) = (conn("c1"), BTreeMap::new());
    for memberships in [1, 2, 50] {
        let resume = Resume {
            user: &ann,
            positions: &nowhere,
            entries: 300,
            page: 50,
            memberships,
            session: Some((&connection, 10)),
        };
        let resumed = history.resume(&resume).await.unwrap();
        let expected = history.memberships(&ann, None, memberships).await.unwrap();
        assert_eq!(resumed.memberships, expected);
        assert_eq!(resumed.rooms, []);
    }
    let recorded = sessions(&histories).await;
    assert_eq!(
        recorded,
        [(String::from("c1"), String::from("ann"), 10, None)]
    );
}

async fn many_rooms_are_told_at_once(histories: Histories) {
    let history = histories.open();
    let names: Vec<String> = (0..100).map(|number| format!("room-{number}")).collect();
    let mut positions = Vec::new();
    for name in &names {
        history
            .create_room(&room(name), RoomKind::Public, 1, None)
            .await
            .unwrap();
        fill(&history, name, 1).await;
        positions.push((name.as_str(), at(epoch(&history, name).await, 0)));
    }
    let told = told(&history, &positions, 300, 50).await;
    assert_eq!(told.len(), 100);
    assert!(
        told.iter()
            .all(|(_, head, seqs)| *head == 1 && *seqs == [1])
    );
}
