//! Functions that somebody else starts: which they are, and the files of variables with which they
//! are started.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;

use anyhow::bail;
use gatepost_runtime_api::Command;
use gatepost_runtime_api::Lambda;
use gatepost_template::Code;
use gatepost_template::Function;

use crate::build::Launch;
use crate::cli::Attach;

/// The functions that are asked for, by logical ID.
///
/// # Errors
/// When one is not in the template.
pub(crate) fn attached(
    asked: &[Attach],
    functions: &BTreeMap<String, Function>,
) -> anyhow::Result<BTreeMap<String, Launch>> {
    let mut launches = BTreeMap::new();
    for Attach { function, address } in asked {
        let named = functions
            .values()
            .find(|known| known.id == *function || known.name == *function);
        let Some(named) = named else {
            let ids: Vec<&str> = functions.keys().map(String::as_str).collect();
            bail!(
                "--attach {function}: the template has no such function, but {}",
                ids.join(", ")
            );
        };
        let (folder, starts) = match &named.code {
            Code::Cargo { folder, binary } => {
                let run = Command {
                    program: "cargo".into(),
                    arguments: ["run", "--bin", binary].map(str::to_owned).into(),
                    folder: folder.clone(),
                };
                (folder.clone(), Some(run))
            }
            Code::Folder(folder) => (folder.clone(), None),
            // Code that stands in the template is where somebody put it.
            Code::Inline(_) | Code::Unsupported(_) => (PathBuf::new(), None),
        };
        let launch = Launch::Attached {
            address: *address,
            folder,
            starts,
        };
        launches.insert(named.id.clone(), launch);
    }
    Ok(launches)
}

/// Puts those that are attached in the place of what the emulator would start, which they keep.
pub(crate) fn replace(launches: &mut BTreeMap<String, Launch>, attached: BTreeMap<String, Launch>) {
    for (id, mut launch) in attached {
        if let Launch::Attached { starts, .. } = &mut launch
            && let Some(Launch::Command(command)) = launches.remove(&id)
        {
            *starts = Some(command);
        }
        launches.insert(id, launch);
    }
}

/// Writes the variables of every attached function to `attach/FUNCTION.env` below `data_dir`, which
/// development environments read. What a person is told of it.
///
/// # Errors
/// When a file cannot be written.
pub(crate) fn write(
    lambda: &Lambda,
    launches: &BTreeMap<String, Launch>,
    data_dir: &Path,
) -> io::Result<String> {
    let mut told = String::new();
    for (id, launch) in launches {
        let Launch::Attached {
            address,
            folder,
            starts,
        } = launch
        else {
            continue;
        };
        let file = data_dir.join("attach").join(format!("{id}.env"));
        let mut lines = String::new();
        for (name, value) in lambda.variables(id).unwrap_or_default() {
            let (name, value) = (name.to_string_lossy(), value.to_string_lossy());
            // A line break would end the variable in every reader of such files.
            let value = value.replace('\n', " ");
            let _ = writeln!(lines, "{name}={}", quoted(&value));
        }
        fs::create_dir_all(data_dir.join("attach"))?;
        // Anew, so that its mode counts: it holds credentials, which may be the person's own.
        let _ = fs::remove_file(&file);
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        options.open(&file)?.write_all(lines.as_bytes())?;
        told.push_str(&instructions(id, *address, folder, &file, starts.as_ref()));
    }
    Ok(told)
}

/// In single quotes if a shell would read it otherwise.
fn quoted(value: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:,@%+=".contains(&byte);
    if value.bytes().all(is_plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\'', "'\\''"))
}

/// A line for a shell, in a shell of its own so that the variables do not stay.
fn instructions(
    id: &str,
    address: SocketAddr,
    folder: &Path,
    file: &Path,
    starts: Option<&Command>,
) -> String {
    let folder = quoted(&folder.to_string_lossy());
    let file = quoted(&file.to_string_lossy());
    let command = starts.map(|command| {
        let words = command.arguments.iter().map(|word| quoted(word));
        let program = quoted(&command.program.to_string_lossy());
        std::iter::once(program).chain(words).collect::<Vec<_>>()
    });
    let command = command.map_or_else(|| "YOUR-PROGRAM".to_owned(), |words| words.join(" "));
    format!(
        "  {id} waits at {address} until you start it:\n      \
         (cd {folder}; set -a; . {file}; exec {command})\n      \
         or give your debugger that folder, file (`envFile`) and program\n\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_what_a_shell_reads() {
        for (value, written) in [
            ("http://127.0.0.1:3001/local", "http://127.0.0.1:3001/local"),
            ("", ""),
            ("2026/11/26/[$LATEST]ab", "'2026/11/26/[$LATEST]ab'"),
            ("it's", "'it'\\''s'"),
        ] {
            assert_eq!(quoted(value), written);
        }
    }

    #[test]
    fn what_is_told_starts_the_function() {
        let address = SocketAddr::from(([127, 0, 0, 1], 9001));
        let (folder, file) = (Path::new("/my app"), Path::new("/d/attach/Echo.env"));
        let told = |starts: Option<&Command>| instructions("Echo", address, folder, file, starts);
        let command = Command {
            program: "/usr/bin/python3".into(),
            arguments: vec!["/d/runtimes/python".into(), "app.handler".into()],
            folder: folder.to_owned(),
        };
        let line = "(cd '/my app'; set -a; . /d/attach/Echo.env; exec /usr/bin/python3 \
                    /d/runtimes/python app.handler)";
        let text = told(Some(&command));
        assert!(text.contains(line), "{text}");
        assert!(told(None).contains("YOUR-PROGRAM"));
    }

    #[test]
    fn an_attached_function_keeps_what_the_emulator_would_start() {
        let command = Command {
            program: "node".into(),
            arguments: Vec::new(),
            folder: PathBuf::new(),
        };
        let attached = |starts| {
            let (address, folder) = (SocketAddr::from(([127, 0, 0, 1], 9001)), PathBuf::new());
            Launch::Attached {
                address,
                folder,
                starts,
            }
        };
        let one = |launch| BTreeMap::from([("Echo".to_owned(), launch)]);
        let mut launches = one(Launch::Command(command.clone()));
        replace(&mut launches, one(attached(None)));
        assert_eq!(launches, one(attached(Some(command.clone()))));
        // One that cargo builds is not built here.
        let mut launches = BTreeMap::new();
        replace(&mut launches, one(attached(Some(command.clone()))));
        assert_eq!(launches, one(attached(Some(command))));
    }
}
