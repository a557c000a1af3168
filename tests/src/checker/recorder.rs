//! Where the parties of a run write their records.

use std::io::Write;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use tokio::time::Instant;

use super::Event;
use super::Micros;
use super::Record;

/// A history being written. Its clock is tokio's, which a test can stop.
#[derive(Debug, Clone)]
pub struct Recorder {
    began: Instant,
    records: Arc<Mutex<Vec<Record>>>,
}

/// One party of a run, with its name.
#[derive(Debug, Clone)]
pub struct Witness {
    name: String,
    recorder: Recorder,
}

impl Recorder {
    /// An empty history that begins now.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a default would read the clock")]
    pub fn new() -> Self {
        Self {
            began: Instant::now(),
            records: Arc::default(),
        }
    }

    /// The clock of the history.
    #[must_use]
    pub fn now(&self) -> Micros {
        Micros::try_from(self.began.elapsed().as_micros()).unwrap_or(Micros::MAX)
    }

    /// A client of the run, with a name that no other has.
    #[must_use]
    pub fn witness(&self, name: impl Into<String>) -> Witness {
        Witness {
            name: name.into(),
            recorder: self.clone(),
        }
    }

    /// Writes what the run itself did or found.
    pub fn note(&self, event: Event) {
        self.push(String::new(), event);
    }

    /// Everything written so far.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        self.records
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Writes the history as one JSON object a line.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, mut to: impl Write) -> std::io::Result<()> {
        for record in self.records() {
            serde_json::to_writer(&mut to, &record)?;
            to.write_all(b"\n")?;
        }
        to.flush()
    }

    fn push(&self, by: String, event: Event) {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        // Read under the lock: the order of the lines is the order of time.
        let at = self.now();
        records.push(Record { at, by, event });
    }
}

impl Witness {
    /// Writes what this party did or saw.
    pub fn note(&self, event: Event) {
        self.recorder.push(self.name.clone(), event);
    }

    /// The clock of the history.
    #[must_use]
    pub fn now(&self) -> Micros {
        self.recorder.now()
    }
}
