//! The posts of one worker: every member of a shard, some at a time, each in order, and nobody
//! waiting for the one who does not read.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use gatepost_gateway_client::PostError;
use gatepost_protocol::ConnectionId;
use tokio::time::Instant;
use tokio::time::sleep_until;
use tokio::time::timeout;

use crate::lane::Frames;
use crate::lane::Landing;
use crate::lane::Lane;
use crate::lease::Lease;
use crate::lease::Stop;
use crate::roster::Roster;
use crate::stall::Stalls;
use crate::window::Window;

/// So few connections are not worth waiting for when all others are served …
const STRAGGLERS: usize = 4;

/// … and nothing was heard of them for so long.
const PATIENCE: Duration = Duration::from_millis(200);

/// The first wait before posts that got 429 are repeated; doubled each time.
const FIRST_WAIT: Duration = Duration::from_millis(50);

/// The longest such wait.
const LONGEST_WAIT: Duration = Duration::from_millis(800);

/// The wait before one is tried once more within the turn: a seed client, which has no other way to
/// catch up, or whoever was not reached when nobody else was.
const AGAIN_WAIT: Duration = Duration::from_millis(30);

/// Posts repeated to one who does not read, before it is left alone for a while.
const REPEATS: u32 = 4;

/// The posts of one worker. `L` starts a lane.
pub(crate) struct Delivery<'a, L, F> {
    stalls: &'a Stalls,
    start: L,
    flying: FuturesUnordered<F>,
    window: Window,
    round: u64,
    /// Lanes that are still under way while the worker went on without them.
    behind: Vec<ConnectionId>,
    /// Lanes that got 429 or were not reached, to be tried again when nobody has to wait for it.
    later: Vec<Lane>,
    /// Connections that turned out closed.
    gone: Vec<ConnectionId>,
}

/// Whether everybody was served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Served {
    /// Yes, but for those who do not read.
    All,
    /// No: until the end the gateway took fewer posts than were asked of it.
    Throttled,
    /// No: there was no time to start with all.
    Cut,
}

/// What one round of posts came to.
#[derive(Default)]
struct Round {
    started: usize,
    delivered: usize,
    throttled: Vec<Lane>,
    unreached: Vec<Lane>,
    /// Why the last of them was not reached.
    fault: Option<PostError>,
    is_cut: bool,
}

