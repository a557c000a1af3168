//! HTTP answers that the gateway makes itself.

use std::borrow::Cow;

use bytes::Bytes;
use gatepost_sigv4::SignatureError;
use http::HeaderValue;
use http::Response;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http_body_util::Full;
use percent_encoding::percent_decode_str;

/// What the gateway answers instead of what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    /// `x-amzn-ErrorType`.
    error_type: Option<&'static str>,
    /// JSON, or empty.
    body: Cow<'static, str>,
    /// Why, for a person; the client is not told.
    pub(crate) why: Cow<'static, str>,
}

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident = $status:ident $error:expr, $body:expr;)*) => {
        impl Refusal {$(
            $(#[$doc])*
            pub(crate) const fn $name(why: &'static str) -> Self {
                Self::new(StatusCode::$status, $error, Cow::Borrowed($body), Cow::Borrowed(why))
            }
        )*}
    };
}

// Texts and types are those of REST APIs ("Gateway response types for API Gateway") where nothing
// was observed of a WebSocket API.
refusals! {
    /// A stage that does not exist.
    forbidden = FORBIDDEN Some("ForbiddenException"), r#"{"message":"Forbidden"}"#;
    /// A plain request to a stage. Seen on AWS, without its body.
    upgrade_required = UPGRADE_REQUIRED None, "";
    /// A handshake that breaks RFC 6455 §4.2.1.
    bad_handshake = BAD_REQUEST Some("BadRequestException"), r#"{"message":"Bad Request"}"#;
    /// A URL beyond the quota. What AWS answers is not known: status and body are a guess.
    url_too_long = URI_TOO_LONG Some("RequestTooLongException"),
        r#"{"message":"Request URI Too Long"}"#;
    /// An identity source is missing, or the authorizer failed with `Unauthorized`.
    unauthorized = UNAUTHORIZED Some("UnauthorizedException"), r#"{"message":"Unauthorized"}"#;
    /// The policy denies. The capital M is AWS's.
    explicit_deny = FORBIDDEN Some("AccessDeniedException"),
        r#"{"Message":"User is not authorized to access this resource with an explicit deny"}"#;
    /// The policy does not allow.
    implicit_deny = FORBIDDEN Some("AccessDeniedException"),
        r#"{"Message":"User is not authorized to access this resource"}"#;
    /// The function could not be called.
    not_invoked = INTERNAL_SERVER_ERROR Some("InternalServerErrorException"),
        r#"{"message": "Internal server error"}"#;
    /// The function failed, or its answer is no proxy response.
    bad_gateway = BAD_GATEWAY Some("InternalServerErrorException"),
        r#"{"message": "Internal server error"}"#;
    /// The integration took too long.
    timed_out = GATEWAY_TIMEOUT Some("InternalServerErrorException"),
        r#"{"message": "Endpoint request timed out"}"#;
    /// The function is throttled. Seen on AWS for a throttled stage.
    throttled = TOO_MANY_REQUESTS Some("TooManyRequestsException"),
        r#"{"message":"Too Many Requests"}"#;
    /// The quota of a usage plan.
    quota_exceeded = TOO_MANY_REQUESTS Some("LimitExceededException"),
        r#"{"message":"Limit Exceeded"}"#;
    /// An HTTP endpoint cannot be reached.
    unreachable = GATEWAY_TIMEOUT Some("InternalServerErrorException"),
        r#"{"message": "Network error communicating with endpoint"}"#;
    /// No request template is for this, and it is not passed through.
    unsupported_media_type = UNSUPPORTED_MEDIA_TYPE Some("BadRequestException"),
        r#"{"message": "Unsupported Media Type"}"#;
    /// The gateway stops.
    stopping = SERVICE_UNAVAILABLE Some("ServiceUnavailableException"),
        r#"{"message":"Service Unavailable"}"#;
    /// The connection does not exist, or not yet, or no longer. The body is empty: clients failed
    /// to parse one (aws-sdk-php via laravel-echo-api-gateway issue 9).
    gone = GONE Some("GoneException"), "";
    /// API reference of `PostToConnection`: the payload is too large. The text is not documented.
    too_large = PAYLOAD_TOO_LARGE Some("PayloadTooLargeException"),
        r#"{"message":"Request Too Long"}"#;
    /// API reference of `PostToConnection`: too many requests in a unit of time. The text is REST's.
    limit_exceeded = TOO_MANY_REQUESTS Some("LimitExceededException"),
        r#"{"message":"Too Many Requests"}"#;
    /// API reference of `PostToConnection`: the same for a full client-side buffer. The text is not
    /// documented; it tells the two apart.
    buffer_full = TOO_MANY_REQUESTS Some("LimitExceededException"),
        r#"{"message":"Client buffer is full"}"#;
    /// A post that is not UTF-8, where that is refused. What AWS does is not known.
    not_utf8 = BAD_REQUEST Some("BadRequestException"), r#"{"message":"Payload is not UTF-8"}"#;
    /// A post without a payload. What AWS does is not known.
    no_payload = BAD_REQUEST Some("BadRequestException"), r#"{"message":"Payload is empty"}"#;
}

