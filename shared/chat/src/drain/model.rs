//! A model of join against append against drain, checked over all interleavings: two appends, a
//! joiner and the sweep on one shard, a worker that dies at any step and one that is slower than its
//! lease; and three appends where nobody dies or is slow.
//!
//! | step | stands for |
//! |---|---|
//! | [`Step::Commit`] | `gatepost_append` |
//! | [`Step::Raise`] | `raise_head.lua`, which answers the head |
//! | [`Step::Claim`] | `claim.lua`; a mark that it takes away makes the head it knows worthless |
//! | [`Step::Stamp`] | `stamp.lua` in [`Registry::begin`](gatepost_store::Registry::begin): the list that the worker kept holds for the head it knows |
//! | [`Step::Head`], [`Step::Entries`], [`Step::List`], [`Step::Post`] | a turn of [`Chat::turns`](crate::Chat): the registry's head, [`Range::After`](gatepost_store::Range) the cursor, `stamp.lua` with the list, the posts |
//! | [`Step::Advance`] | `advance.lua` |
//! | [`Step::Release`] | `release.lua` |
//! | [`Step::LookAtLog`], [`Step::LookAtShard`] | the sweep: `recent_rooms`, then `progress` |
//! | [`Joining::Room`], [`Joining::Subscribe`], [`Joining::Head`] | `join`: the room with its head, `subscribe.lua`, the log's newest entry |
//! | [`Joining::Room`], [`Joining::Subscribe`], [`Joining::Look`] | `hello`: the log up to its head, `subscribe.lua`, the registry's head; then [`Joining::Head`] if that is higher or not known |
//! | [`Event::Expires`] | a lease runs out: `claim.lua` compares its end with now |

use stateright::Checker;
use stateright::Model;
use stateright::Property;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Step {
    Commit,
    Raise,
    Claim,
    Stamp,
    Head,
    Entries,
    List,
    Post,
    Advance,
    Release,
    /// The wrong way's second half of a release.
    Free,
    LookAtLog,
    LookAtShard,
}

/// A worker and what it has in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Worker {
    /// 0 for the sweep, else the number of the appender. Also its name as a holder.
    name: u8,
    step: Step,
    /// The entry it appended, or the head it saw as the sweep.
    own: u8,
    cursor: u8,
    head: u8,
    /// Whether that is what it was told when it raised the head, good for the first turn.
    knows_head: bool,
    /// The last entry it read.
    last: u8,
    /// Whether the joiner is on the list it read.
    on_list: bool,
    /// Whether that list is the one it kept, and still good for that head.
    keeps_list: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Joining {
    Room,
    /// With the head of the room as it was read.
    Subscribe(u8),
    /// With the head up to which it has the log.
    Look(u8),
    Head,
    /// With the head it was told.
    Done(u8),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    /// The log: entries 1 to this.
    log: u8,
    /// `gp:r`.
    head: u8,
    /// `gp:f`, field `p`.
    cursor: Option<u8>,
    /// `gp:f`, field `h`.
    holder: Option<u8>,
    /// `gp:f`, field `e`, is not after now.
    expired: bool,
    /// `gp:f`, field `d`.
    dirty: bool,
    /// `gp:m` has the joiner.
    listed: bool,
    workers: Vec<Worker>,
    joining: Joining,
    /// The head that the joiner had read when it subscribed: it drops what it is posted of before.
    joined_at: u8,
    /// What the joiner was posted, a bit an entry.
    received: u8,
    /// The last entry it was posted, and whether each came right after the one before.
    last: u8,
    in_order: bool,
    appended: u8,
    died: bool,
    was_slow: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Event {
    Appends,
    Sweeps,
    Joins,
    Steps(Worker),
    Dies(Worker),
    Expires,
}

/// As it is built, and ways that are known to be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    AsBuilt,
    /// As it is built, the joiner coming back with `hello`.
    Hello,
    /// The same, and turns post all that is in the log, also what the registry was not told of.
    HelloBeyondTheHead,
    /// The list that held at the claim serves a head that is read afterwards.
    KeptListThenHead,
    /// A joiner reads the head it is told before it subscribes.
    HeadThenSubscribe,
    /// The cursor is raised to the head, not to the last entry that was read.
    CursorIsHead,
    /// Subscribing gives the shard no cursor.
    NoCursor,
    /// A claim that finds a holder leaves no mark.
    NoMark,
    /// The mark is looked at, and then, in another script, the lease given back.
    LookThenFree,
}

/// A way, with how many entries a turn has: fewer than may be waiting, or as many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fanout {
    way: Way,
    turn: u8,
    /// Entries that will be appended. Where there are more than two, nobody dies or is slow.
    appends: u8,
}

impl Fanout {
    fn is_calm(self) -> bool {
        self.appends > 2
    }
}

