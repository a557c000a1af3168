//! The environment in which cargo builds functions.

use std::ffi::OsStr;
use std::path::Path;

use tokio::process::Command;

use super::step;
use crate::cli::Process;

/// Cargo with the environment that the person's shell would give it.
pub(super) fn cargo(folder: &Path, process: &Process) -> Command {
    let mut command = step::command("cargo", folder, process);
    for name in process
        .environment
        .keys()
        .filter(|name| is_of_an_outer_cargo(name))
    {
        command.env_remove(name);
    }
    // The outer cargo's toolchain is this workspace's; another project may ask for its own.
    let outer = process.environment.get(OsStr::new("CARGO_MANIFEST_DIR"));
    if outer.is_some_and(|outer| !Path::new(outer).starts_with(folder)) {
        command.env_remove("RUSTUP_TOOLCHAIN");
    }
    // Relative, it means the folder in which the person called us, not the one cargo runs in.
    if let Some(target) = process.environment.get(OsStr::new("CARGO_TARGET_DIR")) {
        command.env("CARGO_TARGET_DIR", process.folder.join(target));
    }
    command
}

/// Whether `cargo run` or `cargo test` set this variable for the process it started (The Cargo
/// Book, "Environment variables Cargo sets"): build scripts of the inner build must not see it.
fn is_of_an_outer_cargo(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else {
        return false;
    };
    [
        "CARGO_PKG_",
        "CARGO_BIN_",
        "CARGO_CFG_",
        "CARGO_FEATURE_",
        "DEP_",
    ]
    .iter()
    .any(|prefix| name.starts_with(prefix))
        || [
            "CARGO_CRATE_NAME",
            "CARGO_MAKEFLAGS",
            "CARGO_MANIFEST_DIR",
            "CARGO_MANIFEST_PATH",
            "CARGO_PRIMARY_PACKAGE",
            "CARGO_TARGET_TMPDIR",
            "MAKEFLAGS",
            "OUT_DIR",
            "RUST_RECURSION_COUNT",
        ]
        .contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_an_outer_cargo_are_told_from_the_persons() {
        for (name, outer) in [
            ("CARGO_PKG_NAME", true),
            ("CARGO_MANIFEST_DIR", true),
            ("CARGO_BIN_EXE_gatepost", true),
            ("OUT_DIR", true),
            ("CARGO_HOME", false),
            ("CARGO_TARGET_DIR", false),
            ("CARGO_NET_OFFLINE", false),
            ("RUSTFLAGS", false),
            ("PATH", false),
        ] {
            assert_eq!(is_of_an_outer_cargo(OsStr::new(name)), outer, "{name}");
        }
    }
}
