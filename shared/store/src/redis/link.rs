//! One connection to the server or cluster, opened when it is first needed and kept while the
//! function is warm, so that a command costs its own round trip and no more. The pool connects; it
//! does not check connections out and in, which would cost a PING each time.

use std::time::Duration;

use deadpool_redis::Manager;
use deadpool_redis::Pool;
use deadpool_redis::PoolError;
use deadpool_redis::cluster;
use futures_util::future::try_join_all;
use redis::AsyncConnectionConfig;
use redis::ErrorKind;
use redis::RedisError;
use redis::ServerErrorKind;
use redis::Value;
use redis::aio::ConnectionLike;
use redis::aio::MultiplexedConnection;
use redis::cluster_async::ClusterConnection;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio::time::timeout;

use super::script;
use super::script::Call;
use crate::StoreError;
use crate::breaker::Breaker;
use crate::open::RedisUrl;
use crate::open::invalid_redis;

/// A stopped server accepts and then says nothing.
const CONNECT_LIMIT: Duration = Duration::from_millis(250);

/// A cluster is asked for its slots, and every node of it is connected to.
const CLUSTER_CONNECT_LIMIT: Duration = Duration::from_secs(1);

/// The longest a round trip may take.
const COMMAND_LIMIT: Duration = Duration::from_secs(1);

/// A connection idle for longer is replaced: what stands between may have forgotten it without a
/// word (350 s, "NAT gateway" and "Network Load Balancer" of the AWS documentation).
const IDLE_LIMIT: Duration = Duration::from_secs(300);

/// The settings and the slot of one connection.
pub(super) struct Link {
    pool: AnyPool,
    slot: Mutex<Option<Kept>>,
    breaker: Breaker,
}

enum AnyPool {
    Server(Pool),
    Cluster(cluster::Pool),
}

#[derive(Clone)]
enum Wire {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

struct Kept {
    wire: Wire,
    used: Instant,
    /// Tells a connection from the one that took its place.
    number: u64,
}

/// Why a turn failed.
enum Failure {
    /// The connection is of no more use.
    Broken(RedisError),
    /// The server said no.
    Server(RedisError),
    /// No answer in time.
    Silent,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Addresses and passwords stay out of what may be logged.
        f.debug_struct("Link").finish_non_exhaustive()
    }
}

