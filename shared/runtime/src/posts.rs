//! The way to the clients, counted.

use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use bytes::Bytes;
use gatepost_gateway_client::Access;
use gatepost_gateway_client::ConnectionState;
use gatepost_gateway_client::Connections;
use gatepost_gateway_client::Gateway;
use gatepost_gateway_client::InvokeAsync;
use gatepost_gateway_client::InvokeError;
use gatepost_gateway_client::Limits;
use gatepost_gateway_client::Payload;
use gatepost_gateway_client::PostError;
use gatepost_protocol::ConnectionId;
use http::Uri;

use crate::RequestContext;
use crate::StartError;
use crate::config::AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI;
use crate::metric::Figure;

/// The `@connections` API, at the address that the environment names or else at that of the first
/// event; and what became of the posts.
#[derive(Debug)]
pub struct Posts {
    gateway: OnceLock<Gateway>,
    access: Access,
    delivered: AtomicU64,
    gone: AtomicU64,
    throttled: AtomicU64,
    failed: AtomicU64,
}

impl Posts {
    pub(crate) fn new(endpoint: Option<&Uri>, access: Access) -> Result<Self, StartError> {
        let posts = Self {
            gateway: OnceLock::new(),
            access,
            delivered: AtomicU64::new(0),
            gone: AtomicU64::new(0),
            throttled: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        };
        if let Some(endpoint) = endpoint {
            let gateway = Gateway::new(endpoint, posts.access.clone(), Limits::default())?;
            // Nobody else has it yet.
            let _ = posts.gateway.set(gateway);
        }
        Ok(posts)
    }

    /// Takes the address from an event, if it is not known. All events of a deployment name the
    /// same one, but for custom domain names: those need it in the environment.
    pub fn learn_address(&self, context: &RequestContext<'_>) {
        if self.gateway.get().is_some() {
            return;
        }
        let made = context
            .management_endpoint()
            .parse::<Uri>()
            .ok()
            .and_then(|uri| Gateway::new(&uri, self.access.clone(), Limits::default()).ok());
        match made {
            Some(gateway) => drop(self.gateway.set(gateway)),
            None => tracing::error!("the event names no host and stage to post to"),
        }
    }

    /// What became of the posts since the last time; empty if there were none.
    pub fn take_figures(&self) -> Vec<Figure> {
        let counts = [
            ("Deliveries", &self.delivered),
            ("PostsGone", &self.gone),
            ("PostsThrottled", &self.throttled),
            ("PostsFailed", &self.failed),
        ];
        counts
            .into_iter()
            .map(|(name, count)| (name, count.swap(0, Ordering::Relaxed)))
            .filter(|(_, value)| *value > 0)
            .map(|(name, value)| Figure::count(name, value))
            .collect()
    }

    fn gateway(&self) -> Result<&Gateway, PostError> {
        self.gateway.get().ok_or_else(|| {
            PostError::Forbidden(
                format!("{AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI} is not set").into(),
            )
        })
    }
}

#[async_trait]
impl Connections for Posts {
    async fn post(&self, to: &ConnectionId, payload: &Payload) -> Result<(), PostError> {
        let posted = self.gateway()?.post(to, payload).await;
        let count = match &posted {
            Ok(()) => &self.delivered,
            Err(PostError::Gone) => &self.gone,
            Err(PostError::Throttled) => &self.throttled,
            Err(PostError::TooLarge | PostError::Forbidden(_) | PostError::Unreachable(_)) => {
                &self.failed
            }
        };
        count.fetch_add(1, Ordering::Relaxed);
        posted
    }

    async fn get(&self, id: &ConnectionId) -> Result<ConnectionState, PostError> {
        self.gateway()?.get(id).await
    }

    async fn close(&self, id: &ConnectionId) -> Result<(), PostError> {
        self.gateway()?.close(id).await
    }
}

/// For a function that neither posts nor invokes, and has no right to.
#[derive(Debug)]
pub(crate) struct Nowhere;

/// What `Nowhere` says.
const NOT_HERE: &str = "this function does not do that";

#[async_trait]
impl Connections for Nowhere {
    async fn post(&self, _: &ConnectionId, _: &Payload) -> Result<(), PostError> {
        Err(PostError::Forbidden(NOT_HERE.into()))
    }

    async fn get(&self, _: &ConnectionId) -> Result<ConnectionState, PostError> {
        Err(PostError::Forbidden(NOT_HERE.into()))
    }

    async fn close(&self, _: &ConnectionId) -> Result<(), PostError> {
        Err(PostError::Forbidden(NOT_HERE.into()))
    }
}

#[async_trait]
impl InvokeAsync for Nowhere {
    async fn invoke_async(&self, _: Bytes) -> Result<(), InvokeError> {
        Err(InvokeError::Forbidden(NOT_HERE.into()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use gatepost_gateway_client::Credentials;
    use tokio::io::AsyncReadExt as _;
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    use super::*;

    fn access() -> Access {
        Access {
            region: String::from("eu-west-1"),
            credentials: Arc::new(|| Credentials {
                access_key_id: String::from("AKID"),
                secret_access_key: String::from("hush"),
                session_token: None,
            }),
            clock: Arc::new(|| 0),
        }
    }

    #[tokio::test]
    async fn what_became_of_the_posts_is_told_once() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}/local", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            for status in [
                "200 OK",
                "200 OK",
                "410 Gone",
                "429 Too Many",
                "403 Forbidden",
            ] {
                assert!(stream.read(&mut [0; 4_096]).await.unwrap() > 0);
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        let posts = Posts::new(Some(&endpoint.parse().unwrap()), access()).unwrap();
        let (to, payload) = ("c1".parse().unwrap(), Payload::new("{}"));
        for _ in 0..5 {
            drop(posts.post(&to, &payload).await);
        }
        let expected = [
            Figure::count("Deliveries", 2),
            Figure::count("PostsGone", 1),
            Figure::count("PostsThrottled", 1),
            Figure::count("PostsFailed", 1),
        ];
        assert_eq!(posts.take_figures(), expected);
        assert_eq!(posts.take_figures(), []);
    }

    #[tokio::test]
    async fn an_address_is_learned_from_the_first_event() {
        let posts = Posts::new(None, access()).unwrap();
        let (to, payload) = ("c1".parse().unwrap(), Payload::new("{}"));
        let error = posts.post(&to, &payload).await.unwrap_err();
        assert!(
            error
                .to_string()
                .contains(AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI),
            "{error}"
        );
        let context =
            r#"{"connectionId":"c","connectedAt":0,"domainName":"h.example","stage":"prod"}"#;
        posts.learn_address(&serde_json::from_str(context).unwrap());
        assert!(posts.gateway.get().is_some());
    }
}
