//! The task of one connection: reads what the client sends, writes what waits.
//!
//! It is a hand-written future because an idle connection should cost next to nothing: it holds no
//! buffer (reading is done into one that all connections of a thread share) and no timer, and
//! nothing is allocated between messages.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use bytes::Bytes;
use fastwebsockets::OpCode;
use tokio::io::AsyncRead;
use tokio::io::Interest;
use tokio::io::ReadBuf;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;

use crate::close::Ending;
use crate::connection::Connection;
use crate::frame::FrameReader;
use crate::frame::Incoming;
use crate::frame::Next;
use crate::gateway::Alive;
use crate::gateway::Core;
use crate::message;

/// Two of the largest frames: a client that sends fast is read in few calls.
const SCRATCH: usize = 64 * 1024;

thread_local! {
    /// Where the connections of this thread read to. Taken while in use.
    static READ_TO: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Serves an upgraded connection to its end, `$disconnect` included. `first` is what the client
/// sent together with its handshake.
pub(crate) async fn run(
    core: Arc<Core>,
    connection: Arc<Connection>,
    stream: TcpStream,
    first: Bytes,
    alive: Alive,
) {
    let (read, write) = stream.into_split();
    connection.open(write);
    let mut session = Session::new(core, connection, read);
    let early = session.take(&mut first.to_vec());
    // It is a part of hyper's 8 KB buffer, which would live as long as the connection.
    drop(first);
    let ending = match early {
        Some(ending) => ending,
        None => (&mut session).await,
    };
    let ending = session.core.config.guesses.phrase(ending);
    session.core.disconnect(&session.connection, &ending);
    if session.connection.is_half_open() {
        let write = session.connection.outbox().close();
        session.core.parked.keep(session.read, write);
        return;
    }
    let wait = session.core.config.limits.close_wait;
    if let Some(frame) = session.core.config.guesses.close_frame(&ending) {
        // Whoever does not finish in time is cut off.
        let closed = close(&session.connection, &session.read, &frame);
        let _ = tokio::time::timeout(wait, closed).await;
    }
    session.connection.outbox().close();
    drop(alive);
}

/// Sends the close frame and the end of the stream, and reads on: a socket that is closed with
/// unread bytes is reset, and the close frame could be lost (RFC 6455 §7.1.1).
async fn close(connection: &Connection, read: &OwnedReadHalf, frame: &[u8]) {
    connection.control(OpCode::Close, frame);
    let stream: &TcpStream = read.as_ref();
    let mut reads = true;
    loop {
        let writes = connection.outbox().waiting() > 0;
        if !writes {
            connection.outbox().close();
        }
        // A client that sends before it reads would otherwise wait for us, and we for it.
        let interest = match (reads, writes) {
            (true, true) => Interest::READABLE | Interest::WRITABLE,
            (true, false) => Interest::READABLE,
            (false, true) => Interest::WRITABLE,
            (false, false) => return,
        };
        let Ok(ready) = stream.ready(interest).await else {
            return;
        };
        if writes && ready.is_writable() {
            connection.outbox().flush();
            if connection.outbox().is_broken() {
                return;
            }
        }
        if reads && ready.is_readable() {
            match stream.try_read(&mut [0; 4096]) {
                Ok(0) => reads = false,
                Err(failed) if failed.kind() != std::io::ErrorKind::WouldBlock => return,
                Ok(_) | Err(_) => {}
            }
        }
    }
}

/// Resolves to the reason for which the connection ends.
struct Session {
    core: Arc<Core>,
    connection: Arc<Connection>,
    read: OwnedReadHalf,
    frames: FrameReader,
}

impl Session {
    fn new(core: Arc<Core>, connection: Arc<Connection>, read: OwnedReadHalf) -> Self {
        let limits = &core.config.limits;
        Self {
            frames: FrameReader::new(limits.frame, limits.message, connection.deflates()),
            core,
            connection,
            read,
        }
    }

    /// Works through bytes of the client; what it leads to is written at once, afterwards.
    fn take(&mut self, bytes: &mut [u8]) -> Option<Ending> {
        let Self {
            core,
            connection,
            frames,
            ..
        } = self;
        connection.outbox().cork();
        let mut closed = None;
        let sink = &mut |incoming: Incoming<'_>| take_one(core, connection, &mut closed, &incoming);
        let taken = match bytes {
            [] => frames.resume(sink),
            bytes => frames.feed(bytes, sink),
        };
        connection.outbox().uncork();
        closed.or(taken.err())
    }

    /// Writes what waits, as far as the socket takes it.
    fn poll_write(&self, cx: &mut Context<'_>) {
        let stream: &TcpStream = self.read.as_ref();
        while self.connection.outbox().waiting() > 0 && !self.connection.outbox().is_broken() {
            if stream.poll_write_ready(cx).is_pending() {
                return;
            }
            self.connection.outbox().flush();
        }
    }

    /// Reads once and works through it.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Option<Ending>> {
        let mut scratch = READ_TO.take();
        scratch.resize(SCRATCH, 0);
        let mut buf = ReadBuf::new(&mut scratch);
        let read = Pin::new(&mut self.read).poll_read(cx, &mut buf);
        let taken = read.map(|read| match (read, buf.filled_mut()) {
            (Err(_), _) | (Ok(()), []) => Some(Ending::LOST),
            (Ok(()), bytes) => self.take(bytes),
        });
        READ_TO.set(scratch);
        taken
    }
}

impl Future for &mut Session {
    type Output = Ending;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ending> {
        let session = &mut **self;
        session.connection.task().register(cx.waker());
        loop {
            if let Some(ending) = session.connection.asked_to_end() {
                return Poll::Ready(ending);
            }
            // Only somebody who ends it wakes it.
            if session.connection.is_half_open() {
                return Poll::Pending;
            }
            session.poll_write(cx);
            if session.connection.outbox().is_broken() {
                return Poll::Ready(Ending::LOST);
            }
            if !may_take(&session.core, &session.connection) {
                return Poll::Pending;
            }
            let taken = match session.frames.is_paused() {
                true => session.take(&mut []),
                false => ready!(session.poll_read(cx)),
            };
            if let Some(ending) = taken {
                return Poll::Ready(ending);
            }
        }
    }
}

/// Whether more of a client may be taken: it reads what it gets, and not too much is under way.
fn may_take(core: &Core, connection: &Connection) -> bool {
    let most = core.config.limits.messages_at_once;
    let busy = most.is_some_and(|most| connection.under_way.load(Ordering::SeqCst) >= most.get());
    !busy && !connection.outbox().is_full()
}

fn take_one(
    core: &Arc<Core>,
    connection: &Arc<Connection>,
    closed: &mut Option<Ending>,
    incoming: &Incoming<'_>,
) -> Next {
    match incoming {
        Incoming::Text(text) => {
            message::start(core, connection, text);
            if !may_take(core, connection) {
                return Next::Pause;
            }
        }
        Incoming::Ping(payload) => {
            connection.control(OpCode::Pong, payload);
            if core.config.limits.pings_keep_alive {
                connection.activity().touch(core.now());
            }
        }
        Incoming::Pong => {}
        Incoming::Close(close) => {
            *closed = Some(Ending::by_client(*close));
            return Next::Pause;
        }
    }
    Next::Continue
}
