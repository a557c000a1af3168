//! Heads, leases and cursors of the fan-out.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use futures_util::future::join_all;
use gatepost_protocol::Seq;
use gatepost_store::Claim;
use gatepost_store::Registry;
use gatepost_store::Release;
use gatepost_store::Subscribers;
use gatepost_store::Subscription;

use super::shard;
use crate::store::Registries;
use crate::store::behaviours;
use crate::store::words::NOW;
use crate::store::words::connection;
use crate::store::words::into;
use crate::store::words::room;

behaviours! { Registries:
    a_head_is_never_lowered,
    a_fan_out_has_one_holder,
    a_busy_fan_out_is_marked_and_taken_again,
    an_entrys_first_worker_raises_claims_and_looks_at_once,
    a_lease_that_ran_out_fences_its_holder,
    a_cursor_is_only_raised,
    a_subscription_gives_the_cursor_its_beginning,
    no_wake_up_is_lost,
    a_head_and_a_cursor_are_forgotten_if_they_are_still_those,
}

async fn a_head_is_never_lowered(registries: Registries) {
    let (one, other) = (registries.open(), registries.open());
    let lobby = room("lobby");
    assert_eq!(one.head(&lobby).await.unwrap(), None);
    for (raised, head) in [(9, 9), (10, 10), (2, 10), (10, 10), (100, 100), (99, 100)] {
        one.raise_head(&lobby, raised).await.unwrap();
        assert_eq!(other.head(&lobby).await.unwrap(), Some(head));
    }
    assert_eq!(one.head(&room("other")).await.unwrap(), None);
}

async fn a_fan_out_has_one_holder(registries: Registries) {
    let claims = (0..8).map(|number| {
        let registry = registries.open();
        async move {
            let holder = format!("h{number}");
            registry
                .claim(&shard("lobby"), &holder, 1_000, NOW)
                .await
                .unwrap()
        }
    });
    let claims = join_all(claims).await;
    let held = claims
        .iter()
        .filter(|claim| matches!(claim, Claim::Held { .. }))
        .count();
    assert_eq!(held, 1, "{claims:?}");
    let registry = registries.open();
    assert_eq!(
        registry.progress(&shard("lobby"), NOW).await.unwrap(),
        (None, true)
    );
    assert_eq!(
        registry
            .progress(&shard("lobby"), NOW + 1_000)
            .await
            .unwrap(),
        (None, false)
    );
    assert_eq!(
        registry.progress(&shard("other"), NOW).await.unwrap(),
        (None, false)
    );
}

async fn a_busy_fan_out_is_marked_and_taken_again(registries: Registries) {
    let (one, other) = (registries.open(), registries.open());
    let lobby = shard("lobby");
    assert_eq!(
        one.claim(&lobby, "a", 1_000, NOW).await.unwrap(),
        Claim::Held { cursor: None }
    );
    assert_eq!(
        one.release(&lobby, "a", 3, NOW).await.unwrap(),
        Release::Released
    );
    assert_eq!(
        one.claim(&lobby, "a", 1_000, NOW).await.unwrap(),
        Claim::Held { cursor: Some(3) }
    );
    assert_eq!(
        other.claim(&lobby, "b", 1_000, NOW).await.unwrap(),
        Claim::Busy
    );
    assert_eq!(
        other.claim(&lobby, "c", 1_000, NOW).await.unwrap(),
        Claim::Busy
    );
    assert_eq!(
        one.release(&lobby, "a", 4, NOW).await.unwrap(),
        Release::Dirty
    );
    assert_eq!(
        one.progress(&lobby, NOW).await.unwrap(),
        (Some(4), true),
        "it is still held"
    );
    assert_eq!(
        one.release(&lobby, "a", 5, NOW).await.unwrap(),
        Release::Released
    );
    assert_eq!(one.progress(&lobby, NOW).await.unwrap(), (Some(5), false));
    assert_eq!(
        other.claim(&lobby, "b", 1_000, NOW).await.unwrap(),
        Claim::Held { cursor: Some(5) }
    );
    // Whoever claims reads the head afterwards: an old mark says nothing new.
    assert_eq!(
        one.claim(&lobby, "a", 1_000, NOW).await.unwrap(),
        Claim::Busy
    );
    let taken = one.claim(&lobby, "a", 1_000, NOW + 1_000).await.unwrap();
    assert_eq!(taken, Claim::Held { cursor: Some(5) });
    assert_eq!(
        one.release(&lobby, "a", 5, NOW + 1_000).await.unwrap(),
        Release::Released
    );
}

