//! The Invoke API over HTTP. Lambda API reference, "Invoke".

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::Method;
use http::Request;
use http::Response;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt;
use http_body_util::Full;
use http_body_util::Limited;
use hyper::body::Body;
use percent_encoding::percent_decode_str;
use serde::Serialize;
use uuid::Uuid;

use crate::chain::Chain;
use crate::event::MAX_ASYNC_PAYLOAD;
use crate::event::MAX_PAYLOAD;
use crate::fault::Fault;
use crate::fault::Step;
use crate::fault::injected;
use crate::function_name::function_arn;
use crate::function_name::function_name;
use crate::lambda::Call;
use crate::lambda::Lambda;
use crate::spec::FunctionSpec;
use crate::spec::InvokeError;
use crate::spec::Outcome;

const FUNCTIONS: &str = "/2015-03-31/functions/";
const INVOCATIONS: &str = "/invocations";
const INVOCATION_TYPE: HeaderName = HeaderName::from_static("x-amz-invocation-type");
const LOG_TYPE: HeaderName = HeaderName::from_static("x-amz-log-type");
const CLIENT_CONTEXT: HeaderName = HeaderName::from_static("x-amz-client-context");
const FUNCTION_ERROR: HeaderName = HeaderName::from_static("x-amz-function-error");
const EXECUTED_VERSION: HeaderName = HeaderName::from_static("x-amz-executed-version");
const LOG_RESULT: HeaderName = HeaderName::from_static("x-amz-log-result");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
/// What SDKs in functions pass on, from `_X_AMZN_TRACE_ID`.
const TRACE: HeaderName = HeaderName::from_static("x-amzn-trace-id");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
/// "Up to 3,583 bytes of base64-encoded data".
const MAX_CLIENT_CONTEXT: usize = 3583;

/// Whether a request is one for [`Lambda::serve`].
pub fn is_invoke_path(path: &str) -> bool {
    written_name(path).is_some()
}

/// `?Qualifier=` of a query, percent-decoded.
fn written_qualifier(query: &str) -> Option<Cow<'_, str>> {
    let written = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("Qualifier="))?;
    Some(percent_decode_str(written).decode_utf8_lossy())
}

fn written_name(path: &str) -> Option<&str> {
    let name = path.strip_prefix(FUNCTIONS)?.strip_suffix(INVOCATIONS)?;
    (!name.contains('/')).then_some(name)
}

