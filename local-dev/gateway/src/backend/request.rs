//! The request of an integration.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use gatepost_template::Backend;
use gatepost_template::Callee;
use gatepost_template::ContentHandling;
use gatepost_template::Destination;
use gatepost_template::Expression;
use gatepost_template::MappingTemplate;
use gatepost_template::Passthrough;
use gatepost_template::StagedText;
use gatepost_template::Templates;
use http::HeaderName;
use http::HeaderValue;
use http::Request;
use http::header;
use http_body_util::Full;
use percent_encoding::NON_ALPHANUMERIC;
use percent_encoding::utf8_percent_encode;

use super::Call;
use super::Failure;
use super::mapping;
use super::render::Names;
use super::render::render;
use crate::route;

/// What a request's body becomes: the template's result, or itself.
pub(super) fn body(backend: &Backend, call: &Call<'_>) -> Result<String, Failure> {
    let reading = call.core.config.guesses.json;
    let key = |selection: &Expression| route::key(selection, call.body, reading);
    let body = match choose(&backend.templates, key) {
        Some(template) => {
            let names = Names {
                body: call.body,
                reading,
                params: &call.params,
                context: &call.context,
                stage_variables: &call.deployed.variables,
            };
            render(template, &names).map_err(|failed| Failure::Internal(failed.0))?
        }
        None => match backend.passthrough {
            Passthrough::WhenNoTemplates if !backend.templates.by_key.is_empty() => {
                return Err(Failure::UnsupportedMediaType);
            }
            Passthrough::Never => return Err(Failure::UnsupportedMediaType),
            Passthrough::WhenNoMatch | Passthrough::WhenNoTemplates => call.body.to_owned(),
        },
    };
    Ok(converted(backend.content_handling, body))
}

/// The template of the key that the expression comes to, else that of `$default`. Without an
/// expression one for `application/json`, as the guide's example of a mock has it, counts as well.
pub(super) fn choose(
    templates: &Templates,
    key: impl FnOnce(&Expression) -> Option<String>,
) -> Option<&MappingTemplate> {
    let by_key = |key: &str| templates.by_key.get(key);
    match &templates.selection {
        Some(selection) => key(selection)
            .and_then(|key| by_key(&key))
            .or_else(|| by_key("$default")),
        None => by_key("$default").or_else(|| by_key("application/json")),
    }
}

/// `ContentHandlingStrategy`: what cannot be converted stays.
pub(super) fn converted(handling: Option<ContentHandling>, body: String) -> String {
    match handling {
        None => body,
        Some(ContentHandling::ConvertToText) => STANDARD.encode(body),
        Some(ContentHandling::ConvertToBinary) => match STANDARD.decode(body.trim()) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(_) => body,
        },
    }
}

/// The logical ID of the function that is called.
pub(crate) fn function(
    callee: &Callee,
    variables: &BTreeMap<String, String>,
) -> Result<String, String> {
    let (name, functions) = match callee {
        Callee::Function(id) => return Ok(id.clone()),
        Callee::Named { name, functions } => (name, functions),
    };
    let name = name
        .with(variables)
        .map_err(|none| format!("the stage has no variable `{}`", none.0))?;
    let bare = name
        .rsplit_once(":function:")
        .map_or(name.as_str(), |(_, name)| name);
    let bare = bare.split_once(':').map_or(bare, |(name, _)| name);
    functions
        .get(bare)
        .cloned()
        .ok_or_else(|| format!("the function `{bare}` is not in this template"))
}

/// Whether the request parameters ask for an asynchronous invocation: the header
/// `X-Amz-Invocation-Type` is `Event` (Developer Guide, "Set up asynchronous invocation of the
/// backend Lambda function").
pub(super) fn is_asynchronous(backend: &Backend, call: &Call<'_>) -> Result<bool, Failure> {
    let kind = backend.parameters.iter().find(|mapping| {
        matches!(&mapping.to, Destination::Header(name) if name.eq_ignore_ascii_case("x-amz-invocation-type"))
    });
    Ok(kind.is_some_and(|kind| mapping::of_request(&kind.from, call) == ["Event"]))
}

/// Headers of the handshake that are not passed on: those of one hop, and those of the handshake.
const NOT_PASSED: &[&str] = &[
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "proxy-authorization",
    "sec-websocket-extensions",
    "sec-websocket-key",
    "sec-websocket-protocol",
    "sec-websocket-version",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The request of an `HTTP` or `HTTP_PROXY` integration. The latter passes on what the client sent:
/// the message as it is, and on `$connect` query and headers.
pub(super) fn http(
    backend: &Backend,
    call: &Call<'_>,
    method: &str,
    url: &StagedText,
    proxy: bool,
) -> Result<Request<Full<Bytes>>, Failure> {
    let internal = |why: String| Failure::Internal(why);
    let body = match proxy {
        true => call.body.to_owned(),
        false => body(backend, call)?,
    };
    let mut url = url
        .with(&call.deployed.variables)
        .map_err(|none| internal(format!("the stage has no variable `{}`", none.0)))?;
    let passed = call.head.filter(|_| proxy);
    let mut query: Vec<(String, String)> = Vec::new();
    let mut headers: Vec<(String, String)> = Vec::new();
    if let Some(head) = passed {
        query.extend(head.query.iter().cloned());
        let kept = |name: &str| !NOT_PASSED.iter().any(|not| name.eq_ignore_ascii_case(not));
        headers.extend(head.headers.iter().filter(|(name, _)| kept(name)).cloned());
    }
    for mapping in &backend.parameters {
        let values = mapping::of_request(&mapping.from, call);
        match &mapping.to {
            Destination::Header(name) => {
                headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
                headers.extend(values.into_iter().map(|value| (name.clone(), value)));
            }
            Destination::Query(name) => {
                query.retain(|(n, _)| n != name);
                query.extend(values.into_iter().map(|value| (name.clone(), value)));
            }
            Destination::Path(name) => {
                let value = values.last().map_or("", String::as_str);
                url = url.replace(&format!("{{{name}}}"), &encoded(value));
            }
        }
    }
    for (name, value) in &query {
        url.push(if url.contains('?') { '&' } else { '?' });
        url.push_str(&format!("{}={}", encoded(name), encoded(value)));
    }
    let mut request = Request::builder()
        .method(match method {
            "ANY" => "POST",
            method => method,
        })
        .uri(url);
    if let Some(to) = request.headers_mut() {
        let agent = format!("AmazonAPIGateway_{}", call.connection.stage.api_id);
        to.insert(header::USER_AGENT, value(&agent)?);
        to.insert(
            "x-amzn-apigateway-api-id",
            value(&call.connection.stage.api_id)?,
        );
        if !body.is_empty() {
            to.insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            );
        }
        let mut seen: Vec<HeaderName> = Vec::new();
        for (name, text) in &headers {
            let name = HeaderName::try_from(name)
                .map_err(|_| internal(format!("`{name}` cannot name a header")))?;
            match seen.contains(&name) {
                true => to.append(&name, value(text)?),
                false => to.insert(&name, value(text)?).is_some(),
            };
            seen.push(name);
        }
    }
    request
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| internal(format!("the request of the integration: {error}")))
}

fn value(text: &str) -> Result<HeaderValue, Failure> {
    HeaderValue::from_str(text)
        .map_err(|_| Failure::Internal("a mapped value cannot stand in a header".to_owned()))
}

fn encoded(text: &str) -> String {
    const KEPT: &percent_encoding::AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'_')
        .remove(b'.')
        .remove(b'~');
    utf8_percent_encode(text, KEPT).to_string()
}
