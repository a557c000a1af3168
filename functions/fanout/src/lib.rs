//! The fan-out function: tasks that others leave to it, and the sweep of each minute.
//!
//! It posts before it answers: nobody waits, and Lambda repeats what failed.

use std::time::Duration;

use gatepost_chat::Task;
use gatepost_chat::WorkError;
use gatepost_protocol::Millis;
use gatepost_runtime::Answer;
use gatepost_runtime::Backend;
use gatepost_runtime::Failure;
use gatepost_runtime::Fault;
use gatepost_runtime::Function;
use gatepost_runtime::Invocation;
use gatepost_runtime::Reach;
use gatepost_runtime::StartError;
use gatepost_runtime::clock;
use gatepost_runtime::config::Environment;
use gatepost_runtime::metric;
use gatepost_runtime::metric::Figure;
use serde::Deserialize;
use tokio::time::Instant;

/// Entries that go in one round trip when a room's log is purged. Its lock is held as long.
const PURGED_AT_ONCE: u32 = 500;

/// How long one sweep purges, …
const PURGE: Duration = Duration::from_secs(10);

/// … and what it leaves of its time.
const SPARE: Duration = Duration::from_secs(5);

/// What the function is invoked with.
#[derive(Deserialize)]
#[serde(untagged)]
enum Event {
    /// A task of the chat's, or the `Input` of a schedule.
    Task(Task),
    /// What AWS sends for a schedule without `Input`.
    Schedule {
        #[serde(rename = "detail-type")]
        detail_type: String,
    },
}

/// Does tasks.
#[derive(Debug)]
pub struct Fanout {
    backend: Backend,
    clock: fn() -> Millis,
}

impl Fanout {
    /// Reads where the chat is kept, and how to reach its clients.
    ///
    /// # Errors
    /// Everything that is wrong with the environment.
    pub async fn start(environment: &dyn Environment) -> Result<Self, StartError> {
        let backend = Backend::start(environment, Reach::ClientsUnasked).await?;
        Ok(Self::new(backend, clock::now))
    }

    /// One with its own chat and time.
    #[must_use]
    pub fn new(backend: Backend, clock: fn() -> Millis) -> Self {
        Self { backend, clock }
    }

    /// Does one task until it is done or `ends_at` is near.
    ///
    /// # Errors
    /// If it is to be repeated.
    pub async fn work(&self, task: Task, ends_at: Instant) -> Result<(), Failure> {
        let begun = Instant::now();
        let is_sweep = task == Task::Sweep;
        let done = self.backend.chat.work(task, ends_at).await;
        if let Some(posts) = &self.backend.posts {
            let mut figures = posts.take_figures();
            figures.push(Figure::milliseconds("WorkTime", begun.elapsed()));
            metric::emit(&[], &figures);
        }
        done.map_err(fault)?;
        if is_sweep {
            self.purge(ends_at).await;
        }
        Ok(())
    }

    /// Takes away what is older than `RETENTION_DAYS`, as far as time allows: the next sweep goes on.
    /// Comes after the drains, and what goes wrong is no reason to repeat those.
    async fn purge(&self, ends_at: Instant) {
        let days = self.backend.retention_days;
        if days == 0 {
            return;
        }
        let before = (self.clock)() - i64::from(days) * 86_400_000;
        let end = ends_at.min(Instant::now() + PURGE + SPARE);
        while Instant::now() + SPARE < end {
            match self.backend.history.purge(before, PURGED_AT_ONCE).await {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, "what is too old is kept until the next sweep");
                    return;
                }
            }
        }
    }
}

fn fault(error: WorkError) -> Fault {
    let error_type = match error {
        WorkError::Store(error) => return error.into(),
        WorkError::Post(_) => "Posts.Refused",
        WorkError::Invoke(_) => "Fanout.NotInvoked",
    };
    Fault {
        error_type,
        what: error.to_string(),
        source: Some(error.into()),
    }
}

impl Function for Fanout {
    type Response = ();

    async fn invoke(&self, invocation: Invocation<'_>) -> Result<Answer<()>, Failure> {
        let task = match invocation.parse()? {
            Event::Task(task) => task,
            Event::Schedule { detail_type } if detail_type == "Scheduled Event" => Task::Sweep,
            Event::Schedule { .. } => {
                return Err(Fault::payload("the event is neither a task nor a schedule's").into());
            }
        };
        self.work(task, invocation.ends_at()).await?;
        Ok(Answer::new(()))
    }
}

#[cfg(test)]
mod tests;
