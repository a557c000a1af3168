//! Text, and where references and directives begin in it.

use super::BadTemplate;
use super::Parser;
use super::Piece;
use super::directive::End;

impl Parser<'_> {
    /// Pieces up to the directive that ends them, which is returned, or up to the end of the text.
    /// Without `directives` a `#` is text.
    pub(super) fn pieces(
        &mut self,
        directives: bool,
    ) -> Result<(Vec<Piece>, Option<End>), BadTemplate> {
        let mut pieces = Vec::new();
        let mut text = String::new();
        while let Some(c) = self.peek() {
            match c {
                '\\' => self.backslashes(&mut text),
                '$' => match self.reference()? {
                    Some(reference) => {
                        flush(&mut text, &mut pieces);
                        pieces.push(Piece::Reference(reference));
                    }
                    None => {
                        self.eat("$");
                        text.push('$');
                    }
                },
                '#' if directives => {
                    if let Some(end) = self.hash(&mut text, &mut pieces)? {
                        flush(&mut text, &mut pieces);
                        return Ok((pieces, Some(end)));
                    }
                }
                c => {
                    text.push(c);
                    self.rest = &self.rest[c.len_utf8()..];
                }
            }
        }
        flush(&mut text, &mut pieces);
        Ok((pieces, None))
    }

    /// Backslashes before a reference: two are one, and a single one makes the reference text.
    fn backslashes(&mut self, text: &mut String) {
        let rest = self.rest.trim_start_matches('\\');
        let count = self.rest.len() - rest.len();
        self.rest = rest;
        if !starts_a_reference(rest) {
            text.push_str(&"\\".repeat(count));
            return;
        }
        text.push_str(&"\\".repeat(count / 2));
        if count % 2 == 1 {
            self.eat("$");
            text.push('$');
        }
    }

    /// A comment, a directive, or a `#` that is text.
    fn hash(
        &mut self,
        text: &mut String,
        pieces: &mut Vec<Piece>,
    ) -> Result<Option<End>, BadTemplate> {
        if self.rest.starts_with("##") {
            let end = self.rest.find('\n').map_or(self.rest.len(), |at| at + 1);
            self.rest = &self.rest[end..];
            return Ok(None);
        }
        if self.eat("#*") {
            let Some(end) = self.rest.find("*#") else {
                return Err(self.bad("a comment `#*` does not end"));
            };
            self.rest = &self.rest[end + 2..];
            return Ok(None);
        }
        if self.eat("#[[") {
            let Some(end) = self.rest.find("]]#") else {
                return Err(self.bad("`#[[` does not end"));
            };
            text.push_str(&self.rest[..end]);
            self.rest = &self.rest[end + 3..];
            return Ok(None);
        }
        if self.rest.starts_with("#set") {
            // What stands before it on its line goes with it.
            let kept = text.trim_end_matches([' ', '\t']).len();
            let starts = match pieces.last() {
                _ if kept > 0 => text[..kept].ends_with('\n'),
                Some(Piece::Text(before)) => before.ends_with('\n'),
                Some(Piece::Reference(_)) => false,
                Some(Piece::Set(..) | Piece::If(..) | Piece::Each(..)) | None => true,
            };
            if starts {
                text.truncate(kept);
            }
        }
        flush(text, pieces);
        match self.directive(pieces)? {
            Some(end) => Ok(Some(end)),
            None => Ok(None),
        }
    }
}

fn flush(text: &mut String, pieces: &mut Vec<Piece>) {
    push(text, pieces);
    text.clear();
}

/// Adds text to the pieces.
pub(super) fn push(text: &str, pieces: &mut Vec<Piece>) {
    match pieces.last_mut() {
        Some(Piece::Text(before)) => before.push_str(text),
        _ if text.is_empty() => {}
        _ => pieces.push(Piece::Text(text.to_owned())),
    }
}

fn starts_a_reference(rest: &str) -> bool {
    let Some(rest) = rest.strip_prefix('$') else {
        return false;
    };
    let rest = rest.strip_prefix('!').unwrap_or(rest);
    let rest = rest.strip_prefix('{').unwrap_or(rest);
    rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}
