//! Fault rules that end with the test that set them.

use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use anyhow::Context;
use anyhow::ensure;
use http::Request;
use serde_json::Value;
use tokio::time::Instant;
use tokio::time::sleep;

use super::Emulator;
use crate::socket::PATIENCE;

/// A fault rule of a running emulator. Dropping it removes the rule.
#[derive(Debug)]
pub struct Fault {
    id: u64,
    /// The request that removes it.
    removal: String,
    authority: String,
}

impl Fault {
    /// Its `id`: `rule` of the facts `fault_injected`.
    pub fn id(&self) -> u64 {
        self.id
    }
}

impl Emulator {
    /// Sets a fault rule: `{"match": {…}, "effect", "probability", "times", "ttl_ms", "seed"}`.
    ///
    /// # Errors
    /// If the emulator refuses it.
    pub async fn fault(&self, rule: Value) -> anyhow::Result<Fault> {
        let request = Request::post("/_gatepost/api/faults")
            .header("content-type", "application/json")
            .body(rule.to_string())?;
        let response = self.api(request).await?;
        let answer: Value = serde_json::from_slice(response.body())?;
        ensure!(response.status() == 201, "{rule} is refused: {answer}");
        let id = answer["id"].as_u64().context("the id of a rule")?;
        let authority = self.authority().to_owned();
        let token = self.text("token");
        let removal = format!(
            "DELETE /_gatepost/api/faults/{id} HTTP/1.1\r\nhost: {authority}\r\n\
             content-type: application/json\r\nx-gatepost-token: {token}\r\n\
             connection: close\r\n\r\n"
        );
        Ok(Fault {
            id,
            removal,
            authority,
        })
    }

    /// Waits until a rule has fired, also where no facts are kept.
    ///
    /// # Errors
    /// If it does not fire within [`PATIENCE`].
    pub async fn until_fired(&self, fault: &Fault) -> anyhow::Result<()> {
        let began = Instant::now();
        while !self.has_fired(fault).await? {
            ensure!(began.elapsed() < PATIENCE, "a rule never fired");
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Whether a rule has fired.
    ///
    /// # Errors
    /// If the console does not answer.
    pub async fn has_fired(&self, fault: &Fault) -> anyhow::Result<bool> {
        let request = Request::get("/_gatepost/api/faults").body(String::new())?;
        let answer: Value = serde_json::from_slice(self.api(request).await?.body())?;
        let rules = answer["faults"].as_array().context("the rules")?;
        let rule = rules.iter().find(|rule| rule["id"] == fault.id);
        Ok(rule.context("the rule")?["fired"].as_u64() > Some(0))
    }

    /// The next firing of a rule; of several the first.
    ///
    /// # Errors
    /// If it does not fire.
    pub async fn fired(&self, fault: &Fault) -> anyhow::Result<Value> {
        self.event("fault_injected", |fact| fact["rule"] == fault.id)
            .await
    }
}

impl Drop for Fault {
    fn drop(&mut self) {
        // An emulator that has ended has no rules either.
        if let Ok(mut stream) = TcpStream::connect(&self.authority) {
            let _ = stream.write_all(self.removal.as_bytes());
            let _ = stream.read_to_end(&mut Vec::new());
        }
    }
}
