//! Which emulator is meant: the one of this folder, or another by its port.

use std::io;
use std::path::Path;
use std::path::PathBuf;

use anyhow::Context;
use anyhow::bail;
use clap::Args;
use http::Uri;
use serde::Deserialize;

use super::api::EmulatorApi;
use crate::address_file;
use crate::cli::Process;

/// Which running emulator is meant; without any of these the one that was started in this folder.
#[derive(Debug, Clone, Args)]
pub(crate) struct RunningEmulator {
    /// Port of the emulator on this machine
    #[arg(long, value_name = "PORT", conflicts_with = "url")]
    #[arg(help_heading = "Emulator")]
    port: Option<u16>,
    /// Where the emulator is reached, as in <http://127.0.0.1:3001>
    #[arg(long, value_name = "URL")]
    #[arg(help_heading = "Emulator")]
    url: Option<String>,
    /// The emulator's data folder, in which it says where it is reached
    #[arg(long, value_name = "DIR", default_value = ".gatepost")]
    #[arg(help_heading = "Emulator")]
    pub(crate) data_dir: PathBuf,
}

/// What a running emulator says of itself in its data folder.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Started {
    /// The console.
    pub(super) console: String,
    /// What the console's API wants to see.
    pub(super) token: String,
    /// The emulator's process.
    pub(super) pid: u32,
}

impl RunningEmulator {
    /// A way to it.
    ///
    /// # Errors
    /// Nothing says where it is.
    pub(super) fn find(&self, process: &Process) -> anyhow::Result<EmulatorApi> {
        let file = process.folder.join(&self.data_dir).join(address_file::NAME);
        let started = read(&file)?;
        let authority = match (&self.url, self.port) {
            (Some(url), _) => authority(url).with_context(|| {
                format!("`{url}` is no http:// URL, such as http://127.0.0.1:3001")
            })?,
            (None, Some(port)) => format!("127.0.0.1:{port}"),
            (None, None) => match &started {
                Some(started) => authority(&started.console)
                    .with_context(|| format!("{} names no console", file.display()))?,
                None => bail!(
                    "no emulator was started here ({} does not exist): start one with `gatepost \
                     dev`, or name one with --port or --data-dir",
                    file.display()
                ),
            },
        };
        // The token of another emulator would only be told to a stranger.
        let own = started
            .filter(|started| authority_port(&started.console) == port_of(&authority))
            .map(|started| started.token);
        Ok(EmulatorApi::new(authority, own))
    }
}

/// What the file says; `None` if it is not there.
pub(super) fn read(file: &Path) -> anyhow::Result<Option<Started>> {
    let text = match std::fs::read(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read {}", file.display()));
        }
    };
    let started = serde_json::from_slice(&text).with_context(|| {
        format!(
            "{} is not what an emulator writes: delete it",
            file.display()
        )
    })?;
    Ok(Some(started))
}

/// `host:port` of a URL.
fn authority(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    let authority = uri.authority()?;
    match (uri.scheme_str(), authority.port_u16()) {
        (Some("http" | "ws"), Some(_)) => Some(authority.to_string()),
        (Some("http" | "ws"), None) => Some(format!("{authority}:80")),
        _ => None,
    }
}

fn authority_port(url: &str) -> Option<String> {
    port_of(&authority(url)?)
}

fn port_of(authority: &str) -> Option<String> {
    authority.rsplit_once(':').map(|(_, port)| port.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_emulator_is_where_its_url_says() {
        for (url, wanted) in [
            ("http://127.0.0.1:3001/_gatepost/", Some("127.0.0.1:3001")),
            ("http://localhost", Some("localhost:80")),
            ("ws://[::1]:3001/local", Some("[::1]:3001")),
            ("https://example.com", None),
            ("3001", None),
        ] {
            assert_eq!(authority(url).as_deref(), wanted, "{url}");
        }
    }
}
