//! What cargo knows of a workspace, and which of its binaries a function means.

use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;

use super::BuildError;
use super::NO_CARGO;
use super::environment::cargo;
use crate::cli::Process;

/// The part of `cargo metadata --no-deps` that is needed here.
#[derive(Debug, Deserialize)]
pub(super) struct Workspace {
    packages: Vec<Package>,
    pub(super) target_directory: PathBuf,
    pub(super) workspace_root: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Target {
    pub(super) name: String,
    kind: Vec<String>,
}

impl Package {
    fn binaries(&self) -> impl Iterator<Item = &str> {
        self.targets
            .iter()
            .filter(|target| target.is_binary())
            .map(|target| target.name.as_str())
    }
}

impl Target {
    pub(super) fn is_binary(&self) -> bool {
        self.kind.iter().any(|kind| kind == "bin")
    }
}
/// A binary that a function asks for, as cargo knows it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Binary<'a> {
    /// As the template names it.
    pub(super) asked: &'a str,
    /// As cargo does.
    pub(super) name: &'a str,
    /// The package that has it.
    pub(super) package: &'a str,
}

/// What SAM calls the binary of a function that names none.
const ONLY_BINARY: &str = "bootstrap";

/// The workspace around `folder`.
pub(super) async fn of(folder: &Path, process: &Process) -> Result<Workspace, BuildError> {
    let mut command = cargo(folder, process);
    command.args(["metadata", "--no-deps", "--format-version", "1"]);
    let output = command.output().await.map_err(|source| BuildError::Tool {
        program: "cargo".into(),
        folder: folder.to_owned(),
        help: NO_CARGO.into(),
        source,
    })?;
    let text = || {
        String::from_utf8_lossy(&output.stderr)
            .trim_end()
            .to_owned()
    };
    if !output.status.success() {
        return Err(BuildError::NoWorkspace {
            folder: folder.to_owned(),
            text: text(),
        });
    }
    serde_json::from_slice(&output.stdout).map_err(|error| BuildError::NoWorkspace {
        folder: folder.to_owned(),
        text: format!("cargo metadata: {error}"),
    })
}

/// The binary that is meant: that of the workspace with this name, if several the one of the
/// package in `folder`; and `bootstrap`, if nothing is called so, is the only one of that package.
pub(super) fn binary<'a>(
    workspace: &'a Workspace,
    folder: &Path,
    asked: &'a str,
) -> Result<Binary<'a>, BuildError> {
    let is_here = |package: &Package| package.manifest_path.parent() == Some(folder);
    let having: Vec<&Package> = workspace
        .packages
        .iter()
        .filter(|package| package.binaries().any(|name| name == asked))
        .collect();
    let found = |package: &'a Package, name: &'a str| Binary {
        asked,
        name,
        package: &package.name,
    };
    match having.as_slice() {
        [package] => Ok(found(package, asked)),
        [] => {
            let here = workspace.packages.iter().find(|package| is_here(package));
            if let (ONLY_BINARY, Some(package)) = (asked, here)
                && let [only] = package.binaries().collect::<Vec<_>>()[..]
            {
                return Ok(found(package, only));
            }
            let known: BTreeSet<&str> = workspace
                .packages
                .iter()
                .flat_map(Package::binaries)
                .collect();
            Err(BuildError::Binary(format!(
                "the workspace at {} has no binary `{asked}`; it has: {}",
                folder.display(),
                known.into_iter().collect::<Vec<_>>().join(", ")
            )))
        }
        several => match several.iter().find(|package| is_here(package)) {
            Some(package) => Ok(found(package, asked)),
            None => {
                let names: Vec<_> = several
                    .iter()
                    .map(|package| package.name.as_str())
                    .collect();
                Err(BuildError::Binary(format!(
                    "several packages at {} have a binary `{asked}`: {}; let CodeUri name the \
                     folder of one",
                    folder.display(),
                    names.join(", ")
                )))
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, folder: &str, binaries: &[&str]) -> Package {
        let target = |name: &&str| Target {
            name: (*name).into(),
            kind: vec!["bin".into()],
        };
        Package {
            name: name.into(),
            manifest_path: Path::new(folder).join("Cargo.toml"),
            targets: binaries.iter().map(target).collect(),
        }
    }

    fn asked(packages: Vec<Package>, folder: &str, asked: &str) -> Result<String, String> {
        let workspace = Workspace {
            packages,
            target_directory: PathBuf::new(),
            workspace_root: PathBuf::new(),
        };
        binary(&workspace, Path::new(folder), asked)
            .map(|binary| format!("{}:{}", binary.package, binary.name))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_binary_is_found_in_whatever_member_has_it() {
        let members = || {
            vec![
                package("a", "/w/a", &["one"]),
                package("b", "/w/b", &["two"]),
            ]
        };
        assert_eq!(asked(members(), "/w", "two").unwrap(), "b:two");
        let error = asked(members(), "/w", "three").unwrap_err();
        assert_eq!(
            error,
            "the workspace at /w has no binary `three`; it has: one, two"
        );
    }

    #[test]
    fn of_several_equal_binaries_the_one_of_the_folder_is_meant() {
        let members = || {
            vec![
                package("a", "/w/a", &["bootstrap"]),
                package("b", "/w/b", &["bootstrap"]),
            ]
        };
        assert_eq!(
            asked(members(), "/w/b", "bootstrap").unwrap(),
            "b:bootstrap"
        );
        assert!(
            asked(members(), "/w", "bootstrap")
                .unwrap_err()
                .contains("a, b")
        );
    }

    #[test]
    fn without_a_name_the_only_binary_of_the_folder_is_meant() {
        let members = || {
            vec![
                package("a", "/w/a", &["one"]),
                package("b", "/w/b", &["two", "three"]),
            ]
        };
        assert_eq!(asked(members(), "/w/a", "bootstrap").unwrap(), "a:one");
        assert!(asked(members(), "/w/b", "bootstrap").is_err());
    }
}
