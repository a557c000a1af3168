//! Where facts go: lines for a person on standard error, JSON on standard output, log files.
//! One thread writes, so that a slow terminal or reader never holds the emulator up.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use super::Entry;
use super::Kind;
use super::Ready;

/// Facts that may wait for a slow reader; further ones are left out, which shows in the numbers.
const WAITING: usize = 16_384;

/// A place facts are written to.
pub(crate) trait Sink: Send {
    /// Writes a fact, maybe into a buffer.
    ///
    /// # Errors
    /// Those of the place; the sink is not used again.
    fn fact(&mut self, entry: &Entry) -> io::Result<()>;
    /// Writes that everything is ready.
    ///
    /// # Errors
    /// As [`Sink::fact`].
    fn opening(&mut self, opening: &Opening) -> io::Result<()>;
    /// Gives what is buffered to the operating system.
    ///
    /// # Errors
    /// As [`Sink::fact`].
    fn flush(&mut self) -> io::Result<()>;
}

/// That everything is ready, once for each kind of reader.
#[derive(Debug, Clone)]
pub(crate) struct Opening {
    /// When, in milliseconds since 1970: the banner says how functions were doing then.
    pub(crate) at: u64,
    /// For programs.
    pub(crate) ready: Ready,
    /// For a person.
    pub(crate) banner: String,
}

/// The way to the thread that writes.
#[derive(Debug)]
pub(crate) struct Outlet(Option<Way>);

#[derive(Debug)]
struct Way {
    lines: SyncSender<Line>,
    wanted: fn(&Kind) -> bool,
}

/// What the thread is told.
enum Line {
    Fact(Arc<Entry>),
    Opening(Box<Opening>),
    /// Answer when everything before it is written.
    Flush(SyncSender<()>),
}

impl Outlet {
    /// Leads nowhere.
    #[cfg(test)]
    pub(crate) fn none() -> Self {
        Self(None)
    }

    /// Starts the thread. It gets what is `wanted`: waking it for anything else is a waste.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub(crate) fn start(sinks: Vec<Box<dyn Sink>>, wanted: fn(&Kind) -> bool) -> io::Result<Self> {
        let (lines, receiver) = sync_channel(WAITING);
        std::thread::Builder::new()
            .name("facts".into())
            .spawn(move || write(sinks, &receiver))?;
        Ok(Self(Some(Way { lines, wanted })))
    }

    /// Passes a fact on, unless too many wait already.
    pub(super) fn write(&self, entry: Arc<Entry>) {
        if let Some(way) = self.0.as_ref().filter(|way| (way.wanted)(&entry.fact.kind)) {
            let _ = way.lines.try_send(Line::Fact(entry));
        }
    }

    /// Says that everything is ready.
    pub(super) fn open(&self, opening: Opening) {
        if let Some(way) = &self.0 {
            // The one line that must not be left out; before it little can have been written.
            let _ = way.lines.send(Line::Opening(Box::new(opening)));
        }
    }

    /// Waits until everything is written, at most a second: a reader may never read again.
    pub(super) fn flush(&self) {
        let Some(way) = &self.0 else { return };
        let (done, written) = sync_channel(1);
        if way.lines.try_send(Line::Flush(done)).is_ok() {
            let _ = written.recv_timeout(Duration::from_secs(1));
        }
    }
}

fn write(mut sinks: Vec<Box<dyn Sink>>, lines: &Receiver<Line>) {
    while let Ok(first) = lines.recv() {
        let mut asking = Vec::new();
        // Everything that waits goes out with one flush.
        for line in std::iter::once(first).chain(lines.try_iter().take(WAITING)) {
            match line {
                Line::Fact(entry) => sinks.retain_mut(|sink| sink.fact(&entry).is_ok()),
                Line::Opening(opening) => {
                    sinks.retain_mut(|sink| sink.opening(&opening).is_ok());
                }
                Line::Flush(done) => asking.push(done),
            }
        }
        sinks.retain_mut(|sink| sink.flush().is_ok());
        for done in asking {
            let _ = done.send(());
        }
    }
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Fact(entry) => f.debug_tuple("Fact").field(&entry.number).finish(),
            Self::Opening(_) => f.write_str("Opening"),
            Self::Flush(_) => f.write_str("Flush"),
        }
    }
}
