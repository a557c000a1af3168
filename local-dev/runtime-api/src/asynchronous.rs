//! Asynchronous invocations after they were accepted: attempts, and records of how they ended.
//! Lambda guide, "How Lambda handles errors and retries with asynchronous invocation" and
//! "Capturing records of Lambda asynchronous invocations".

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;
use uuid::Uuid;

use crate::chain;
use crate::chain::Chain;
use crate::date;
use crate::event::Attempt;
use crate::event::Event;
use crate::event::Reply;
use crate::fact::Condition;
use crate::fact::FactEvent;
use crate::fault::Fault;
use crate::fault::Injected;
use crate::fault::Step;
use crate::fault::injected;
use crate::function_name::function_arn;
use crate::machine::Machine;
use crate::spec::FunctionSpec;
use crate::spec::InvokeError;
use crate::spec::Outcome;

/// An attempt that is over.
#[derive(Debug)]
pub(crate) struct Attempted {
    pub(crate) request_id: Uuid,
    pub(crate) payload: Bytes,
    pub(crate) chain: Option<Box<Chain>>,
    pub(crate) attempt: Attempt,
    /// `None` if the function was not invoked.
    pub(crate) outcome: Option<Outcome>,
}

/// How long an event waits after a failed attempt: one minute, then two.
fn retry_wait(attempt: u8) -> Duration {
    Duration::from_secs(60) * u32::from(attempt)
}

impl Machine {
    /// Queues an event. Its request ID.
    pub(crate) fn queue(
        self: &Arc<Self>,
        function: &str,
        payload: Bytes,
        chain: Option<Box<Chain>>,
    ) -> Result<Uuid, InvokeError> {
        let spec = self.spec(function)?;
        let event = Event {
            request_id: (self.config.new_id)(),
            payload,
            client_context: None,
            chain,
            reply: Reply::Nobody(Attempt {
                number: 1,
                accepted_ms: self.config.clock.uptime_ms(),
            }),
            submitted: Instant::now(),
        };
        let request_id = event.request_id;
        let is_loop = self.is_loop(&spec, event.chain.as_deref());
        // "Lambda begins sending new events to the … on-failure event destination, without any
        // retries."
        if is_loop || spec.reserved_concurrency == Some(0) {
            self.tell(function, FactEvent::Queued { request_id });
            if is_loop {
                self.tell(function, FactEvent::RecursionStopped);
            }
            self.drop_event(&spec, event, Condition::RetriesExhausted);
        } else {
            let fault = injected(&*self.config.faults, &spec.id, Step::Queue);
            if fault == Injected::default() {
                self.submit(function, event)?;
            } else {
                self.submit_with(fault, function, event)?;
            }
            self.tell(function, FactEvent::Queued { request_id });
        }
        Ok(request_id)
    }

    /// Queues an event with what is to go wrong: late, not at all, or twice, as a queue that delivers
    /// at least once may ("the function might receive the same event multiple times").
    fn submit_with(
        self: &Arc<Self>,
        injected: Injected,
        function: &str,
        event: Event,
    ) -> Result<(), InvokeError> {
        let events = match (injected.fault, event.again()) {
            (Some(Fault::Drop), _) => return Ok(()),
            (Some(Fault::Duplicate), Some(again)) => vec![event, again],
            _ => vec![event],
        };
        if injected.delay.is_zero() {
            return events
                .into_iter()
                .try_for_each(|event| self.submit(function, event));
        }
        let (machine, function) = (self.clone(), function.to_owned());
        tokio::spawn(async move {
            tokio::time::sleep(injected.delay).await;
            for event in events {
                // Refused only when the emulator stops.
                let _ = machine.submit(&function, event);
            }
        });
        Ok(())
    }

    /// Ends an event that no environment gets.
    pub(crate) fn drop_event(
        self: &Arc<Self>,
        spec: &Arc<FunctionSpec>,
        event: Event,
        condition: Condition,
    ) {
        if let Reply::Nobody(attempt) = event.reply {
            let attempted = Attempted {
                request_id: event.request_id,
                payload: event.payload,
                chain: event.chain,
                attempt: Attempt {
                    // This one was not made.
                    number: attempt.number - 1,
                    ..attempt
                },
                outcome: None,
            };
            self.end_async(spec, &attempted, condition);
        }
    }

    /// Whether an event is too old to be given to an environment.
    pub(crate) fn is_expired(&self, spec: &FunctionSpec, event: &Event) -> bool {
        match &event.reply {
            Reply::Caller { .. } => false,
            Reply::Nobody(attempt) => self.age(*attempt) > spec.maximum_event_age,
        }
    }

    fn age(&self, attempt: Attempt) -> Duration {
        let now = self.config.clock.uptime_ms();
        Duration::from_millis(now.saturating_sub(attempt.accepted_ms))
    }

