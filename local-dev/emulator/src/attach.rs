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
        let folder = match &named.code {
            Code::Cargo { folder, .. } | Code::Folder(folder) => folder.clone(),
            // Code that stands in the template is where somebody put it.
            Code::Inline(_) | Code::Unsupported(_) => PathBuf::new(),
        };
        let launch = Launch::Attached {
            address: *address,
            folder,
        };
        launches.insert(named.id.clone(), launch);
    }
    Ok(launches)
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
        let Launch::Attached { address, folder } = launch else {
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
        told.push_str(&instructions(id, *address, folder, &file));
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

fn instructions(id: &str, address: SocketAddr, folder: &Path, file: &Path) -> String {
    let (folder, file) = (folder.display(), file.display());
    format!(
        "  {id} waits at {address} until you start it, in {folder}:\n      \
         set -a; . {file}; set +a\n      \
         or name that file in your debugger (`envFile`)\n\n"
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
}
