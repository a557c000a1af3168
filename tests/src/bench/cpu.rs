//! CPU time of processes, and where they run.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context;

/// The CPU of the measured side.
pub const MEASURED: &str = "1";

/// The other CPU.
pub const OTHER: &str = "0";

/// Pins the calling thread, and what it starts afterwards, to a CPU.
///
/// A client that only sends and waits belongs on [`MEASURED`], beside what it measures: to wake an
/// idle CPU costs the one who writes to it more than the write.
///
/// # Errors
/// If the machine has no such CPU.
pub fn pin_client(cpu: &str) -> anyhow::Result<()> {
    let mut set = rustix::thread::CpuSet::new();
    set.set(cpu.parse()?);
    rustix::thread::sched_setaffinity(None, &set)
        .with_context(|| format!("pinning the client to CPU {cpu}"))
}

/// Pins a running process, all its threads, to a CPU.
///
/// # Errors
/// If the machine has no such CPU.
pub fn pin(pid: u32, cpu: &str) -> anyhow::Result<()> {
    let status = std::process::Command::new("taskset")
        .args(["-a", "-c", "-p", cpu, &pid.to_string()])
        .stdout(std::process::Stdio::null())
        .status()
        .context("running taskset")?;
    anyhow::ensure!(status.success(), "taskset could not pin {pid} to CPU {cpu}");
    Ok(())
}

/// A command that runs `program` on the measured side's CPU.
#[must_use]
pub fn pinned(program: &Path) -> tokio::process::Command {
    let mut command = tokio::process::Command::new("taskset");
    command.args(["-c", MEASURED]).arg(program);
    command
}

/// Nanoseconds of CPU that a process and all its descendants used so far, by pid.
///
/// # Errors
/// If `/proc` cannot be read.
pub fn of_tree(root: u32) -> anyhow::Result<BTreeMap<u32, u64>> {
    let mut parents = BTreeMap::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // A process may end between the listing and the reading.
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
            continue;
        };
        let parent = stat
            .rsplit_once(')')
            .and_then(|(_, rest)| rest.split_whitespace().nth(1));
        parents.insert(
            pid,
            parent
                .and_then(|pid| pid.parse::<u32>().ok())
                .unwrap_or_default(),
        );
    }
    let below = |mut pid: u32| {
        while pid != root {
            match parents.get(&pid) {
                Some(parent) if *parent != 0 => pid = *parent,
                _ => return false,
            }
        }
        true
    };
    Ok(parents
        .keys()
        .filter(|pid| below(**pid))
        .map(|pid| (*pid, of(*pid)))
        .collect())
}

/// Nanoseconds of CPU that a process used so far; 0 if it has ended.
#[must_use]
pub fn of(pid: u32) -> u64 {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return 0;
    };
    tasks
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("schedstat")).ok())
        .filter_map(|text| text.split_whitespace().next()?.parse::<u64>().ok())
        .sum()
}

/// Nanoseconds that the processes of `after` used since `before`; new ones count whole.
#[must_use]
pub fn since(before: &BTreeMap<u32, u64>, after: &BTreeMap<u32, u64>) -> u64 {
    after
        .iter()
        .map(|(pid, used)| used.saturating_sub(before.get(pid).copied().unwrap_or_default()))
        .sum()
}