    /// Tries again after a while, as often as the function says, or ends the invocation. Takes no
    /// lock: environments call it under theirs.
    pub(crate) fn attempted(self: &Arc<Self>, spec: &Arc<FunctionSpec>, attempted: Attempted) {
        let Attempt { number, .. } = attempted.attempt;
        if let Some(Outcome::Response(_)) = attempted.outcome {
            return self.end_async(spec, &attempted, Condition::Success);
        }
        let wait = retry_wait(number);
        let failed = if number > spec.retry_attempts {
            Some(Condition::RetriesExhausted)
        } else if self.age(attempted.attempt) + wait >= spec.maximum_event_age {
            Some(Condition::EventAgeExceeded)
        } else {
            None
        };
        let request_id = attempted.request_id;
        let retry_in = failed.is_none().then_some(wait);
        // Before anybody hears of it, who may put the clock forward by just this wait.
        let due = self.config.clock.due_in(wait);
        self.tell(
            &spec.id,
            FactEvent::AsyncFailed {
                request_id,
                attempt: number,
                retry_in,
            },
        );
        if let Some(condition) = failed {
            return self.end_async(spec, &attempted, condition);
        }
        let (machine, spec) = (self.clone(), spec.clone());
        tokio::spawn(async move {
            machine.config.clock.sleep_until(due).await;
            let event = Event {
                request_id,
                payload: attempted.payload,
                client_context: None,
                chain: attempted.chain,
                reply: Reply::Nobody(Attempt {
                    number: number + 1,
                    ..attempted.attempt
                }),
                submitted: Instant::now(),
            };
            // Refused only when the emulator stops.
            let _ = machine.submit(&spec.id, event);
        });
    }

    /// Sends a record to the destination for this end, if there is one.
    fn end_async(
        self: &Arc<Self>,
        spec: &Arc<FunctionSpec>,
        attempted: &Attempted,
        condition: Condition,
    ) {
        let destination = match condition {
            Condition::Success => &spec.on_success,
            Condition::RetriesExhausted | Condition::EventAgeExceeded => &spec.on_failure,
        };
        if condition == Condition::Success && destination.is_none() {
            return;
        }
        self.tell(
            &spec.id,
            FactEvent::AsyncEnded {
                request_id: attempted.request_id,
                condition,
                destination: destination.clone(),
            },
        );
        let Some(destination) = destination.clone() else {
            return;
        };
        let config = &self.config;
        let arn = function_arn(&config.region, &config.account, &spec.name);
        let now_ms = config.clock.now_ms();
        let payload = record(&arn, attempted, condition, now_ms);
        // A destination that fails and is its own destination is a loop, too.
        let header = chain::header(
            attempted.chain.as_deref(),
            chain::hash(arn.as_bytes()),
            now_ms / 1000,
            attempted.request_id,
        );
        let chain = header.to_str().ok().and_then(Chain::read);
        let machine = self.clone();
        // Not under the lock of an environment.
        tokio::spawn(async move {
            // It is in the template; refused only when the emulator stops.
            let _ = machine.queue(&destination, payload, chain);
        });
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    version: &'a str,
    timestamp: String,
    request_context: RequestContext,
    request_payload: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_context: Option<ResponseContext>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_payload: Option<Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext {
    request_id: String,
    function_arn: String,
    condition: Condition,
    approximate_invoke_count: u8,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResponseContext {
    status_code: u16,
    executed_version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_error: Option<&'static str>,
}

/// The record of an invocation, keys in Lambda's order.
fn record(arn: &str, attempted: &Attempted, condition: Condition, now_ms: u64) -> Bytes {
    let json = |bytes: &Bytes| {
        // What is no JSON is text.
        serde_json::from_slice(bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(bytes).into_owned()))
    };
    let (response, function_error) = match &attempted.outcome {
        None => (None, None),
        Some(Outcome::Response(body)) => (Some(body), None),
        Some(Outcome::FunctionError(body)) => (Some(body), Some("Unhandled")),
    };
    let record = Record {
        version: "1.0",
        timestamp: date::instant(now_ms),
        request_context: RequestContext {
            request_id: attempted.request_id.to_string(),
            function_arn: format!("{arn}:$LATEST"),
            condition,
            approximate_invoke_count: attempted.attempt.number,
        },
        request_payload: json(&attempted.payload),
        response_context: response.map(|_| ResponseContext {
            status_code: 200,
            executed_version: "$LATEST",
            function_error,
        }),
        response_payload: response.map(json),
    };
    serde_json::to_vec(&record)
        .expect("texts, numbers and JSON are always JSON")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(outcome: Option<Outcome>, condition: Condition) -> String {
        let attempted = Attempted {
            request_id: Uuid::nil(),
            payload: "{\"a\":1}".into(),
            chain: None,
            attempt: Attempt {
                number: 3,
                accepted_ms: 0,
            },
            outcome,
        };
        let record = record("ARN", &attempted, condition, 1_573_755_365_568);
        String::from_utf8(record.to_vec()).unwrap()
    }

    #[test]
    fn a_record_has_the_shape_of_the_guide() {
        let error = Outcome::FunctionError("{\"errorType\":\"E\"}".into());
        assert_eq!(
            written(Some(error), Condition::RetriesExhausted),
            r#"{"version":"1.0","timestamp":"2019-11-14T18:16:05.568Z","requestContext":{"requestId":"00000000-0000-0000-0000-000000000000","functionArn":"ARN:$LATEST","condition":"RetriesExhausted","approximateInvokeCount":3},"requestPayload":{"a":1},"responseContext":{"statusCode":200,"executedVersion":"$LATEST","functionError":"Unhandled"},"responsePayload":{"errorType":"E"}}"#
        );
        let answer = written(Some(Outcome::Response("7".into())), Condition::Success);
        assert!(answer.ends_with(
            r#""responseContext":{"statusCode":200,"executedVersion":"$LATEST"},"responsePayload":7}"#
        ));
        let none = written(None, Condition::EventAgeExceeded);
        assert!(none.ends_with(r#""requestPayload":{"a":1}}"#), "{none}");
    }
}
