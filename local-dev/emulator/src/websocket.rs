//! A WebSocket client of the emulator's own: for `replay`, and for `conform`, which also sends what
//! no library would. Frames are shown as they come; nothing is answered by itself.

use std::io;
use std::time::Duration;

use anyhow::Context;
use anyhow::bail;
use http::Uri;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::io::ReadHalf;
use tokio::io::WriteHalf;
use tokio::net::TcpStream;

use crate::websocket_tls;

/// Opcodes of RFC 6455 §5.2.
pub(crate) const CONTINUATION: u8 = 0x0;
/// A text frame.
pub(crate) const TEXT: u8 = 0x1;
/// A binary frame.
pub(crate) const BINARY: u8 = 0x2;
/// A close frame.
pub(crate) const CLOSE: u8 = 0x8;
/// A ping.
pub(crate) const PING: u8 = 0x9;
/// A pong.
pub(crate) const PONG: u8 = 0xa;
/// The bit of a last fragment.
pub(crate) const FIN: u8 = 0x80;

/// The key of every handshake here. It proves that the server speaks WebSocket, not who it is.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// What [`KEY`] is answered with (RFC 6455 §1.3).
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
/// The masking key of every frame here; a proxy in between that could be fooled is not what is
/// tested (RFC 6455 §10.3).
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);
/// The longest answer to a handshake.
const LONGEST_HEAD: usize = 64 * 1024;

/// A byte stream to a server, plain or TLS.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A frame of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) fin: bool,
    pub(crate) opcode: u8,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// The status of a close frame; 1005 without one.
    pub(crate) fn close_code(&self) -> u16 {
        match self.payload.as_slice() {
            [high, low, ..] => u16::from_be_bytes([*high, *low]),
            _ => 1005,
        }
    }
}

/// What a server answered instead of upgrading, or before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Up to the empty line.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (written, value) = line.split_once(':')?;
            written.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// An open connection.
pub(crate) struct WebSocket {
    pub(crate) reader: Reader,
    pub(crate) writer: Writer,
    /// The answer with 101.
    pub(crate) answer: Answer,
}

/// What comes from the server.
pub(crate) struct Reader {
    stream: ReadHalf<Box<dyn Stream>>,
    read: Vec<u8>,
}

/// What goes to it.
pub(crate) struct Writer(WriteHalf<Box<dyn Stream>>);

/// Makes a TCP connection, and TLS on it, for `ws`, `wss`, `http` and `https`.
///
/// # Errors
/// The URL is none of these, or nobody answers.
pub(crate) async fn dial(url: &Uri) -> anyhow::Result<Box<dyn Stream>> {
    let authority = url
        .authority()
        .with_context(|| format!("{url} has no host"))?;
    let secure = match url.scheme_str() {
        Some("ws" | "http") => false,
        Some("wss" | "https") => true,
        _ => bail!("{url} must begin with ws://, wss://, http:// or https://"),
    };
    let port = authority
        .port_u16()
        .unwrap_or(if secure { 443 } else { 80 });
    let host = authority.host().trim_matches(['[', ']']);
    let stream = tokio::time::timeout(CONNECT, TcpStream::connect((host, port)))
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .with_context(|| format!("cannot connect to {host}:{port}"))?;
    // Slowness is all that comes of a failure.
    let _ = stream.set_nodelay(true);
    Ok(if secure {
        Box::new(websocket_tls::connect(host, stream).await?)
    } else {
        Box::new(stream)
    })
}

/// The request of a handshake with more header lines.
pub(crate) fn handshake(url: &Uri, headers: &[String]) -> String {
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    let host = url.authority().map_or("", |authority| authority.as_str());
    let more: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{more}\r\n"
    )
}

/// Opens `url` with more header lines; the inner error is what the server answered instead.
///
/// # Errors
/// Nobody answers, or not in HTTP.
pub(crate) async fn open(
    url: &Uri,
    headers: &[String],
) -> anyhow::Result<Result<WebSocket, Answer>> {
    let request = handshake(url, headers);
    let (answer, reader, writer) = ask(url, request.as_bytes()).await?;
    if answer.status != 101 {
        return Ok(Err(answer));
    }
    if answer.header("sec-websocket-accept") != Some(ACCEPT) {
        bail!("{url} upgrades without the right Sec-WebSocket-Accept");
    }
    Ok(Ok(WebSocket {
        reader,
        writer,
        answer,
    }))
}

/// Sends a request as it is, on a connection of its own.
///
/// # Errors
/// Nobody answers, or not in HTTP.
pub(crate) async fn ask(url: &Uri, request: &[u8]) -> anyhow::Result<(Answer, Reader, Writer)> {
    let (stream, write) = tokio::io::split(dial(url).await?);
    let mut writer = Writer(write);
    let mut reader = Reader {
        stream,
        read: Vec::new(),
    };
    writer.bytes(request).await?;
    let answer = reader.answer().await?;
    Ok((answer, reader, writer))
}

