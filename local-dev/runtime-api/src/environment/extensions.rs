//! The Extensions API for internal extensions, which live in the function's own process. Lambda
//! guide, "Using the Lambda Extensions API to create extensions".

use std::sync::Arc;

use http::HeaderMap;
use http::HeaderName;
use http::Request;
use http::StatusCode;
use hyper::body::Incoming;
use serde::Deserialize;
use serde::Serialize;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::Environment;
use super::http_api::Received;
use super::http_api::Refusal;
use super::http_api::Reply;
use super::http_api::accepted;
use super::http_api::receive;
use super::http_api::reply;
use super::http_api::uuid_value;
use super::state::Extension;
use super::state::Notice;
use super::state::Runtime;
use super::state::State;
use crate::function_error::FunctionError;

const NAME: HeaderName = HeaderName::from_static("lambda-extension-name");
const FEATURES: HeaderName = HeaderName::from_static("lambda-extension-accept-feature");
const IDENTIFIER: HeaderName = HeaderName::from_static("lambda-extension-identifier");
const EVENT_IDENTIFIER: HeaderName = HeaderName::from_static("lambda-extension-event-identifier");
const ERROR_TYPE: HeaderName = HeaderName::from_static("lambda-extension-function-error-type");
/// "You can register up to 10 extensions".
const MAX_EXTENSIONS: usize = 10;
const MAX_REGISTRATION: usize = 64 * 1024;

#[derive(Deserialize)]
struct Registration {
    #[serde(default)]
    events: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Registered<'a> {
    function_name: &'a str,
    function_version: &'a str,
    handler: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invoke<'a> {
    event_type: &'a str,
    deadline_ms: u64,
    request_id: &'a str,
    invoked_function_arn: &'a str,
    tracing: Tracing<'a>,
}

#[derive(Serialize)]
struct Tracing<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    value: &'a str,
}

