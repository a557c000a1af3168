//! Who changes what another may do.

use std::sync::Arc;

use gatepost_protocol::Role;
use gatepost_protocol::RoomKind;
use gatepost_store::History;
use gatepost_store::Moderated;
use gatepost_store::Moderation;
use gatepost_store::Standing;

use super::FUTURE;
use super::inside::audit;
use super::with_lobby;
use crate::store::Histories;
use crate::store::behaviours;
use crate::store::words::room;
use crate::store::words::user;

behaviours! { Histories:
    nobody_moderates_who_stands_as_high,
    a_token_counts_where_its_bearer_may_read,
    an_invitation_makes_a_member_and_changes_no_role,
    moderation_is_audited,
    what_may_not_be_changed_is_not_audited,
}

const ROLES: [(&str, Option<Role>); 4] = [
    ("stranger", None),
    ("member", Some(Role::Member)),
    ("moderator", Some(Role::Moderator)),
    ("owner", Some(Role::Owner)),
];

fn change(by: &str, to: &str, of: &str, standing: Standing) -> Moderation {
    Moderation {
        by: user(by),
        role: None,
        room: room(to),
        user: user(of),
        standing,
    }
}

async fn moderate(history: &Arc<dyn History>, change: &Moderation) -> Moderated {
    history.moderate(change).await.unwrap()
}

/// Two users of every role in `name`: the second is called so with a `2`.
async fn people(history: &Arc<dyn History>, name: &str) {
    for (who, role) in ROLES {
        for who in [String::from(who), format!("{who}2")] {
            if let Some(role) = role {
                let standing = Standing::Member(role);
                history
                    .set_standing(&room(name), &user(&who), &standing)
                    .await
                    .unwrap();
            }
        }
    }
}

async fn nobody_moderates_who_stands_as_high(histories: Histories) {
    let history = with_lobby(&histories).await;
    history
        .create_room(&room("den"), RoomKind::Private, 3, None)
        .await
        .unwrap();
    for (name, shards) in [("lobby", 1), ("den", 3)] {
        people(&history, name).await;
        for (by, high) in ROLES {
            for (of, low) in ROLES {
                for standing in [
                    Standing::Muted(FUTURE),
                    Standing::Unmuted,
                    Standing::Unbanned,
                ] {
                    let of = format!("{of}2");
                    let found = moderate(&history, &change(by, name, &of, standing)).await;
                    let expected = if name == "den" && high.is_none() {
                        Moderated::NotMember
                    } else if high >= Some(Role::Moderator) && low < high {
                        Moderated::Done { shards, was: low }
                    } else {
                        Moderated::Forbidden
                    };
                    assert_eq!(found, expected, "{by} {of} in {name}");
                }
            }
        }
    }
    let own = change("owner", "lobby", "owner", Standing::NotMember);
    assert_eq!(moderate(&history, &own).await, Moderated::Forbidden);
    let kick = change("owner", "lobby", "moderator", Standing::NotMember);
    let done = |was| Moderated::Done { shards: 1, was };
    assert_eq!(moderate(&history, &kick).await, done(Some(Role::Moderator)));
    assert_eq!(moderate(&history, &kick).await, done(None));
    let ban = change("owner", "lobby", "moderator2", Standing::Banned(None));
    assert_eq!(moderate(&history, &ban).await, done(Some(Role::Moderator)));
    // Whoever was a moderator moderates no more.
    let mute = |by| change(by, "lobby", "member", Standing::Muted(FUTURE));
    assert_eq!(
        moderate(&history, &mute("moderator")).await,
        Moderated::Forbidden
    );
    assert_eq!(
        moderate(&history, &mute("moderator2")).await,
        Moderated::Banned
    );
    let nowhere = change("owner", "nowhere", "member", Standing::Unmuted);
    assert_eq!(moderate(&history, &nowhere).await, Moderated::NoRoom);
}

