//! A model of resume and cursor, checked over all interleavings: one client that has joined, pushes
//! that are lost, doubled, late and in any order, a log that goes on, is purged and is remade, and a
//! connection that is lost.
//!
//! | step | stands for |
//! |---|---|
//! | [`Event::Commits`], [`Event::Purges`] | `gatepost_append`, `gatepost_purge` |
//! | [`Event::Remakes`] | a log restored from a copy and [`renew_epoch`](gatepost_store::History::renew_epoch): whoever reads it meanwhile gets an error |
//! | [`Event::Arrives`] | an `entries` frame: any entry that ever was, any number of times, at any time or never |
//! | [`Event::Asks`] | `sync`, or a `hello` with `resume` on a new connection |
//! | [`Asking::Sent`], [`Asking::Read`] | [`Chat::missed`](crate::Chat): the rooms, then the entries after the client's place or the newest |
//! | [`Event::IsAnswered`] | the client takes the answer: [`RoomState`](gatepost_protocol::RoomState) |
//! | [`Pinging`] | `ping`: the head of the log, taken after it was read |
//!
//! The client is the one that the protocol asks for: it shows what follows on the last entry that it
//! showed, drops what it has, holds the rest and asks; what comes while it asks, waits.

use stateright::Checker;
use stateright::HasDiscoveries;
use stateright::Model;
use stateright::Property;

/// Entries that will be appended, over both epochs.
const APPENDS: u8 = 3;

/// The log as it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Log {
    epoch: u8,
    head: u8,
    floor: u8,
}

/// Where a client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Position {
    epoch: u8,
    seq: u8,
}

/// The state of a room as it is answered. The entries are those from `first` to `last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Answer {
    epoch: u8,
    head: u8,
    first: u8,
    last: u8,
    /// What the client has is void: another epoch, or below the floor.
    void: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Asking {
    Sent(Position),
    Read(Position, Log),
    Answered(Answer),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Pinging {
    Sent,
    Answered(u8),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    log: Log,
    appended: u8,
    /// The last entry of the log that was remade.
    before: u8,
    purged: bool,
    connected: bool,
    lost: bool,
    /// The last entry that the client showed.
    at: Position,
    /// Entries that wait for those before them, for each epoch a bit each. The client as it is built
    /// holds those of its own.
    held: [u8; 2],
    /// Something of another epoch came since the client asked.
    stale: bool,
    /// An answer was cut, or a head is above its own.
    wants: bool,
    asking: Option<Asking>,
    pinging: Option<Pinging>,
    /// A ping was answered since the log changed and the client was told that what it had is void.
    checked: bool,
    /// Since the client asked last something came or changed, or the answer brought something.
    moved: bool,
    /// It asked again all the same.
    in_vain: bool,
    /// It showed an entry twice, too early, or one of another log.
    misplaced: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Event {
    Commits,
    /// Everything up to here.
    Purges(u8),
    /// With so many entries.
    Remakes(u8),
    Arrives(Position),
    LosesConnection,
    Connects,
    Asks,
    /// The server does the next of its two readings.
    Reads,
    IsAnswered,
    Pings,
    ReadsHead,
    HearsHead,
}

/// As it is built, and ways that are known to be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    AsBuilt,
    /// A client shows what comes as it comes.
    NoHoldBack,
    /// It goes on showing pushes while it asks, and then all that is answered.
    ShowsWhileItAsks,
    /// It takes a push of any epoch for one of its own.
    AnyEpoch,
    /// It keeps what waits when its log turns out another one.
    KeepsHeld,
    /// It does not heed the heads of a ping.
    NoHeadCheck,
    /// It heeds what is pushed of another epoch for ever, not only until it has asked.
    StaleForEver,
    /// The server goes by the seq alone.
    NoEpochCheck,
    /// The server answers what is left of what was purged.
    NoFloorCheck,
}

/// A way, with how many entries fit an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Resume {
    way: Way,
    page: u8,
}

impl Model for Resume {
    type State = State;
    type Action = Event;

    fn init_states(&self) -> Vec<State> {
        let log = Log {
            epoch: 0,
            head: 0,
            floor: 0,
        };
        vec![State {
            log,
            appended: 0,
            before: 0,
            purged: false,
            connected: true,
            lost: false,
            at: Position { epoch: 0, seq: 0 },
            held: [0; 2],
            stale: false,
            wants: false,
            asking: None,
            pinging: None,
            checked: true,
            moved: true,
            in_vain: false,
            misplaced: false,
        }]
    }

