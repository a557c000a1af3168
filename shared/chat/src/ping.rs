//! `ping`: renews what the client still wants, and tells it the heads.

use gatepost_protocol::Answer;
use gatepost_protocol::Farewell;
use gatepost_protocol::PingOk;
use gatepost_protocol::action::Ping;
use gatepost_protocol::limits::INTIMATE_SUBSCRIPTIONS;

use crate::Acted;
use crate::After;
use crate::Caller;
use crate::Chat;
use crate::Refusal;
use crate::connect::given_up;

impl Chat {
    /// Renews exactly the subscriptions named: one that is not, or whose room may no longer be
    /// read, ends with its lease, and one in a full room ends at once. The heads come from the log,
    /// so that what no push brought is found out.
    pub(crate) async fn ping(&self, caller: &Caller, ping: &Ping) -> Result<Acted, Refusal> {
        let now = self.now();
        let connection = caller.as_v1(self.parts.settings.ping_seconds, now);
        let asked = self.readable_rooms(caller, ping.rooms.keys()).await;
        let readable = asked.as_ref().map_or(&[][..], |asked| &asked.readable);
        // Without a history the connection itself stays alive all the same.
        let (mut degraded, mut after) = (false, Vec::new());
        let renewed = self
            .subscribe(caller, &connection, readable, &mut degraded, &mut after)
            .await;
        let mut readable = asked?.readable;
        let Some(renewed) = renewed? else {
            return Ok(given_up(caller, Some(Farewell::Expiring)));
        };
        // In a large room a few pings are enough to find out that its occupancy is another.
        let one_of = (renewed.most / INTIMATE_SUBSCRIPTIONS).max(1);
        if !self.parts.random.bits().is_multiple_of(one_of) {
            after.retain(|after| !matches!(after, After::Occupancy { .. }));
        }
        // Nothing, unless the registry had lost them.
        if !renewed.fresh.is_empty() {
            let confirmed = self
                .confirmed(caller, &connection, renewed.fresh, &mut degraded)
                .await?;
            readable.retain(|room| !confirmed.refused.iter().any(|(name, _)| *name == room.name));
        }
        let heads = readable
            .into_iter()
            .map(|room| (room.name, room.head))
            .collect();
        Ok(Acted {
            outcome: Ok(Answer::Ping(PingOk { heads })),
            degraded,
            after,
        })
    }
}
