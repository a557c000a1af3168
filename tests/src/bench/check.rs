//! `bench check FILE`: judges the history of a run.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use anyhow::Context;

use crate::checker;
use crate::checker::Report;

/// Reads the history in `file` and judges it.
///
/// # Errors
/// If it cannot be read, or a line is no record; the error says which.
pub fn run(file: &Path) -> anyhow::Result<Report> {
    let name = file.display();
    let opened = File::open(file).with_context(|| format!("opening {name}"))?;
    let records =
        checker::read(BufReader::new(opened)).with_context(|| format!("reading {name}"))?;
    Ok(checker::check(&records))
}
