//! Registries: the file, Redis and a cluster, against the reference.

use std::sync::Arc;

use gatepost_protocol::Millis;
use gatepost_store::Rates;
use gatepost_store::Registry;
use gatepost_store::SessionPolicy;
use gatepost_store::memory::MemoryRegistry;
use gatepost_store::open_registry;
use gatepost_tests::servers::Redis;
use gatepost_tests::servers::RedisCluster;
use gatepost_tests::servers::unique_name;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::any;
use proptest::sample::select;
use proptest::sample::subsequence;
use proptest::strategy::BoxedStrategy;
use proptest::strategy::Just;
use proptest::strategy::Strategy;
use proptest::strategy::Union;

use super::compare;
use super::registry_call::CLIENTS;
use super::registry_call::CONNECTIONS;
use super::registry_call::Call;
use super::registry_call::HOLDERS;
use super::registry_call::Kept;
use super::registry_call::ROOMS;
use super::registry_call::USERS;
use super::registry_call::USUAL;
use super::registry_call::Who;
use crate::store::words::NOW;

/// A call, so many milliseconds after the last.
#[derive(Debug, Clone)]
struct Step {
    after: Millis,
    call: Call,
}

/// A tombstone ends by the clock of Redis, which does not go as the sequence's does: a sequence in
/// which a connection is removed is over before.
const TOMBSTONE: Millis = 119_000;

const HOUR: Millis = 60 * 60 * 1_000;

fn who() -> impl Strategy<Value = Who> {
    let connection = Union::new_weighted(vec![
        (4, (0..USUAL).boxed()),
        (1, (0..CONNECTIONS.len()).boxed()),
    ]);
    let client = option::of(0..CLIENTS.len());
    (connection, client, 1_000..60_000_i64).prop_map(|(connection, client, lease)| Who {
        connection,
        client,
        lease,
    })
}

fn policy() -> impl Strategy<Value = SessionPolicy> {
    select(vec![
        SessionPolicy::Multi,
        SessionPolicy::Takeover { take: false },
        SessionPolicy::Takeover { take: true },
    ])
}

fn rates() -> impl Strategy<Value = Rates> {
    (0..3_u32, 0..3_u32).prop_map(|(per_user, per_room)| Rates { per_user, per_room })
}

/// A room and a shard of it.
fn shard() -> impl Strategy<Value = (usize, usize)> {
    let any_shard = (0..ROOMS.len(), 0..3_usize).boxed();
    let busy = (0..ROOMS.len()).prop_map(|number| (number, Call::busy_shard(number)));
    Union::new_weighted(vec![(1, any_shard), (2, busy.boxed())])
}

