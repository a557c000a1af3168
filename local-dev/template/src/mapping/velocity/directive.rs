//! Directives.

use super::BadTemplate;
use super::Operand;
use super::Parser;
use super::Piece;
use super::text;

/// Directives of Velocity that are not emulated.
const REFUSED: &[&str] = &[
    "break", "define", "evaluate", "include", "macro", "parse", "stop",
];

/// A directive that ends the pieces before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// `#end`
    Done,
    /// `#else`
    Else,
    /// `#elseif`
    ElseIf,
}

impl Parser<'_> {
    /// A directive, or a `#` that is text.
    pub(super) fn directive(
        &mut self,
        pieces: &mut Vec<Piece>,
    ) -> Result<Option<End>, BadTemplate> {
        let start = self.rest;
        self.eat("#");
        let in_braces = self.eat("{");
        let name = self.name().unwrap_or_default();
        if in_braces && !self.eat("}") {
            return Ok(self.text(start, pieces));
        }
        match name {
            "set" => {
                let set = self.set()?;
                pieces.push(set);
            }
            "if" => {
                let branches = self.deeper(Self::branches)?;
                pieces.push(branches);
            }
            "foreach" => {
                let each = self.deeper(Self::each)?;
                pieces.push(each);
            }
            "end" | "else" | "elseif" if self.depth == 0 => {
                self.rest = start;
                return Err(self.bad(format!("there is no `#if` before `#{name}`")));
            }
            "end" => {
                self.end_of_line();
                return Ok(Some(End::Done));
            }
            "else" => {
                self.end_of_line();
                return Ok(Some(End::Else));
            }
            "elseif" => return Ok(Some(End::ElseIf)),
            name if REFUSED.contains(&name) => {
                self.rest = start;
                return Err(self.bad(format!("the directive `#{name}` is not emulated")));
            }
            // `#channel` is text.
            _ => return Ok(self.text(start, pieces)),
        }
        Ok(None)
    }

    fn text(&mut self, start: &str, pieces: &mut Vec<Piece>) -> Option<End> {
        let taken = &start[..start.len() - self.rest.len()];
        text::push(taken, pieces);
        None
    }

    fn set(&mut self) -> Result<Piece, BadTemplate> {
        self.open()?;
        self.need("$")?;
        let in_braces = self.eat("{");
        let Some(name) = self.name() else {
            return Err(self.bad("`#set` takes `$name = value`"));
        };
        if in_braces {
            self.need("}")?;
        }
        if self.rest.starts_with(['.', '[']) {
            return Err(self.bad("`#set` of a part of a value is not emulated"));
        }
        self.skip_space();
        self.need("=")?;
        let operand = self.operand()?;
        self.close()?;
        Ok(Piece::Set(name.to_owned(), operand))
    }

    fn branches(&mut self) -> Result<Piece, BadTemplate> {
        let mut branches = Vec::new();
        loop {
            let condition = self.condition()?;
            let (pieces, end) = self.pieces(true)?;
            branches.push((condition, pieces));
            match end {
                Some(End::ElseIf) => {}
                Some(End::Done) => return Ok(Piece::If(branches, Vec::new())),
                Some(End::Else) => break,
                None => return Err(self.bad("an `#if` has no `#end`")),
            }
        }
        match self.pieces(true)? {
            (pieces, Some(End::Done)) => Ok(Piece::If(branches, pieces)),
            (_, Some(End::Else | End::ElseIf)) => Err(self.bad("`#else` must be the last")),
            (_, None) => Err(self.bad("an `#if` has no `#end`")),
        }
    }

    fn condition(&mut self) -> Result<Operand, BadTemplate> {
        self.open()?;
        let condition = self.operand()?;
        self.close()?;
        Ok(condition)
    }

    fn each(&mut self) -> Result<Piece, BadTemplate> {
        self.open()?;
        self.need("$")?;
        let in_braces = self.eat("{");
        let Some(name) = self.name() else {
            return Err(self.bad("`#foreach` takes `$name in values`"));
        };
        if in_braces {
            self.need("}")?;
        }
        self.skip_space();
        self.need("in")?;
        let operand = self.operand()?;
        self.close()?;
        match self.pieces(true)? {
            (pieces, Some(End::Done)) => Ok(Piece::Each(name.to_owned(), operand, pieces)),
            _ => Err(self.bad("a `#foreach` has no `#end`")),
        }
    }

    fn open(&mut self) -> Result<(), BadTemplate> {
        self.skip_space();
        self.need("(")?;
        self.skip_space();
        Ok(())
    }

    fn close(&mut self) -> Result<(), BadTemplate> {
        self.skip_space();
        self.need(")")?;
        self.end_of_line();
        Ok(())
    }

    /// A directive at the end of a line takes the line's end with it.
    fn end_of_line(&mut self) {
        let rest = self.rest.trim_start_matches([' ', '\t', '\r']);
        if let Some(rest) = rest.strip_prefix('\n') {
            self.rest = rest;
        }
    }
}
