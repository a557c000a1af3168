//! What is on its way to one client.
//!
//! Whoever has a message writes it himself as long as nothing waits: a post costs one system call
//! and wakes nobody. What the socket does not take is queued, up to a bound, and the connection's
//! task writes it when the client reads again. While that task works through what a client sent,
//! the outbox is corked, so that the answers leave in one write.

use std::io;
use std::io::IoSlice;

use fastwebsockets::Frame;
use fastwebsockets::OpCode;
use fastwebsockets::Payload;
use tokio::net::tcp::OwnedWriteHalf;

use crate::PostRefusal;

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// It left, or the task that holds the cork sends it.
    Done,
    /// It waits for the socket: the connection's task must be woken.
    Waiting,
}

/// Frames that wait for the socket, and the socket's writing half.
#[derive(Debug)]
pub(crate) struct Outbox {
    /// Absent before the upgrade and after the end.
    socket: Option<OwnedWriteHalf>,
    queue: Vec<u8>,
    written: usize,
    /// When it counts as full.
    bound: usize,
    max_frame: usize,
    corked: bool,
    stalled: bool,
    broken: bool,
    closed: bool,
}

impl Outbox {
    pub(crate) fn new(bound: usize, max_frame: usize) -> Self {
        Self {
            socket: None,
            queue: Vec::new(),
            written: 0,
            bound,
            max_frame,
            corked: false,
            stalled: false,
            broken: false,
            closed: false,
        }
    }

    pub(crate) fn open(&mut self, socket: OwnedWriteHalf) {
        self.socket = Some(socket);
    }

    /// Gives the socket up: dropping it ends the stream to the client.
    pub(crate) fn close(&mut self) -> Option<OwnedWriteHalf> {
        self.closed = true;
        self.queue = Vec::new();
        self.written = 0;
        self.socket.take()
    }

    /// Bytes that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.len() - self.written
    }

    /// Whether the connection should not be read for now: its client does not read either.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting() >= self.bound
    }

    /// Whether the socket failed: the connection is lost.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }

    /// Nothing is written any more, as if the socket took nothing.
    pub(crate) fn stall(&mut self) {
        self.stalled = true;
    }

    fn writable(&self) -> Option<&OwnedWriteHalf> {
        self.socket.as_ref().filter(|_| !self.stalled)
    }

    pub(crate) fn cork(&mut self) {
        self.corked = true;
    }

    /// Sends or queues a text message, in fragments if it is longer than a frame, if at most `bound`
    /// bytes wait then.
    ///
    /// # Errors
    /// The connection is closed or the queue is full; nothing of the message was sent.
    pub(crate) fn text(&mut self, text: &Message<'_>, bound: usize) -> Result<Pushed, PostRefusal> {
        if text.payload.len() <= self.max_frame {
            return self.frame(&Part::whole(text), bound);
        }
        self.fragments(text, self.max_frame, bound)
    }

    /// Sends or queues a text message in fragments of at most `size` bytes, if at most `bound`
    /// bytes wait then.
    ///
    /// # Errors
    /// As [`Outbox::text`].
    pub(crate) fn fragments(
        &mut self,
        text: &Message<'_>,
        size: usize,
        bound: usize,
    ) -> Result<Pushed, PostRefusal> {
        self.admit(text.payload.len(), bound)?;
        let mut part = Part::whole(text);
        let mut payloads = text.payload.chunks(size).peekable();
        while let Some(payload) = payloads.next() {
            part.payload = payload;
            part.fin = payloads.peek().is_none();
            self.enqueue(&part);
            part.opcode = OpCode::Continuation;
            part.compressed = false;
        }
        Ok(self.flush_unless_corked())
    }

    /// Sends or queues a pong or a close frame. Nothing follows a close frame (RFC 6455 §5.5.1). A pong is dropped when the queue is full (RFC 6455
    /// §5.5.3 asks only for the most recent one).
    ///
    /// # Errors
    /// The connection is closed or the queue is full.
    pub(crate) fn control(
        &mut self,
        opcode: OpCode,
        payload: &[u8],
    ) -> Result<Pushed, PostRefusal> {
        let part = Part {
            fin: true,
            opcode,
            compressed: false,
            payload,
        };
        if opcode == OpCode::Close {
            self.admit(0, usize::MAX)?;
            self.enqueue(&part);
            self.closed = true;
            return Ok(self.flush_unless_corked());
        }
        self.frame(&part, self.bound)
    }

    fn frame(&mut self, part: &Part<'_>, bound: usize) -> Result<Pushed, PostRefusal> {
        let payload = part.payload;
        if self.waiting() > 0 || self.corked || self.closed {
            self.admit(payload.len(), bound)?;
            self.enqueue(part);
            return Ok(if self.corked {
                Pushed::Done
            } else {
                Pushed::Waiting
            });
        }
        let mut head = [0; 16];
        let size = frame_head(&mut head, part);
        let total = size + payload.len();
        let sent = match self.writable() {
            Some(socket) => {
                socket.try_write_vectored(&[IoSlice::new(&head[..size]), IoSlice::new(payload)])
            }
            None => Err(io::ErrorKind::WouldBlock.into()),
        };
        let sent = sent.unwrap_or_else(|failed| {
            self.broken |= failed.kind() != io::ErrorKind::WouldBlock;
            0
        });
        if sent == total {
            return Ok(Pushed::Done);
        }
        self.queue.extend_from_slice(&head[sent.min(size)..size]);
        self.queue
            .extend_from_slice(&payload[sent.saturating_sub(size)..]);
        Ok(Pushed::Waiting)
    }

    fn admit(&self, len: usize, bound: usize) -> Result<(), PostRefusal> {
        if self.closed {
            return Err(PostRefusal::Gone);
        }
        // An empty queue takes any message, however small the bound.
        if self.waiting() > 0 && self.waiting() + len > bound {
            return Err(PostRefusal::QueueFull);
        }
        Ok(())
    }

    fn enqueue(&mut self, part: &Part<'_>) {
        let mut head = [0; 16];
        let size = frame_head(&mut head, part);
        self.queue.reserve(size + part.payload.len());
        self.queue.extend_from_slice(&head[..size]);
        self.queue.extend_from_slice(part.payload);
    }

    fn flush_unless_corked(&mut self) -> Pushed {
        if self.corked {
            return Pushed::Done;
        }
        self.flush()
    }

    /// Takes the cork off and writes what came meanwhile.
    pub(crate) fn uncork(&mut self) -> Pushed {
        self.corked = false;
        self.flush()
    }

    /// Writes what waits, as far as the socket takes it.
    pub(crate) fn flush(&mut self) -> Pushed {
        let Some(socket) = self.socket.as_ref().filter(|_| !self.stalled) else {
            return if self.queue.is_empty() {
                Pushed::Done
            } else {
                Pushed::Waiting
            };
        };
        while self.written < self.queue.len() {
            match socket.try_write(&self.queue[self.written..]) {
                Ok(sent) if sent > 0 => self.written += sent,
                stopped => {
                    if let Err(failed) = stopped {
                        self.broken |= failed.kind() != io::ErrorKind::WouldBlock;
                    }
                    // What was sent is given back once it is the larger part.
                    if self.written > self.queue.len() / 2 {
                        self.queue.drain(..self.written);
                        self.written = 0;
                    }
                    return Pushed::Waiting;
                }
            }
        }
        self.queue = Vec::new();
        self.written = 0;
        Pushed::Done
    }
}

