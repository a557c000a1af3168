//! The release binaries under measurement, built from this commit.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;
use anyhow::ensure;

/// Builds `gatepost`, the functions and the echo function with `--release`; answers the folder that
/// holds them.
///
/// # Errors
/// If cargo fails.
pub fn build() -> anyhow::Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("the workspace")?;
    let status = Command::new("cargo")
        .args(["build", "--release", "--workspace", "--bins", "--quiet"])
        .current_dir(root)
        .status()
        .context("running cargo build --release")?;
    ensure!(status.success(), "cargo build --release failed");
    let bench = std::env::current_exe()?;
    Ok(bench
        .parent()
        .context("the folder of the bench binary")?
        .to_path_buf())
}
