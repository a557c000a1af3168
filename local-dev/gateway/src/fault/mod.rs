//! Faults on purpose: the steps at which the gateway asks whether one is due, and what it can be.
//!
//! Which rule fires is decided elsewhere, by a [`Faults`]; here is what then happens. While no rule
//! is set every step costs one relaxed load.

mod call;
mod connection;
mod send;

use std::fmt;
use std::num::NonZeroUsize;
use std::time::Duration;

use http::Extensions;
use http::StatusCode;

use crate::Id;
use crate::gateway::Core;

pub(crate) use call::Held;
pub(crate) use call::invoke;
pub(crate) use connection::Parked;
pub(crate) use connection::strike;
pub(crate) use send::send;

/// Decides which faults are due.
pub trait Faults: fmt::Debug + Send + Sync {
    /// Whether any rule is set. Asked at every step, so it must be no more than a relaxed load.
    fn armed(&self) -> bool;
    /// What is due at this step. Called where it happens, so it must not block.
    fn at(&self, site: &Site<'_>) -> Injected;
}

/// Nothing ever fails on purpose.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoFaults;

impl Faults for NoFaults {
    fn armed(&self) -> bool {
        false
    }

    fn at(&self, _site: &Site<'_>) -> Injected {
        Injected::default()
    }
}

/// Where the gateway is when it asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Site<'a> {
    /// The step.
    pub step: Step,
    /// Logical ID of the API.
    pub api: &'a str,
    /// The stage.
    pub stage: &'a str,
    /// The connection; of `@connections` the one that is asked for, which need not exist.
    pub connection: Id,
    /// The route key, or `authorizer`, where an integration is called.
    pub route: Option<&'a str>,
    /// Logical ID of the function that is called; an endpoint or a mock has none.
    pub function: Option<&'a str>,
}

/// Where a fault can be injected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// A valid handshake, before the authorizer is asked.
    Handshake,
    /// The connection is established.
    Connected,
    /// A message of the client, before its route is selected.
    Message,
    /// An integration is about to be called: authorizer, `$connect`, a message's route, `$disconnect`.
    Invoke,
    /// It has answered.
    Answer,
    /// A message is about to be written to the client.
    Frame,
    /// `$disconnect` is due.
    Disconnect,
    /// `POST @connections`, before the message is sent.
    Post,
    /// `POST @connections`, when the message is sent and nothing answered.
    Posted,
    /// `GET @connections`.
    Get,
    /// `DELETE @connections`.
    Delete,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The request is answered with this status.
    Status(StatusCode),
    /// The TCP connection of the request is reset.
    Reset,
    /// What is due does not happen, and nobody is told.
    Drop,
    /// It happens twice.
    Duplicate,
    /// It waits until the connection's next invocation has begun, at most a second.
    Reorder,
    /// The integration counts as throttled and is not called.
    Throttle,
    /// The integration counts as timed out; what it calls runs.
    TimeOut,
    /// The integration counts as failed: before the call it is not called, after it its answer is lost.
    Fail,
    /// The message leaves in fragments of so many bytes.
    Split(NonZeroUsize),
    /// The client's connection ends without a close frame: 1006.
    Kill,
    /// The gateway closes the client's connection with this status and reason.
    Close(u16, String),
    /// The client's connection counts as idle for too long: 1001.
    IdleOut,
    /// The client's connection stays open, but nothing is read from it or written to it any more,
    /// as when a network loses every packet.
    HalfOpen,
}

/// What is due at a step.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Injected {
    /// To wait before the step, and before the fault.
    pub delay: Duration,
    /// What goes wrong.
    pub fault: Option<Fault>,
}

impl Step {
    /// Whether the gateway can wait here.
    #[must_use]
    pub fn can_wait(self) -> bool {
        !matches!(self, Self::Connected | Self::Message)
    }

    /// Whether this fault can happen here.
    #[must_use]
    pub fn admits(self, fault: &Fault) -> bool {
        match fault {
            Fault::Status(_) | Fault::Reset => {
                matches!(self, Self::Handshake) || self.is_of_management()
            }
            Fault::Drop => matches!(
                self,
                Self::Message | Self::Frame | Self::Disconnect | Self::Post | Self::Delete
            ),
            Fault::Duplicate => matches!(
                self,
                Self::Invoke | Self::Frame | Self::Disconnect | Self::Post
            ),
            Fault::Reorder | Fault::Throttle => self == Self::Invoke,
            Fault::TimeOut | Fault::Fail => matches!(self, Self::Invoke | Self::Answer),
            Fault::Split(_) => self == Self::Frame,
            Fault::Kill | Fault::Close(..) | Fault::IdleOut | Fault::HalfOpen => matches!(
                self,
                Self::Connected
                    | Self::Message
                    | Self::Invoke
                    | Self::Answer
                    | Self::Frame
                    | Self::Post
                    | Self::Posted
            ),
        }
    }

    fn is_of_management(self) -> bool {
        matches!(self, Self::Post | Self::Posted | Self::Get | Self::Delete)
    }
}

impl Fault {
    /// Whether it befalls a client's connection and needs no step.
    #[must_use]
    pub fn is_of_connection(&self) -> bool {
        matches!(
            self,
            Self::Kill | Self::Close(..) | Self::IdleOut | Self::HalfOpen
        )
    }
}

impl Core {
    /// What is due at a step; `None` while no rule is set.
    pub(crate) fn injected(
        &self,
        step: Step,
        connection: Id,
        stage: &str,
        called: Option<(&str, Option<&str>)>,
    ) -> Option<Injected> {
        if !self.config.faults.armed() {
            return None;
        }
        let endpoints = self.endpoints.load();
        Some(self.config.faults.at(&Site {
            step,
            api: endpoints.api_of(stage).unwrap_or_default(),
            stage,
            connection,
            route: called.map(|(route, _)| route),
            function: called.and_then(|(_, function)| function),
        }))
    }

    /// Waits as long as a rule says, and says what goes wrong then.
    pub(crate) async fn fault(&self, step: Step, connection: Id, stage: &str) -> Option<Fault> {
        let injected = self.injected(step, connection, stage, None)?;
        wait(injected.delay).await;
        injected.fault
    }
}

pub(crate) async fn wait(delay: Duration) {
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
}

/// Marks an answer that is not sent: the TCP connection is reset instead.
#[derive(Debug, Clone, Copy)]
struct ResetInstead;

/// Has the TCP connection reset instead of sending the answer with these extensions.
pub(crate) fn reset_instead(answer: &mut Extensions) {
    answer.insert(ResetInstead);
}

/// Whether the TCP connection is to be reset.
pub(crate) fn is_reset(answer: &Extensions) -> bool {
    answer.get::<ResetInstead>().is_some()
}