/// A text message as it leaves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Message<'m> {
    pub(crate) payload: &'m [u8],
    /// As RFC 7692 asks, without the tail.
    pub(crate) compressed: bool,
}

/// One frame.
struct Part<'m> {
    fin: bool,
    opcode: OpCode,
    /// The first of a compressed message.
    compressed: bool,
    payload: &'m [u8],
}

impl<'m> Part<'m> {
    fn whole(message: &Message<'m>) -> Self {
        Self {
            fin: true,
            opcode: OpCode::Text,
            compressed: message.compressed,
            payload: message.payload,
        }
    }
}

/// Writes a server's frame header, which has no mask.
fn frame_head(head: &mut [u8; 16], part: &Part<'_>) -> usize {
    let payload = Payload::Borrowed(part.payload);
    let size = Frame::new(part.fin, part.opcode, None, payload).fmt_head(head);
    // The first reserved bit (RFC 7692 §6).
    head[0] |= u8::from(part.compressed) << 6;
    size
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(payload: &[u8]) -> Message<'_> {
        Message {
            payload,
            compressed: false,
        }
    }

    #[test]
    fn before_the_upgrade_messages_wait_and_the_bound_holds() {
        let mut outbox = Outbox::new(10, 4);
        assert_eq!(outbox.text(&plain(b"abcdef"), 10), Ok(Pushed::Waiting));
        assert_eq!(outbox.queue, b"\x01\x04abcd\x80\x02ef");
        assert_eq!(outbox.text(&plain(b"g"), 10), Err(PostRefusal::QueueFull));
        assert_eq!(outbox.control(OpCode::Pong, b""), Ok(Pushed::Waiting));
        assert!(outbox.is_full());
        assert_eq!(outbox.waiting(), 12);
        outbox.close();
        assert_eq!(outbox.waiting(), 0);
    }

    #[test]
    fn nothing_follows_a_close_frame() {
        let mut outbox = Outbox::new(100, 4);
        assert_eq!(outbox.text(&plain(b"ab"), 100), Ok(Pushed::Waiting));
        let closed = outbox.control(OpCode::Close, b"\x03\xe9");
        assert_eq!(closed, Ok(Pushed::Waiting));
        for text in [&b"c"[..], b"longer than a frame"] {
            assert_eq!(outbox.text(&plain(text), 100), Err(PostRefusal::Gone));
        }
        for opcode in [OpCode::Pong, OpCode::Close] {
            assert_eq!(outbox.control(opcode, b""), Err(PostRefusal::Gone));
        }
        assert_eq!(outbox.queue, b"\x81\x02ab\x88\x02\x03\xe9");
    }

    #[test]
    fn the_first_frame_says_that_a_message_is_compressed() {
        let mut outbox = Outbox::new(100, 4);
        let message = Message {
            payload: b"abcdef",
            compressed: true,
        };
        outbox.text(&message, 100).unwrap();
        outbox.fragments(&message, 100, 100).unwrap();
        outbox.control(OpCode::Pong, b"").unwrap();
        assert_eq!(
            outbox.queue,
            b"\x41\x04abcd\x80\x02ef\xc1\x06abcdef\x8a\x00"
        );
    }

    #[test]
    fn lengths_are_written_in_as_few_bytes_as_possible() {
        let mut head = [0; 16];
        for (len, want) in [
            (0, &[0x81, 0][..]),
            (125, &[0x81, 125]),
            (126, &[0x81, 126, 0, 126]),
            (65_535, &[0x81, 126, 0xff, 0xff]),
            (65_536, &[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let payload = vec![0; len];
            let size = frame_head(&mut head, &Part::whole(&plain(&payload)));
            assert_eq!(&head[..size], want);
        }
    }
}
