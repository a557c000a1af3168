//! A model of the registry's race, checked over all interleavings: what `$connect`, `hello`,
//! `$disconnect` (late, twice or never), a 410 and another connection of the same user do to the keys
//! of one user in one room, script by script, with a worker that dies anywhere.
//!
//! | step | stands for |
//! |---|---|
//! | [`Step::Connect`] | `write_connection.lua`, as [`Registry::connect`](crate::Registry::connect) calls it |
//! | [`Step::Write`] to [`Step::LookAgain`] | [`Registry::hello`](crate::Registry::hello): `write_connection.lua`, `greet.lua`, `HEXISTS x` |
//! | [`Step::WriteRoom`] to [`Step::LookOnceMore`] | [`Registry::subscribe`](crate::Registry::subscribe): `write_connection.lua`, `renew.lua`, `subscribe.lua`, `HEXISTS x` |
//! | [`Step::TakeBackList`], [`Step::TakeBackPlace`] | [`RedisRegistry::take_back`](super::call::RedisRegistry::take_back): `unsubscribe.lua`, `leave.lua` |
//! | [`Step::Close`] to [`Step::Forget`] | [`Registry::remove`](crate::Registry::remove): `close_connection.lua`, `unsubscribe.lua`, `leave.lua`, `forget_connection.lua` |
//! | [`Step::Post`] | a post to a connection that [`Registry::subscribers`](crate::Registry::subscribers) listed a while ago |

use stateright::Checker;
use stateright::Model;
use stateright::Property;

/// Connections of the one user: one that everything happens to, and its successor, which is only
/// made and greeted.
const CONNECTIONS: usize = 2;

/// The one that everything happens to.
const FIRST: usize = 0;

/// Removals of it that begin: for `$disconnect`, once or twice, or for a 410.
const REMOVALS: u8 = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
enum Socket {
    #[default]
    Never,
    /// Its `$connect` is under way, or was answered.
    Opening,
    Open,
    Closed,
}

/// A connection: the world's truth, then what the keys hold of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
struct Connection {
    socket: Socket,
    /// Its client said hello.
    greeted: bool,
    /// Its client was told that it is in.
    told: bool,
    /// Removals and posts that began.
    removals: u8,
    /// A removal ran to its end.
    removed: bool,
    /// `gp:c`: what is known of it, and its room.
    record: Option<bool>,
    /// `gp:c`, field `x`: its tombstone.
    closed: bool,
    /// `gp:u`, field `c:`.
    placed: bool,
    /// `gp:m`.
    listed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Step {
    Connect,
    Write,
    Greet,
    LookAgain,
    WriteRoom,
    /// With whether the record was written.
    Renew(bool),
    List,
    LookOnceMore,
    TakeBackList,
    TakeBackPlace,
    Post,
    Close,
    /// With whether the connection is the one to remove, by the wrong way's own reading.
    Unlist(bool),
    Leave(bool),
    Forget,
}

/// A worker about to make a step for a connection.
type Worker = (usize, Step);

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
struct State {
    connections: [Connection; CONNECTIONS],
    /// In order, so that states that differ in nothing else are one.
    workers: Vec<Worker>,
    /// The connection that came last, for the wrong ways that ask.
    newest: Option<usize>,
    dead: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Event {
    Opens(usize),
    Establishes(usize),
    SaysHello(usize),
    Goes,
    /// A `$disconnect` is delivered: maybe never, maybe twice.
    Disconnects,
    IsPostedTo,
    Steps(Worker),
    Dies(Worker),
}

/// As it is built, and ways that are known to be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    AsBuilt,
    /// Removing a connection clears its user's entry.
    DeleteByUser,
    /// The same, if reading it before found this connection there.
    ReadThenDelete,
    /// `$connect` makes a post target, and nothing says hello: a 410 before the connection is
    /// established takes it away for good.
    ReapYoung,
    /// What was added is not taken back where a removal came between.
    LookOnce,
}

impl Model for Way {
    type State = State;
    type Action = Event;

    fn init_states(&self) -> Vec<State> {
        vec![State::default()]
    }

    fn actions(&self, state: &State, events: &mut Vec<Event>) {
        for (id, connection) in state.connections.iter().enumerate() {
            let connects = state.workers.contains(&(id, Step::Connect));
            match connection.socket {
                Socket::Never => events.push(Event::Opens(id)),
                Socket::Opening if !connects => events.push(Event::Establishes(id)),
                Socket::Open if !connection.greeted => events.push(Event::SaysHello(id)),
                Socket::Opening | Socket::Open | Socket::Closed => {}
            }
        }
        let first = &state.connections[FIRST];
        if matches!(first.socket, Socket::Opening | Socket::Open) {
            events.push(Event::Goes);
        }
        if first.removals < REMOVALS {
            if first.socket == Socket::Closed {
                events.push(Event::Disconnects);
            }
            if first.listed {
                events.push(Event::IsPostedTo);
            }
        }
        for worker in &state.workers {
            events.push(Event::Steps(*worker));
            // A `$connect` that dies is a handshake that failed; one death at most keeps it small.
            if state.dead == 0 && worker.0 == FIRST && worker.1 != Step::Connect {
                events.push(Event::Dies(*worker));
            }
        }
    }