async fn an_entrys_first_worker_raises_claims_and_looks_at_once(registries: Registries) {
    let (one, other) = (registries.open(), registries.open());
    let lobby = shard("lobby");
    let subscribe = |id: &'static str| {
        let (registry, of) = (one.clone(), connection(id, id));
        async move { registry.subscribe(&of, &[into("lobby")], NOW).await }
    };
    let version = || async {
        match one.subscribers(&lobby, None, NOW).await.unwrap() {
            Subscribers::Listed { version, .. } => version,
            Subscribers::Unchanged => panic!("nothing is known, so nothing is unchanged"),
        }
    };
    subscribe("c1").await.unwrap();
    let known = Some(version().await);
    let held = |cursor| Claim::Held {
        cursor: Some(cursor),
    };
    let begin = |registry: Arc<dyn Registry>, seq, holder, known| async move {
        let lobby = shard("lobby");
        let begun = registry.begin(&lobby, seq, holder, 1_000, known, NOW);
        let begun = begun.await.unwrap();
        (begun.head, begun.claim, begun.list_holds)
    };
    assert_eq!(begin(one.clone(), 5, "a", None).await, (5, held(0), false));
    // Busy, and marked: the list is nothing to it.
    let busy = begin(other.clone(), 3, "b", known).await;
    assert_eq!(busy, (5, Claim::Busy, false));
    assert_eq!(other.head(&lobby.room).await.unwrap(), Some(5));
    let release = || one.release(&lobby, "a", 5, NOW);
    assert_eq!(release().await.unwrap(), Release::Dirty);
    assert_eq!(release().await.unwrap(), Release::Released);
    assert_eq!(
        begin(other.clone(), 6, "b", known).await,
        (6, held(5), true)
    );
    subscribe("c2").await.unwrap();
    assert_eq!(
        begin(other.clone(), 7, "b", known).await,
        (7, held(5), false)
    );
    let known = Some(version().await);
    assert_eq!(
        begin(other.clone(), 2, "b", known).await,
        (7, held(5), true)
    );
}

async fn a_lease_that_ran_out_fences_its_holder(registries: Registries) {
    let (one, other) = (registries.open(), registries.open());
    let lobby = shard("lobby");
    one.claim(&lobby, "a", 1_000, NOW).await.unwrap();
    assert!(one.advance(&lobby, "a", 1, 1_000, NOW + 500).await.unwrap());
    assert_eq!(
        other.claim(&lobby, "b", 1_000, NOW + 1_499).await.unwrap(),
        Claim::Busy
    );
    let taken = other.claim(&lobby, "b", 1_000, NOW + 1_500).await.unwrap();
    assert_eq!(taken, Claim::Held { cursor: Some(1) });
    assert!(
        !one.advance(&lobby, "a", 9, 1_000, NOW + 1_500)
            .await
            .unwrap()
    );
    assert_eq!(
        one.release(&lobby, "a", 9, NOW + 1_500).await.unwrap(),
        Release::Lost
    );
    assert_eq!(
        one.progress(&lobby, NOW + 1_500).await.unwrap(),
        (Some(1), true)
    );
    assert_eq!(
        other.release(&lobby, "b", 2, NOW + 1_500).await.unwrap(),
        Release::Released
    );
    assert!(
        !one.advance(&lobby, "a", 9, 1_000, NOW + 1_500)
            .await
            .unwrap()
    );
    assert_eq!(
        one.progress(&lobby, NOW + 1_500).await.unwrap(),
        (Some(2), false)
    );
    // Late, but nobody else came.
    one.claim(&lobby, "a", 1_000, NOW).await.unwrap();
    assert!(
        one.advance(&lobby, "a", 3, 1_000, NOW + 5_000)
            .await
            .unwrap()
    );
    assert_eq!(
        one.release(&lobby, "a", 4, NOW + 9_000).await.unwrap(),
        Release::Released
    );
}

async fn a_cursor_is_only_raised(registries: Registries) {
    let registry = registries.open();
    let lobby = shard("lobby");
    registry.claim(&lobby, "a", 1_000, NOW).await.unwrap();
    for (given, cursor) in [(9, 9), (10, 10), (3, 10)] {
        assert!(
            registry
                .advance(&lobby, "a", given, 1_000, NOW)
                .await
                .unwrap()
        );
        assert_eq!(
            registry.progress(&lobby, NOW).await.unwrap(),
            (Some(cursor), true)
        );
    }
    registry.release(&lobby, "a", 2, NOW).await.unwrap();
    assert_eq!(
        registry.progress(&lobby, NOW).await.unwrap(),
        (Some(10), false)
    );
}