impl Lambda {
    /// Answers `POST /2015-03-31/functions/{name}/invocations`, and anything else with 404.
    /// Signatures are not looked at: whoever verifies them calls [`Lambda::payload`] and
    /// [`Lambda::respond`].
    pub async fn serve<B>(&self, request: Request<B>) -> Response<Full<Bytes>>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (head, body) = request.into_parts();
        match self.payload(body).await {
            Ok(payload) => {
                let target = head.uri.path_and_query().map_or("/", |it| it.as_str());
                self.respond(&head.method, target, &head.headers, payload)
                    .await
            }
            Err(refusal) => refusal,
        }
    }

    /// Reads the body of a request.
    ///
    /// # Errors
    /// The answer, if it is larger than the payload of any invocation.
    pub async fn payload<B>(&self, body: B) -> Result<Bytes, Response<Full<Bytes>>>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        match Limited::new(body, MAX_PAYLOAD).collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(_) => Err(InvokeError::TooLarge(MAX_PAYLOAD + 1).refusal(self, "")),
        }
    }

    /// The answer to a request whose signature does not hold: 403 with this `x-amzn-ErrorType` and
    /// JSON.
    pub fn forbid(&self, error_type: &'static str, json: String) -> Response<Full<Bytes>> {
        let request_id = (self.machine.config.new_id)();
        let mut response = response(StatusCode::FORBIDDEN, json.into(), request_id);
        let error_type = HeaderValue::from_static(error_type);
        response.headers_mut().insert(ERROR_TYPE, error_type);
        response
    }

    /// [`Lambda::serve`] for a body that is already there; `target` is the path and the query.
    pub async fn respond(
        &self,
        method: &Method,
        target: &str,
        headers: &HeaderMap,
        payload: Bytes,
    ) -> Response<Full<Bytes>> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let name = written_name(path).filter(|_| method == Method::POST);
        let Some(name) = name.and_then(|name| percent_decode_str(name).decode_utf8().ok()) else {
            let message = "There is no such operation.";
            return refusal(
                StatusCode::NOT_FOUND,
                "UnknownOperationException",
                message,
                None,
            );
        };
        let config = &self.machine.config;
        let named = function_name(&name, &config.region, &config.account);
        let function = named.and_then(|named| self.machine.named(named.name));
        let Some((function, named)) = function.zip(named) else {
            return InvokeError::NotFound(name.to_string()).refusal(self, &name);
        };
        let in_query = written_qualifier(query);
        if let (Some(in_name), Some(in_query)) = (named.qualifier, in_query.as_deref())
            && in_name != in_query
        {
            let message = format!(
                "The derived qualifier from the function name does not match the specified \
                 qualifier: {in_query}."
            );
            return invalid("InvalidParameterValueException", &message);
        }
        let qualifier = in_query.as_deref().or(named.qualifier);
        let Some(version) = qualifier.map_or(Some("$LATEST"), |it| version(it, &function)) else {
            let qualifier = qualifier.unwrap_or_default();
            let arn = function_arn(&config.region, &config.account, &function.name);
            let arn = format!("{arn}:{qualifier}");
            return InvokeError::NotFound(arn.clone()).refusal(self, &arn);
        };
        // An empty event is an empty object.
        let payload = if payload.is_empty() {
            Bytes::from_static(b"{}")
        } else {
            payload
        };
        if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(&payload) {
            let message = format!("Could not parse request body into json: {error}");
            return invalid("InvalidRequestContentException", &message);
        }
        let fault = injected(&*config.faults, &function.id, Step::Request);
        if !fault.delay.is_zero() {
            tokio::time::sleep(fault.delay).await;
        }
        if let Some(Fault::Status(status)) = fault.fault {
            return refuse_on_purpose(status);
        }
        let result = match text(headers, &INVOCATION_TYPE) {
            "" | "RequestResponse" => {
                let Some(context) = client_context(headers) else {
                    let message = "Client context must be a valid Base64-encoded JSON object.";
                    return invalid("InvalidRequestContentException", message);
                };
                let tail = text(headers, &LOG_TYPE) == "Tail";
                let call = Call {
                    payload,
                    client_context: context,
                    chain: Chain::read(text(headers, &TRACE)),
                    tail,
                };
                self.call(&function.id, call)
                    .await
                    .map(|(request_id, answer)| {
                        let (body, failed) = match answer.outcome {
                            Outcome::Response(body) => (body, false),
                            Outcome::FunctionError(json) => (json, true),
                        };
                        let mut response = response(StatusCode::OK, body, request_id);
                        let headers = response.headers_mut();
                        headers.insert(EXECUTED_VERSION, HeaderValue::from_static(version));
                        if failed {
                            headers.insert(FUNCTION_ERROR, HeaderValue::from_static("Unhandled"));
                        }
                        if let Some(tail) = answer.tail {
                            let encoded = HeaderValue::try_from(STANDARD.encode(tail))
                                .expect("Base64 is visible ASCII");
                            headers.insert(LOG_RESULT, encoded);
                        }
                        response
                    })
            }
            "Event" => self
                .invoke_async_in(&function.id, payload, Chain::read(text(headers, &TRACE)))
                .map(|request_id| response(StatusCode::ACCEPTED, Bytes::new(), request_id)),
            "DryRun" => {
                let request_id = (config.new_id)();
                return response(StatusCode::NO_CONTENT, Bytes::new(), request_id);
            }
            other => {
                let message = format!(
                    "1 validation error detected: Value '{other}' at 'invocationType' failed to \
                     satisfy constraint: Member must satisfy enum value set: [Event, \
                     RequestResponse, DryRun]"
                );
                return invalid("ValidationException", &message);
            }
        };
        result.unwrap_or_else(|error| error.refusal(self, &function.name))
    }
}