impl Refusal {
    const fn new(
        status: StatusCode,
        error_type: Option<&'static str>,
        body: Cow<'static, str>,
        why: Cow<'static, str>,
    ) -> Self {
        Self {
            status,
            error_type,
            body,
            why,
        }
    }

    /// An authorizer that cannot be used; the body is that of REST APIs'
    /// `AUTHORIZER_CONFIGURATION_ERROR`.
    pub(crate) fn authorizer_failed(why: String) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            Some("AuthorizerConfigurationException"),
            Cow::Borrowed(r#"{"message":null}"#),
            Cow::Owned(why),
        )
    }

    /// `$connect` answered with this status, 300 to 599: the client gets the same. Whether its body
    /// goes along is not known.
    pub(crate) fn by_function(status: u16) -> Self {
        let why = Cow::Owned(format!("$connect answered {status}"));
        Self::new(StatusCode::BAD_GATEWAY, None, Cow::Borrowed(""), why).with_status(status)
    }

    /// With another status, if it is one.
    pub(crate) fn with_status(self, status: u16) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap_or(self.status),
            ..self
        }
    }

    /// With another body.
    pub(crate) fn with_body(self, body: String) -> Self {
        Self {
            body: Cow::Owned(body),
            ..self
        }
    }

    /// With another `message`.
    pub(crate) fn with_message(self, text: &str) -> Self {
        self.with_body(serde_json::json!({ "message": text }).to_string())
    }

    /// `BadRequestException: Invalid connectionId` (seen on AWS: serverless-offline issue 749).
    pub(crate) fn invalid_connection_id(id: &str) -> Self {
        let body = serde_json::json!({ "message": format!("Invalid connectionId: {id}") });
        Self::new(
            StatusCode::BAD_REQUEST,
            Some("BadRequestException"),
            Cow::Owned(body.to_string()),
            Cow::Borrowed("malformed connection id"),
        )
    }

    /// A method or path that `@connections` does not have; `path` is what follows the stage or the
    /// mapping key (text seen on AWS: aws-samples simple-websockets-chat-app issue 40, where the
    /// path is decoded; the status is a guess).
    pub(crate) fn no_method(path: &str, method: &str) -> Self {
        let path = percent_decode_str(path.trim_start_matches('/')).decode_utf8_lossy();
        let text = format!("No method found matching route {path} for http method {method}.");
        Self::new(
            StatusCode::NOT_FOUND,
            Some("NotFoundException"),
            Cow::Owned(serde_json::json!({ "message": text }).to_string()),
            Cow::Borrowed("no such method"),
        )
    }

    /// A fault rule wants this status: the answer is the one that the gateway gives with it.
    pub(crate) fn injected(status: StatusCode) -> Self {
        const WHY: &str = "a fault was injected";
        match status {
            StatusCode::UNAUTHORIZED => Self::unauthorized(WHY),
            StatusCode::FORBIDDEN => Self::forbidden(WHY),
            StatusCode::GONE => Self::gone(WHY),
            StatusCode::PAYLOAD_TOO_LARGE => Self::too_large(WHY),
            StatusCode::TOO_MANY_REQUESTS => Self::limit_exceeded(WHY),
            StatusCode::INTERNAL_SERVER_ERROR => Self::not_invoked(WHY),
            StatusCode::BAD_GATEWAY => Self::bad_gateway(WHY),
            StatusCode::SERVICE_UNAVAILABLE => Self::stopping(WHY),
            StatusCode::GATEWAY_TIMEOUT => Self::timed_out(WHY),
            other => Self::new(other, None, Cow::Borrowed(""), Cow::Borrowed(WHY)),
        }
    }

    /// Why, with more to say.
    pub(crate) fn because(self, why: String) -> Self {
        Self {
            why: Cow::Owned(why),
            ..self
        }
    }

    pub(crate) fn into_response(self) -> Response<Full<Bytes>> {
        let body = match self.body {
            Cow::Borrowed(text) => Bytes::from_static(text.as_bytes()),
            Cow::Owned(text) => Bytes::from(text),
        };
        let has_body = !body.is_empty();
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = self.status;
        if has_body {
            let json = HeaderValue::from_static("application/json");
            response.headers_mut().insert(CONTENT_TYPE, json);
        }
        if let Some(error_type) = self.error_type {
            let error_type = HeaderValue::from_static(error_type);
            response
                .headers_mut()
                .insert("x-amzn-errortype", error_type);
        }
        response
    }
}

impl From<SignatureError> for Refusal {
    fn from(error: SignatureError) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            Some(error.error_type()),
            Cow::Owned(error.body()),
            Cow::Owned(error.to_string()),
        )
    }
}
