//! Ctrl-C and its relatives: the first asks to stop, the second insists. A terminal that is closed
//! asks as well.

use std::fs;
use std::io;

use tokio::signal::unix::Signal;
use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;
use tokio::sync::watch;

/// Whether somebody asked to stop.
#[derive(Debug, Clone)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Listens to SIGINT, SIGTERM and, unless `nohup` started this process, SIGHUP. At the second
    /// `insist` is called.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub(crate) fn on_signals(insist: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hangup = match ignores_hangup() {
            true => None,
            false => Some(signal(SignalKind::hangup())?),
        };
        let (asked, stop) = watch::channel(false);
        tokio::spawn(async move {
            let mut any = async || {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    () = hung_up(hangup.as_mut()) => {}
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

async fn hung_up(hangup: Option<&mut Signal>) {
    match hangup {
        Some(hangup) => {
            hangup.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// Whether whoever started this process wants it to outlive its terminal, as `nohup` does. To
/// listen to the signal would undo that. Where there is no `/proc` nobody can tell.
fn ignores_hangup() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    is_hangup_ignored(&status)
}

/// `SigIgn` of `proc_pid_status(5)`: a mask in which signal 1 is the lowest bit.
fn is_hangup_ignored(status: &str) -> bool {
    let mut lines = status.lines();
    let mask = lines.find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & 1 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nohup_is_found_in_the_mask() {
        for (status, ignored) in [
            ("Name:\tgatepost\nSigIgn:\t0000000000001001\n", true),
            ("Name:\tgatepost\nSigIgn:\t0000000000001000\n", false),
            ("SigBlk:\t0000000000000001\n", false),
            ("", false),
        ] {
            assert_eq!(is_hangup_ignored(status), ignored, "{status}");
        }
    }
}
