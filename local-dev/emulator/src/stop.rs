//! Ctrl-C and its relatives: the first asks to stop, the second insists.

use std::io;

use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;
use tokio::sync::watch;

/// Whether somebody asked to stop.
#[derive(Debug, Clone)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Listens to SIGINT and SIGTERM. At the second `insist` is called.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub(crate) fn on_signals(insist: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let (asked, stop) = watch::channel(false);
        tokio::spawn(async move {
            let mut any = async || {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            };
            any().await;
            asked.send_replace(true);
            any().await;
            insist();
        });
        Ok(Self(stop))
    }

    /// Waits until somebody asks.
    pub(crate) async fn asked(&self) {
        // The sender lives until it has sent.
        let _ = self.0.clone().wait_for(|asked| *asked).await;
    }
}