impl Reader {
    /// An HTTP answer with its body.
    async fn answer(&mut self) -> anyhow::Result<Answer> {
        let end = loop {
            if let Some(end) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            if self.read.len() > LONGEST_HEAD || !self.more().await? {
                bail!("the server did not answer in HTTP");
            }
        };
        let head: Vec<u8> = self.read.drain(..end).collect();
        let head = String::from_utf8_lossy(&head).into_owned();
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let mut answer = Answer {
            status: status.context("the server did not answer in HTTP")?,
            head,
            body: String::new(),
        };
        let length = answer.header("content-length");
        let length = length.and_then(|length| length.parse::<usize>().ok());
        if answer.status != 101 {
            while length.is_none_or(|length| self.read.len() < length) && self.more().await? {}
            let length = length.unwrap_or(self.read.len()).min(self.read.len());
            let body: Vec<u8> = self.read.drain(..length).collect();
            answer.body = String::from_utf8_lossy(&body).into_owned();
        }
        Ok(answer)
    }

    /// The next frame; `None` at the end of the connection. May be abandoned and called again.
    ///
    /// # Errors
    /// The connection broke, or what came is no frame.
    pub(crate) async fn frame(&mut self) -> anyhow::Result<Option<Frame>> {
        loop {
            if let Some((frame, length)) = parse(&self.read)? {
                self.read.drain(..length);
                return Ok(Some(frame));
            }
            if !self.more().await? {
                return Ok(None);
            }
        }
    }

    async fn more(&mut self) -> anyhow::Result<bool> {
        match self.stream.read_buf(&mut self.read).await {
            Ok(read) => Ok(read > 0),
            // A connection that is reset has ended as well.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(false),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(error).context("reading from the server"),
        }
    }
}

impl Writer {
    /// Sends bytes as they are.
    ///
    /// # Errors
    /// The connection broke.
    pub(crate) async fn bytes(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.0
            .write_all(bytes)
            .await
            .context("writing to the server")?;
        self.0.flush().await.context("writing to the server")
    }

    /// Sends a whole text message.
    ///
    /// # Errors
    /// The connection broke.
    pub(crate) async fn text(&mut self, text: &str) -> anyhow::Result<()> {
        self.bytes(&masked(FIN | TEXT, text.as_bytes())).await
    }

    /// Sends a close frame.
    ///
    /// # Errors
    /// The connection broke.
    pub(crate) async fn close(&mut self, code: u16, reason: &str) -> anyhow::Result<()> {
        let payload = [&code.to_be_bytes(), reason.as_bytes()].concat();
        self.bytes(&masked(FIN | CLOSE, &payload)).await
    }
}

/// A client's frame (RFC 6455 §5.3).
pub(crate) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = unmasked(first, &[]);
    bytes.truncate(1);
    bytes.extend(length(payload.len()));
    bytes[1] |= 0x80;
    bytes.extend(MASK);
    bytes.extend(payload.iter().enumerate().map(|(i, b)| b ^ MASK[i % 4]));
    bytes
}

/// A frame as only servers may send it.
pub(crate) fn unmasked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    bytes.extend(length(payload.len()));
    bytes.extend(payload);
    bytes
}

fn length(length: usize) -> Vec<u8> {
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short), _) if short < 126 => vec![short],
        (_, Ok(middle)) => [&[126][..], &middle.to_be_bytes()].concat(),
        _ => [&[127][..], &(length as u64).to_be_bytes()].concat(),
    }
}

/// A frame at the beginning of these bytes, and how many of them it has.
fn parse(bytes: &[u8]) -> anyhow::Result<Option<(Frame, usize)>> {
    let [first, second, rest @ ..] = bytes else {
        return Ok(None);
    };
    if second & 0x80 != 0 {
        bail!("the server sent a masked frame (RFC 6455 §5.1)");
    }
    let (size, length) = match second & 0x7f {
        126 => match rest.first_chunk::<2>() {
            Some(size) => (2, u64::from(u16::from_be_bytes(*size))),
            None => return Ok(None),
        },
        127 => match rest.first_chunk::<8>() {
            Some(size) => (8, u64::from_be_bytes(*size)),
            None => return Ok(None),
        },
        short => (0, u64::from(short)),
    };
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let Some(payload) = rest.get(size..).and_then(|rest| rest.get(..length)) else {
        return Ok(None);
    };
    let frame = Frame {
        fin: first & FIN != 0,
        opcode: first & 0xf,
        payload: payload.to_vec(),
    };
    Ok(Some((frame, 2 + size + length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_whole_and_only_whole() {
        for size in [0, 125, 126, 65_535, 65_536] {
            let bytes = unmasked(FIN | TEXT, &vec![b'x'; size]);
            let (frame, length) = parse(&bytes).unwrap().unwrap();
            assert_eq!((frame.payload.len(), length), (size, bytes.len()));
            assert_eq!(parse(&bytes[..bytes.len() - 1]).unwrap(), None);
        }
        assert!(parse(&masked(FIN | TEXT, b"x")).is_err());
    }
}