fn call() -> impl Strategy<Value = Call> {
    let (usual, rooms, users) = (0..USUAL, 0..ROOMS.len(), 0..USERS.len());
    let (holder, seq) = (0..HOLDERS.len(), 1..6_u64);
    let some_rooms = subsequence((0..ROOMS.len()).collect::<Vec<_>>(), 0..=ROOMS.len());
    let calls: Vec<(u32, BoxedStrategy<Call>)> = vec![
        (2, who().prop_map(Call::Connect).boxed()),
        (1, usual.clone().prop_map(Call::Connection).boxed()),
        (
            5,
            (who(), policy())
                .prop_map(|(who, policy)| Call::Hello(who, policy))
                .boxed(),
        ),
        (
            6,
            (usual.clone(), rooms.clone(), rates())
                .prop_map(|(of, to, rates)| Call::Admit(of, to, rates))
                .boxed(),
        ),
        (
            1,
            (rooms.clone(), 0..3_u32)
                .prop_map(|(to, rate)| Call::Refund(to, rate))
                .boxed(),
        ),
        (
            2,
            (any::<bool>(), users.clone(), 1..3_u32)
                .prop_map(|(is_user, of, burst)| Call::Take(is_user, of, burst))
                .boxed(),
        ),
        (1, rooms.clone().prop_map(Call::Count).boxed()),
        (
            1,
            (rooms.clone(), 0..3_u64)
                .prop_map(|(of, count)| Call::NoteOccupancy(of, count))
                .boxed(),
        ),
        (
            6,
            (who(), some_rooms, seq.clone())
                .prop_map(|(who, rooms, head)| Call::Subscribe(who, rooms, head))
                .boxed(),
        ),
        (
            3,
            (usual.clone(), rooms.clone())
                .prop_map(|(of, from)| Call::Unsubscribe(of, from))
                .boxed(),
        ),
        (
            3,
            (users.clone(), rooms.clone())
                .prop_map(|(of, from)| Call::Evict(of, from))
                .boxed(),
        ),
        (2, usual.prop_map(Call::Remove).boxed()),
        (1, users.prop_map(Call::ConnectionsOf).boxed()),
        (
            4,
            (shard(), any::<bool>())
                .prop_map(|((of, index), asks)| Call::Subscribers(of, index, asks))
                .boxed(),
        ),
        (
            1,
            (rooms.clone(), seq.clone())
                .prop_map(|(of, seq)| Call::RaiseHead(of, seq))
                .boxed(),
        ),
        (1, rooms.clone().prop_map(Call::Head).boxed()),
        (
            2,
            (shard(), holder.clone())
                .prop_map(|((of, index), holder)| Call::Claim(of, index, holder))
                .boxed(),
        ),
        (
            3,
            (shard(), seq.clone(), holder.clone(), any::<bool>())
                .prop_map(|((of, index), seq, holder, asks)| {
                    Call::Begin(of, index, seq, holder, asks)
                })
                .boxed(),
        ),
        (
            1,
            (shard(), holder.clone(), seq.clone())
                .prop_map(|((of, index), holder, seq)| Call::Advance(of, index, holder, seq))
                .boxed(),
        ),
        (
            2,
            (shard(), holder, seq.clone())
                .prop_map(|((of, index), holder, seq)| Call::Release(of, index, holder, seq))
                .boxed(),
        ),
        (
            1,
            (rooms, option::of(seq.clone()), seq)
                .prop_map(|(of, head, cursor)| Call::Forget(of, head, cursor))
                .boxed(),
        ),
        (
            1,
            shard()
                .prop_map(|(of, index)| Call::Progress(of, index))
                .boxed(),
        ),
    ];
    Union::new_weighted(calls)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let after = Union::new_weighted(vec![
        // Mostly within a lease, so that what one call did is there for the next.
        (40, Just(0).boxed()),
        (40, (1..1_500_i64).boxed()),
        (5, (1_500..30_000_i64).boxed()),
        (1, (HOUR..30 * HOUR).boxed()),
    ]);
    let step = (after, call()).prop_map(|(after, call)| Step { after, call });
    let crowd = vec(
        (0..CONNECTIONS.len(), option::of(0..CLIENTS.len())),
        0..CONNECTIONS.len(),
    );
    // Now and then many connections of one user, heard of one after the other.
    let crowd = Union::new_weighted(vec![(4, Just(Vec::new()).boxed()), (1, crowd.boxed())]);
    (vec(step, 1..50), crowd).prop_map(|(steps, crowd)| {
        let hellos = crowd.into_iter().map(|(connection, client)| {
            let who = Who {
                connection,
                client,
                lease: 60_000,
            };
            Step {
                after: 1,
                call: Call::Hello(who, SessionPolicy::Multi),
            }
        });
        hellos.chain(steps).collect()
    })
}

/// Where the answers of a store and of the reference part, if they do.
async fn differs(store: &dyn Registry, steps: &[Step]) -> Option<String> {
    let reference = MemoryRegistry::default();
    let (mut kept, mut kept_by_reference) = (Kept::default(), Kept::default());
    let removes = steps
        .iter()
        .any(|step| matches!(step.call, Call::Remove(_)));
    let mut now = NOW;
    let looks = Call::all_looks().into_iter();
    let looks = looks.map(|call| Step { after: 0, call });
    for (number, step) in steps.iter().cloned().chain(looks).enumerate() {
        now += step.after;
        if removes {
            now = now.min(NOW + TOMBSTONE);
        }
        let expected = step
            .call
            .answer(&reference, &mut kept_by_reference, now)
            .await;
        let found = step.call.answer(store, &mut kept, now).await;
        if found != expected {
            return Some(format!(
                "{number}: {:?} at {} answers\n{found}\nand the reference\n{expected}",
                step.call,
                now - NOW,
            ));
        }
    }
    None
}

fn check(cases: u32, open: impl Fn() -> Arc<dyn Registry>) {
    compare(cases, &steps(), &async |steps: &[Step]| {
        differs(&*open(), steps).await
    });
}

#[test]
fn a_registry_in_a_file_answers_as_the_reference_does() {
    let folder = tempfile::tempdir().unwrap();
    check(48, || {
        let name = folder.path().join(unique_name());
        std::fs::create_dir(&name).unwrap();
        let url = format!("sqlite:{}", name.join("log.db").display());
        open_registry(None, &url).unwrap()
    });
}

#[test]
fn a_registry_on_redis_answers_as_the_reference_does() {
    let server = Redis::start();
    check(96, || {
        open_registry(Some(&server.url(&unique_name())), "sqlite:/none").unwrap()
    });
}

#[test]
fn a_registry_on_a_cluster_answers_as_the_reference_does() {
    let cluster = RedisCluster::start();
    check(32, || {
        open_registry(Some(&cluster.url(&unique_name())), "sqlite:/none").unwrap()
    });
}
