//! How much memory an environment has. Lambda kills what has more than `MemorySize` (Lambda guide,
//! "Configure Lambda function memory"); here it is told.

use std::fs;
use std::time::Duration;

use rustix::process::Pid;
use tokio::time::Instant;

use super::Environment;
use super::state::State;
use crate::fact::FactEvent;

/// How often it is looked at, at most: it costs as much as an invocation.
const EVERY: Duration = Duration::from_secs(1);

impl Environment {
    /// Looks at the memory if that was not done a moment ago.
    pub(super) fn weigh_sometimes(&self, state: &mut State) {
        let now = Instant::now();
        if state.weigh_at <= now {
            state.weigh_at = now + EVERY;
            self.weigh(state);
        }
    }

    /// Looks at the memory, and tells at once when it is too much.
    pub(super) fn weigh(&self, state: &mut State) {
        let Some(max_mb) = state.group.and_then(peak_mb) else {
            return;
        };
        state.max_memory_mb = max_mb;
        if max_mb > self.spec.memory_mb && !state.over_memory {
            state.over_memory = true;
            self.tell_memory(state);
        }
    }

    /// Tells how much it has had, if that is known.
    pub(super) fn tell_memory(&self, state: &State) {
        if state.max_memory_mb > 0 {
            self.reporter.tell(FactEvent::Memory {
                environment: self.id,
                max_mb: state.max_memory_mb,
                limit_mb: self.spec.memory_mb,
            });
        }
    }
}

/// `VmHWM` of a process, `proc_pid_status(5)`, in MB, rounded up; `None` where there is no such
/// thing.
fn peak_mb(process: Pid) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{}/status", process.as_raw_nonzero())).ok()?;
    read_peak(&status)
}

fn read_peak(status: &str) -> Option<u32> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kb: u32 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kb.div_ceil(1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_in_megabytes() {
        let status = "Name:\tnode\nVmPeak:\t 9999 kB\nVmHWM:\t   44033 kB\nVmRSS:\t 1 kB\n";
        assert_eq!(read_peak(status), Some(44));
        assert_eq!(read_peak("Name:\tkthread\n"), None);
    }
}
