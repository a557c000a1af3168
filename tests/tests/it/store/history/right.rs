//! Who may write and read.

use gatepost_protocol::Role;
use gatepost_protocol::RoomKind;
use gatepost_store::Appended;
use gatepost_store::Range;
use gatepost_store::Standing;

use super::FUTURE;
use super::PAST;
use super::stored;
use super::texts;
use super::with_lobby;
use crate::store::Histories;
use crate::store::behaviours;
use crate::store::words::LOOKALIKES;
use crate::store::words::room;
use crate::store::words::send;
use crate::store::words::user;

behaviours! { Histories:
    users_that_look_alike_are_apart,
    nothing_is_appended_to_a_room_that_is_not_there,
    a_private_room_is_for_its_members,
    a_direct_room_is_for_its_two_users,
    a_ban_shuts_out_and_ends_the_membership,
    a_ban_ends_when_it_says,
    a_mute_keeps_from_writing_only,
    a_repetition_is_told_its_place_by_a_room_that_shut_its_sender_out,
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
            .rooms(std::slice::from_ref(&private), &user("bob"))
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
            .rooms(std::slice::from_ref(&private), &user("bob"))
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
    let found = history
        .rooms(std::slice::from_ref(&private), &ann)
        .await
        .unwrap();
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
    let found = history
        .rooms(std::slice::from_ref(&lobby), &ann)
        .await
        .unwrap();
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
    let next = crate::store::words::send("lobby", "ann", "c", 2, "b");
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