async fn a_subscription_gives_the_cursor_its_beginning(registries: Registries) {
    let registry = registries.open();
    let at = |head| {
        [Subscription {
            room: room("lobby"),
            shards: 1,
            head,
        }]
    };
    registry
        .subscribe(&connection("c1", "ann"), &at(7), NOW)
        .await
        .unwrap();
    let held = registry
        .claim(&shard("lobby"), "a", 1_000, NOW)
        .await
        .unwrap();
    assert_eq!(held, Claim::Held { cursor: Some(7) });
    registry
        .subscribe(&connection("c2", "bob"), &at(9), NOW)
        .await
        .unwrap();
    registry
        .subscribe(&connection("c3", "cy"), &at(2), NOW)
        .await
        .unwrap();
    assert_eq!(
        registry.progress(&shard("lobby"), NOW).await.unwrap(),
        (Some(7), true)
    );
    assert_eq!(
        registry.head(&room("lobby")).await.unwrap(),
        None,
        "it raises no head"
    );
}

/// In every round many writers raise the head at once, and each then drains, or leaves it to who
/// does: at the round's end everything was posted, once and in order.
async fn no_wake_up_is_lost(registries: Registries) {
    const ROUNDS: u64 = 20;
    const WRITERS: u64 = 8;
    let lobby = shard("lobby");
    let first = registries.open();
    first.claim(&lobby, "first", 1_000, NOW).await.unwrap();
    first.release(&lobby, "first", 0, NOW).await.unwrap();
    let log = Arc::new(AtomicU64::new(0));
    let posted = Arc::new(Mutex::new(Vec::new()));
    let views: Vec<_> = (0..WRITERS).map(|_| registries.open()).collect();
    for round in 1..=ROUNDS {
        let writers = views.iter().enumerate().map(|(writer, registry)| {
            let (registry, log, posted) = (registry.clone(), log.clone(), posted.clone());
            tokio::spawn(async move {
                let seq = log.fetch_add(1, Ordering::SeqCst) + 1;
                write_and_drain(&registry, &format!("w{writer}"), seq, &posted).await;
            })
        });
        for writer in join_all(writers).await {
            writer.unwrap();
        }
        let posted = posted.lock().unwrap();
        assert_eq!(
            *posted,
            (1..=round * WRITERS).collect::<Vec<_>>(),
            "round {round}"
        );
    }
}

async fn write_and_drain(
    registry: &Arc<dyn Registry>,
    holder: &str,
    seq: Seq,
    posted: &Mutex<Vec<Seq>>,
) {
    let lobby = shard("lobby");
    registry.raise_head(&lobby.room, seq).await.unwrap();
    let claim = registry.claim(&lobby, holder, 60_000, NOW).await.unwrap();
    let Claim::Held {
        cursor: Some(mut cursor),
    } = claim
    else {
        assert_eq!(claim, Claim::Busy);
        return;
    };
    loop {
        let head = registry.head(&lobby.room).await.unwrap().unwrap();
        posted.lock().unwrap().extend(cursor + 1..=head);
        cursor = cursor.max(head);
        match registry.release(&lobby, holder, cursor, NOW).await.unwrap() {
            Release::Dirty => {}
            Release::Released => return,
            Release::Lost => panic!("the lease does not run out"),
        }
    }
}

async fn a_head_and_a_cursor_are_forgotten_if_they_are_still_those(registries: Registries) {
    let (one, other) = (registries.open(), registries.open());
    let (lobby, shard) = (room("lobby"), shard("lobby"));
    let forget = async |seq| {
        let cursors = [(shard.clone(), seq)];
        other.forget(&lobby, Some(seq), &cursors).await.unwrap();
    };
    forget(5).await;
    one.raise_head(&lobby, 500).await.unwrap();
    one.claim(&shard, "a", 1_000, NOW).await.unwrap();
    one.release(&shard, "a", 500, NOW).await.unwrap();
    forget(50).await;
    other.forget(&lobby, None, &[]).await.unwrap();
    assert_eq!(one.head(&lobby).await.unwrap(), Some(500));
    let progress = one.progress(&shard, NOW).await.unwrap();
    assert_eq!(progress, (Some(500), false));
    forget(500).await;
    assert_eq!(one.head(&lobby).await.unwrap(), None);
    assert_eq!(one.progress(&shard, NOW).await.unwrap(), (None, false));
    // From there on they rise as from nothing.
    one.raise_head(&lobby, 3).await.unwrap();
    assert_eq!(one.head(&lobby).await.unwrap(), Some(3));
    let claim = one.claim(&shard, "b", 1_000, NOW).await.unwrap();
    assert_eq!(claim, Claim::Held { cursor: None });
    one.release(&shard, "b", 2, NOW).await.unwrap();
    assert_eq!(one.progress(&shard, NOW).await.unwrap(), (Some(2), false));
}
