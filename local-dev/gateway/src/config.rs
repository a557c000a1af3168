//! What a gateway is made from.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use gatepost_clock::Clock;
use gatepost_sigv4::Signatures;
use gatepost_template::Api;

use crate::Account;
use crate::Faults;
use crate::Guesses;
use crate::Observer;
use crate::Random;

/// What a gateway is made from.
#[derive(Debug, Clone)]
pub struct Config {
    /// The APIs that are served first; [`crate::Gateway::deploy`] replaces them.
    pub apis: Vec<ServedApi>,
    /// The region, for ARNs and ids.
    pub region: String,
    /// The account's 12 digits, for ARNs.
    pub account: String,
    /// `host:port` under which the gateway is reached: `domainName` of every event, so that
    /// `domainName/stage` is the callback URL.
    pub authority: String,
    /// Quotas and timeouts.
    pub limits: Limits,
    /// What AWS leaves open.
    pub guesses: Guesses,
    /// The account's throttles, which it shares with its other APIs.
    pub throttles: Arc<Account>,
    /// The time in events, and by which connections grow idle and old. Timeouts and throttles go by
    /// the machine's time.
    pub clock: Clock,
    /// Random numbers for ids.
    pub random: Arc<dyn Random>,
    /// Whether requests to `@connections` and handshakes with `AWS_IAM` are who they say.
    pub signatures: Signatures,
    /// Who a client is whose handshake was signed.
    pub caller: Caller,
    /// Is told everything that happens.
    pub observer: Arc<dyn Observer>,
    /// Decides which faults are injected.
    pub faults: Arc<dyn Faults>,
}

/// Who signed, as events show it of a connection with `AWS_IAM` (Developer Guide, "API Gateway
/// mapping template and access logging variable reference").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// `identity.accessKey`.
    pub access_key_id: String,
    /// `identity.caller` and `identity.user`: for an assumed role `AROA…:session`.
    pub principal_id: String,
    /// `identity.userArn`.
    pub arn: String,
}

/// An API and its id.
#[derive(Debug, Clone)]
pub struct ServedApi {
    /// The API; its `stages` carry the names under which they are served, of which no other API
    /// has one.
    pub api: Api,
    /// On AWS 10 lower-case letters and digits: `apiId` of every event.
    pub id: String,
}

/// Quotas and timeouts; [`Limits::default`] has those of Developer Guide, "Quotas for configuring
/// and running a WebSocket API".
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Largest frame, either way, in bytes: 32 KB.
    pub frame: usize,
    /// Largest message, either way, in bytes: 128 KB.
    pub message: usize,
    /// Without a message in either direction a connection is closed: 10 minutes.
    pub idle: Duration,
    /// A connection is closed after: 2 hours.
    pub lifetime: Duration,
    /// Whether pings of the client count as messages for `idle`. Nothing is documented: no.
    pub pings_keep_alive: bool,
    /// Longest integration of `$connect` and of messages; a shorter `TimeoutInMillis` counts: 29 s.
    pub integration: Duration,
    /// Largest answer of an authorizer in bytes: 8 KB.
    pub authorizer_result: usize,
    /// Bytes that wait for a client that does not read, besides those in the kernel; beyond it a
    /// post is refused with 429 ("client-side buffer full", API reference of `PostToConnection`;
    /// the size is not documented), and the connection is not read meanwhile: 1 MiB.
    pub out_queue: usize,
    /// Whether the throttles of stages and routes count: yes.
    pub stage_throttling: bool,
    /// Messages of one connection that are invoked at once; above it the connection is not read.
    /// None on AWS.
    pub messages_at_once: Option<NonZeroU32>,
    /// How long a closed socket is still read, so that the close frame arrives: 2 s.
    pub close_wait: Duration,
    /// How long [`crate::Gateway::shutdown`] waits for `$disconnect`: 3 s.
    pub shutdown: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame: 32 * 1024,
            message: 128 * 1024,
            idle: Duration::from_secs(600),
            lifetime: Duration::from_secs(2 * 60 * 60),
            pings_keep_alive: false,
            integration: Duration::from_secs(29),
            authorizer_result: 8 * 1024,
            out_queue: 1024 * 1024,
            stage_throttling: true,
            messages_at_once: None,
            close_wait: Duration::from_secs(2),
            shutdown: Duration::from_secs(3),
        }
    }
}