/// What the Invoke API answers with this status, where it has an answer with it.
fn refuse_on_purpose(status: StatusCode) -> Response<Full<Bytes>> {
    let error_type = match status {
        StatusCode::BAD_REQUEST => "InvalidRequestContentException",
        StatusCode::FORBIDDEN => "AccessDeniedException",
        StatusCode::NOT_FOUND => "ResourceNotFoundException",
        StatusCode::CONFLICT => "ResourceConflictException",
        StatusCode::PAYLOAD_TOO_LARGE => "RequestTooLargeException",
        StatusCode::TOO_MANY_REQUESTS => "TooManyRequestsException",
        StatusCode::BAD_GATEWAY => "EC2UnexpectedException",
        _ => "ServiceException",
    };
    refusal(status, error_type, "a fault was injected", None)
}

impl InvokeError {
    fn refusal(&self, lambda: &Lambda, name: &str) -> Response<Full<Bytes>> {
        let config = &lambda.machine.config;
        match self {
            Self::NotFound(_) => {
                let arn = if name.starts_with("arn:") {
                    name.to_owned()
                } else {
                    function_arn(&config.region, &config.account, name)
                };
                let message = format!("Function not found: {arn}");
                refusal(
                    StatusCode::NOT_FOUND,
                    "ResourceNotFoundException",
                    &message,
                    None,
                )
            }
            Self::Throttled(_) => refusal(
                StatusCode::TOO_MANY_REQUESTS,
                "TooManyRequestsException",
                "Rate Exceeded.",
                Some("ReservedFunctionConcurrentInvocationLimitExceeded"),
            ),
            Self::Recursive(_) => refusal(
                StatusCode::BAD_REQUEST,
                "RecursiveInvocationException",
                "The function was invoked 16 times in the same chain of requests, and was stopped.",
                None,
            ),
            Self::TooLarge(length) if *length > MAX_PAYLOAD => {
                let message = format!(
                    "Request must be smaller than {MAX_PAYLOAD} bytes for the InvokeFunction \
                     operation"
                );
                refusal(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "RequestTooLargeException",
                    &message,
                    None,
                )
            }
            Self::TooLarge(length) => {
                let message = format!(
                    "{length} byte payload is too large for the Event invocation type (limit \
                     {MAX_ASYNC_PAYLOAD} bytes)"
                );
                refusal(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "RequestTooLargeException",
                    &message,
                    None,
                )
            }
            Self::Stopping => {
                let message = "The emulator is stopping.";
                refusal(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "ServiceException",
                    message,
                    None,
                )
            }
        }
    }
}

/// The version behind a qualifier: there is one code, and it is also every published version that
/// somebody asks for. `None` for an alias that the function does not have.
fn version(qualifier: &str, function: &FunctionSpec) -> Option<&'static str> {
    let is_version = !qualifier.is_empty() && qualifier.bytes().all(|byte| byte.is_ascii_digit());
    (qualifier == "$LATEST" || is_version || function.aliases.contains(qualifier))
        .then_some("$LATEST")
}

/// `ClientContext`, which comes as Base64 and reaches the function as JSON; `None` for what is not
/// that.
fn client_context(headers: &HeaderMap) -> Option<Option<HeaderValue>> {
    let written = text(headers, &CLIENT_CONTEXT);
    if written.is_empty() {
        return Some(None);
    }
    let json = STANDARD
        .decode(written)
        .ok()
        .filter(|_| written.len() <= MAX_CLIENT_CONTEXT)?;
    HeaderValue::try_from(json).ok().map(Some)
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> &'a str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

fn response(status: StatusCode, body: Bytes, request_id: Uuid) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let request_id = HeaderValue::try_from(request_id.to_string())
        .expect("hexadecimal digits are visible ASCII");
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(REQUEST_ID, request_id);
    response
}

#[derive(Serialize)]
struct Refusal<'a> {
    #[serde(rename = "Reason", skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(rename = "Type")]
    by: &'a str,
    message: &'a str,
}

fn invalid(error_type: &'static str, message: &str) -> Response<Full<Bytes>> {
    refusal(StatusCode::BAD_REQUEST, error_type, message, None)
}

fn refusal(
    status: StatusCode,
    error_type: &'static str,
    message: &str,
    reason: Option<&str>,
) -> Response<Full<Bytes>> {
    let by = if status.is_server_error() {
        "Service"
    } else {
        "User"
    };
    let body = serde_json::to_vec(&Refusal {
        reason,
        by,
        message,
    })
    .expect("strings are always JSON");
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ERROR_TYPE, HeaderValue::from_static(error_type));
    response
}
