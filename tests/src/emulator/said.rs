//! What an emulator wrote.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use serde_json::Value;
use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncRead;
use tokio::io::BufReader;
use tokio::sync::watch;

/// What the emulator wrote so far.
#[derive(Debug, Default)]
pub(super) struct Said {
    facts: Mutex<Vec<Value>>,
    /// The last lines of standard error.
    errors: Mutex<VecDeque<String>>,
    /// Rung at each line; says whether standard output has ended.
    more: watch::Sender<bool>,
}

impl Said {
    pub(super) fn facts(&self) -> MutexGuard<'_, Vec<Value>> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn errors(&self) -> String {
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        errors.iter().cloned().collect::<Vec<_>>().join("\n")
    }

    /// The first fact that is `wanted`; `None` when standard output ended without one.
    pub(super) async fn first(&self, wanted: impl Fn(&Value) -> bool) -> Option<Value> {
        let mut more = self.more.subscribe();
        let mut seen = 0;
        loop {
            let ended = *more.borrow_and_update();
            let found = {
                let facts = self.facts();
                let found = facts[seen..].iter().find(|fact| wanted(fact)).cloned();
                seen = facts.len();
                found
            };
            if found.is_some() || ended {
                return found;
            }
            more.changed().await.ok()?;
        }
    }
}

/// Keeps the first `most` facts.
pub(super) async fn hear_facts(from: impl AsyncRead + Unpin, said: Arc<Said>, most: usize) {
    let mut lines = BufReader::new(from).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if said.facts().len() >= most {
            continue;
        }
        said.facts()
            .push(serde_json::from_str(&line).unwrap_or(Value::String(line)));
        said.more.send_replace(false);
    }
    said.more.send_replace(true);
}

pub(super) async fn hear_errors(from: impl AsyncRead + Unpin, said: Arc<Said>) {
    let mut lines = BufReader::new(from).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let mut errors = said.errors.lock().unwrap_or_else(PoisonError::into_inner);
        if errors.len() == 200 {
            errors.pop_front();
        }
        errors.push_back(line);
    }
}