impl Environment {
    pub(super) async fn register(
        self: &Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Reply, Refusal> {
        let (head, body) = request.into_parts();
        let name = text(&head.headers, &NAME).to_owned();
        if name.is_empty() {
            let message = "Empty extension name";
            return Err(Refusal::forbidden(
                "Extension.InvalidExtensionName",
                message,
            ));
        }
        self.renew(Some(&name));
        let registration: Registration = match receive(body, MAX_REGISTRATION).await {
            Ok(Received::Whole(body)) => serde_json::from_slice(&body).map_err(|e| e.to_string()),
            Ok(Received::TooLarge(_)) => Err("the registration is too long".to_owned()),
            Err(error) => Err(error.to_string()),
        }
        .map_err(|message| Refusal::forbidden("InvalidRequestFormat", message))?;
        if let Some(event) = registration.events.iter().find(|event| *event != "INVOKE") {
            let why = match event.as_str() {
                "SHUTDOWN" => "an extension inside the function's process gets no such event",
                _ => "there is no such event",
            };
            let message = format!("{event}: {why}");
            return Err(Refusal::forbidden("Extension.InvalidEventType", message));
        }
        let account = text(&head.headers, &FEATURES)
            .split(',')
            .any(|feature| feature.trim() == "accountId")
            .then_some(self.machine.config.account.as_str());

        let identifier = (self.machine.config.new_id)();
        let invoke = !registration.events.is_empty();
        enter(
            &mut self.state(),
            Extension {
                name,
                identifier,
                invoke,
                waiting: None,
            },
        )?;
        let registered = Registered {
            function_name: &self.spec.name,
            function_version: "$LATEST",
            handler: &self.spec.handler,
            account_id: account,
        };
        let body = serde_json::to_vec(&registered).expect("strings are always JSON");
        let mut reply = reply(StatusCode::OK, body.into());
        reply
            .headers_mut()
            .insert(IDENTIFIER, uuid_value(identifier));
        Ok(reply)
    }

    /// Waits for the next invocation, for as long as it takes.
    pub(super) async fn extension_next(
        self: &Arc<Self>,
        headers: &HeaderMap,
    ) -> Result<Reply, Refusal> {
        let identifier = identifier(headers)?;
        let notice = {
            let mut state = self.state();
            let (waiting, notice) = oneshot::channel();
            // The newest of several waits; the connections of the others are dead.
            find(&mut state, identifier)?.waiting = Some(waiting);
            self.settle(state);
            notice
        };
        let notice = notice.await.map_err(|_| {
            let message = format!(
                "State transition from Ready to Ready failed for extension {identifier}. Error: \
                 State transition is not allowed"
            );
            Refusal::forbidden("Extension.InvalidExtensionState", message)
        })?;
        Ok(self.notice_reply(&notice))
    }

    fn notice_reply(&self, notice: &Notice) -> Reply {
        let invoke = Invoke {
            event_type: "INVOKE",
            deadline_ms: notice.deadline_ms,
            request_id: &notice.request_id.to_string(),
            invoked_function_arn: self.arn.to_str().unwrap_or_default(),
            tracing: Tracing {
                kind: "X-Amzn-Trace-Id",
                value: notice.trace.to_str().unwrap_or_default(),
            },
        };
        let body = serde_json::to_vec(&invoke).expect("strings and numbers are always JSON");
        let mut reply = reply(StatusCode::OK, body.into());
        let identifier = (self.machine.config.new_id)();
        reply
            .headers_mut()
            .insert(EVENT_IDENTIFIER, uuid_value(identifier));
        reply
    }

    /// `/init/error` and `/exit/error`: the environment ends. `kind` is Lambda's name for it.
    pub(super) fn extension_error(
        &self,
        headers: &HeaderMap,
        kind: &'static str,
    ) -> Result<Reply, Refusal> {
        let identifier = identifier(headers)?;
        let reported = text(headers, &ERROR_TYPE).to_owned();
        if reported.is_empty() {
            let message = "Lambda-Extension-Function-Error-Type not found";
            return Err(Refusal::forbidden("Extension.MissingHeader", message));
        }
        let mut state = self.state();
        find(&mut state, identifier)?;
        self.fail(&mut state, FunctionError::Extension(kind, reported));
        Ok(accepted())
    }
}

/// Adds an extension.
///
/// # Errors
/// Among others: registration closes with the runtime's first `/next`.
fn enter(state: &mut State, extension: Extension) -> Result<(), Refusal> {
    if !matches!(state.runtime, Runtime::Started) {
        let message = "Extension registration closed already";
        return Err(Refusal::forbidden("Extension.RegistrationClosed", message));
    }
    if state
        .extensions
        .iter()
        .any(|known| known.name == extension.name)
    {
        let message = "Extension with this name already registered";
        return Err(Refusal::forbidden(
            "Extension.InvalidExtensionState",
            message,
        ));
    }
    if state.extensions.len() == MAX_EXTENSIONS {
        let message = format!("Extension limit ({MAX_EXTENSIONS}) reached");
        return Err(Refusal::forbidden("Extension.TooManyExtensions", message));
    }
    state.extensions.push(extension);
    Ok(())
}

fn find(state: &mut State, identifier: Uuid) -> Result<&mut Extension, Refusal> {
    state
        .extensions
        .iter_mut()
        .find(|extension| extension.identifier == identifier)
        .ok_or_else(|| {
            let message = format!("Unknown extension {identifier}");
            Refusal::forbidden("Extension.UnknownExtensionIdentifier", message)
        })
}

fn identifier(headers: &HeaderMap) -> Result<Uuid, Refusal> {
    let written = text(headers, &IDENTIFIER);
    if written.is_empty() {
        let message = "Missing Lambda-Extension-Identifier header";
        return Err(Refusal::forbidden(
            "Extension.MissingExtensionIdentifier",
            message,
        ));
    }
    written.parse().map_err(|_| {
        let message = "Invalid Lambda-Extension-Identifier";
        Refusal::forbidden("Extension.InvalidExtensionIdentifier", message)
    })
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> &'a str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}
