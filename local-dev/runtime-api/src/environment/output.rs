//! What the processes of an environment print.

use std::collections::VecDeque;
use std::io;
use std::io::ErrorKind;
use std::mem;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::OnceLock;
use std::sync::PoisonError;

use tokio::net::unix::pipe::Receiver;
use uuid::Uuid;

use super::reporter::Reporter;
use crate::fact::FactEvent;

/// The longest line that is passed on in one piece, in bytes.
pub const LINE_BYTES: usize = 64 * 1024;
/// Invoke API, `X-Amz-Log-Result`: "the last 4 KB of the execution log".
const TAIL_BYTES: usize = 4096;
const READ_BYTES: usize = 8192;
/// Reads in a row before others have their turn: a function may print without end.
const READS: usize = 32;

/// Standard output and standard error, in the order in which they were written: one pipe carries
/// both, as one log stream does on Lambda.
#[derive(Debug)]
pub(super) struct Output {
    pipe: OnceLock<Receiver>,
    lines: Mutex<Lines>,
    reporter: Reporter,
}

#[derive(Debug)]
struct Lines {
    buffer: Box<[u8]>,
    /// A line without its end yet.
    partial: Vec<u8>,
    tail: VecDeque<u8>,
    request_id: Option<Uuid>,
}

enum Drained {
    Everything,
    More,
    End,
}

impl Output {
    pub(super) fn new(reporter: Reporter) -> Self {
        let lines = Lines {
            buffer: vec![0; READ_BYTES].into(),
            partial: Vec::new(),
            tail: VecDeque::new(),
            request_id: None,
        };
        Self {
            pipe: OnceLock::new(),
            lines: Mutex::new(lines),
            reporter,
        }
    }

    /// Reads `pipe` to its end.
    pub(super) async fn read(&self, pipe: Receiver) {
        let pipe = self.pipe.get_or_init(|| pipe);
        while pipe.readable().await.is_ok() {
            match self.drain_with(|buffer| pipe.try_read(buffer)) {
                Drained::Everything => {}
                Drained::More => tokio::task::yield_now().await,
                Drained::End => break,
            }
        }
    }

    /// Passes on what was printed until now. Called before an invocation ends, so that its lines
    /// are told before its end and carry its request ID.
    pub(super) fn drain(&self) {
        if let Some(pipe) = self.pipe.get() {
            // No system call when nothing was printed: what a process wrote before it asked for the
            // next event was ready before that request was, and the system tells in that order.
            let _ = self.drain_with(|buffer| pipe.try_read(buffer));
        }
    }

    /// What is printed from now on belongs to this invocation.
    pub(super) fn begin(&self, request_id: Uuid) {
        let mut lines = self.lines();
        lines.tail.clear();
        lines.request_id = Some(request_id);
    }

    /// The last bytes of the current invocation's output.
    pub(super) fn tail(&self) -> Vec<u8> {
        self.lines().tail.iter().copied().collect()
    }

    fn drain_with(&self, read: impl Fn(&mut [u8]) -> io::Result<usize>) -> Drained {
        let mut lines = self.lines();
        for _ in 0..READS {
            match read(&mut lines.buffer) {
                Ok(0) => {
                    let last = mem::take(&mut lines.partial);
                    if !last.is_empty() {
                        self.tell(lines.request_id, &last);
                    }
                    return Drained::End;
                }
                Ok(length) => self.take(&mut lines, length),
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock => return Drained::Everything,
                    _ => return Drained::End,
                },
            }
        }
        Drained::More
    }

    fn take(&self, lines: &mut Lines, length: usize) {
        let Lines {
            buffer,
            partial,
            tail,
            request_id,
        } = lines;
        let read = &buffer[..length];
        tail.extend(read);
        tail.drain(..tail.len().saturating_sub(TAIL_BYTES));
        for piece in read.split_inclusive(|byte| *byte == b'\n') {
            let room = LINE_BYTES - partial.len();
            if piece.len() > room {
                partial.extend_from_slice(&piece[..room]);
                self.tell(*request_id, partial);
                partial.clear();
                partial.extend_from_slice(&piece[room..]);
            } else {
                partial.extend_from_slice(piece);
            }
            if partial.last() == Some(&b'\n') {
                partial.pop();
                self.tell(*request_id, partial.strip_suffix(b"\r").unwrap_or(partial));
                partial.clear();
            }
        }
    }

    fn tell(&self, request_id: Option<Uuid>, line: &[u8]) {
        let line = String::from_utf8_lossy(line).into_owned();
        let environment = self.reporter.environment;
        self.reporter.tell(FactEvent::Printed {
            environment,
            request_id,
            line,
        });
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::Arc;

    /// The lines that are told of what is written in these pieces.
    async fn told(pieces: &[&[u8]]) -> Vec<String> {
        let facts = Arc::new(Mutex::new(Vec::new()));
        let sink = facts.clone();
        let observer = Arc::new(move |fact: crate::Fact| sink.lock().unwrap().push(fact.event));
        let output = Output::new(Reporter {
            function: "f".into(),
            environment: 1,
            observer,
        });
        let (reader, mut writer) = std::io::pipe().unwrap();
        let reader = Receiver::from_owned_fd(reader.into()).unwrap();
        // On another thread: a pipe that is full blocks who writes.
        let pieces: Vec<Vec<u8>> = pieces.iter().map(|piece| piece.to_vec()).collect();
        let write = tokio::task::spawn_blocking(move || {
            pieces
                .iter()
                .for_each(|piece| writer.write_all(piece).unwrap());
        });
        output.read(reader).await;
        write.await.unwrap();
        let facts = facts.lock().unwrap();
        facts
            .iter()
            .map(|fact| match fact {
                FactEvent::Printed { line, .. } => line.clone(),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[tokio::test]
    async fn lines_are_told_whole_however_they_arrive() {
        let one = told(&[b"a\nb", b"c\r\n\n", b"last"]).await;
        assert_eq!(one, ["a", "bc", "", "last"]);
        assert_eq!(told(&[b"\xff!\n"]).await, ["\u{fffd}!"]);
        assert_eq!(told(&[]).await, [] as [&str; 0]);
    }

    #[tokio::test]
    async fn a_line_longer_than_the_bound_is_split() {
        let long = [b'x'; LINE_BYTES / 2 + 1];
        let lines = told(&[&long, &long, b"\n"]).await;
        let lengths: Vec<_> = lines.iter().map(String::len).collect();
        assert_eq!(lengths, [LINE_BYTES, 2]);
    }
}
