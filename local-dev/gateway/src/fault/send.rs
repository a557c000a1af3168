//! Faults of a message on its way to a client.

use bytes::Bytes;

use super::Fault;
use super::Step;
use super::strike;
use super::wait;
use crate::PostRefusal;
use crate::connection::Connection;
use crate::gateway::Core;

/// Sends a text message as [`Connection::send`] does, with the faults that are due.
///
/// # Errors
/// As [`Connection::send`]. A message that is late counts as sent; another one may overtake it.
pub(crate) fn send(
    core: &Core,
    connection: &Connection,
    text: &Bytes,
    bound: usize,
) -> Result<(), PostRefusal> {
    let injected = core.injected(Step::Frame, connection.id, &connection.stage.name, None);
    let Some(injected) = injected else {
        return connection.send(text, bound, core.now());
    };
    if injected.delay.is_zero() {
        return send_with(connection, text, bound, core, injected.fault.as_ref());
    }
    let connection = core.registry.get(connection.id).ok_or(PostRefusal::Gone)?;
    let (text, now) = (text.clone(), core.now());
    tokio::spawn(async move {
        wait(injected.delay).await;
        // Who is gone by then gets nothing, and nobody waits to be told.
        let _ = connection.send(&text, bound, now);
    });
    Ok(())
}

fn send_with(
    connection: &Connection,
    text: &Bytes,
    bound: usize,
    core: &Core,
    fault: Option<&Fault>,
) -> Result<(), PostRefusal> {
    match fault {
        Some(Fault::Drop) => Ok(()),
        Some(Fault::Split(size)) => {
            connection.send_in_fragments(text, size.get(), bound, core.now())
        }
        Some(Fault::Duplicate) => {
            connection.send(text, bound, core.now())?;
            connection.send(text, bound, core.now())
        }
        Some(fault) => {
            strike(connection, fault);
            Ok(())
        }
        None => connection.send(text, bound, core.now()),
    }
}
