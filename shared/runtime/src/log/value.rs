//! Text that cannot end its line or its quotes.

use std::fmt;
use std::fmt::Write as _;

/// Longest value, in bytes; the rest is cut off.
const LONGEST: usize = 2_048;

/// Writes what passes through it with every control character (C0, DEL, C1, line and paragraph
/// separators) escaped, cut at 2,048 bytes.
pub(crate) struct Escape<'a> {
    out: &'a mut dyn fmt::Write,
    left: usize,
    quotes: bool,
}

impl<'a> Escape<'a> {
    /// For the inside of a JSON string: quotes and backslashes are escaped, too.
    pub(crate) fn in_quotes(out: &'a mut dyn fmt::Write) -> Self {
        Self {
            quotes: true,
            ..Self::bare(out)
        }
    }

    /// For text without quotes around it.
    pub(crate) fn bare(out: &'a mut dyn fmt::Write) -> Self {
        Self {
            out,
            left: LONGEST,
            quotes: false,
        }
    }
}

impl fmt::Write for Escape<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let text = if text.len() > self.left {
            &text[..text.floor_char_boundary(self.left)]
        } else {
            text
        };
        self.left -= text.len();
        let mut plain = 0;
        for (at, character) in text.char_indices() {
            let quote = self.quotes && matches!(character, '"' | '\\');
            let escaped = quote || matches!(character, '\u{2028}' | '\u{2029}');
            if !escaped && !character.is_control() {
                continue;
            }
            self.out.write_str(&text[plain..at])?;
            plain = at + character.len_utf8();
            match character {
                '"' => self.out.write_str("\\\"")?,
                '\\' => self.out.write_str("\\\\")?,
                '\n' => self.out.write_str("\\n")?,
                '\r' => self.out.write_str("\\r")?,
                '\t' => self.out.write_str("\\t")?,
                other => write!(self.out, "\\u{:04x}", u32::from(other))?,
            }
        }
        self.out.write_str(&text[plain..])
    }
}

/// Writes `text` as a JSON string.
pub(crate) fn quoted(out: &mut dyn fmt::Write, text: &str) -> fmt::Result {
    out.write_char('"')?;
    Escape::in_quotes(out).write_str(text)?;
    out.write_char('"')
}
