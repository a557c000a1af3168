//! How often a user may do what is not a send, so that nobody keeps the stores busy for nothing.

use gatepost_protocol::Action;
use gatepost_protocol::Code;
use gatepost_store::Limit;
use gatepost_store::Owner;

use crate::Caller;
use crate::Chat;
use crate::Refusal;
use crate::unless_away;

/// Other actions a second for every message a second: a client that comes back asks for much at
/// once.
const ACTIONS_PER_MESSAGE: u64 = 5;

/// The burst in seconds of the rate, as that of messages.
const BURST_SECONDS: u64 = 3;

/// Whether an action takes from the user's allowance by itself: what appends has the rate of
/// messages, and `typing` and `read` have limits of their own beside.
pub(crate) fn is_counted_elsewhere(action: &Action) -> bool {
    matches!(
        action,
        Action::Send(_)
            | Action::Edit(_)
            | Action::Delete(_)
            | Action::React(_)
            | Action::Direct(_)
            | Action::Typing(_)
            | Action::Read(_)
    )
}

/// One in so many milliseconds.
pub(crate) fn one_in(what: &str, ms: u64) -> Limit<'_> {
    Limit {
        what,
        every_us: ms.saturating_mul(1_000),
        burst: 1,
    }
}

impl Chat {
    /// One turn at the registry, which may be away: takes one action from the user's allowance, and
    /// one from `own`. Answers for how many milliseconds `own` is used up, if it is; then nothing
    /// was taken.
    pub(crate) async fn allow(
        &self,
        caller: &Caller,
        own: Option<Limit<'_>>,
    ) -> Result<Option<u64>, Refusal> {
        let rate = u64::from(self.parts.settings.rates.per_user) * ACTIONS_PER_MESSAGE;
        let actions = (rate > 0).then(|| Limit {
            what: "actions",
            every_us: (1_000_000 / rate).max(1),
            burst: u32::try_from(rate * BURST_SECONDS).unwrap_or(u32::MAX),
        });
        let limits: Vec<_> = own.into_iter().chain(actions).collect();
        if limits.is_empty() {
            return Ok(None);
        }
        let (of, now) = (Owner::User(&caller.user), self.now());
        let taken = self.parts.registry.take(of, &limits, now).await;
        let Some(reached) = unless_away(taken, &mut false)?.flatten() else {
            return Ok(None);
        };
        if own.is_some() && reached.limit == 0 {
            return Ok(Some(reached.retry_after_ms));
        }
        Err(too_fast(reached.retry_after_ms))
    }
}

pub(crate) fn too_fast(retry_after_ms: u64) -> Refusal {
    Refusal::new(Code::RateLimited, "too many actions").again_after(retry_after_ms)
}
