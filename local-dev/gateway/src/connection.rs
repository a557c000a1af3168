//! One client's connection, as everybody who deals with it sees it.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU16;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use fastwebsockets::OpCode;
use futures_util::task::AtomicWaker;
use gatepost_template::ApiKey;
use tokio::net::tcp::OwnedWriteHalf;

use crate::Id;
use crate::Limits;
use crate::PostRefusal;
use crate::activity::Activity;
use crate::activity::Moment;
use crate::authorizer::Authorized;
use crate::close::Ending;
use crate::deflate;
use crate::deployment::Stage;
use crate::outbox::Message;
use crate::outbox::Outbox;
use crate::outbox::Pushed;

/// A connection from before its `$connect` to after its `$disconnect`.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) id: Id,
    pub(crate) stage: Arc<Stage>,
    /// Milliseconds since 1970.
    pub(crate) connected_at: u64,
    pub(crate) source_ip: IpAddr,
    pub(crate) user_agent: Option<Box<str>>,
    /// The `Host` header.
    pub(crate) host: Box<str>,
    is_named: bool,
    /// `permessage-deflate` was agreed.
    deflate: bool,
    authorizer: OnceLock<Box<Authorized>>,
    /// Its handshake was signed, with `AWS_IAM`.
    signed: AtomicBool,
    api_key: OnceLock<Box<ApiKey>>,
    outbox: Mutex<Outbox>,
    /// Nothing is read or written any more: a fault.
    half_open: AtomicBool,
    /// Set once by whoever ends the connection from outside.
    ending: Mutex<Option<Ending>>,
    /// The task that reads the connection.
    task: AtomicWaker,
    /// When it was opened on the clock of deadlines, in milliseconds since the gateway's clock began.
    opened: u64,
    activity: Activity,
    next_message: AtomicU16,
    /// Messages whose invocation is under way.
    pub(crate) under_way: AtomicU32,
    posts_under_way: AtomicUsize,
    messages_in: AtomicU64,
    messages_out: AtomicU64,
}

/// What a new connection is made from.
pub(crate) struct Opening {
    pub(crate) id: Id,
    pub(crate) stage: Arc<Stage>,
    pub(crate) now: Moment,
    pub(crate) source_ip: IpAddr,
    pub(crate) user_agent: Option<Box<str>>,
    pub(crate) host: Box<str>,
    /// Whether the host is a custom domain or `{api-id}.execute-api.…`.
    pub(crate) is_named: bool,
    /// `permessage-deflate` was agreed.
    pub(crate) deflate: bool,
    /// Where the numbers of messages begin.
    pub(crate) first_message: u16,
}

impl Connection {
    pub(crate) fn new(opening: Opening, limits: &Limits) -> Self {
        Self {
            id: opening.id,
            stage: opening.stage,
            connected_at: opening.now.epoch_ms,
            source_ip: opening.source_ip,
            user_agent: opening.user_agent,
            host: opening.host,
            is_named: opening.is_named,
            deflate: opening.deflate,
            authorizer: OnceLock::new(),
            signed: AtomicBool::new(false),
            api_key: OnceLock::new(),
            outbox: Mutex::new(Outbox::new(limits.out_queue, limits.frame)),
            half_open: AtomicBool::new(false),
            ending: Mutex::new(None),
            task: AtomicWaker::new(),
            opened: opening.now.uptime_ms,
            activity: Activity::new(opening.now),
            next_message: AtomicU16::new(opening.first_message),
            under_way: AtomicU32::new(0),
            posts_under_way: AtomicUsize::new(0),
            messages_in: AtomicU64::new(0),
            messages_out: AtomicU64::new(0),
        }
    }

    /// `domainName`: the domain by which the client came, or the one that all events have.
    pub(crate) fn domain_name(&self) -> &str {
        if self.is_named {
            &self.host
        } else {
            &self.stage.domain_name
        }
    }

    pub(crate) fn authorizer(&self) -> Option<&Authorized> {
        self.authorizer.get().map(|authorizer| &**authorizer)
    }

    /// Keeps what the authorizer said; it is asked once.
    pub(crate) fn set_authorizer(&self, authorizer: Authorized) {
        let _ = self.authorizer.set(Box::new(authorizer));
    }

    /// Whether its handshake was signed, with `AWS_IAM`.
    pub(crate) fn is_signed(&self) -> bool {
        self.signed.load(Ordering::Relaxed)
    }

    /// Its handshake was signed.
    pub(crate) fn set_signed(&self) {
        self.signed.store(true, Ordering::Relaxed);
    }

    /// The key that `$connect` asked for.
    pub(crate) fn api_key(&self) -> Option<&ApiKey> {
        self.api_key.get().map(|key| &**key)
    }

    /// Keeps the key that `$connect` asked for.
    pub(crate) fn set_api_key(&self, key: ApiKey) {
        let _ = self.api_key.set(Box::new(key));
    }

    /// Sends a text message to the client, if at most `bound` bytes wait then.
    ///
    /// # Errors
    /// The connection is closed, or the client does not read and its queue is full.
    pub(crate) fn send(&self, text: &[u8], bound: usize, now: Moment) -> Result<(), PostRefusal> {
        let pushed = self.compressed(text, |message| self.outbox().text(message, bound))?;
        self.sent(pushed, now);
        Ok(())
    }