    fn actions(&self, state: &State, events: &mut Vec<Event>) {
        let log = state.log;
        if state.appended < APPENDS {
            events.push(Event::Commits);
        }
        if !state.purged {
            events.extend((log.floor + 1..=log.head).map(Event::Purges));
        }
        if log.epoch == 0 && log.head > 0 {
            events.extend((0..log.head).map(Event::Remakes));
        }
        if !state.connected {
            events.push(Event::Connects);
            return;
        }
        let entry = |epoch| move |seq| Event::Arrives(Position { epoch, seq });
        events.extend((1..=log.head).map(entry(log.epoch)));
        if log.epoch == 1 {
            events.extend((1..=state.before).map(entry(0)));
        }
        if !state.lost {
            events.push(Event::LosesConnection);
        }
        match state.asking {
            None if state.has_reason() => events.push(Event::Asks),
            None => {}
            Some(Asking::Sent(_) | Asking::Read(..)) => events.push(Event::Reads),
            Some(Asking::Answered(_)) => events.push(Event::IsAnswered),
        }
        match state.pinging {
            None if !state.checked => events.push(Event::Pings),
            None => {}
            Some(Pinging::Sent) => events.push(Event::ReadsHead),
            Some(Pinging::Answered(_)) => events.push(Event::HearsHead),
        }
    }

    fn next_state(&self, last: &State, event: Event) -> Option<State> {
        let mut state = last.clone();
        match event {
            Event::Commits => {
                state.appended += 1;
                state.log.head += 1;
                state.changes();
            }
            Event::Purges(seq) => {
                state.purged = true;
                state.log.floor = seq;
                state.changes();
            }
            Event::Remakes(head) => {
                state.before = state.log.head;
                state.log = Log {
                    epoch: 1,
                    head,
                    floor: state.log.floor.min(head),
                };
                // A temporary error: the client asks again.
                if matches!(state.asking, Some(Asking::Sent(_) | Asking::Read(..))) {
                    state.asking = None;
                    state.wants = true;
                }
                state.changes();
            }
            Event::Arrives(entry) => state.arrives(self.way, entry),
            Event::LosesConnection => {
                (state.connected, state.lost) = (false, true);
                (state.asking, state.pinging) = (None, None);
                state.checked = false;
                state.moved = true;
            }
            Event::Connects => {
                state.connected = true;
                state.asks();
            }
            Event::Asks => {
                state.in_vain |= !state.moved;
                state.asks();
            }
            Event::Reads => {
                state.asking = match state.asking? {
                    Asking::Sent(at) => Some(Asking::Read(at, state.log)),
                    Asking::Read(at, log) => Some(Asking::Answered(self.answer(&state, at, log))),
                    Asking::Answered(_) => None,
                };
            }
            Event::IsAnswered => {
                if let Some(Asking::Answered(answer)) = state.asking.take() {
                    state.takes(self.way, answer);
                }
            }
            Event::Pings => state.pinging = Some(Pinging::Sent),
            Event::ReadsHead => state.pinging = Some(Pinging::Answered(state.log.head)),
            Event::HearsHead => {
                if let Some(Pinging::Answered(head)) = state.pinging.take() {
                    state.checked = head == state.log.head;
                    let is_behind = head > state.at.seq && self.way != Way::NoHeadCheck;
                    if is_behind {
                        (state.wants, state.moved) = (true, true);
                    }
                }
            }
        }
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(MISPLACED, |_, state: &State| !state.misplaced),
            Property::always(MISSED, |_, state: &State| {
                let (at, log) = (state.at, state.log);
                let has_all = at.epoch == log.epoch && at.seq == log.head;
                // Nobody wrote to the log since it was remade, so that nothing tells of it.
                let is_untold = at.epoch != log.epoch && log.head <= at.seq;
                !state.is_quiet() || has_all || is_untold
            }),
            Property::always(IN_VAIN, |_, state: &State| !state.in_vain),
            Property::sometimes(REACHED, |_, state: &State| {
                state.is_quiet()
                    && state.at.epoch == 1
                    && state.lost
                    && state.purged
                    && state.appended == APPENDS
            }),
        ]
    }
}

const MISPLACED: &str = "every entry is shown once, in order, and is of the client's log";
const MISSED: &str = "whoever is connected and heard a head has all";
const IN_VAIN: &str = "a client does not ask again for what it was answered";
const REACHED: &str = "a client has all of a log that was purged and remade";

impl Resume {
    /// The second reading, and what is answered.
    fn answer(&self, state: &State, at: Position, log: Log) -> Answer {
        let now = state.log;
        let another = at.epoch != log.epoch && self.way != Way::NoEpochCheck;
        let below = at.seq < log.floor && self.way != Way::NoFloorCheck;
        // Purged between the two readings: both are made again.
        let has_hole = at.seq < now.floor && now.floor < now.head && self.way != Way::NoFloorCheck;
        let void = another || at.seq > log.head || below || at.seq < log.head && has_hole;
        let (first, last) = if void {
            let first = (now.head + 1).saturating_sub(self.page).max(now.floor + 1);
            (first, now.head)
        } else if at.seq < log.head {
            let first = at.seq.max(now.floor) + 1;
            (first, now.head.min(first + self.page - 1))
        } else {
            (1, 0)
        };
        let reached = if first <= last { last } else { at.seq };
        let reached = if void && first > last { 0 } else { reached };
        Answer {
            epoch: log.epoch,
            head: log.head.max(reached),
            first,
            last,
            void,
        }
    }
}

