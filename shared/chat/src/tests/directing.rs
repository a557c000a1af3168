//! Direct messages.

use gatepost_protocol::Event;
use gatepost_protocol::MembershipChange;

use super::*;

const ROOM: &str = "dm:8b5090a9a0cf7d0ea4ad77ff936d1bdf";

fn direct(to: &str, text: &str) -> String {
    format!(r#"{{"action":"direct","to":"{to}","body":{{"text":"{text}"}}}}"#)
}

fn added(world: &World, connection: &str) -> Vec<String> {
    let told = world.events(connection).into_iter();
    let with = told.filter_map(|event| match event {
        Event::Room { room, op, with } => {
            assert_eq!((room.as_str(), op), (ROOM, MembershipChange::Added));
            Some(with.unwrap().to_string())
        }
        _ => None,
    });
    with.collect()
}

#[tokio::test(start_paused = true)]
async fn a_later_device_is_brought_into_the_room_by_the_next_message() {
    let world = world();
    let hello = r#"{"action":"hello"}"#;
    for device in [user("ann"), device("bob", "phone")] {
        world.ok(&device, hello).await;
    }
    world.ok(&user("ann"), &direct("bob", "1")).await;
    world.ok(&device("bob", "laptop"), hello).await;
    world.ok(&user("ann"), &direct("bob", "2")).await;
    assert_eq!(world.pushed("phone"), ["1", "2"]);
    assert_eq!(world.pushed("laptop"), ["2"]);
    assert_eq!(added(&world, "ann"), ["bob"]);
    assert_eq!(added(&world, "phone"), ["ann"]);
    // One who left and comes to know of it again is told again.
    let leave = format!(r#"{{"action":"leave","room":"{ROOM}"}}"#);
    for device in ["phone", "laptop"] {
        world.ok(&super::device("bob", device), &leave).await;
    }
    world.ok(&user("ann"), &direct("bob", "3")).await;
    assert_eq!(world.pushed("laptop"), ["2", "3"]);
    assert_eq!(added(&world, "phone"), ["ann", "ann"]);
}

#[tokio::test(start_paused = true)]
async fn without_a_registry_a_direct_message_is_stored() {
    let world = world();
    world.registry.is_away.store(true, Ordering::SeqCst);
    let acted = world.act(&user("ann"), &direct("bob", "hi")).await;
    assert!(acted.degraded);
    let Answer::Sent(sent) = acted.outcome.unwrap() else {
        panic!("a direct message is sent");
    };
    assert_eq!((sent.room.as_str(), sent.seq), (ROOM, Some(1)));
    world.chat.after(acted.after, deadline()).await;
    world.registry.is_away.store(false, Ordering::SeqCst);
    let history = format!(r#"{{"action":"history","room":"{ROOM}"}}"#);
    for reader in ["ann", "bob"] {
        let Answer::History(history) = world.ok(&user(reader), &history).await else {
            panic!("both may read it");
        };
        assert_eq!(history.items.len(), 1);
    }
    assert_eq!(world.refused(&user("cy"), &history).await, Code::NoRoom);
}

#[tokio::test(start_paused = true)]
async fn both_who_write_first_at_once_write_into_one_room() {
    for order in 0..1_u32 << 8 {
        let turnstile = Turnstile::new(2);
        let world = World::new(settings(), turnstile.clone());
        let hello = r#"{"action":"hello"}"#;
        for caller in [user("ann"), user("bob")] {
            world.ok(&caller, hello).await;
        }
        let both = [("ann", "bob"), ("bob", "ann")].into_iter().enumerate();
        let writers: Vec<_> = both
            .map(|(actor, (from, to))| {
                let process = world.another_process(settings());
                Turnstile::actor(actor, async move {
                    let acted = process.act(&user(from), &direct(to, from)).await;
                    process.chat.after(acted.after, deadline()).await;
                })
            })
            .collect();
        turnstile
            .drive((0..8).map(|bit| (order >> bit & 1) as usize))
            .await;
        for writer in writers {
            writer.await.unwrap();
        }
        let texts = world.history.texts(ROOM);
        assert_eq!(texts.len(), 2, "{order:08b}");
        for connection in ["ann", "bob"] {
            // Whoever is brought in by the second reads the first from the log, as after any event
            // that says of a new room.
            let pushed = world.pushed(connection);
            assert!(texts.ends_with(&pushed), "{connection} {order:08b}");
            assert!(!pushed.is_empty(), "{connection} {order:08b}");
            assert!(
                !added(&world, connection).is_empty(),
                "{connection} {order:08b}"
            );
        }
    }
}
