//! A run: its people, its faults, its end and the judgement.

use std::sync::Arc;
use std::time::Duration;

use gatepost_protocol::Content;
use gatepost_protocol::Millis;
use gatepost_store::History;
use gatepost_store::Registry;
use gatepost_store::memory::MemoryHistory;
use gatepost_store::memory::MemoryRegistry;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio::time::sleep_until;

use super::Simulated;
use super::chance::Chance;
use super::gateway::Gateway;
use super::lambda::Lambda;
use super::person;
use super::trace::Trace;
use super::weather::Road;
use super::weather::Thing;
use super::weather::Weather;
use super::world::World;
use super::world::den;
use crate::checker;
use crate::checker::Event;
use crate::checker::Recorder;
use crate::ending::Stores;
use crate::mutants::Mutant;
use crate::mutants::history::WrongHistory;
use crate::mutants::registry::WrongRegistry;

/// How long after the last fault everybody must have everything, and the registry nobody who is gone:
/// a lease of 140 s after a frame that was 20 s late, and one ping more.
const SETTLE: Duration = Duration::from_secs(200);

/// Runs a seed to its end, with a trace if it is wanted.
///
/// # Panics
/// If a runtime cannot be made.
#[must_use]
pub fn simulate(seed: u64, traced: bool) -> Simulated {
    simulate_with(seed, traced, None)
}

/// The same, with a mistake.
///
/// # Panics
/// If a runtime cannot be made.
#[must_use]
pub fn simulate_with(seed: u64, traced: bool, mutant: Option<Mutant>) -> Simulated {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime of one thread needs nothing");
    runtime.block_on(run(seed, traced, mutant))
}

async fn run(seed: u64, traced: bool, mutant: Option<Mutant>) -> Simulated {
    let chance = Chance::new(seed);
    let trace = Trace::new(traced);
    let recorder = Recorder::new();
    let world = World::draw(&chance);
    let clears_at = Instant::now() + world.foul;
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
        stores(&registry, &history, mutant),
        world.settings(),
    );
    let mut tasks: Vec<JoinHandle<()>> = vec![tokio::spawn(Arc::clone(&lambda).sweep())];
    for device in 0..world.devices {
        let (gateway, weather) = (Arc::clone(&gateway), Arc::clone(&weather));
        let (world, recorder) = (world.clone(), recorder.clone());
        let life = person::live(device, world, mutant, gateway, weather, recorder);
        tasks.push(tokio::spawn(life));
    }
    weather.storm(&world, &registry, &history, &recorder).await;
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

/// The stores, with a mistake.
fn stores(
    registry: &Arc<MemoryRegistry>,
    history: &Arc<MemoryHistory>,
    mutant: Option<Mutant>,
) -> Stores {
    let registry: Arc<dyn Registry> = Arc::clone(registry) as _;
    let history: Arc<dyn History> = Arc::clone(history) as _;
    match mutant {
        None => Stores { history, registry },
        Some(mutant) => Stores {
            history: Arc::new(WrongHistory::new(history, mutant)),
            registry: Arc::new(WrongRegistry::new(registry, mutant, den())),
        },
    }
}

/// What a client said when it met what no client may.
fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default()
}

/// What the stores hold at the end.
fn write_down(
    history: &MemoryHistory,
    registry: &MemoryRegistry,
    now: Millis,
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
            if let Content::Delete { target } = entry.content {
                let edits = log.entries.values().filter(|other| {
                    matches!(other.entry.content, Content::Edit { target: of, .. } if of == target)
                });
                let edits = edits.map(|edit| edit.entry.seq);
                for seq in edits.chain([target]).filter(|seq| *seq < entry.seq) {
                    let room = room.clone();
                    recorder.note(Event::Retracted { room, seq });
                }
            }
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