impl<'a, L, F> Delivery<'a, L, F>
where
    L: Fn(Lane) -> F,
    F: Future<Output = (Lane, Landing)>,
{
    pub(crate) fn new(stalls: &'a Stalls, start: L) -> Self {
        Self {
            stalls,
            start,
            flying: FuturesUnordered::new(),
            window: Window::new(),
            round: 0,
            behind: Vec::new(),
            later: Vec::new(),
            gone: Vec::new(),
        }
    }

    /// Posts a turn's frames to everybody on the list. Nothing is started after `end`.
    pub(crate) async fn turn(
        &mut self,
        roster: &Arc<Roster>,
        frames: &Arc<Frames>,
        lease: &mut Lease<'_>,
        end: Instant,
    ) -> Result<Served, Stop> {
        let mut skip = self.stalls.now().unwrap_or_default();
        if !self.behind.is_empty() {
            skip.extend(self.behind.iter().cloned());
            skip.sort_unstable();
        }
        let wanted = (0..roster.len()).filter(|&index| {
            !frames.of(roster.dialect(index)).is_empty()
                && (skip.is_empty() || skip.binary_search(roster.connection(index)).is_err())
        });
        let lanes = wanted.map(|index| Lane {
            roster: Arc::clone(roster),
            index,
            frames: Arc::clone(frames),
            sent: 0,
            round: 0,
        });
        let mut round = self.post(roster, lanes, lease, end).await?;
        let total = round.started;
        if round.delivered == 0 && self.gone.is_empty() && !round.unreached.is_empty() {
            // One reset is not a gateway that is away.
            sleep_until(end.min(Instant::now() + AGAIN_WAIT)).await;
            let mut again = self
                .post(roster, round.unreached.drain(..), lease, end)
                .await?;
            if again.delivered == 0
                && self.gone.is_empty()
                && let Some(error) = again.fault.take()
            {
                return Err(Stop::Post(error));
            }
            again.throttled.append(&mut round.throttled);
            again.fault = again.fault.take().or(round.fault);
            again.is_cut |= round.is_cut;
            round = again;
        }
        if round.is_cut {
            return Ok(Served::Cut);
        }
        let (mut unreached, mut fault) = (std::mem::take(&mut round.unreached), round.fault.take());
        let mut wait = FIRST_WAIT;
        while !is_lone(round.throttled.len(), total) && !round.is_cut && Instant::now() < end {
            sleep_until(end.min(Instant::now() + wait)).await;
            wait = (wait * 2).min(LONGEST_WAIT);
            round = self
                .post(roster, round.throttled.into_iter(), lease, end)
                .await?;
            unreached.append(&mut round.unreached);
            fault = round.fault.take().or(fault);
        }
        if let Some(error) = fault {
            let error = &error as &dyn std::error::Error;
            let posts = unreached.len();
            tracing::warn!(
                error,
                posts,
                "posts failed while others got through, and are repeated"
            );
        }
        if round.is_cut || !is_lone(round.throttled.len(), total) {
            return Ok(Served::Throttled);
        }
        let (seeds, v1): (Vec<_>, Vec<_>) = round
            .throttled
            .into_iter()
            .chain(unreached)
            .partition(Lane::is_seed);
        self.later.extend(v1);
        if !seeds.is_empty() {
            sleep_until(end.min(Instant::now() + AGAIN_WAIT)).await;
            let again = self.post(roster, seeds.into_iter(), lease, end).await?;
            for lane in again.throttled.iter().chain(&again.unreached) {
                self.stalls.add(lane.connection());
            }
        }
        Ok(Served::All)
    }

    /// Starts the lanes, as many at a time as the window lets, and waits until they landed, but not
    /// for a few of which nothing is heard.
    async fn post(
        &mut self,
        roster: &Roster,
        lanes: impl Iterator<Item = Lane>,
        lease: &mut Lease<'_>,
        end: Instant,
    ) -> Result<Round, Stop> {
        self.round += 1;
        let mut lanes = lanes.peekable();
        let mut round = Round::default();
        let mut open: Vec<usize> = Vec::new();
        loop {
            let now = Instant::now();
            let is_paused = self.window.resume_at.is_some_and(|at| now < at);
            while open.len() < self.window.size() && !is_paused && now < end {
                let Some(mut lane) = lanes.next() else { break };
                lane.round = self.round;
                round.started += 1;
                open.push(lane.index);
                self.flying.push((self.start)(lane));
            }
            let more = lanes.peek().is_some();
            if more && now >= end {
                round.is_cut = true;
            }
            if open.is_empty() {
                match self.window.resume_at {
                    Some(at) if more && !round.is_cut => sleep_until(at.min(end)).await,
                    _ => return Ok(round),
                }
                lease.renew().await?;
                continue;
            }
            // A seed client is waited for: a post that overtakes another would show.
            let is_patient = more && !round.is_cut
                || open.len() > STRAGGLERS
                || open.iter().any(|&index| index < roster.seeds());
            let landed = match is_patient {
                true => Ok(self.flying.next().await),
                false => timeout(PATIENCE, self.flying.next()).await,
            };
            let Ok(Some((lane, landing))) = landed else {
                for connection in open.into_iter().map(|index| roster.connection(index)) {
                    self.behind.push(connection.clone());
                    self.stalls.add(connection);
                }
                return Ok(round);
            };
            if lane.round == self.round {
                open.retain(|&index| index != lane.index);
            } else {
                self.behind
                    .retain(|connection| connection != lane.connection());
            }
            self.land(lane, landing, &mut round)?;
            lease.renew().await?;
        }
    }

    fn land(&mut self, lane: Lane, landing: Landing, round: &mut Round) -> Result<(), Stop> {
        match landing {
            Landing::Delivered => {
                round.delivered += 1;
                self.window.grow();
                self.stalls.forget(lane.connection());
            }
            Landing::Gone => self.gone.push(lane.connection().clone()),
            Landing::Throttled => {
                self.window.shrink(Instant::now());
                // One of an earlier round is not this round's to repeat.
                match lane.round == self.round {
                    true => round.throttled.push(lane),
                    false => self.later.push(lane),
                }
            }
            Landing::Slow => self.stalls.add(lane.connection()),
            Landing::Unreachable(error) => {
                round.fault = Some(error);
                match lane.round == self.round {
                    true => round.unreached.push(lane),
                    false => self.later.push(lane),
                }
            }
            Landing::Refused(error) => return Err(Stop::Post(error)),
        }
        Ok(())
    }

    /// Ends what is under way and tries again those who got 429 or were not reached, when nobody waits for it any more.
    /// Answers the connections that turned out closed.
    pub(crate) async fn finish(mut self, end: Instant) -> Vec<ConnectionId> {
        // Nothing is this round's to repeat any more: all goes to `later`.
        self.round += 1;
        let mut round = Round::default();
        let (mut wait, mut repeated) = (FIRST_WAIT, Vec::new());
        for repeat in 0..=REPEATS {
            let mut again = std::mem::take(&mut repeated).into_iter();
            loop {
                let room = self.window.size().saturating_sub(self.flying.len());
                self.flying
                    .extend(again.by_ref().take(room).map(&self.start));
                let Some((lane, landing)) = self.flying.next().await else {
                    break;
                };
                if self.land(lane, landing, &mut round).is_err() {
                    return self.gone;
                }
            }
            let is_over = repeat == REPEATS || Instant::now() + wait >= end;
            if self.later.is_empty() || is_over {
                break;
            }
            sleep_until(Instant::now() + wait).await;
            wait *= 2;
            repeated = std::mem::take(&mut self.later);
        }
        if let Some(error) = round.fault
            && !self.later.is_empty()
        {
            let error = &error as &dyn std::error::Error;
            let posts = self.later.len();
            tracing::warn!(error, posts, "posts are given up");
        }
        for lane in &self.later {
            self.stalls.add(lane.connection());
        }
        self.gone
    }
}

/// Whether it is single clients that do not read, not the gateway that is asked too much.
fn is_lone(throttled: usize, of: usize) -> bool {
    throttled <= STRAGGLERS || throttled * 10 <= of
}
