//! Rust functions: one `cargo build` a folder, and the executables that cargo reports.

mod environment;
mod workspace;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;
use std::process::Stdio;

use serde::Deserialize;
use tokio::io::AsyncBufReadExt;
use tokio::io::BufReader;

use super::BuildError;
use super::Order;
use super::step;
use crate::cli::Process;
use environment::cargo;
use workspace::Binary;
use workspace::Target;

const NO_CARGO: &str = "install Rust (https://rustup.rs), or build elsewhere and use --no-build";

/// Cargo's profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// `dev`: quick to build.
    Dev,
    /// `release`: quick to run.
    Release,
}

impl Profile {
    /// Its folder in cargo's target folder.
    fn folder(self) -> &'static str {
        match self {
            Self::Dev => "debug",
            Self::Release => "release",
        }
    }
}

/// A line of `--message-format=json` (The Cargo Book, "External tools").
#[derive(Debug, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
enum Message {
    CompilerArtifact {
        target: Target,
        executable: Option<PathBuf>,
    },
    #[serde(other)]
    Other,
}

/// What cargo built, and where.
#[derive(Debug)]
pub(super) struct Built {
    /// Paths by the names that were asked for.
    pub(super) executables: BTreeMap<String, PathBuf>,
    /// The folder of the workspace.
    pub(super) workspace: PathBuf,
    /// Cargo's target folder.
    pub(super) target: PathBuf,
}

/// Builds these binaries, or with `--no-build` finds them.
///
/// # Errors
/// When there is no such binary, or the build fails.
pub(super) async fn executables(
    folder: &Path,
    binaries: &BTreeSet<&str>,
    order: Order<'_>,
) -> Result<Built, BuildError> {
    let workspace = workspace::of(folder, order.process).await?;
    let find = binaries
        .iter()
        .map(|asked| workspace::binary(&workspace, folder, asked));
    let binaries: Vec<Binary<'_>> = find.collect::<Result<_, _>>()?;
    let arguments = arguments(&binaries, order.profile);
    let executables = if order.build {
        build(folder, &binaries, &arguments, order.process).await?
    } else {
        let built = workspace.target_directory.join(order.profile.folder());
        find_built(folder, &binaries, &arguments, &built)?
    };
    Ok(Built {
        executables,
        workspace: workspace.workspace_root,
        target: workspace.target_directory,
    })
}

/// The binaries that are in cargo's folder `built`.
fn find_built(
    folder: &Path,
    binaries: &[Binary<'_>],
    arguments: &[&str],
    built: &Path,
) -> Result<BTreeMap<String, PathBuf>, BuildError> {
    let found = binaries.iter().map(|binary| {
        let path = built.join(binary.name);
        if path.is_file() {
            return Ok((binary.asked.to_owned(), path));
        }
        Err(BuildError::NotBuilt {
            binary: path,
            command: format!("cargo {}", arguments.join(" ")),
            folder: folder.to_owned(),
        })
    });
    found.collect()
}

/// The arguments of the one `cargo build`. Naming the packages is what makes `--bin` find the
/// binaries of members that are not the workspace's default ones, without building others.
fn arguments<'a>(binaries: &[Binary<'a>], profile: Profile) -> Vec<&'a str> {
    let packages: BTreeSet<&str> = binaries.iter().map(|binary| binary.package).collect();
    let names: BTreeSet<&str> = binaries.iter().map(|binary| binary.name).collect();
    let mut arguments = vec!["build"];
    arguments.extend(
        packages
            .into_iter()
            .flat_map(|package| ["--package", package]),
    );
    arguments.extend(names.into_iter().flat_map(|name| ["--bin", name]));
    if profile == Profile::Release {
        arguments.push("--release");
    }
    arguments
}

/// Runs `cargo build`. Progress and diagnostics go to standard error as cargo prints them.
async fn build(
    folder: &Path,
    binaries: &[Binary<'_>],
    arguments: &[&str],
    process: &Process,
) -> Result<BTreeMap<String, PathBuf>, BuildError> {
    let mut command = cargo(folder, process);
    command
        .args(arguments)
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit());
    let mut step = step::start(&mut command, process, NO_CARGO)?;
    let stdout = step.child.stdout.take().expect("standard output is piped");
    let mut lines = BufReader::new(stdout).lines();
    let mut executables = BTreeMap::new();
    // Whatever is no message of cargo's on its standard output was printed by a build step.
    while let Ok(Some(line)) = lines.next_line().await {
        let Ok(Message::CompilerArtifact {
            target,
            executable: Some(executable),
        }) = serde_json::from_str(&line)
        else {
            continue;
        };
        if target.is_binary() {
            executables.insert(target.name, executable);
        }
    }
    let status = step.finish().await.map_err(|source| BuildError::Tool {
        program: "cargo".into(),
        folder: folder.to_owned(),
        help: "its end could not be awaited".into(),
        source,
    })?;
    if !status.success() {
        return Err(BuildError::Failed {
            folder: folder.to_owned(),
            status,
        });
    }
    let found = binaries
        .iter()
        .map(|binary| match executables.get(binary.name) {
            Some(executable) => Ok((binary.asked.to_owned(), executable.clone())),
            None => Err(BuildError::Binary(format!(
                "cargo build in {} reported no executable for `{}`",
                folder.display(),
                binary.name
            ))),
        });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_build_names_each_package_and_binary_once() {
        let binary = |asked, name, package| Binary {
            asked,
            name,
            package,
        };
        let binaries = [
            binary("b", "b", "p"),
            binary("a", "a", "q"),
            binary("a2", "a", "q"),
        ];
        assert_eq!(
            arguments(&binaries, Profile::Release).join(" "),
            "build --package p --package q --bin a --bin b --release"
        );
    }
}