impl Link {
    pub(super) fn new(url: &RedisUrl, text: &str) -> Result<Self, StoreError> {
        if url.nodes.iter().any(|node| node.starts_with("rediss:")) {
            // The only provider that is built in; a second store finds it set already.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        // What the client says about a URL may quote it.
        let invalid = |_: RedisError| invalid_redis(text);
        let pool = if url.cluster {
            let manager = cluster::Manager::new(url.nodes.clone(), false).map_err(invalid)?;
            let pool = cluster::Pool::builder(manager).build();
            AnyPool::Cluster(pool.map_err(|_| invalid_redis(text))?)
        } else {
            let config = AsyncConnectionConfig::new()
                .set_connection_timeout(Some(CONNECT_LIMIT))
                .set_response_timeout(None);
            let node = url.nodes.first().map_or("", String::as_str);
            let manager = Manager::new_with_config(node, config).map_err(invalid)?;
            AnyPool::Server(
                Pool::builder(manager)
                    .build()
                    .map_err(|_| invalid_redis(text))?,
            )
        };
        Ok(Self {
            pool,
            slot: Mutex::default(),
            breaker: Breaker::default(),
        })
    }

    /// Runs the calls of each stage after those of the stage before it, and answers every call's
    /// value in order. One server gets all of it in one round trip, a cluster each stage in one.
    /// Repeated once where the connection broke: what cannot bear that must say so itself.
    pub(super) async fn run(
        &self,
        what: &'static str,
        stages: &[&[Call]],
    ) -> Result<Vec<Value>, StoreError> {
        if self.breaker.is_open() {
            return Err(StoreError::Unavailable {
                store: "redis",
                what,
                source: None,
            });
        }
        let began = Instant::now();
        let mut repeated = false;
        loop {
            let (wire, number) = match self.wire().await {
                Ok(found) => found,
                Err(error) => return Err(unreachable(what, error)),
            };
            let failure = match turn(wire, stages).await {
                Ok(values) => {
                    self.breaker.reset();
                    return Ok(values);
                }
                Err(failure) => failure,
            };
            match failure {
                Failure::Broken(_) if !repeated => {
                    self.forget(number).await;
                    repeated = true;
                }
                Failure::Broken(error) => {
                    self.forget(number).await;
                    self.breaker.failed(began.elapsed());
                    return Err(StoreError::unavailable("redis", what, error));
                }
                Failure::Silent => {
                    self.forget(number).await;
                    self.breaker.failed(began.elapsed());
                    return Err(StoreError::Unavailable {
                        store: "redis",
                        what,
                        source: None,
                    });
                }
                Failure::Server(error) => {
                    return Err(self.refused(what, number, began, error).await);
                }
            }
        }
    }

    /// One call.
    pub(super) async fn one(&self, what: &'static str, call: Call) -> Result<Value, StoreError> {
        let mut values = self.run(what, &[&[call]]).await?;
        Ok(values.pop().unwrap_or(Value::Nil))
    }

    /// `None` for the error: no answer in time.
    async fn wire(&self) -> Result<(Wire, u64), Option<RedisError>> {
        // Held while connecting, so that of several callers one connects.
        let mut slot = self.slot.lock().await;
        if self.breaker.is_open() {
            // The caller before found the server away.
            return Err(None);
        }
        let number = slot.as_ref().map_or(0, |kept| kept.number);
        if let Some(kept) = slot
            .as_mut()
            .filter(|kept| kept.used.elapsed() < IDLE_LIMIT)
        {
            kept.used = Instant::now();
            return Ok((kept.wire.clone(), number));
        }
        *slot = None;
        let began = Instant::now();
        let tried = self.connect().await;
        let wire = tried.inspect_err(|_| self.breaker.failed(began.elapsed()))?;
        let number = number + 1;
        *slot = Some(Kept {
            wire: wire.clone(),
            used: Instant::now(),
            number,
        });
        Ok((wire, number))
    }

    async fn connect(&self) -> Result<Wire, Option<RedisError>> {
        match &self.pool {
            AnyPool::Server(pool) => {
                let checkout = timeout(CONNECT_LIMIT, pool.get()).await;
                let checkout = checkout.map_err(|_| None)?.map_err(backend)?;
                Ok(Wire::Server(deadpool_redis::Connection::take(checkout)))
            }
            AnyPool::Cluster(pool) => {
                let checkout = timeout(CLUSTER_CONNECT_LIMIT, pool.get()).await;
                let checkout = checkout.map_err(|_| None)?.map_err(backend)?;
                Ok(Wire::Cluster(cluster::Connection::take(checkout)))
            }
        }
    }

    /// Drops a connection, unless it was replaced already.
    async fn forget(&self, number: u64) {
        let mut slot = self.slot.lock().await;
        if slot.as_ref().is_some_and(|kept| kept.number == number) {
            *slot = None;
        }
    }

    async fn refused(
        &self,
        what: &'static str,
        number: u64,
        began: Instant,
        error: RedisError,
    ) -> StoreError {
        match error.kind() {
            ErrorKind::AuthenticationFailed
            | ErrorKind::Server(ServerErrorKind::NoPerm | ServerErrorKind::CrossSlot) => {
                StoreError::unusable("redis", what, error)
            }
            _ if matches!(error.code(), Some("NOAUTH" | "WRONGPASS")) => {
                StoreError::unusable("redis", what, error)
            }
            // A script that fails, or a value of another type under one of our names.
            ErrorKind::Server(ServerErrorKind::ResponseError) | ErrorKind::UnexpectedReturnType
                if error.code() != Some("OOM") && error.code() != Some("BUSY") =>
            {
                StoreError::unusable("redis", what, error)
            }
            // LOADING, READONLY after a failover, CLUSTERDOWN, OOM …: it may be another server's
            // turn, so the next call looks again.
            _ => {
                self.forget(number).await;
                self.breaker.failed(began.elapsed());
                StoreError::unavailable("redis", what, error)
            }
        }
    }
}

fn backend(error: PoolError) -> Option<RedisError> {
    match error {
        PoolError::Backend(error) => Some(error),
        _ => None,
    }
}

fn unreachable(what: &'static str, error: Option<RedisError>) -> StoreError {
    match error {
        Some(error) if error.kind() == ErrorKind::AuthenticationFailed => StoreError::unusable(
            "redis",
            "it does not let this user in: check the password",
            error,
        ),
        Some(error) => StoreError::unavailable("redis", what, error),
        None => StoreError::Unavailable {
            store: "redis",
            what,
            source: None,
        },
    }
}

/// Runs all stages in time.
async fn turn(wire: Wire, stages: &[&[Call]]) -> Result<Vec<Value>, Failure> {
    let running = async {
        match wire {
            Wire::Server(mut connection) => pipelined(&mut connection, stages).await,
            Wire::Cluster(connection) => staged(&connection, stages).await,
        }
    };
    timeout(COMMAND_LIMIT, running)
        .await
        .unwrap_or(Err(Failure::Silent))
}

/// Everything in one round trip; a server works it off in order. Where the server does not know a
/// script it knows none, so from there on nothing was done: it is told all of them, and the rest is
/// sent again.
async fn pipelined(
    connection: &mut MultiplexedConnection,
    stages: &[&[Call]],
) -> Result<Vec<Value>, Failure> {
    let mut answers = Vec::new();
    for is_last in [false, true] {
        let mut pipeline = redis::pipe();
        for call in stages.iter().copied().flatten().skip(answers.len()) {
            pipeline.add_command(call.command(false));
        }
        let count = pipeline.len();
        let values = connection.req_packed_commands(&pipeline, 0, count).await;
        for value in values.map_err(failure)? {
            match value {
                Value::ServerError(error)
                    if error.kind() == Some(ServerErrorKind::NoScript) && !is_last =>
                {
                    break;
                }
                Value::ServerError(error) => return Err(Failure::Server(error.into())),
                value => answers.push(value),
            }
        }
        if answers.len() == stages.iter().map(|stage| stage.len()).sum::<usize>() {
            break;
        }
        let load = script::load_all();
        load.exec_async(connection).await.map_err(failure)?;
    }
    Ok(answers)
}

/// A stage after the other; the calls of one stage at once, each to the node that has its keys.
async fn staged(connection: &ClusterConnection, stages: &[&[Call]]) -> Result<Vec<Value>, Failure> {
    let mut answers = Vec::new();
    for stage in stages {
        let calls = stage.iter().map(|call| async {
            let mut connection = connection.clone();
            let known = connection.req_packed_command(&call.command(false)).await;
            match plain(known) {
                Err(Failure::Server(error))
                    if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) =>
                {
                    plain(connection.req_packed_command(&call.command(true)).await)
                }
                answer => answer,
            }
        });
        answers.extend(try_join_all(calls).await?);
    }
    Ok(answers)
}

fn plain(answer: Result<Value, RedisError>) -> Result<Value, Failure> {
    match answer.map_err(failure)? {
        Value::ServerError(error) => Err(Failure::Server(error.into())),
        value => Ok(value),
    }
}

fn failure(error: RedisError) -> Failure {
    if error.is_timeout() {
        Failure::Silent
    } else if error.is_io_error() || error.is_unrecoverable_error() {
        Failure::Broken(error)
    } else {
        Failure::Server(error)
    }
}
