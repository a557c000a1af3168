//! Where facts go: lines for a person on standard error, JSON on standard output, log files.
//! One thread writes, so that a slow terminal or reader never holds the emulator up.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use super::Entry;
use super::Ready;

/// Facts that may wait for a slow reader; further ones are left out, which shows in the numbers.
const WAITING: usize = 16_384;

/// A place facts are written to.
pub trait Sink: Send {
    /// Writes a fact, maybe into a buffer.
    ///
    /// # Errors
    /// Those of the place; the sink is not used again.
    fn fact(&mut self, entry: &Entry) -> io::Result<()>;
    /// Writes that everything is ready.
    ///
    /// # Errors
    /// As [`Sink::fact`].
    fn ready(&mut self, ready: &Ready) -> io::Result<()>;
    /// Gives what is buffered to the operating system.
    ///
    /// # Errors
    /// As [`Sink::fact`].
    fn flush(&mut self) -> io::Result<()>;
}

/// The way to the thread that writes.
#[derive(Debug)]
pub struct Outlet(Option<SyncSender<Line>>);

/// What the thread is told.
enum Line {
    Fact(Arc<Entry>),
    Ready(Box<Ready>),
    /// Answer when everything before it is written.
    Flush(SyncSender<()>),
}

impl Outlet {
    /// Leads nowhere.
    pub fn none() -> Self {
        Self(None)
    }

    /// Starts the thread.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn start(sinks: Vec<Box<dyn Sink>>) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(WAITING);
        std::thread::Builder::new()
            .name("facts".into())
            .spawn(move || write(sinks, &receiver))?;
        Ok(Self(Some(sender)))
    }

    /// Passes a fact on, unless too many wait already.
    pub(super) fn write(&self, entry: Arc<Entry>) {
        if let Some(sender) = &self.0 {
            let _ = sender.try_send(Line::Fact(entry));
        }
    }

    /// Says that everything is ready.
    pub fn ready(&self, ready: Ready) {
        if let Some(sender) = &self.0 {
            // The one line that must not be left out; before it little can have been written.
            let _ = sender.send(Line::Ready(Box::new(ready)));
        }
    }

    /// Waits until everything is written, at most a second: a reader may never read again.
    pub fn flush(&self) {
        let Some(sender) = &self.0 else { return };
        let (done, written) = sync_channel(1);
        if sender.try_send(Line::Flush(done)).is_ok() {
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
                Line::Ready(ready) => sinks.retain_mut(|sink| sink.ready(&ready).is_ok()),
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
            Self::Ready(_) => f.write_str("Ready"),
            Self::Flush(_) => f.write_str("Flush"),
        }
    }
}