impl Model for Fanout {
    type State = State;
    type Action = Event;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            log: 0,
            head: 0,
            cursor: None,
            holder: None,
            expired: false,
            dirty: false,
            listed: false,
            workers: Vec::new(),
            joining: Joining::Room,
            joined_at: 0,
            received: 0,
            last: 0,
            in_order: true,
            appended: 0,
            died: false,
            was_slow: false,
        }]
    }

    fn actions(&self, state: &State, events: &mut Vec<Event>) {
        if state.appended < self.appends {
            events.push(Event::Appends);
        }
        if !matches!(state.joining, Joining::Done(_)) {
            events.push(Event::Joins);
        }
        let lags = state.cursor.is_some_and(|cursor| cursor < state.log);
        if lags && state.workers.iter().all(|worker| worker.name != 0) {
            events.push(Event::Sweeps);
        }
        for worker in &state.workers {
            events.push(Event::Steps(*worker));
            if !state.is_disturbed() && !self.is_calm() {
                events.push(Event::Dies(*worker));
            }
        }
        if let Some(holder) = state.holder
            && !state.expired
        {
            let lives = state.workers.iter().any(|worker| worker.name == holder);
            if !lives || !state.is_disturbed() && !self.is_calm() {
                events.push(Event::Expires);
            }
        }
    }

    fn next_state(&self, last: &State, event: Event) -> Option<State> {
        let mut state = last.clone();
        match event {
            Event::Appends => {
                state.appended += 1;
                state.start(state.appended, Step::Commit);
            }
            Event::Sweeps => state.start(0, Step::LookAtLog),
            Event::Joins => state.join(self.way),
            Event::Expires => {
                let lives = state
                    .workers
                    .iter()
                    .any(|one| Some(one.name) == state.holder);
                state.was_slow |= lives;
                state.expired = true;
            }
            Event::Dies(worker) => {
                state.workers.retain(|one| *one != worker);
                state.died = true;
            }
            Event::Steps(mut worker) => {
                state.workers.retain(|one| *one != worker);
                if let Some(next) = state.step(*self, &mut worker) {
                    worker.step = next;
                    state.workers.push(worker);
                }
            }
        }
        state.workers.sort_unstable();
        if state.is_disturbed() {
            // Order is promised no more: states that differ in it alone are one.
            (state.last, state.in_order) = (0, true);
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(MISSED, |_, state: &State| {
                let Joining::Done(head) = state.joining else {
                    return true;
                };
                !state.is_quiet()
                    || (head + 1..=state.log).all(|seq| state.received & (1 << seq) != 0)
            }),
            Property::always(SWEEP, |_, state: &State| {
                state.is_disturbed() || !state.workers.is_empty() || state.is_quiet()
            }),
            Property::always(ORDER, |_, state: &State| {
                state.is_disturbed() || state.in_order
            }),
            Property::sometimes(REACHED, |fanout: &Self, state: &State| {
                let all = fanout.appends;
                state.log == all && state.received.count_ones() == u32::from(all)
            }),
        ]
    }
}

const MISSED: &str = "nobody who subscribed misses an entry";
const SWEEP: &str = "nothing waits for the sweep unless a worker died or was slow";
const ORDER: &str = "entries are posted once and in order unless a worker died or was slow";
const REACHED: &str = "the joiner is posted all";

impl State {
    /// One worker died or was slow; no more than one, to keep it small.
    fn is_disturbed(&self) -> bool {
        self.died || self.was_slow
    }

    /// Nobody is at work, and the sweep will find nothing to do.
    fn is_quiet(&self) -> bool {
        self.workers.is_empty() && self.cursor.is_none_or(|cursor| cursor >= self.log)
    }

    fn start(&mut self, name: u8, step: Step) {
        self.workers.push(Worker {
            name,
            step,
            own: 0,
            cursor: 0,
            head: 0,
            knows_head: false,
            last: 0,
            on_list: false,
            keeps_list: false,
        });
    }

    fn join(&mut self, way: Way) {
        self.joining = match self.joining {
            Joining::Room => Joining::Subscribe(self.log),
            Joining::Subscribe(head) => {
                self.listed = true;
                self.joined_at = head;
                if way != Way::NoCursor {
                    self.cursor.get_or_insert(head);
                }
                match way {
                    Way::HeadThenSubscribe => Joining::Done(head),
                    Way::Hello | Way::HelloBeyondTheHead => Joining::Look(head),
                    _ => Joining::Head,
                }
            }
            Joining::Look(head) => match self.head != 0 && self.head <= head {
                true => Joining::Done(head),
                false => Joining::Head,
            },
            Joining::Head => Joining::Done(self.log),
            Joining::Done(head) => Joining::Done(head),
        };
    }

