//! The session fence and the limits.

use gatepost_protocol::ConnectionId;
use gatepost_protocol::Millis;
use gatepost_protocol::RoomName;
use gatepost_protocol::UserId;

use super::Limited;
use super::RegistryState;
use crate::Admission;
use crate::Limit;
use crate::Owner;
use crate::Rates;
use crate::Reached;
use crate::registry::interval_us;

impl RegistryState {
    /// [`Registry::admit`](crate::Registry::admit). What is refused, by whichever limit, takes
    /// nothing of any.
    pub fn admit(
        &mut self,
        user: &UserId,
        connection: &ConnectionId,
        room: &RoomName,
        rates: Rates,
        now: Millis,
    ) -> Admission {
        let known = self.user(user);
        let replaced = known.replaced.get(connection);
        if replaced.is_some_and(|until| *until > now) {
            return Admission::Replaced;
        }
        let place = known.places.get(connection);
        let place = place.filter(|place| place.lease > now);
        let client = place.and_then(|place| place.client.clone());
        let limits = [
            (Limited::User(user.clone()), interval_us(rates.per_user)),
            (Limited::Room(room.clone()), interval_us(rates.per_room)),
        ];
        let wanted = limits
            .into_iter()
            .filter(|(_, (interval, _))| *interval > 0);
        let wanted: Vec<_> = wanted
            .map(|(limited, rate)| self.one_more(limited, rate, now))
            .collect();
        let wait = wanted.iter().map(|one| one.wait_us).max();
        if let Some(wait @ 1..) = wait {
            return Admission::RateLimited {
                retry_after_ms: in_ms(wait),
            };
        }
        self.take_all(wanted);
        Admission::Admitted { client }
    }

    /// [`Registry::refund`](crate::Registry::refund).
    pub fn refund(&mut self, room: &RoomName, per_room: u32) {
        let (interval, _) = interval_us(per_room);
        if let Some(full) = self.limits.get_mut(&Limited::Room(room.clone())) {
            *full -= interval;
        }
    }

    /// [`Registry::take`](crate::Registry::take).
    pub fn take(&mut self, of: Owner<'_>, limits: &[Limit<'_>], now: Millis) -> Option<Reached> {
        let limited = |what: &str| match of {
            Owner::User(user) => Limited::UserIn(user.clone(), what.to_owned()),
            Owner::Room(room) => Limited::RoomIn(room.clone(), what.to_owned()),
        };
        let wanted: Vec<_> = limits
            .iter()
            .map(|limit| self.one_more(limited(limit.what), limit.interval_us(), now))
            .collect();
        let reached = wanted.iter().position(|one| one.wait_us > 0);
        if let Some(limit) = reached {
            return Some(Reached {
                limit,
                retry_after_ms: in_ms(wanted[limit].wait_us),
            });
        }
        self.take_all(wanted);
        None
    }

    /// What one more makes of a limiter (GCRA), given the time that one takes and how far ahead of
    /// now those taken may reach.
    fn one_more(&self, limited: Limited, (interval, tolerance): (i64, i64), now: Millis) -> Taken {
        let now = now * 1_000;
        let full = self.limits.get(&limited).copied().unwrap_or(now);
        let full_at = full.max(now) + interval;
        Taken {
            limited,
            full_at,
            wait_us: full_at - now - tolerance,
        }
    }

    fn take_all(&mut self, wanted: Vec<Taken>) {
        let full = wanted.into_iter().map(|one| (one.limited, one.full_at));
        self.limits.extend(full);
    }
}

/// A limiter with one more taken.
struct Taken {
    limited: Limited,
    full_at: i64,
    /// How long until it may be; not positive: it may.
    wait_us: i64,
}

fn in_ms(wait_us: i64) -> u64 {
    wait_us.unsigned_abs().div_ceil(1_000)
}
