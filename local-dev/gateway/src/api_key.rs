//! API keys of `$connect`, and the usage plans that count them.
//!
//! Developer Guide, "WebSocket selection expressions in API Gateway" and "Usage plans and API keys
//! for REST APIs in API Gateway"; what is refused is told as REST APIs tell it. Only `$connect` asks
//! for a key, so only connections count.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::PoisonError;

use gatepost_template::ApiKey;
use gatepost_template::Period;
use gatepost_template::Quota;
use gatepost_template::Throttle;
use gatepost_template::UsagePlan;

use crate::connection::Connection;
use crate::date::month;
use crate::gateway::Core;
use crate::refusal::Refusal;

/// Asks the usage plans of the connection's stage for the key that a client sent.
pub(crate) fn check(
    core: &Core,
    connection: &Connection,
    value: Option<&str>,
) -> Result<(), Refusal> {
    let now_ms = core.config.clock.now_ms();
    let deployed = connection.stage.deployed_full();
    let key = core.usage.admit(&deployed.usage_plans, value, now_ms)?;
    connection.set_api_key(key.clone());
    Ok(())
}

/// How often each key of each plan was used.
#[derive(Debug, Default)]
pub(crate) struct Usage(Mutex<HashMap<(String, String), Used>>);

#[derive(Debug)]
struct Used {
    /// What is left of the burst, and when that was.
    tokens: f64,
    at_ms: u64,
    /// Uses in the period.
    count: u64,
    period: u64,
    /// The first period counts the quota's offset.
    first: u64,
}

impl Usage {
    /// Admits a key to a stage and counts it.
    fn admit<'p>(
        &self,
        plans: &'p [UsagePlan],
        value: Option<&str>,
        now_ms: u64,
    ) -> Result<&'p ApiKey, Refusal> {
        let value = value.filter(|value| !value.is_empty());
        let Some(value) = value else {
            return Err(Refusal::forbidden("$connect needs an API key"));
        };
        let found = plans.iter().find_map(|plan| {
            let key = plan.keys.iter().find(|key| key.value == value)?;
            Some((plan, key))
        });
        let Some((plan, key)) = found.filter(|(_, key)| key.enabled) else {
            return Err(Refusal::forbidden("the API key opens nothing here"));
        };
        self.count(plan, key, now_ms).map(|()| key)
    }

    fn count(&self, plan: &UsagePlan, key: &ApiKey, now_ms: u64) -> Result<(), Refusal> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let period = plan.quota.map_or(0, |quota| index(quota.period, now_ms));
        let used = all
            .entry((plan.id.clone(), key.id.clone()))
            .or_insert_with(|| Used {
                tokens: burst(plan.throttle),
                at_ms: now_ms,
                count: 0,
                period,
                first: period,
            });
        if let Some(throttle) = plan.throttle
            && !used.take(throttle, now_ms)
        {
            return Err(Refusal::throttled("the usage plan throttles the API key"));
        }
        match plan.quota {
            Some(quota) if !used.within(quota, period) => Err(Refusal::quota_exceeded(
                "the quota of the usage plan is used up",
            )),
            _ => Ok(()),
        }
    }
}

impl Used {
    /// Takes a token of the bucket.
    fn take(&mut self, throttle: Throttle, now_ms: u64) -> bool {
        if let Some(rate) = throttle.rate {
            let seconds = now_ms.saturating_sub(self.at_ms) as f64 / 1000.0;
            self.tokens = (self.tokens + rate * seconds).min(burst(Some(throttle)));
        }
        self.at_ms = now_ms;
        let taken = self.tokens >= 1.0;
        if taken {
            self.tokens -= 1.0;
        }
        taken
    }

    fn within(&mut self, quota: Quota, period: u64) -> bool {
        if period != self.period {
            (self.period, self.count) = (period, 0);
        }
        let offset = if period == self.first {
            quota.offset
        } else {
            0
        };
        if self.count + u64::from(offset) >= u64::from(quota.limit) {
            return false;
        }
        self.count += 1;
        true
    }
}

/// Tokens of a full bucket; without a burst as many as a second brings.
fn burst(throttle: Option<Throttle>) -> f64 {
    match throttle {
        Some(Throttle {
            burst: Some(burst), ..
        }) => f64::from(burst),
        Some(Throttle {
            rate: Some(rate), ..
        }) => rate,
        Some(_) | None => f64::MAX,
    }
}

/// Which period it is, counted from 1970.
fn index(period: Period, now_ms: u64) -> u64 {
    let days = now_ms / 86_400_000;
    match period {
        Period::Day => days,
        // 1970 began on a Thursday.
        Period::Week => (days + 4) / 7,
        Period::Month => month(now_ms),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plans(throttle: Option<Throttle>, quota: Option<Quota>) -> [UsagePlan; 1] {
        let key = |id: &str, enabled| ApiKey {
            id: id.to_owned(),
            value: format!("value of {id}"),
            enabled,
        };
        [UsagePlan {
            id: "Plan".to_owned(),
            throttle,
            quota,
            keys: vec![key("a", true), key("b", true), key("off", false)],
        }]
    }

    fn status(usage: &Usage, plans: &[UsagePlan], value: &str, now_ms: u64) -> u16 {
        match usage.admit(plans, Some(value), now_ms) {
            Ok(_) => 101,
            Err(refusal) => refusal.status.as_u16(),
        }
    }

    #[test]
    fn only_an_enabled_key_of_a_plan_opens_a_stage() {
        let (usage, plans) = (Usage::default(), plans(None, None));
        for (value, want) in [
            ("value of a", 101),
            ("Value of a", 403),
            ("value of off", 403),
            ("", 403),
        ] {
            assert_eq!(status(&usage, &plans, value, 0), want, "{value}");
        }
        assert!(usage.admit(&plans, None, 0).is_err());
    }

    #[test]
    fn a_throttle_lets_a_burst_through_and_then_its_rate() {
        let throttle = Throttle {
            rate: Some(2.0),
            burst: Some(3),
        };
        let (usage, plans) = (Usage::default(), plans(Some(throttle), None));
        let statuses: Vec<u16> = [0, 0, 0, 0, 499, 500, 500, 1500, 1500, 1500]
            .map(|ms| status(&usage, &plans, "value of a", ms))
            .into();
        assert_eq!(statuses, [101, 101, 101, 429, 429, 101, 429, 101, 101, 429]);
        assert_eq!(
            status(&usage, &plans, "value of b", 1500),
            101,
            "each key has its own"
        );
    }

    #[test]
    fn a_quota_begins_anew_with_its_period() {
        const DAY: u64 = 86_400_000;
        // 1 March 2024 was a Friday.
        let friday = 19_783 * DAY;
        for (period, ends) in [
            (Period::Day, friday + DAY),
            (Period::Week, friday + 2 * DAY),
            (Period::Month, friday + 31 * DAY),
        ] {
            let quota = Quota {
                limit: 3,
                offset: 1,
                period,
            };
            let (usage, plans) = (Usage::default(), plans(None, Some(quota)));
            let at = |ms: u64| status(&usage, &plans, "value of a", ms);
            assert_eq!(
                [at(friday), at(ends - 1), at(ends - 1)],
                [101, 101, 429],
                "{period:?}"
            );
            assert_eq!(
                [at(ends), at(ends), at(ends), at(ends)],
                [101, 101, 101, 429],
                "{period:?}"
            );
        }
    }
}
