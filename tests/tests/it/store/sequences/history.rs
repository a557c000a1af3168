//! Histories: the file and MariaDB, against the reference.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering;

use gatepost_protocol::Millis;
use gatepost_protocol::Role;
use gatepost_protocol::Seq;
use gatepost_store::History;
use gatepost_store::Migrate;
use gatepost_store::Range;
use gatepost_store::Standing;
use gatepost_store::memory::MemoryHistory;
use gatepost_store::memory::Straight;
use gatepost_store::migrate;
use gatepost_store::open_history;
use gatepost_tests::servers::MariaDb;
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
use sqlx::Connection;
use sqlx::Executor;

use super::compare;
use super::history_call::Call;
use super::history_call::DIRECT;
use super::history_call::Key;
use super::history_call::Number;
use super::history_call::Seen;
use super::history_call::USERS;
use super::history_call::What;

/// Far before and far after the log's clock.
pub(super) const PAST: Millis = 1_600_000_000_000;

pub(super) const FUTURE: Millis = 4_000_000_000_000;

/// When the reference's log begins.
const BEGINS: Millis = 1_700_000_000_000;

fn weighted<T: std::fmt::Debug + Clone + 'static>(
    all: &[(u32, T)],
) -> impl Strategy<Value = T> + use<T> {
    let all = all.iter().cloned();
    Union::new_weighted(all.map(|(weight, one)| (weight, Just(one))).collect())
}

fn key() -> impl Strategy<Value = Key> {
    let number = weighted(&[
        (6, Number::Next),
        (2, Number::Again),
        (1, Number::Early),
        (1, Number::First),
    ]);
    let numbered = (0..2_usize, number).prop_map(|(client, number)| Key::Numbered(client, number));
    let message = (0..6_u8).prop_map(Key::Message);
    Union::new_weighted(vec![(3, numbered.boxed()), (2, message.boxed())])
}

fn what() -> impl Strategy<Value = What> {
    let target = || 0..6 as Seq;
    let all: Vec<(u32, BoxedStrategy<What>)> = vec![
        (5, (0..3_u8).prop_map(What::Message).boxed()),
        (
            2,
            (target(), 0..2_u8)
                .prop_map(|(target, text)| What::Edit(target, text))
                .boxed(),
        ),
        (2, target().prop_map(What::Delete).boxed()),
        (
            1,
            (target(), any::<bool>())
                .prop_map(|(target, on)| What::Reaction(target, on))
                .boxed(),
        ),
    ];
    Union::new_weighted(all)
}

fn standing() -> impl Strategy<Value = Standing> {
    weighted(&[
        (3, Standing::Member(Role::Member)),
        (1, Standing::Member(Role::Moderator)),
        (1, Standing::Member(Role::Owner)),
        (2, Standing::NotMember),
        (2, Standing::Banned(None)),
        (1, Standing::Banned(Some(FUTURE))),
        (1, Standing::Banned(Some(PAST))),
        (2, Standing::Unbanned),
        (1, Standing::Muted(FUTURE)),
        (1, Standing::Muted(PAST)),
        (1, Standing::Unmuted),
    ])
}

fn range() -> impl Strategy<Value = Range> {
    let all = vec![
        (0..6 as Seq).prop_map(Range::After).boxed(),
        (0..8 as Seq).prop_map(Range::Before).boxed(),
        Just(Range::Newest).boxed(),
    ];
    Union::new(all)
}