    fn next_state(&self, last: &State, event: Event) -> Option<State> {
        let mut state = last.clone();
        match event {
            Event::Opens(id) => {
                state.connections[id].socket = Socket::Opening;
                state.start(id, Step::Connect);
            }
            Event::Establishes(id) => {
                state.connections[id].socket = Socket::Open;
                state.connections[id].told = *self == Self::ReapYoung;
                state.connections[id].greeted = *self == Self::ReapYoung;
            }
            Event::SaysHello(id) => {
                state.connections[id].greeted = true;
                state.start(id, Step::Write);
            }
            Event::Goes => state.connections[FIRST].socket = Socket::Closed,
            Event::Disconnects => {
                state.connections[FIRST].removals += 1;
                state.start(FIRST, Step::Close);
            }
            Event::IsPostedTo => {
                state.connections[FIRST].removals += 1;
                state.start(FIRST, Step::Post);
            }
            Event::Dies(worker) => {
                state.end(worker);
                state.dead += 1;
            }
            Event::Steps((id, step)) => {
                state.end((id, step));
                if let Some(next) = state.step(*self, id, step) {
                    state.start(id, next);
                }
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(
                "whoever was told that it is in hears",
                |_, state: &State| {
                    let mut all = state.connections.iter();
                    all.all(|one| {
                        one.socket != Socket::Open || !one.told || (one.listed && one.placed)
                    })
                },
            ),
            Property::always(LEFT, |_, state: &State| {
                let mut all = state.connections.iter().enumerate();
                // What a worker that died leaves behind ends with its lease.
                state.dead > 0
                    || all.all(|(id, one)| {
                        let at_work = state.workers.iter().any(|(of, _)| *of == id);
                        !one.removed || at_work || !(one.listed || one.placed)
                    })
            }),
            Property::sometimes(REACHED, |_, state: &State| {
                state.connections.iter().all(|one| one.told && one.listed)
            }),
        ]
    }
}

const DEAF: &str = "whoever was told that it is in hears";
const LEFT: &str = "nothing is left of what was removed";
const REACHED: &str = "all are in";

impl State {
    fn start(&mut self, id: usize, step: Step) {
        self.workers.push((id, step));
        self.workers.sort_unstable();
    }

    fn end(&mut self, worker: Worker) {
        let at = self.workers.iter().position(|one| *one == worker);
        self.workers
            .remove(at.expect("only a worker that is there steps or dies"));
    }

    /// One script. Answers the worker's next.
    fn step(&mut self, way: Way, id: usize, step: Step) -> Option<Step> {
        let newest = self.newest;
        let one = &mut self.connections[id];
        match step {
            Step::Connect => {
                if !one.closed {
                    one.record = Some(way == Way::ReapYoung);
                    one.placed |= way == Way::ReapYoung;
                    one.listed |= way == Way::ReapYoung;
                }
                None
            }
            Step::Write => {
                if one.closed {
                    return None;
                }
                one.record.get_or_insert(false);
                Some(Step::Greet)
            }
            Step::Greet => {
                one.placed = true;
                self.newest = Some(id);
                Some(Step::LookAgain)
            }
            Step::LookAgain if one.closed => Some(Step::TakeBackPlace),
            Step::LookAgain => Some(Step::WriteRoom),
            Step::WriteRoom => {
                if !one.closed {
                    one.record = Some(true);
                }
                Some(Step::Renew(!one.closed))
            }
            Step::Renew(written) => {
                one.placed = true;
                Some(if written {
                    Step::List
                } else {
                    Step::TakeBackList
                })
            }
            Step::List => {
                one.listed = true;
                Some(Step::LookOnceMore)
            }
            Step::LookOnceMore if one.closed && way != Way::LookOnce => Some(Step::TakeBackList),
            Step::LookOnceMore => {
                one.told = true;
                None
            }
            Step::TakeBackList => {
                one.listed = false;
                Some(Step::TakeBackPlace)
            }
            Step::TakeBackPlace => {
                one.placed = false;
                None
            }
            Step::Post => (one.socket != Socket::Open).then_some(Step::Close),
            Step::Close => {
                one.closed = true;
                if one.record.is_none() {
                    one.removed = true;
                    return None;
                }
                let is_mine = way != Way::ReadThenDelete || newest == Some(id);
                Some(match one.record {
                    Some(true) => Step::Unlist(is_mine),
                    _ => Step::Leave(is_mine),
                })
            }
            Step::Unlist(is_mine) => {
                match way {
                    Way::DeleteByUser | Way::ReadThenDelete => {
                        let all = self.connections.iter_mut();
                        all.for_each(|one| one.listed &= !is_mine);
                    }
                    Way::AsBuilt | Way::ReapYoung | Way::LookOnce => one.listed = false,
                }
                Some(Step::Leave(is_mine))
            }
            Step::Leave(is_mine) => {
                match way {
                    Way::DeleteByUser | Way::ReadThenDelete => {
                        let all = self.connections.iter_mut();
                        all.for_each(|one| one.placed &= !is_mine);
                    }
                    Way::AsBuilt | Way::ReapYoung | Way::LookOnce => one.placed = false,
                }
                Some(Step::Forget)
            }
            Step::Forget => {
                // The record stays, so that another removal finds what a late worker left.
                one.removed = true;
                None
            }
        }
    }
}

/// The properties that do not hold.
fn broken(way: Way) -> Vec<&'static str> {
    let checker = way.checker().spawn_bfs().join();
    println!("{way:?}: {} states", checker.unique_state_count());
    let found = checker.discoveries().into_keys();
    found.filter(|name| *name != REACHED).collect()
}

#[test]
fn removal_by_connection_id_is_clean_in_every_interleaving() {
    assert_eq!(broken(Way::AsBuilt), [""; 0]);
}

#[test]
fn what_is_known_to_be_wrong_is_found() {
    for (way, expected) in [
        (Way::DeleteByUser, DEAF),
        (Way::ReadThenDelete, DEAF),
        (Way::ReapYoung, DEAF),
        (Way::LookOnce, LEFT),
    ] {
        let broken = broken(way);
        assert!(broken.contains(&expected), "{way:?}: {broken:?}");
    }
}
