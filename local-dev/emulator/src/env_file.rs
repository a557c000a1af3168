//! Reader of `.env` files: `KEY=VALUE` lines, comments, quotes. Errors carry file and line.

use std::path::Path;
use std::path::PathBuf;

/// A variable of a file, its value not yet filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// The name.
    pub(crate) name: String,
    /// The value without its quotes and escapes.
    pub(crate) value: String,
    /// Whether `${…}` is left as it is: the value was in single quotes.
    pub(crate) literal: bool,
    /// Line in the file, from 1.
    pub(crate) number: usize,
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EnvFileError {
    /// It could not be read.
    #[error("{} cannot be read", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A line is not understood.
    #[error("{}:{line}: {what}", .path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong, and what is expected.
        what: String,
    },
}

/// Reads a file.
///
/// # Errors
/// When it cannot be read or a line is not understood: the first such line.
pub(crate) fn read(path: &Path) -> Result<Vec<Line>, EnvFileError> {
    let text = std::fs::read_to_string(path).map_err(|source| EnvFileError::Unreadable {
        path: path.into(),
        source,
    })?;
    parse(&text).map_err(|(line, what)| EnvFileError::Line {
        path: path.into(),
        line,
        what,
    })
}

/// Whether a name can be one in an environment: letters, digits and `_`, no digit first.
pub(crate) fn is_variable_name(name: &str) -> bool {
    name.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name
            .bytes()
            .next()
            .is_some_and(|first| !first.is_ascii_digit())
}

fn parse(text: &str) -> Result<Vec<Line>, (usize, String)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").map_or(line, str::trim_start);
        let Some((name, rest)) = line.split_once('=') else {
            return Err((number, "expected KEY=VALUE".into()));
        };
        let name = name.trim_end();
        if !is_variable_name(name) {
            return Err((number, format!("`{name}` is no name of a variable")));
        }
        let (value, literal) = value(rest.trim_start()).map_err(|what| (number, what))?;
        lines.push(Line {
            name: name.into(),
            value,
            literal,
            number,
        });
    }
    Ok(lines)
}

/// The value behind `=`, and whether it was in single quotes.
fn value(text: &str) -> Result<(String, bool), String> {
    if let Some(rest) = text.strip_prefix('\'') {
        let (value, after) = rest
            .split_once('\'')
            .ok_or("the single quote is not closed on this line")?;
        ends(after)?;
        return Ok((value.into(), true));
    }
    if let Some(rest) = text.strip_prefix('"') {
        let (value, after) = double_quoted(rest)?;
        ends(after)?;
        return Ok((value, false));
    }
    // A comment needs a space before it: `#` may stand in a password or a colour.
    let end = text
        .char_indices()
        .zip(std::iter::once(' ').chain(text.chars()))
        .find(|((_, character), before)| *character == '#' && before.is_whitespace())
        .map_or(text.len(), |((at, _), _)| at);
    Ok((text[..end].trim_end().into(), false))
}

/// A double-quoted value and what follows its closing quote.
fn double_quoted(text: &str) -> Result<(String, &str), String> {
    let mut value = String::with_capacity(text.len());
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Ok((value, &text[at + 1..])),
            '\\' => match characters.next().map(|(_, escaped)| escaped) {
                Some('n') => value.push('\n'),
                Some('r') => value.push('\r'),
                Some('t') => value.push('\t'),
                Some(escaped @ ('"' | '\\')) => value.push(escaped),
                Some(escaped) => return Err(format!("`\\{escaped}` is no escape; write `\\\\`")),
                None => break,
            },
            other => value.push(other),
        }
    }
    Err("the double quote is not closed on this line".into())
}

/// After a closing quote only a comment may follow.
fn ends(after: &str) -> Result<(), String> {
    let after = after.trim_start();
    if after.is_empty() || after.starts_with('#') {
        return Ok(());
    }
    Err(format!("`{after}` follows the closing quote"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        for (line, expected) in [
            ("A=b", "b"),
            ("A=", ""),
            ("  A = b  ", "b"),
            ("export A=b", "b"),
            ("A=b c # comment", "b c"),
            ("A=#comment", ""),
            ("A=b#c", "b#c"),
            ("A=b=c", "b=c"),
            ("A='b # c' # d", "b # c"),
            ("A='a\\n'", "a\\n"),
            (r#"A="a\n\"\\ # b""#, "a\n\"\\ # b"),
            ("A=\"\"", ""),
            (
                "A=sqlite:${GATEPOST_DATA_DIR}/log.db",
                "sqlite:${GATEPOST_DATA_DIR}/log.db",
            ),
            ("A=grün", "grün"),
        ] {
            let lines = parse(line).unwrap();
            assert_eq!(lines.len(), 1, "{line}");
            assert_eq!(
                (lines[0].name.as_str(), lines[0].value.as_str()),
                ("A", expected),
                "{line}"
            );
        }
    }

    #[test]
    fn blank_lines_and_comments_count_as_lines() {
        let lines = parse("\u{feff}# a\n\nA=1\r\n\n  # b\nB='2'\n").unwrap();
        let numbers: Vec<_> = lines
            .iter()
            .map(|l| (l.name.as_str(), l.number, l.literal))
            .collect();
        assert_eq!(numbers, [("A", 3, false), ("B", 6, true)]);
    }

    #[test]
    fn errors_name_the_line() {
        for (text, line, what) in [
            ("A=1\nnonsense", 2, "expected KEY=VALUE"),
            ("=1", 1, "`` is no name"),
            ("1A=1", 1, "`1A` is no name"),
            ("A-B=1", 1, "`A-B` is no name"),
            ("A='b", 1, "single quote"),
            ("A=\"b", 1, "double quote"),
            ("A=\"b\\", 1, "double quote"),
            ("A=\"\\q\"", 1, "no escape"),
            ("A='b' c", 1, "`c` follows"),
        ] {
            let (at, error) = parse(text).unwrap_err();
            assert_eq!(at, line, "{text}");
            assert!(error.contains(what), "{text}: {error}");
        }
    }
}