fn call() -> impl Strategy<Value = Call> {
    let (rooms, users) = (0..=DIRECT, 0..USERS.len());
    let role = select(vec![None, Some(Role::Moderator), Some(Role::Owner)]);
    let some_rooms = subsequence((0..=DIRECT).collect::<Vec<_>>(), 0..=DIRECT + 1);
    let calls: Vec<(u32, BoxedStrategy<Call>)> = vec![
        (
            1,
            (0..DIRECT, option::of(users.clone()))
                .prop_map(|(room, owner)| Call::Create(room, owner))
                .boxed(),
        ),
        (1, Just(Call::CreateDirect).boxed()),
        (
            16,
            (
                rooms.clone(),
                users.clone(),
                key(),
                what(),
                select(vec![false, false, true]),
            )
                .prop_map(|(to, from, key, what, moderates)| {
                    Call::Append(to, from, key, what, moderates)
                })
                .boxed(),
        ),
        (
            2,
            (some_rooms, users.clone())
                .prop_map(|(rooms, of)| Call::Rooms(rooms, of))
                .boxed(),
        ),
        (
            3,
            (rooms.clone(), range(), 0..4_u32)
                .prop_map(|(of, range, limit)| Call::Entries(of, range, limit))
                .boxed(),
        ),
        (
            1,
            (users.clone(), option::of(rooms.clone()), 0..3_u32)
                .prop_map(|(of, after, limit)| Call::Memberships(of, after, limit))
                .boxed(),
        ),
        (
            3,
            (rooms.clone(), users.clone(), standing())
                // A direct room has no third.
                .prop_map(|(room, of, standing)| {
                    let of = if room == DIRECT { of % 2 } else { of };
                    Call::SetStanding(room, of, standing)
                })
                .boxed(),
        ),
        (
            4,
            (
                rooms.clone(),
                users.clone(),
                users.clone(),
                role,
                standing(),
            )
                .prop_map(|(room, by, of, role, standing)| {
                    Call::Moderate(room, by, of, role, standing)
                })
                .boxed(),
        ),
        (
            2,
            (rooms.clone(), users, 0..8 as Seq)
                .prop_map(|(room, of, seq)| Call::MarkRead(room, of, seq))
                .boxed(),
        ),
        (
            1,
            (rooms, 0..4 as Seq)
                .prop_map(|(room, lost)| Call::RenewEpoch(room, lost))
                .boxed(),
        ),
        (1, Just(Call::RecentRooms).boxed()),
        (
            1,
            (any::<bool>(), 1..4_u32)
                .prop_map(|(all, limit)| Call::Purge(all, limit))
                .boxed(),
        ),
    ];
    Union::new_weighted(calls)
}

/// Most rooms are there from the beginning.
fn calls() -> impl Strategy<Value = Vec<Call>> {
    let rooms = vec![
        Call::Create(0, None),
        Call::Create(1, Some(0)),
        Call::Create(2, Some(1)),
        Call::CreateDirect,
    ];
    let made = subsequence(rooms, 2..=4);
    (made, vec(call(), 1..60)).prop_map(|(made, calls)| made.into_iter().chain(calls).collect())
}

/// Where the answers of a store and of the reference part, if they do.
async fn differs(store: &dyn History, calls: &[Call]) -> Option<String> {
    let time = AtomicI64::new(BEGINS);
    let clock = move || time.fetch_add(1, Ordering::SeqCst);
    let reference = MemoryHistory::new(Arc::new(clock), Arc::new(Straight));
    let (mut seen, mut seen_by_reference) = (Seen::default(), Seen::default());
    let looks = Call::all_looks();
    for (number, call) in calls.iter().chain(&looks).enumerate() {
        let expected = call.answer(&reference, &mut seen_by_reference).await;
        let found = call.answer(store, &mut seen).await;
        if found != expected {
            return Some(format!(
                "{number}: {call:?} answers\n{found}\nand the reference\n{expected}",
            ));
        }
    }
    None
}

#[test]
fn a_history_in_a_file_answers_as_the_reference_does() {
    let folder = tempfile::tempdir().unwrap();
    compare(48, &calls(), &async |calls: &[Call]| {
        let name = folder.path().join(unique_name());
        let url = format!("sqlite:{}.db", name.display());
        let history = open_history(&url, Migrate::Auto).unwrap();
        differs(&*history, calls).await
    });
}

#[test]
fn a_history_on_mariadb_answers_as_the_reference_does() {
    let server = MariaDb::start();
    let url = tokio::runtime::Runtime::new().unwrap().block_on(async {
        let url = server.database().await;
        migrate(&url).await.unwrap();
        url
    });
    compare(48, &calls(), &async |calls: &[Call]| {
        empty(&url).await;
        let history = open_history(&url, Migrate::Off).unwrap();
        differs(&*history, calls).await
    });
}

/// Faster than another database.
async fn empty(url: &str) {
    let mut connection = sqlx::MySqlConnection::connect(url).await.unwrap();
    let tables = "room message producer membership ban session audit";
    for table in tables.split(' ') {
        let sql = format!("delete from {table}");
        connection.execute(sqlx::AssertSqlSafe(sql)).await.unwrap();
    }
    connection.close().await.unwrap();
}
