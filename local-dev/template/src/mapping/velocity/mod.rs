//! Mapping templates: text with references and a few directives, in Velocity's language.
//!
//! Velocity's "VTL Reference Guide" 1.7, and Developer Guide, "API Gateway mapping template and
//! access logging variable reference". What is not emulated is refused when the template is read.

mod directive;
mod method;
mod operand;
mod reference;
mod text;

use std::fmt;

pub use method::Method;

/// A mapping template, read.
#[derive(Debug, Clone, PartialEq)]
pub struct MappingTemplate(Vec<Piece>);

/// A piece of a mapping template.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// Text that stands for itself.
    Text(String),
    /// `$name…`: its value.
    Reference(Reference),
    /// `#set($name = operand)`.
    Set(String, Operand),
    /// `#if`, `#elseif`, `#else`: the first whose operand holds, or the last pieces.
    If(Vec<(Operand, Vec<Self>)>, Vec<Self>),
    /// `#foreach($name in operand)`.
    Each(String, Operand, Vec<Self>),
}

/// A reference to a value: a name and the way from there.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// As it is written: what an undefined one prints.
    pub source: String,
    /// `$!name`: prints nothing when it is undefined.
    pub quiet: bool,
    /// The name after `$`.
    pub root: String,
    /// The way from there.
    pub steps: Vec<Access>,
}

/// One step of a reference.
#[derive(Debug, Clone, PartialEq)]
pub enum Access {
    /// `.name`.
    Property(String),
    /// `[operand]`.
    Index(Operand),
    /// `.name(operands)`.
    Call(Method, Vec<Operand>),
}

/// A value in an argument or a directive.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a point.
    Float(f64),
    /// A text; in double quotes it may have references.
    Text(Vec<Piece>),
    /// `[a, b]`.
    List(Vec<Self>),
    /// `{"a": b}`.
    Map(Vec<(Self, Self)>),
    /// `[a..b]`.
    Range(Box<(Self, Self)>),
    /// A reference.
    Reference(Box<Reference>),
    /// `!a`.
    Not(Box<Self>),
    /// `a + b` and the like.
    Binary(Operator, Box<(Self, Self)>),
}

/// What stands between two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `||`
    Or,
    /// `&&`
    And,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Remainder,
}

/// Why a mapping template is not read, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadTemplate {
    /// The line in the mapping template, from 1.
    pub line: usize,
    /// What is wrong or not emulated.
    pub what: String,
}

impl fmt::Display for BadTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "line {} of the mapping template: {}",
            self.line, self.what
        )
    }
}

impl std::error::Error for BadTemplate {}

/// Longest mapping template in bytes ("Quotas for configuring and running a WebSocket API").
const LONGEST: usize = 300 * 1024;
/// Deepest nesting of directives and operands.
const DEEPEST: usize = 32;

impl MappingTemplate {
    /// Reads a mapping template.
    ///
    /// # Errors
    /// It is too long, is no template, or has something that is not emulated.
    pub fn parse(template: &str) -> Result<Self, BadTemplate> {
        let mut parser = Parser {
            all: template,
            rest: template,
            depth: 0,
        };
        if template.len() > LONGEST {
            return Err(parser.bad("it is longer than 300 KB"));
        }
        let (pieces, end) = parser.pieces(true)?;
        debug_assert!(end.is_none(), "only nested pieces end before the text does");
        Ok(Self(pieces))
    }

    /// Its pieces, in order.
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        &self.0
    }
}

/// Reads a template from its beginning to its end.
struct Parser<'t> {
    all: &'t str,
    rest: &'t str,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn bad(&self, what: impl Into<String>) -> BadTemplate {
        let read = &self.all[..self.all.len() - self.rest.len()];
        BadTemplate {
            line: read.matches('\n').count() + 1,
            what: what.into(),
        }
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    /// Takes what comes next, if it is this.
    fn eat(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Takes what must come next.
    fn need(&mut self, token: &str) -> Result<(), BadTemplate> {
        match self.eat(token) {
            true => Ok(()),
            false => Err(self.bad(format!("`{token}` is missing here"))),
        }
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// A name: a letter or `_`, then letters, digits, `-` and `_`.
    fn name(&mut self) -> Option<&'t str> {
        let is_first = |c: char| c.is_ascii_alphabetic() || c == '_';
        if !self.peek().is_some_and(is_first) {
            return None;
        }
        let is_more = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let end = self.rest.find(|c| !is_more(c)).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(name)
    }

    /// Reads something that may contain itself.
    fn deeper<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, BadTemplate>,
    ) -> Result<T, BadTemplate> {
        if self.depth >= DEEPEST {
            return Err(self.bad(format!("it is nested deeper than {DEEPEST} levels")));
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }
}

#[cfg(test)]
mod tests;
