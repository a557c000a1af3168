//! YAML and JSON text → [`Node`]s.
//!
//! JSON is read as YAML, of which it is a part. Hostile text costs no more than its size: depth
//! and the number of values, copies by aliases included, are bounded.

mod build;
mod scalar;
mod tag;

use std::path::PathBuf;
use std::sync::Arc;

use saphyr_parser::Event;
use saphyr_parser::Marker;
use saphyr_parser::Parser;

use crate::finding::At;
use crate::finding::Finding;
use crate::node::Node;

use build::Builder;

/// Largest template in bytes: CloudFormation's own limit for one in S3 (CloudFormation quotas,
/// "Template body size in an S3 object").
const LARGEST: usize = 1024 * 1024;

/// Reads the one document of `text`.
pub(crate) fn parse(text: &str, file: &Arc<PathBuf>) -> Result<Node, Finding> {
    let start = At {
        file: Arc::clone(file),
        line: 1,
        column: 1,
    };
    if text.len() > LARGEST {
        let what = format!("the template is {} bytes long", text.len());
        return Err(Finding::new(&start, what).help("CloudFormation takes 1 MB at most"));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = scalar::join_surrogates(text);
    let mut builder = Builder::new();
    let mut documents = 0;
    for event in Parser::new_from_str(&text) {
        let (event, span) = event.map_err(|error| {
            let at = place(file, *error.marker());
            indenting_tab(&text, &at).unwrap_or_else(|| {
                let what = format!("this is not YAML: {}", error.info());
                Finding::new(&at, what)
            })
        })?;
        let at = place(file, span.start);
        if let Event::DocumentStart(_) = event {
            documents += 1;
            if documents > 1 {
                return Err(Finding::new(&at, "a template is one YAML document"));
            }
        }
        builder.event(event, at)?;
    }
    builder
        .finish()
        .ok_or_else(|| Finding::new(&start, "the template is empty"))
}

/// A tab that indents the line where the parser gave up, or the one behind it: it reads ahead.
fn indenting_tab(text: &str, at: &At) -> Option<Finding> {
    let lines = text.lines().enumerate().skip(at.line - 1).take(2);
    let (line, column) = lines.into_iter().find_map(|(index, line)| {
        let indent = line.chars().take_while(|c| matches!(c, ' ' | '\t'));
        Some((
            index + 1,
            indent.enumerate().find(|(_, c)| *c == '\t')?.0 + 1,
        ))
    })?;
    let at = At {
        file: Arc::clone(&at.file),
        line,
        column,
    };
    Some(Finding::new(&at, "this is not YAML: a tab indents this line").help("indent with spaces"))
}

/// The place of a mark: its lines count from 1, its columns from 0.
fn place(file: &Arc<PathBuf>, mark: Marker) -> At {
    At {
        file: Arc::clone(file),
        line: mark.line().max(1),
        column: mark.col() + 1,
    }
}

#[cfg(test)]
mod tests;
