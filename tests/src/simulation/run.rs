//! A run: its people, its faults, its end and the judgement.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use gatepost_chat::RoomPolicy;
use gatepost_chat::Sessions;
use gatepost_chat::Settings;
use gatepost_protocol::RoomName;
use gatepost_protocol::UserId;
use gatepost_store::Rates;
use gatepost_store::memory::MemoryHistory;
use gatepost_store::memory::MemoryRegistry;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio::time::sleep_until;

use super::Simulated;
use super::chance::Chance;
use super::client::Client;
use super::client::Deed;
use super::gateway::Gateway;
use super::lambda::Lambda;
use super::trace::Trace;
use super::weather::Road;
use super::weather::Thing;
use super::weather::Weather;
use crate::checker;
use crate::checker::Event;
use crate::checker::Recorder;

/// How long after the last fault everybody must have everything, and the registry nobody who is gone:
/// a lease of 140 s after a frame that was 20 s late, and one ping more.
const SETTLE: Duration = Duration::from_secs(200);

const PING_SECONDS: u32 = 10;

/// Runs a seed to its end, with a trace if it is wanted.
///
/// # Panics
/// If a runtime cannot be made.
#[must_use]
pub fn simulate(seed: u64, traced: bool) -> Simulated {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime of one thread needs nothing");
    runtime.block_on(run(seed, traced))
}

async fn run(seed: u64, traced: bool) -> Simulated {
    let chance = Chance::new(seed);
    let trace = Trace::new(traced);
    let recorder = Recorder::new();
    let clears_at = Instant::now() + chance.ms(10_000..=40_000);
    let weather = Arc::new(Weather::new(chance.clone(), trace.clone(), clears_at));
    let road = |to| {
        Arc::new(Road {
            to,
            weather: Arc::clone(&weather),
        })
    };
    let clock = trace.clone();
    let registry = Arc::new(MemoryRegistry::new(road(Thing::Redis)));
    let history = MemoryHistory::new(Arc::new(move || clock.millis()), road(Thing::Mysql));
    let history = Arc::new(history);
    let gateway = Gateway::new(Arc::clone(&weather));
    let lambda = Lambda::new(
        Arc::clone(&weather),
        Arc::clone(&gateway),
        Arc::clone(&registry),
        Arc::clone(&history),
        settings(),
    );
    let mut tasks: Vec<JoinHandle<()>> = vec![tokio::spawn(Arc::clone(&lambda).sweep())];
    for device in 0..chance.of(2..=4) {
        // The third is a second device of the first user.
        let user: UserId = ["ann", "bob", "ann", "cy", "dee"][usize::try_from(device).unwrap_or(0)]
            .parse()
            .expect("an id");
        let (gateway, weather) = (Arc::clone(&gateway), Arc::clone(&weather));
        let recorder = recorder.clone();
        tasks.push(tokio::spawn(person(
            device, user, gateway, weather, recorder,
        )));
    }
    weather.storm(&registry, &recorder).await;
    recorder.note(Event::Healed {
        what: String::from("everything"),
    });
    trace.say(|| String::from("the weather clears"));
    sleep_until(clears_at + SETTLE).await;
    let mut stopped = None;
    for task in tasks {
        task.abort();
        // Only who was stopped before has something to say.
        if let Err(error) = task.await
            && let Ok(panic) = error.try_into_panic()
        {
            stopped = Some(said(&*panic));
        }
    }
    recorder.note(Event::Settled);
    write_down(&history, &registry, trace.millis(), &recorder);
    let records = recorder.records();
    let report = checker::check(&records);
    Simulated {
        trace: trace.take(),
        records,
        report,
        stopped,
    }
}

/// What a client said when it met what no client may.
fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default()
}

fn settings() -> Settings {
    Settings {
        sessions: Sessions::Multi,
        rooms: RoomPolicy::Open,
        rates: Rates {
            per_user: 20,
            per_room: 200,
        },
        ping_seconds: PING_SECONDS,
        guests: true,
        seed_room: room(0),
        declared: std::collections::BTreeMap::new(),
    }
}

fn room(number: u64) -> RoomName {
    ["lobby", "attic"][usize::from(number % 2 == 1)]
        .parse()
        .expect("a name")
}

/// Everything that one device does, page after page.
async fn person(
    device: u64,
    user: UserId,
    gateway: Arc<Gateway>,
    weather: Arc<Weather>,
    recorder: Recorder,
) {
    let mut deeds = plan(&weather);
    let mut rooms = vec![room(0)];
    for page in 1.. {
        let name = format!("{user}-{device}_{page}");
        let mut client = Client::new(&name, &user, &gateway, &weather, &recorder, deeds);
        client.want(rooms);
        let reloaded = client.live().await;
        (deeds, rooms) = (reloaded.deeds, reloaded.rooms);
    }
}

fn plan(weather: &Weather) -> VecDeque<(Instant, Deed)> {
    let chance = &weather.chance;
    let now = Instant::now();
    let left = weather.clears_at.saturating_duration_since(now);
    let most = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
    let mut deeds: Vec<_> = (0..chance.of(4..=14))
        .map(|_| {
            let deed = match chance.of(0..=19) {
                0 | 1 => Deed::Join(room(1)),
                2 => Deed::Leave(room(chance.of(0..=1))),
                3 => Deed::Join(room(0)),
                4 | 5 => Deed::LoseConnection,
                6 => Deed::Reload,
                7 | 8 => Deed::Send(room(1)),
                _ => Deed::Send(room(0)),
            };
            (now + chance.ms(0..=most), deed)
        })
        .collect();
    deeds.sort_by_key(|(at, _)| *at);
    deeds.into()
}

/// What the stores hold at the end.
fn write_down(
    history: &MemoryHistory,
    registry: &MemoryRegistry,
    now: gatepost_protocol::Millis,
    recorder: &Recorder,
) {
    for (name, log) in &history.state().rooms {
        let room = name.to_string();
        recorder.note(Event::Log {
            room: room.clone(),
            epoch: log.epoch,
            head: log.head,
            floor: log.floor,
        });
        for stored in log.entries.values() {
            let entry = &stored.entry;
            recorder.note(Event::Row {
                room: room.clone(),
                seq: entry.seq,
                from: entry.from.id.to_string(),
                client: entry.client.as_ref().map(ToString::to_string),
                n: entry.n,
                digest: checker::digest(&entry.content),
            });
        }
        let state = registry.state();
        let shards = state.shards.iter().filter(|(shard, _)| shard.room == *name);
        let listed = shards.flat_map(|(_, shard)| shard.list.values());
        let users = listed
            .filter(|listed| listed.lease > now)
            .map(|listed| listed.subscriber.user.to_string())
            .collect();
        recorder.note(Event::Registry { room, users });
    }
}
