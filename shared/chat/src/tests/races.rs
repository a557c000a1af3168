//! Tasks of several processes in every order: nobody misses an entry, nobody gets one twice or out
//! of order.

use gatepost_protocol::Answer;
use gatepost_protocol::Seq;

use super::*;

/// What a client has once it joined and read what was pushed: it must be everything.
fn assert_whole(world: &World, connection: &str, from: Seq, head: Seq, order: &str) {
    let seqs: Vec<Seq> = world
        .entries(connection)
        .iter()
        .map(|entry| entry.seq)
        .collect();
    assert!(
        seqs.is_sorted_by(|a, b| a < b),
        "{connection} got {seqs:?} in {order}"
    );
    for seq in from + 1..=head {
        assert!(
            seqs.contains(&seq),
            "{connection} misses {seq}, has {from} + {seqs:?} in {order}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_joiner_misses_nothing_however_its_join_and_a_send_are_interleaved() {
    // The join makes at most 5 steps, the send at most 14: which of the two is next, bit by bit.
    for order in 0..1_u32 << 14 {
        if order.count_ones() > 5 {
            continue;
        }
        let turnstile = Turnstile::new(2);
        let world = World::new(settings(), turnstile.clone());
        world.join(&user("bob"), "lobby").await;
        world.send(&user("ann"), "lobby", "before").await;
        let sender = world.another_process(settings());
        let joining = Turnstile::actor(1, {
            let world = world.clone();
            async move {
                world
                    .ok_alone(&user("cy"), r#"{"action":"join","room":"lobby"}"#)
                    .await
            }
        });
        let sending = Turnstile::actor(0, async move {
            let acted = sender.act(&user("ann"), &send("lobby", "hi")).await;
            sender.chat.after(acted.after, deadline()).await;
        });
        turnstile
            .drive((0..14).map(|bit| (order >> bit & 1) as usize))
            .await;
        sending.await.unwrap();
        let Answer::Join(joined) = joining.await.unwrap() else {
            panic!()
        };
        assert_whole(&world, "cy", joined.head, 2, &format!("{order:014b}"));
        assert_whole(&world, "bob", 0, 2, &format!("{order:014b}"));
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_misses_nothing_however_its_hello_and_a_send_are_interleaved() {
    for seed in 1..600_u64 {
        let turnstile = Turnstile::new(2);
        let world = World::new(settings(), turnstile.clone());
        world.join(&user("bob"), "lobby").await;
        world.send(&user("ann"), "lobby", "before").await;
        let sender = world.another_process(settings());
        let greeting = Turnstile::actor(1, {
            let world = world.clone();
            let hello = r#"{"action":"hello","resume":{"lobby":{"epoch":7,"seq":0}}}"#;
            async move { world.ok_alone(&user("cy"), hello).await }
        });
        let sending = Turnstile::actor(0, async move {
            let acted = sender.act(&user("ann"), &send("lobby", "hi")).await;
            sender.chat.after(acted.after, deadline()).await;
        });
        let mut state = seed;
        let order = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % 2) as usize
        });
        turnstile.drive(order.take(30)).await;
        sending.await.unwrap();
        let Answer::Hello(hello) = greeting.await.unwrap() else {
            panic!()
        };
        let state = &hello.rooms[&"lobby".parse().unwrap()];
        let told = state.items.last().unwrap().seq;
        assert_eq!(told, state.head);
        assert_whole(&world, "cy", told, 2, &format!("order {seed}"));
        assert_whole(&world, "bob", 0, 2, &format!("order {seed}"));
    }
}

#[tokio::test(start_paused = true)]
async fn every_receiver_gets_every_entry_once_in_the_order_of_the_log_whoever_posts_it() {
    for seed in 1..150_u64 {
        let turnstile = Turnstile::new(4);
        let world = World::new(settings(), turnstile.clone());
        world.join(&user("bob"), "lobby").await;
        world
            .frame(&page(), r#"{"username":"p","userid":"p","msg":"0"}"#)
            .await
            .unwrap();
        let mut tasks = Vec::new();
        for actor in 0..3 {
            let process = world.another_process(settings());
            tasks.push(Turnstile::actor(actor, async move {
                for number in 0..2 {
                    let text = format!("{actor}.{number}");
                    let acted = process.act(&user("ann"), &send("lobby", &text)).await;
                    process.chat.after(acted.after, deadline()).await;
                }
            }));
        }
        let joining = Turnstile::actor(3, {
            let world = world.clone();
            async move {
                world
                    .ok_alone(&user("cy"), r#"{"action":"join","room":"lobby"}"#)
                    .await
            }
        });
        let mut state = seed;
        let order = std::iter::repeat_with(|| {
            // xorshift64: any order will do, but the same every time.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % 4) as usize
        });
        turnstile.drive(order.take(120)).await;
        for task in tasks {
            task.await.unwrap();
        }
        let Answer::Join(joined) = joining.await.unwrap() else {
            panic!()
        };
        let order = format!("order {seed}");
        assert_whole(&world, "bob", 0, 7, &order);
        assert_whole(&world, "cy", joined.head, 7, &order);
        let shown: Vec<String> = world
            .gateway
            .frames("page")
            .iter()
            .map(|frame| serde_json::from_str::<serde_json::Value>(frame).unwrap())
            .map(|frame| frame["msg"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(shown, world.history.texts("lobby"), "{order}");
        assert_eq!(world.registry.cursor("lobby"), Some(7), "{order}");
        assert!(!world.registry.is_held("lobby"), "{order}");
    }
}

fn page() -> Caller {
    Caller {
        anonymous: true,
        ..device("guest-page", "page")
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_however_its_hello_and_the_disconnect_are_interleaved() {
    const BARE: &str = r#"{"action":"hello"}"#;
    const TO_LOBBY: &str = r#"{"action":"hello","resume":{"lobby":{"epoch":7,"seq":0}}}"#;
    for (hello, order) in [BARE, TO_LOBBY]
        .iter()
        .flat_map(|hello| (0..1_u32 << 10).map(move |order| (*hello, order)))
    {
        let turnstile = Turnstile::new(2);
        let world = World::new(settings(), turnstile.clone());
        world.join(&user("ann"), "lobby").await;
        let bob = user("bob");
        world.chat.connected(&bob).await.unwrap();
        let gateway = world.another_process(settings());
        let greeting = Turnstile::actor(0, {
            let (world, bob) = (world.clone(), bob.clone());
            async move {
                let acted = world.act(&bob, hello).await;
                world.chat.after(acted.after, deadline()).await;
            }
        });
        let closing = Turnstile::actor(1, {
            let connection = bob.connection.clone();
            async move { gateway.chat.disconnected(&connection).await }
        });
        turnstile
            .drive((0..10).map(|bit| (order >> bit & 1) as usize))
            .await;
        greeting.await.unwrap();
        closing.await.unwrap();
        let sessions = world.history.sessions();
        let ended = sessions
            .get(&bob.connection)
            .is_none_or(|session| session.ended_at.is_some());
        assert!(ended, "{hello} in {order:010b}");
        assert_eq!(world.registry.members("lobby"), ["ann|ann"]);
    }
}
