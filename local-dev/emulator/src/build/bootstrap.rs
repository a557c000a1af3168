//! Functions whose folder holds a `bootstrap` (Lambda developer guide, "Building a custom runtime
//! for AWS Lambda").

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use gatepost_runtime_api::Command;

use super::Launch;

/// A command for a function with its code in `folder`.
pub(super) fn launch(folder: &Path) -> Launch {
    let program = folder.join("bootstrap");
    match program.metadata() {
        Ok(file) if !file.is_file() => {
            Launch::Unsupported(format!("{} is no file", program.display()))
        }
        Ok(file) if file.permissions().mode() & 0o111 == 0 => Launch::Unsupported(format!(
            "{} is not executable: chmod +x {0}",
            program.display()
        )),
        Ok(_) => Launch::Command(Command {
            program,
            arguments: Vec::new(),
            folder: folder.to_owned(),
        }),
        Err(_) => Launch::Unsupported(format!(
            "there is no {}: build it, or let gatepost build a Rust function with Metadata: \
             BuildMethod: rust-cargolambda",
            program.display()
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn unsupported(launch: Launch) -> String {
        match launch {
            Launch::Unsupported(why) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_bootstrap_must_be_there_and_executable() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bootstrap");
        let run = || launch(folder.path());
        assert!(unsupported(run()).contains("there is no"));
        fs::write(&path, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(unsupported(run()).contains("chmod +x"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(run(), Launch::Command(command) if command.program == path));
    }
}
