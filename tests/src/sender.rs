//! The `message` function in this process, on real stores: what a frame costs it until its reply,
//! with nothing around it. What it would do after the reply is left undone, unless asked for.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use gatepost_message::Message;
use gatepost_runtime::MessageEvent;
use gatepost_runtime::Work;
use serde_json::Value;
use serde_json::json;
use tokio::time::Instant;

use crate::servers::MariaDb;
use crate::servers::Redis;
use crate::servers::unique_name;
use crate::stack::now;

/// Where nobody listens.
const NOWHERE: &str = "http://127.0.0.1:9";

/// Stores for any number of functions.
#[derive(Debug)]
pub struct Stores {
    /// The registry's server.
    pub redis: Redis,
    /// The log's server.
    pub mariadb: MariaDb,
    /// `REDIS_URL`.
    pub redis_url: String,
    /// `DATABASE_URL`, migrated.
    pub database_url: String,
}

impl Stores {
    /// Starts both.
    ///
    /// # Errors
    /// If the tables cannot be made.
    pub async fn start() -> anyhow::Result<Self> {
        let (redis, mariadb) = (Redis::start(), MariaDb::start());
        let (redis_url, database_url) = (redis.url(&unique_name()), mariadb.database().await);
        gatepost_store::migrate(&database_url).await?;
        Ok(Self {
            redis,
            mariadb,
            redis_url,
            database_url,
        })
    }
}

/// One environment of the `message` function that a user's frames come to.
#[derive(Debug)]
pub struct Sender {
    message: Message,
    user: String,
    frames: u64,
}

impl Sender {
    /// A function that was started and has connected to nothing yet. Posts go to `management`.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn start(
        stores: &Stores,
        user: &str,
        management: Option<&str>,
        more: &[(&'static str, &str)],
    ) -> anyhow::Result<Self> {
        let mut environment = BTreeMap::from([
            ("AUTH_MODE", "guest"),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            (
                "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI",
                management.unwrap_or(NOWHERE),
            ),
            ("AWS_ENDPOINT_URL_LAMBDA", NOWHERE),
            ("AWS_REGION", "eu-west-1"),
            (
                "AWS_SECRET_ACCESS_KEY",
                "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            ),
            ("DATABASE_URL", &stores.database_url),
            ("GATEPOST_FANOUT", "fanout"),
            ("MIGRATE", "off"),
            ("REDIS_URL", &stores.redis_url),
        ]);
        environment.extend(more.iter().copied());
        Ok(Self {
            message: Message::start(&environment).await?,
            user: String::from(user),
            frames: 0,
        })
    }

    /// A frame as its event, which only [`Sender::take`] reads.
    #[must_use]
    pub fn event(&mut self, frame: &str) -> String {
        self.frames += 1;
        let (user, number) = (&self.user, self.frames);
        let context = json!({
            "routeKey": "$default", "eventType": "MESSAGE", "connectionId": user,
            "requestId": format!("{user}-{number}"), "messageId": format!("{user}-{number}"),
            "connectedAt": now() - 1_000, "domainName": "127.0.0.1", "stage": "local",
            "authorizer": {"user": user, "name": user},
        });
        json!({"requestContext": context, "body": frame, "isBase64Encoded": false}).to_string()
    }

    /// Takes an event: the reply, and what is to be done after it.
    ///
    /// # Errors
    /// If the function fails.
    pub async fn take(&self, event: &str) -> anyhow::Result<(Option<String>, Option<Work>)> {
        let event: MessageEvent<'_> = serde_json::from_str(event)?;
        let ends_at = Instant::now() + Duration::from_secs(28);
        let taken = self.message.frame(&event, ends_at).await;
        taken.map_err(|failure| anyhow::anyhow!("{failure:?}"))
    }

    /// Takes a frame that must succeed: its `ok`. What would come after it is left undone.
    ///
    /// # Errors
    /// If it is refused.
    pub async fn ok(&mut self, frame: &Value) -> anyhow::Result<Value> {
        let event = self.event(&frame.to_string());
        let reply = self.take(&event).await?.0.context("a reply")?;
        let reply: Value = serde_json::from_str(&reply)?;
        reply
            .get("ok")
            .cloned()
            .with_context(|| format!("{frame} was refused: {reply}"))
    }

    /// Says hello and joins a room.
    ///
    /// # Errors
    /// If either is refused.
    pub async fn join(&mut self, room: &str) -> anyhow::Result<()> {
        self.ok(&json!({"action": "hello", "id": "h"})).await?;
        self.ok(&json!({"action": "join", "id": "j", "room": room}))
            .await?;
        Ok(())
    }
}
