//! Rooms, memberships and what was read.

use futures_util::future::join_all;
use gatepost_protocol::Role;
use gatepost_protocol::RoomKind;
use gatepost_store::Appended;
use gatepost_store::Standing;
use gatepost_store::StoreError;

use super::stored;
use super::with_lobby;
use crate::store::Histories;
use crate::store::behaviours;
use crate::store::words::room;
use crate::store::words::send;
use crate::store::words::user;

behaviours! { Histories:
    rooms_are_shown_as_their_reader_meets_them,
    many_rooms_are_read_at_once,
    a_room_is_made_once,
    reading_never_goes_back,
    memberships_come_in_pages,
    recent_rooms_are_those_written_to,
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
    let makers_at_once = 8;
    let makers = (0..makers_at_once).map(|number| {
        let history = histories.open();
        tokio::spawn(async move {
            let (new, owner) = (room("new"), user(&format!("u{number}")));
            // Whoever was chosen for two deadlocks in a row is told to come again.
            for _ in 0..makers_at_once {
                let made = history.create_room(&new, RoomKind::Public, 4, Some(&owner));
                match made.await {
                    Err(StoreError::Unavailable { .. }) => {}
                    made => return made.unwrap(),
                }
            }
            panic!("every try of {owner} came to nothing")
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
    for number in 0..makers_at_once {
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
        let found = history
            .rooms(std::slice::from_ref(&lobby), &bob)
            .await
            .unwrap();
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