impl State {
    fn changes(&mut self) {
        (self.checked, self.moved) = (false, true);
    }

    fn asks(&mut self) {
        self.asking = Some(Asking::Sent(self.at));
        (self.stale, self.wants, self.moved) = (false, false, false);
    }

    /// Nothing is under way, nothing waits, and a ping found nothing to ask for.
    fn is_quiet(&self) -> bool {
        let is_idle = self.asking.is_none() && self.pinging.is_none();
        self.connected && self.checked && is_idle && !self.has_reason()
    }

    /// To ask.
    fn has_reason(&self) -> bool {
        self.held != [0; 2] || self.stale || self.wants
    }

    fn hold(&mut self, entry: Position) {
        self.held[usize::from(entry.epoch)] |= 1 << entry.seq;
    }

    fn show(&mut self, entry: Position) {
        self.misplaced |= entry.epoch != self.at.epoch || entry.seq != self.at.seq + 1;
        self.at.seq = entry.seq;
    }

    fn arrives(&mut self, way: Way, entry: Position) {
        let is_another = entry.epoch != self.at.epoch;
        if is_another && way != Way::AnyEpoch {
            (self.stale, self.moved) = (true, true);
            return;
        }
        if entry.seq <= self.at.seq {
            return;
        }
        if way == Way::NoHoldBack {
            return self.show(entry);
        }
        let before = self.held;
        self.hold(entry);
        self.moved |= self.held != before;
        if self.asking.is_none() || way == Way::ShowsWhileItAsks {
            self.show_held();
        }
    }

    fn show_held(&mut self) {
        loop {
            let seq = self.at.seq + 1;
            let has_next = |epoch: &u8| self.held[usize::from(*epoch)] & (1 << seq) != 0;
            let Some(epoch) = (0..2).find(has_next) else {
                break;
            };
            self.show(Position { epoch, seq });
        }
        for held in &mut self.held {
            *held &= !((1 << (self.at.seq + 1)) - 1);
        }
    }

    fn takes(&mut self, way: Way, answer: Answer) {
        let before = self.at;
        if answer.void {
            if way != Way::KeepsHeld {
                self.held = [0; 2];
            }
            // A head that was heard before was compared with another place.
            (self.stale, self.checked) = (false, false);
            let follows = match answer.first <= answer.last {
                true => answer.first - 1,
                false => answer.head,
            };
            self.at = Position {
                epoch: answer.epoch,
                seq: follows,
            };
        }
        for seq in answer.first..=answer.last {
            let (epoch, follows) = (answer.epoch, self.at.seq + 1);
            let entry = Position { epoch, seq };
            match seq == follows || way == Way::ShowsWhileItAsks {
                true => self.show(entry),
                false if seq > follows => self.hold(entry),
                false => {}
            }
        }
        self.show_held();
        self.moved |= self.at != before;
        let reached = answer.last.max(before.seq);
        let is_cut = !answer.void && reached < answer.head;
        self.wants |= is_cut;
        self.stale |= way == Way::StaleForEver && self.at.epoch == 1;
    }
}

#[test]
fn every_entry_is_shown_once_and_in_order_in_every_interleaving() {
    for page in [1, 2] {
        let way = Way::AsBuilt;
        let checker = Resume { way, page }.checker().spawn_bfs().join();
        println!("pages of {page}: {} states", checker.unique_state_count());
        for (name, path) in checker.discoveries() {
            assert_eq!(name, REACHED, "{path}");
        }
        assert!(checker.discovery(REACHED).is_some());
    }
}

#[test]
fn wrong_clients_and_servers_are_found() {
    for (way, expected) in [
        (Way::NoHoldBack, MISPLACED),
        (Way::ShowsWhileItAsks, MISPLACED),
        (Way::AnyEpoch, MISPLACED),
        (Way::KeepsHeld, MISPLACED),
        (Way::NoEpochCheck, MISPLACED),
        (Way::NoHeadCheck, MISSED),
        (Way::StaleForEver, IN_VAIN),
        (Way::NoFloorCheck, IN_VAIN),
    ] {
        let found = HasDiscoveries::AnyOf([expected].into());
        let model = Resume { way, page: 1 };
        let checker = model.checker().finish_when(found).spawn_bfs().join();
        println!("{way:?}: {} states", checker.unique_state_count());
        assert!(checker.discovery(expected).is_some(), "{way:?}: {expected}");
    }
}
