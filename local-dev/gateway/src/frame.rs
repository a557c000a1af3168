//! Bytes of a client → frames → messages (RFC 6455 §5), with API Gateway's limits.
//!
//! The reader never waits and never owns a socket: it is fed what was read and yields what is
//! whole, so that nothing is lost when a task is woken by something else. Between messages it holds
//! no memory. What a frame announces is checked before its payload arrives.

use fastwebsockets::OpCode;

use crate::close::Ending;
use crate::close::may_be_sent;
use crate::deflate::Inflater;

/// Something whole that a client sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Incoming<'a> {
    /// A message, reassembled.
    Text(&'a str),
    /// A ping and its payload, to be echoed in a pong.
    Ping(&'a [u8]),
    /// A pong; nobody asked for it.
    Pong,
    /// A close frame: status and reason, if it has a status.
    Close(Option<(u16, &'a str)>),
}

/// What the reader's owner wants after each [`Incoming`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// The next one.
    Continue,
    /// Nothing for now: the rest is kept for [`FrameReader::resume`].
    Pause,
}

/// Reassembles messages from the bytes of one client.
#[derive(Debug)]
pub(crate) struct FrameReader {
    max_frame: usize,
    max_message: usize,
    /// Bytes that do not yet make a frame, or that a pause left.
    rest: Vec<u8>,
    /// Payloads of the fragments so far.
    fragments: Vec<u8>,
    /// Bytes of `fragments` that are known to be UTF-8.
    valid: usize,
    /// A first fragment came and the last did not.
    in_message: bool,
    /// `permessage-deflate` was agreed: messages may be compressed.
    deflate: bool,
    /// The message of which fragments came is compressed.
    compressed: bool,
    /// What reads compressed messages, once one came.
    inflater: Option<Inflater>,
    /// The last sink paused: what is in `rest` was not looked at.
    paused: bool,
}

/// A frame's header, unmasking key included.
struct Header {
    fin: bool,
    compressed: bool,
    opcode: OpCode,
    mask: [u8; 4],
    len: usize,
    payload: usize,
}

impl FrameReader {
    pub(crate) fn new(max_frame: usize, max_message: usize, deflate: bool) -> Self {
        Self {
            max_frame,
            max_message,
            rest: Vec::new(),
            fragments: Vec::new(),
            valid: 0,
            in_message: false,
            deflate,
            compressed: false,
            inflater: None,
            paused: false,
        }
    }

    /// Takes `bytes`, in whose place payloads are unmasked, and hands each whole thing to `sink`.
    ///
    /// # Errors
    /// The violation for which the connection is to be closed; the reader is of no use after it.
    pub(crate) fn feed(
        &mut self,
        bytes: &mut [u8],
        sink: &mut impl FnMut(Incoming<'_>) -> Next,
    ) -> Result<(), Ending> {
        if self.rest.is_empty() {
            let used = self.parse(bytes, sink)?;
            self.rest.extend_from_slice(&bytes[used..]);
            return Ok(());
        }
        self.rest.extend_from_slice(bytes);
        self.resume(sink)
    }

    /// Goes on with what is held after a pause.
    ///
    /// # Errors
    /// As [`Self::feed`].
    pub(crate) fn resume(
        &mut self,
        sink: &mut impl FnMut(Incoming<'_>) -> Next,
    ) -> Result<(), Ending> {
        let mut rest = std::mem::take(&mut self.rest);
        let used = self.parse(&mut rest, sink)?;
        if used < rest.len() {
            rest.drain(..used);
            self.rest = rest;
        }
        Ok(())
    }

    /// Whether [`Self::resume`] comes before more bytes.
    pub(crate) fn is_paused(&self) -> bool {
        self.paused
    }

    /// Returns how many bytes made whole frames.
    fn parse(
        &mut self,
        bytes: &mut [u8],
        sink: &mut impl FnMut(Incoming<'_>) -> Next,
    ) -> Result<usize, Ending> {
        let mut used = 0;
        self.paused = false;
        loop {
            let Some(header) = self.header(&bytes[used..])? else {
                return Ok(used);
            };
            let start = used + header.payload;
            let Some(payload) = bytes.get_mut(start..start + header.len) else {
                return Ok(used);
            };
            fastwebsockets::unmask(payload, header.mask);
            used = start + header.len;
            if self.frame(&header, payload, sink)? == Next::Pause {
                self.paused = true;
                return Ok(used);
            }
        }
    }

    fn frame(
        &mut self,
        header: &Header,
        payload: &[u8],
        sink: &mut impl FnMut(Incoming<'_>) -> Next,
    ) -> Result<Next, Ending> {
        match header.opcode {
            OpCode::Ping => Ok(sink(Incoming::Ping(payload))),
            OpCode::Pong => Ok(sink(Incoming::Pong)),
            OpCode::Close => {
                let close = close_payload(payload)?;
                sink(Incoming::Close(close));
                // RFC 6455 §5.5.1: nothing after a close frame is looked at.
                Ok(Next::Pause)
            }
            OpCode::Text if header.fin && !header.compressed => text(payload, sink),
            OpCode::Text if header.fin => self.inflate(payload, sink),
            OpCode::Text | OpCode::Continuation | OpCode::Binary => {
                self.compressed |= header.compressed;
                self.fragments.extend_from_slice(payload);
                self.in_message = !header.fin;
                if self.in_message {
                    if !self.compressed {
                        self.validate()?;
                    }
                    return Ok(Next::Continue);
                }
                self.valid = 0;
                let whole = std::mem::take(&mut self.fragments);
                match std::mem::take(&mut self.compressed) {
                    true => self.inflate(&whole, sink),
                    false => text(&whole, sink),
                }
            }
        }
    }

    fn inflate(
        &mut self,
        payload: &[u8],
        sink: &mut impl FnMut(Incoming<'_>) -> Next,
    ) -> Result<Next, Ending> {
        let inflater = self.inflater.get_or_insert_with(Inflater::new);
        text(&inflater.message(payload, self.max_message)?, sink)
    }

    /// Text that cannot become UTF-8 any more fails at the fragment that shows it (§8.1). A character
    /// that is cut at the end may go on in the next one.
    fn validate(&mut self) -> Result<(), Ending> {
        match std::str::from_utf8(&self.fragments[self.valid..]) {
            Ok(_) => self.valid = self.fragments.len(),
            Err(invalid) if invalid.error_len().is_some() => return Err(Ending::NOT_UTF8),
            Err(cut) => self.valid += cut.valid_up_to(),
        }
        Ok(())
    }

    /// The header at the front of `bytes`, checked; `None` while it is not whole.
    fn header(&self, bytes: &[u8]) -> Result<Option<Header>, Ending> {
        let &[first, second, ..] = bytes else {
            return Ok(None);
        };
        // §5.2: the three reserved bits are zero, but for the first one on a message that is
        // compressed, if that was agreed (RFC 7692 §6).
        let compressed = match first & 0b0111_0000 {
            0 => false,
            0b0100_0000 if self.deflate => true,
            _ => return Err(Ending::PROTOCOL),
        };
        // §5.1: a client masks every frame.
        if second & 0b1000_0000 == 0 {
            return Err(Ending::PROTOCOL);
        }
        let fin = first & 0b1000_0000 != 0;
        let opcode = OpCode::try_from(first & 0b1111).map_err(|_| Ending::PROTOCOL)?;
        let short = usize::from(second & 0b0111_1111);
        match opcode {
            // RFC 7692 §6.1: the first frame of a message says it, and no other.
            OpCode::Close | OpCode::Ping | OpCode::Pong | OpCode::Continuation if compressed => {
                return Err(Ending::PROTOCOL);
            }
            // §5.5: control frames are not fragmented and carry at most 125 bytes.
            OpCode::Close | OpCode::Ping | OpCode::Pong if !fin || short > 125 => {
                return Err(Ending::PROTOCOL);
            }
            OpCode::Close | OpCode::Ping | OpCode::Pong => {}
            // §5.4: a message is finished before the next begins.
            OpCode::Continuation if !self.in_message => return Err(Ending::PROTOCOL),
            OpCode::Text | OpCode::Binary if self.in_message => return Err(Ending::PROTOCOL),
            OpCode::Binary => return Err(Ending::BINARY),
            OpCode::Text | OpCode::Continuation => {}
        }
        let (len, at) = match short {
            126 => {
                let Some(long) = bytes.get(2..4) else {
                    return Ok(None);
                };
                let len = usize::from(u16::from_be_bytes([long[0], long[1]]));
                // §5.2: the length is written in as few bytes as possible.
                if len < 126 {
                    return Err(Ending::PROTOCOL);
                }
                (len, 4)
            }
            127 => {
                let Some(long) = bytes.get(2..10) else {
                    return Ok(None);
                };
                let long = long.try_into().expect("the slice is 8 bytes long");
                let len = u64::from_be_bytes(long);
                if len < 65_536 || len >> 63 == 1 {
                    return Err(Ending::PROTOCOL);
                }
                (usize::try_from(len).map_err(|_| Ending::TOO_BIG)?, 10)
            }
            short => (short, 2),
        };
        if len > self.max_frame || self.fragments.len() + len > self.max_message {
            return Err(Ending::TOO_BIG);
        }
        let Some(mask) = bytes.get(at..at + 4) else {
            return Ok(None);
        };
        let mask = mask.try_into().expect("the slice is 4 bytes long");
        Ok(Some(Header {
            fin,
            compressed,
            opcode,
            mask,
            len,
            payload: at + 4,
        }))
    }
}

fn text(payload: &[u8], sink: &mut impl FnMut(Incoming<'_>) -> Next) -> Result<Next, Ending> {
    let text = std::str::from_utf8(payload).map_err(|_| Ending::NOT_UTF8)?;
    Ok(sink(Incoming::Text(text)))
}

/// Status and reason of a close frame (RFC 6455 §5.5.1, §7.4).
fn close_payload(payload: &[u8]) -> Result<Option<(u16, &str)>, Ending> {
    match payload {
        [] => Ok(None),
        [_] => Err(Ending::PROTOCOL),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            if !may_be_sent(code) {
                return Err(Ending::PROTOCOL);
            }
            let reason = std::str::from_utf8(reason).map_err(|_| Ending::NOT_UTF8)?;
            Ok(Some((code, reason)))
        }
    }
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "frame_deflate_tests.rs"]
mod deflate_tests;
