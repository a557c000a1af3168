//! References.

use super::Access;
use super::BadTemplate;
use super::Method;
use super::Operand;
use super::Parser;
use super::Reference;

impl Parser<'_> {
    /// A reference, if one stands here.
    pub(super) fn reference(&mut self) -> Result<Option<Reference>, BadTemplate> {
        let start = self.rest;
        self.eat("$");
        let quiet = self.eat("!");
        let in_braces = self.eat("{");
        let Some(root) = self.name() else {
            self.rest = start;
            return Ok(None);
        };
        let steps = self.deeper(Self::steps)?;
        if in_braces && !self.eat("}") {
            // `${a|b}` and the like: text.
            self.rest = start;
            return Ok(None);
        }
        let source = &start[..start.len() - self.rest.len()];
        Ok(Some(Reference {
            source: source.to_owned(),
            quiet,
            root: root.to_owned(),
            steps,
        }))
    }

    fn steps(&mut self) -> Result<Vec<Access>, BadTemplate> {
        let mut steps = Vec::new();
        loop {
            let before = self.rest;
            if self.eat(".") {
                let Some(name) = self.name() else {
                    // The end of a sentence.
                    self.rest = before;
                    return Ok(steps);
                };
                if !self.eat("(") {
                    steps.push(Access::Property(name.to_owned()));
                    continue;
                }
                let operands = self.operands(")")?;
                match Method::find(name, operands.len()) {
                    Some(method) => steps.push(Access::Call(method, operands)),
                    None => {
                        let count = operands.len();
                        self.rest = before;
                        let what = format!("`{name}()` with {count} arguments is not emulated");
                        return Err(self.bad(what));
                    }
                }
            } else if self.eat("[") {
                match self.index() {
                    Some(index) => steps.push(Access::Index(index)),
                    None => {
                        self.rest = before;
                        return Ok(steps);
                    }
                }
            } else {
                return Ok(steps);
            }
        }
    }

    /// What is in brackets; brackets that hold anything else are text.
    fn index(&mut self) -> Option<Operand> {
        let index = self.operand().ok()?;
        self.skip_space();
        self.eat("]").then_some(index)
    }

    /// Operands separated by commas, up to what closes them.
    pub(super) fn operands(&mut self, close: &str) -> Result<Vec<Operand>, BadTemplate> {
        let mut operands = Vec::new();
        self.skip_space();
        if self.eat(close) {
            return Ok(operands);
        }
        loop {
            operands.push(self.operand()?);
            self.skip_space();
            if self.eat(close) {
                return Ok(operands);
            }
            self.need(",")?;
        }
    }
}