    /// [`Connection::send`] in fragments of at most `size` bytes.
    ///
    /// # Errors
    /// As [`Connection::send`].
    pub(crate) fn send_in_fragments(
        &self,
        text: &[u8],
        size: usize,
        bound: usize,
        now: Moment,
    ) -> Result<(), PostRefusal> {
        let pushed = self.compressed(text, |message| {
            self.outbox().fragments(message, size, bound)
        })?;
        self.sent(pushed, now);
        Ok(())
    }

    /// Whether messages may be compressed, in both directions.
    pub(crate) fn deflates(&self) -> bool {
        self.deflate
    }

    /// Hands a text on as it leaves, compressed if that was agreed. The outbox is not locked meanwhile.
    fn compressed<T>(&self, text: &[u8], send: impl FnOnce(&Message<'_>) -> T) -> T {
        if !self.deflate {
            return send(&Message {
                payload: text,
                compressed: false,
            });
        }
        send(&Message {
            payload: &deflate::message(text),
            compressed: true,
        })
    }

    fn sent(&self, pushed: Pushed, now: Moment) {
        self.messages_out.fetch_add(1, Ordering::Relaxed);
        self.activity.touch(now);
        if pushed == Pushed::Waiting {
            self.task.wake();
        }
    }

    /// Sends a pong or a close frame.
    pub(crate) fn control(&self, opcode: OpCode, payload: &[u8]) {
        if self.outbox().control(opcode, payload) == Ok(Pushed::Waiting) {
            self.task.wake();
        }
    }

    /// The socket is there: what was posted meanwhile leaves.
    pub(crate) fn open(&self, socket: OwnedWriteHalf) {
        let mut outbox = self.outbox();
        outbox.open(socket);
        outbox.flush();
    }

    /// Asks the connection's task to end it; the first one who asks says why.
    pub(crate) fn end(&self, ending: Ending) {
        lock(&self.ending).get_or_insert(ending);
        self.task.wake();
    }

    /// From now on nothing is read or written, and the socket stays open.
    pub(crate) fn stall(&self) {
        self.outbox().stall();
        self.half_open.store(true, Ordering::Relaxed);
        self.task.wake();
    }

    pub(crate) fn is_half_open(&self) -> bool {
        self.half_open.load(Ordering::Relaxed)
    }

    /// Why somebody asked for the end.
    pub(crate) fn asked_to_end(&self) -> Option<Ending> {
        lock(&self.ending).clone()
    }

    pub(crate) fn task(&self) -> &AtomicWaker {
        &self.task
    }

    /// When messages passed, in either direction.
    pub(crate) fn activity(&self) -> &Activity {
        &self.activity
    }

    /// When it was opened, in milliseconds since the gateway's clock began.
    pub(crate) fn opened(&self) -> u64 {
        self.opened
    }

    /// Counts a message of the client and numbers it.
    pub(crate) fn number_message(&self) -> u16 {
        self.messages_in.fetch_add(1, Ordering::Relaxed);
        self.next_message.fetch_add(1, Ordering::Relaxed)
    }

    /// Locked for as long as a write that does not wait takes; never across an await.
    pub(crate) fn outbox(&self) -> MutexGuard<'_, Outbox> {
        lock(&self.outbox)
    }

    pub(crate) fn view(&self) -> ConnectionView {
        ConnectionView {
            id: self.id,
            api: self.stage.api.clone(),
            stage: self.stage.name.clone(),
            connected_at: self.connected_at,
            last_active_at: self.activity.last().epoch_ms,
            source_ip: self.source_ip,
            user_agent: self.user_agent.as_deref().map(str::to_owned),
            principal: self
                .authorizer()
                .map(|authorizer| authorizer.principal.clone()),
            messages_in: self.messages_in.load(Ordering::Relaxed),
            messages_out: self.messages_out.load(Ordering::Relaxed),
            waiting: self.outbox().waiting(),
            posts_under_way: self.posts_under_way.load(Ordering::Relaxed),
        }
    }
}

/// A post to a connection that is not answered yet.
pub(crate) struct PostUnderWay(Arc<Connection>);

impl PostUnderWay {
    /// Counts it until this is dropped: the post was answered, or its caller hung up.
    pub(crate) fn begin(connection: Arc<Connection>) -> Self {
        connection.posts_under_way.fetch_add(1, Ordering::Relaxed);
        Self(connection)
    }
}

impl Drop for PostUnderWay {
    fn drop(&mut self) {
        self.0.posts_under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A thread that panicked with the lock left nothing half done that would matter.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A connection at one moment, for a console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionView {
    /// Its id.
    pub id: Id,
    /// Logical ID of its API.
    pub api: String,
    /// Its stage.
    pub stage: String,
    /// Milliseconds since 1970.
    pub connected_at: u64,
    /// Milliseconds since 1970 of the last message in either direction.
    pub last_active_at: u64,
    /// The client's address.
    pub source_ip: IpAddr,
    /// The client's `User-Agent`.
    pub user_agent: Option<String>,
    /// `principalId` of the authorizer.
    pub principal: Option<String>,
    /// Messages of the client.
    pub messages_in: u64,
    /// Messages to the client.
    pub messages_out: u64,
    /// Bytes that wait because the client does not read.
    pub waiting: usize,
    /// Posts to it that are not answered yet.
    pub posts_under_way: usize,
}
