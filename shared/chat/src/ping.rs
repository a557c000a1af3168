//! `ping`: renews what the client still wants, and tells it the heads.

use gatepost_protocol::Answer;
use gatepost_protocol::Farewell;
use gatepost_protocol::PingOk;
use gatepost_protocol::action::Ping;

use crate::Acted;
use crate::Caller;
use crate::Chat;
use crate::Refusal;
use crate::connect::given_up;
use crate::hello::subscriptions;
use crate::unless_away;

impl Chat {
    /// Renews exactly the subscriptions named: one that is not, or whose room may no longer be
    /// read, ends with its lease. The heads come from the log, so that what no push brought is
    /// found out.
    pub(crate) async fn ping(&self, caller: &Caller, ping: &Ping) -> Result<Acted, Refusal> {
        let now = self.now();
        let connection = caller.as_v1(self.parts.settings.ping_seconds, now);
        let asked = self.readable_rooms(caller, ping.rooms.keys()).await;
        let readable = asked.as_ref().map_or(&[][..], |asked| &asked.readable);
        // Without a history the connection itself stays alive all the same.
        let renewed = self
            .parts
            .registry
            .subscribe(&connection, &subscriptions(readable), now)
            .await;
        let readable = asked?.readable;
        let mut degraded = false;
        if let Some(None) = unless_away(renewed, &mut degraded)? {
            return Ok(given_up(caller, Some(Farewell::Expiring)));
        }
        let heads = readable
            .into_iter()
            .map(|room| (room.name, room.head))
            .collect();
        let mut acted = Acted::answered(Answer::Ping(PingOk { heads }));
        acted.degraded = degraded;
        Ok(acted)
    }
}
