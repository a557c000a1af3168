//! Operands: values in arguments and directives.

use super::BadTemplate;
use super::Operand;
use super::Operator;
use super::Parser;
use super::Piece;

/// Operators from those that bind least, each level with its tokens. A token that begins another
/// stands behind it.
const LEVELS: &[&[(&str, Operator)]] = &[
    &[("||", Operator::Or), ("or ", Operator::Or)],
    &[("&&", Operator::And), ("and ", Operator::And)],
    &[
        ("==", Operator::Equal),
        ("!=", Operator::NotEqual),
        ("eq ", Operator::Equal),
        ("ne ", Operator::NotEqual),
    ],
    &[
        ("<=", Operator::AtMost),
        (">=", Operator::AtLeast),
        ("<", Operator::Less),
        (">", Operator::More),
        ("le ", Operator::AtMost),
        ("ge ", Operator::AtLeast),
        ("lt ", Operator::Less),
        ("gt ", Operator::More),
    ],
    &[("+", Operator::Add), ("-", Operator::Subtract)],
    &[
        ("*", Operator::Multiply),
        ("/", Operator::Divide),
        ("%", Operator::Remainder),
    ],
];

impl<'t> Parser<'t> {
    /// An operand with its operators.
    pub(super) fn operand(&mut self) -> Result<Operand, BadTemplate> {
        self.deeper(|parser| parser.level(0))
    }

    fn level(&mut self, level: usize) -> Result<Operand, BadTemplate> {
        let Some(operators) = LEVELS.get(level) else {
            return self.unary();
        };
        let mut left = self.level(level + 1)?;
        // Every operator makes the tree one deeper, and whoever walks it may recurse.
        for _ in 0..super::DEEPEST {
            self.skip_space();
            let Some((_, operator)) = operators.iter().find(|(token, _)| self.eat(token)) else {
                return Ok(left);
            };
            let right = self.level(level + 1)?;
            left = Operand::Binary(*operator, Box::new((left, right)));
        }
        Err(self.bad("it has too many operators"))
    }

    fn unary(&mut self) -> Result<Operand, BadTemplate> {
        self.skip_space();
        let is_word = self.rest.starts_with("not ") || self.rest.starts_with("not(");
        if (self.rest.starts_with('!') && self.eat("!")) || (is_word && self.eat("not")) {
            return self.deeper(|parser| Ok(Operand::Not(Box::new(parser.unary()?))));
        }
        if self.eat("(") {
            let operand = self.operand()?;
            self.skip_space();
            self.need(")")?;
            return Ok(operand);
        }
        self.value()
    }

    fn value(&mut self) -> Result<Operand, BadTemplate> {
        match self.peek() {
            Some('$') => match self.reference()? {
                Some(reference) => Ok(Operand::Reference(Box::new(reference))),
                None => Err(self.bad("`$` begins no reference here")),
            },
            Some('\'') => {
                let text = self.quoted('\'')?;
                Ok(Operand::Text(vec![Piece::Text(text.to_owned())]))
            }
            Some('"') => self.interpolated(),
            Some('[') => self.list(),
            Some('{') => self.map(),
            Some(c) if c.is_ascii_digit() || c == '-' => self.number(),
            _ => match self.name() {
                Some("true") => Ok(Operand::Bool(true)),
                Some("false") => Ok(Operand::Bool(false)),
                Some("null") => Ok(Operand::Null),
                Some(name) => Err(self.bad(format!("`{name}` is no value"))),
                None => Err(self.bad("a value is missing here")),
            },
        }
    }

    /// What stands between two quotes.
    fn quoted(&mut self, quote: char) -> Result<&'t str, BadTemplate> {
        let Some((text, rest)) = self.rest[1..].split_once(quote) else {
            return Err(self.bad(format!("a text in {quote} does not end")));
        };
        self.rest = rest;
        Ok(text)
    }

    /// A text in double quotes, with its references.
    fn interpolated(&mut self) -> Result<Operand, BadTemplate> {
        let depth = self.depth;
        let outer = self.bad("");
        let text = self.quoted('"')?;
        let mut inner = Parser {
            all: text,
            rest: text,
            depth,
        };
        let (pieces, _) = inner.pieces(false).map_err(|bad| BadTemplate {
            line: outer.line + bad.line - 1,
            what: bad.what,
        })?;
        Ok(Operand::Text(pieces))
    }

    fn list(&mut self) -> Result<Operand, BadTemplate> {
        self.eat("[");
        self.skip_space();
        if self.eat("]") {
            return Ok(Operand::List(Vec::new()));
        }
        let first = self.operand()?;
        self.skip_space();
        if self.eat("..") {
            let last = self.operand()?;
            self.skip_space();
            self.need("]")?;
            return Ok(Operand::Range(Box::new((first, last))));
        }
        let mut items = vec![first];
        if !self.eat("]") {
            self.need(",")?;
            items.extend(self.operands("]")?);
        }
        Ok(Operand::List(items))
    }

    fn map(&mut self) -> Result<Operand, BadTemplate> {
        self.eat("{");
        let mut entries = Vec::new();
        self.skip_space();
        if self.eat("}") {
            return Ok(Operand::Map(entries));
        }
        loop {
            let key = self.operand()?;
            self.skip_space();
            self.need(":")?;
            entries.push((key, self.operand()?));
            self.skip_space();
            if self.eat("}") {
                return Ok(Operand::Map(entries));
            }
            self.need(",")?;
        }
    }

    fn number(&mut self) -> Result<Operand, BadTemplate> {
        let digits = |text: &str| {
            let end = text.find(|c: char| !c.is_ascii_digit());
            end.unwrap_or(text.len())
        };
        let sign = usize::from(self.rest.starts_with('-'));
        let mut end = sign + digits(&self.rest[sign..]);
        let fraction = self.rest[end..].strip_prefix('.').map_or(0, digits);
        if fraction > 0 {
            end += 1 + fraction;
        }
        let (number, rest) = self.rest.split_at(end);
        let operand = match fraction {
            0 => number.parse().map(Operand::Integer).ok(),
            _ => number.parse().map(Operand::Float).ok(),
        };
        let Some(operand) = operand else {
            return Err(self.bad(format!("`{number}` is no number")));
        };
        self.rest = rest;
        Ok(operand)
    }
}