    /// One step. Answers the worker's next.
    fn step(&mut self, fanout: Fanout, worker: &mut Worker) -> Option<Step> {
        let Fanout { way, turn, .. } = fanout;
        match worker.step {
            Step::Commit => {
                self.log += 1;
                worker.own = self.log;
                Some(Step::Raise)
            }
            Step::Raise => {
                self.head = self.head.max(worker.own);
                worker.head = self.head;
                worker.knows_head = worker.name != 0 && way != Way::KeptListThenHead;
                Some(Step::Claim)
            }
            Step::Claim => {
                let held_by_another =
                    self.holder.is_some_and(|holder| holder != worker.name) && !self.expired;
                let marked = self.dirty;
                self.dirty = held_by_another && way != Way::NoMark;
                if held_by_another {
                    return None;
                }
                worker.knows_head &= !marked;
                (self.holder, self.expired) = (Some(worker.name), false);
                worker.cursor = self.cursor.unwrap_or(worker.own.saturating_sub(1));
                Some(match worker.name {
                    0 => Step::Head,
                    _ => Step::Stamp,
                })
            }
            Step::Stamp => {
                worker.on_list = self.listed;
                worker.keeps_list = worker.knows_head || way == Way::KeptListThenHead;
                Some(Step::Head)
            }
            Step::Head => {
                if !std::mem::take(&mut worker.knows_head) {
                    worker.head = self.head.max(worker.own);
                    worker.keeps_list &= way == Way::KeptListThenHead;
                }
                if worker.head <= worker.cursor {
                    return Some(Step::Release);
                }
                let own_is_all = worker.name != 0
                    && worker.own == worker.cursor + 1
                    && worker.own == worker.head;
                if own_is_all {
                    worker.last = worker.own;
                }
                Some(match (own_is_all, worker.keeps_list) {
                    (true, true) => Step::Post,
                    (true, false) => Step::List,
                    (false, _) => Step::Entries,
                })
            }
            Step::Entries => {
                worker.last = self.log.min(worker.cursor + turn);
                if way != Way::HelloBeyondTheHead {
                    worker.last = worker.last.min(worker.head);
                }
                if worker.last <= worker.cursor {
                    // The log is behind: the lease is given up.
                    return Some(Step::Release);
                }
                Some(match worker.keeps_list {
                    true => Step::Post,
                    false => Step::List,
                })
            }
            Step::List => {
                worker.on_list = self.listed;
                Some(Step::Post)
            }
            Step::Post => {
                if worker.on_list {
                    for seq in worker.cursor + 1..=worker.last {
                        if seq > self.joined_at {
                            self.in_order &= self.last == 0 || seq == self.last + 1;
                            self.last = seq;
                        }
                        self.received |= 1 << seq;
                    }
                }
                (worker.on_list, worker.keeps_list) = (false, false);
                worker.cursor = match way {
                    Way::CursorIsHead => worker.head,
                    _ => worker.last,
                };
                Some(match worker.cursor < worker.head {
                    true => Step::Advance,
                    false => Step::Release,
                })
            }
            Step::Advance => {
                if self.holder != Some(worker.name) {
                    return None;
                }
                self.expired = false;
                self.cursor = self.cursor.max(Some(worker.cursor));
                Some(Step::Head)
            }
            Step::Release => {
                if self.holder != Some(worker.name) {
                    return None;
                }
                self.cursor = self.cursor.max(Some(worker.cursor));
                if std::mem::take(&mut self.dirty) {
                    return Some(Step::Head);
                }
                if way == Way::LookThenFree {
                    return Some(Step::Free);
                }
                self.holder = None;
                None
            }
            Step::Free => {
                if self.holder == Some(worker.name) {
                    (self.holder, self.dirty) = (None, false);
                }
                None
            }
            Step::LookAtLog => {
                worker.own = self.log;
                Some(Step::LookAtShard)
            }
            Step::LookAtShard => {
                let held = self.holder.is_some() && !self.expired;
                let lags = self.cursor.is_some_and(|cursor| cursor < worker.own);
                (lags && !held).then_some(Step::Raise)
            }
        }
    }
}

/// The properties that do not hold.
fn broken(way: Way, turn: u8, appends: u8) -> Vec<&'static str> {
    let fanout = Fanout { way, turn, appends };
    let checker = fanout.checker().spawn_bfs().join();
    println!(
        "{way:?}, turns of {turn}, {appends} appends: {} states",
        checker.unique_state_count()
    );
    let found = checker.discoveries().into_keys();
    found.filter(|name| *name != REACHED).collect()
}

#[test]
fn nobody_who_subscribed_misses_an_entry_in_any_interleaving() {
    for (way, turn, appends) in [
        (Way::AsBuilt, 1, 2),
        (Way::AsBuilt, 2, 2),
        (Way::Hello, 1, 2),
        (Way::Hello, 2, 2),
        (Way::Hello, 3, 3),
    ] {
        assert_eq!(broken(way, turn, appends), [""; 0], "{way:?}");
    }
}

#[test]
fn the_wrong_orders_are_found() {
    for (way, turn, appends, expected) in [
        (Way::KeptListThenHead, 2, 2, MISSED),
        (Way::HelloBeyondTheHead, 3, 3, MISSED),
        (Way::HeadThenSubscribe, 1, 2, MISSED),
        (Way::CursorIsHead, 1, 2, MISSED),
        (Way::NoCursor, 1, 2, MISSED),
        (Way::NoMark, 1, 2, SWEEP),
        (Way::LookThenFree, 1, 2, SWEEP),
    ] {
        let broken = broken(way, turn, appends);
        assert!(broken.contains(&expected), "{way:?}: {broken:?}");
    }
}
