//! Where things are: the repository, its binaries, its fixtures, Python.

use std::ffi::OsString;
use std::path::Path;
use std::path::PathBuf;

use anyhow::bail;

/// A file of `tests/fixtures/emulator`.
pub fn fixture(name: &str) -> PathBuf {
    root().join("tests/fixtures/emulator").join(name)
}

/// The repository.
pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ is in the repository")
        .to_owned()
}

/// The folder with the binaries of the profile that this program was built with.
pub(super) fn programs() -> PathBuf {
    let program = std::env::current_exe().expect("the path of a running test is known");
    let folder = program.parent().expect("a program is in a folder");
    // Tests are in `deps` of it, `bench` is in itself.
    if folder.ends_with("deps") {
        return folder
            .parent()
            .expect("deps is in a profile's folder")
            .to_owned();
    }
    folder.to_owned()
}

/// Cargo's target folder.
pub(super) fn target() -> PathBuf {
    programs()
        .parent()
        .expect("a profile's folder is in the target folder")
        .to_owned()
}

pub(super) fn gatepost() -> anyhow::Result<PathBuf> {
    let program = programs().join("gatepost");
    if !program.is_file() {
        bail!(
            "{} is not built: run `cargo build --workspace --bins`",
            program.display()
        );
    }
    Ok(program)
}

/// The interpreter that has the packages of `tests/requirements.txt`.
pub fn python() -> PathBuf {
    #[expect(
        clippy::disallowed_methods,
        reason = "the test command tells it through this"
    )]
    let python = std::env::var_os("GATEPOST_TEST_PYTHON");
    python.map_or_else(|| target().join("venv/bin/python"), PathBuf::from)
}

/// PATH with that interpreter first.
pub(super) fn path_with_python() -> anyhow::Result<OsString> {
    #[expect(
        clippy::disallowed_methods,
        reason = "programs are started as a shell would"
    )]
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folder = python().parent().map(Path::to_owned).into_iter();
    Ok(std::env::join_paths(
        folder.chain(std::env::split_paths(&path)),
    )?)
}
