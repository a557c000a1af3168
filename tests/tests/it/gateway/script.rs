//! Functions as a test wants them.

use std::collections::HashMap;
use std::fmt;
use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;
use gatepost_gateway::Invoke;
use gatepost_gateway::InvokeError;
use gatepost_gateway::Invoked;
use serde_json::Value;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::sync::oneshot;

pub(super) type Result = std::result::Result<Invoked, InvokeError>;

/// What a function does.
pub(super) enum Does {
    /// Answers at once.
    Answers(Box<dyn Fn(&Value) -> Result + Send + Sync>),
    /// Waits until the test answers the [`Call`].
    Waits,
}

/// An invocation, as the test sees it.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) function: String,
    pub(super) payload: Bytes,
    /// Of a function that waits.
    answer: Option<oneshot::Sender<Result>>,
}

impl Call {
    pub(super) fn event(&self) -> Value {
        serde_json::from_slice(&self.payload).unwrap()
    }

    pub(super) fn answer(self, result: Result) {
        // The gateway may have given up waiting.
        let _ = self.answer.unwrap().send(result);
    }
}

/// Calls functions by name and keeps every call.
pub(super) struct Script {
    functions: HashMap<&'static str, Does>,
    calls: mpsc::UnboundedSender<Call>,
    kept: Mutex<Vec<String>>,
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Script")
    }
}

impl Script {
    pub(super) fn new(
        functions: HashMap<&'static str, Does>,
    ) -> (Self, mpsc::UnboundedReceiver<Call>) {
        let (calls, called) = mpsc::unbounded_channel();
        (
            Self {
                functions,
                calls,
                kept: Mutex::default(),
            },
            called,
        )
    }

    /// Functions called so far.
    pub(super) fn called(&self) -> Vec<String> {
        self.kept.lock().unwrap().clone()
    }
}

#[async_trait]
impl Invoke for Script {
    async fn invoke(&self, function: &str, payload: Bytes) -> Result {
        self.kept.lock().unwrap().push(function.to_owned());
        let event: Value = serde_json::from_slice(&payload).unwrap();
        let does = self.functions.get(function);
        let function = function.to_owned();
        match does {
            None => {
                let _ = self.calls.send(Call {
                    function,
                    payload,
                    answer: None,
                });
                Err(InvokeError::Unavailable(
                    "there is no such function".to_owned(),
                ))
            }
            Some(Does::Answers(answer)) => {
                let _ = self.calls.send(Call {
                    function,
                    payload,
                    answer: None,
                });
                answer(&event)
            }
            Some(Does::Waits) => {
                let (answer, answered) = oneshot::channel();
                let _ = self.calls.send(Call {
                    function,
                    payload,
                    answer: Some(answer),
                });
                answered.await.unwrap_or_else(|_| function_error("dropped"))
            }
        }
    }

    async fn invoke_async(
        &self,
        function: &str,
        payload: Bytes,
    ) -> std::result::Result<(), InvokeError> {
        self.kept.lock().unwrap().push(format!("{function} later"));
        let _ = self.calls.send(Call {
            function: function.to_owned(),
            payload,
            answer: None,
        });
        Ok(())
    }
}

/// A proxy response with this status.
pub(super) fn status(status: u16) -> Result {
    response(&json!({ "statusCode": status }))
}

/// A proxy response with this body.
pub(super) fn body(body: &str) -> Result {
    response(&json!({ "statusCode": 200, "body": body }))
}

pub(super) fn response(json: &Value) -> Result {
    Ok(Invoked::Response(json.to_string().into()))
}

/// A thrown error.
pub(super) fn function_error(message: &str) -> Result {
    let error = json!({ "errorMessage": message, "errorType": "Error" });
    Ok(Invoked::FunctionError(error.to_string().into()))
}

/// A function that always answers the same.
pub(super) fn always(result: Result) -> Does {
    Does::Answers(Box::new(move |_| result.clone()))
}

/// A function that answers the body it was sent.
pub(super) fn echo() -> Does {
    Does::Answers(Box::new(|event| body(event["body"].as_str().unwrap())))
}