async fn a_token_counts_where_its_bearer_may_read(histories: Histories) {
    let history = with_lobby(&histories).await;
    history
        .create_room(&room("den"), RoomKind::Private, 1, None)
        .await
        .unwrap();
    let name = "dm:00112233445566778899aabbccddeeff";
    history
        .create_direct(&room(name), [&user("member"), &user("bob")])
        .await
        .unwrap();
    for name in ["lobby", "den"] {
        people(&history, name).await;
    }
    let by_token = |by, to, of| Moderation {
        role: Some(Role::Moderator),
        ..change(by, to, of, Standing::Unmuted)
    };
    for (by, to, of, expected) in [
        ("stranger", "lobby", "member", Ok(Some(Role::Member))),
        ("stranger", "lobby", "moderator", Err(Moderated::Forbidden)),
        ("member", "den", "member2", Ok(Some(Role::Member))),
        ("stranger", "den", "member", Err(Moderated::NotMember)),
        // The role in the room counts where it is higher.
        ("owner", "lobby", "moderator", Ok(Some(Role::Moderator))),
        ("member", name, "bob", Err(Moderated::Forbidden)),
        ("stranger", name, "bob", Err(Moderated::NotMember)),
    ] {
        let found = moderate(&history, &by_token(by, to, of)).await;
        let expected =
            expected.map_or_else(|error| error, |was| Moderated::Done { shards: 1, was });
        assert_eq!(found, expected, "{by} {of} in {to}");
    }
}

async fn an_invitation_makes_a_member_and_changes_no_role(histories: Histories) {
    let history = histories.open();
    let den = room("den");
    history
        .create_room(&den, RoomKind::Private, 1, Some(&user("ann")))
        .await
        .unwrap();
    let invite = |by, of| change(by, "den", of, Standing::Member(Role::Member));
    let done = Moderated::Done {
        shards: 1,
        was: None,
    };
    assert_eq!(moderate(&history, &invite("ann", "bob")).await, done);
    let unchanged = |role| Moderated::Unchanged { role };
    assert_eq!(
        moderate(&history, &invite("ann", "bob")).await,
        unchanged(Role::Member)
    );
    assert_eq!(
        moderate(&history, &invite("bob", "cy")).await,
        Moderated::Forbidden
    );
    history
        .set_standing(&den, &user("bob"), &Standing::Member(Role::Moderator))
        .await
        .unwrap();
    assert_eq!(
        moderate(&history, &invite("bob", "ann")).await,
        unchanged(Role::Owner)
    );
    let ban = change("bob", "den", "cy", Standing::Banned(Some(FUTURE)));
    assert_eq!(moderate(&history, &ban).await, done);
    assert_eq!(
        moderate(&history, &invite("ann", "cy")).await,
        Moderated::Forbidden
    );
    let unban = change("ann", "den", "cy", Standing::Unbanned);
    assert_eq!(moderate(&history, &unban).await, done);
    assert_eq!(moderate(&history, &invite("ann", "cy")).await, done);
    assert_eq!(audit(&histories).await.len(), 4);
}

async fn moderation_is_audited(histories: Histories) {
    let history = with_lobby(&histories).await;
    people(&history, "lobby").await;
    for standing in [
        Standing::Muted(FUTURE),
        Standing::Unmuted,
        Standing::NotMember,
        Standing::Member(Role::Moderator),
        Standing::Banned(Some(FUTURE)),
        Standing::Banned(None),
        Standing::Unbanned,
    ] {
        let found = moderate(&history, &change("owner", "lobby", "member", standing)).await;
        assert!(matches!(found, Moderated::Done { .. }), "{found:?}");
    }
    let line = |op: &str, role: Option<&str>, until: Option<i64>| {
        let [by, op, of, to] = ["owner", op, "member", "lobby"].map(String::from);
        (by, op, of, to, role.map(String::from), until)
    };
    assert_eq!(
        audit(&histories).await,
        [
            line("muted", None, Some(FUTURE)),
            line("unmuted", None, None),
            line("not_member", None, None),
            line("member", Some("moderator"), None),
            line("banned", None, Some(FUTURE)),
            line("banned", None, None),
            line("unbanned", None, None),
        ]
    );
}

async fn what_may_not_be_changed_is_not_audited(histories: Histories) {
    let history = with_lobby(&histories).await;
    people(&history, "lobby").await;
    for by in ["stranger", "member", "moderator"] {
        let ban = change(by, "lobby", "owner", Standing::Banned(None));
        assert_eq!(moderate(&history, &ban).await, Moderated::Forbidden);
    }
    let found = history
        .rooms(&[room("lobby")], &user("owner"))
        .await
        .unwrap();
    assert_eq!((found[0].role, found[0].banned), (Some(Role::Owner), false));
    assert_eq!(audit(&histories).await, []);
}
