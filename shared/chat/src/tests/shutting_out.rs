//! Kicks and bans in every order with what else goes on.

use gatepost_protocol::Event;
use gatepost_protocol::MembershipChange;
use gatepost_protocol::Role;
use gatepost_protocol::RoomKind;
use gatepost_store::Standing;

use super::*;

const BAN: &str = r#"{"action":"moderate","room":"den","op":"ban","user":"bob"}"#;

/// A private room of which ann is the owner and bob a member.
fn den(turnstile: Turnstile) -> World {
    let world = World::new(settings(), turnstile);
    world.history.make("den", RoomKind::Private, 1);
    for (who, role) in [("ann", Role::Owner), ("bob", Role::Member)] {
        world.history.set("den", who, &Standing::Member(role));
    }
    world
}

#[tokio::test(start_paused = true)]
async fn no_subscription_survives_a_ban_that_comes_in_the_middle_of_it() {
    let join = r#"{"action":"join","room":"den"}"#;
    let ping = r#"{"action":"ping","rooms":{"den":0}}"#;
    let hello = r#"{"action":"hello","resume":{"den":{"epoch":7,"seq":0}}}"#;
    for (frame, is_in) in [
        (join, false),
        (join, true),
        (ping, false),
        (ping, true),
        (hello, false),
        (hello, true),
    ] {
        // The ban makes two steps, the other at most ten.
        for order in 0..1_u32 << 12 {
            if order.count_ones() != 2 {
                continue;
            }
            let turnstile = Turnstile::new(2);
            let world = den(turnstile.clone());
            for device in [device("bob", "phone"), device("bob", "laptop")] {
                if is_in {
                    world.join(&device, "den").await;
                }
            }
            let other = world.another_process(settings());
            let asking = Turnstile::actor(0, async move {
                let acted = other.act(&device("bob", "phone"), frame).await;
                other.chat.after(acted.after, deadline()).await;
            });
            let banning = Turnstile::actor(1, {
                let world = world.clone();
                async move { world.ok_alone(&user("ann"), BAN).await }
            });
            turnstile
                .drive((0..12).map(|bit| (order >> bit & 1) as usize))
                .await;
            banning.await.unwrap();
            asking.await.unwrap();
            let members = world.registry.members("den");
            assert_eq!(members, [""; 0], "{frame} {is_in} {order:012b}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_written_after_a_ban_is_pushed_to_whom_it_shut_out() {
    for seed in 1..200_u64 {
        let turnstile = Turnstile::new(2);
        let world = den(turnstile.clone());
        for caller in [user("ann"), user("bob")] {
            world.join(&caller, "den").await;
        }
        let other = world.another_process(settings());
        let before = Turnstile::actor(0, async move {
            for text in ["b1", "b2"] {
                let acted = other.act(&user("ann"), &send("den", text)).await;
                other.chat.after(acted.after, deadline()).await;
            }
        });
        let moderator = world.another_process(settings());
        let after = Turnstile::actor(1, async move {
            moderator.ok_alone(&user("ann"), BAN).await;
            let acted = moderator.act(&user("ann"), &send("den", "after")).await;
            moderator.chat.after(acted.after, deadline()).await;
        });
        let mut state = seed;
        let order = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % 2) as usize
        });
        turnstile.drive(order.take(60)).await;
        before.await.unwrap();
        after.await.unwrap();
        assert_eq!(world.pushed("ann").len(), 3, "seed {seed}");
        let pushed = world.pushed("bob");
        assert!(!pushed.contains(&String::from("after")), "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_kick_is_not_answered_before_the_subscriptions_ended() {
    let world = den(Turnstile::new(0));
    world.join(&user("bob"), "den").await;
    world.registry.is_away.store(true, Ordering::SeqCst);
    let kick = BAN.replace("ban", "kick");
    assert_eq!(world.refused(&user("ann"), &kick).await, Code::Unavailable);
    world.registry.is_away.store(false, Ordering::SeqCst);
    assert_eq!(world.registry.members("den"), ["bob|bob"]);
    // Repeated, it finds the membership gone and ends the rest.
    world.ok(&user("ann"), &kick).await;
    assert_eq!(world.registry.members("den"), [""; 0]);
    let told = world.events("bob").pop().unwrap();
    let op = MembershipChange::Removed;
    let (room, with) = ("den".parse().unwrap(), None);
    assert_eq!(told, Event::Room { room, op, with });
}
