//! Faults of a client's connection.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::PoisonError;

use tokio::net::tcp::OwnedReadHalf;
use tokio::net::tcp::OwnedWriteHalf;

use super::Fault;
use crate::ClosedBy;
use crate::close::Ending;
use crate::connection::Connection;

/// Lets a fault befall a connection; faults of other things do nothing.
pub(crate) fn strike(connection: &Connection, fault: &Fault) {
    match fault {
        Fault::Kill => connection.end(Ending::LOST),
        Fault::IdleOut => connection.end(Ending::IDLE),
        Fault::Close(code, reason) => connection.end(Ending {
            code: *code,
            reason: Cow::Owned(reason.clone()),
            by: ClosedBy::Gateway,
        }),
        Fault::HalfOpen => connection.stall(),
        Fault::Status(_)
        | Fault::Reset
        | Fault::Drop
        | Fault::Duplicate
        | Fault::Reorder
        | Fault::Throttle
        | Fault::TimeOut
        | Fault::Fail
        | Fault::Split(_) => {}
    }
}

/// Sockets of half-open connections that ended here: their clients must not see that, so nothing
/// closes them. Beyond 1,024 the oldest is let go.
#[derive(Debug, Default)]
pub(crate) struct Parked(Mutex<VecDeque<(OwnedReadHalf, Option<OwnedWriteHalf>)>>);

const PARKED: usize = 1024;

impl Parked {
    pub(crate) fn keep(&self, read: OwnedReadHalf, write: Option<OwnedWriteHalf>) {
        let mut parked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if parked.len() == PARKED {
            parked.pop_front();
        }
        parked.push_back((read, write));
    }
}
