//! `--json`: one JSON object a line on standard output, the first when everything is ready.

use std::io;
use std::io::Write;

use super::Entry;
use super::Opening;
use super::outlet::Sink;

/// Facts as JSON lines. What happens before everything is ready is held back, so that the ready
/// line is the first.
#[derive(Debug)]
pub(crate) struct JsonLines<W> {
    to: W,
    held: Option<Vec<u8>>,
}

impl<W: Write> JsonLines<W> {
    /// Lines to `to`.
    pub(crate) fn new(to: W) -> Self {
        Self {
            to,
            held: Some(Vec::new()),
        }
    }
}

impl<W: Write + Send> Sink for JsonLines<W> {
    fn fact(&mut self, entry: &Entry) -> io::Result<()> {
        match &mut self.held {
            Some(held) => writeln!(held, "{}", entry.json()),
            None => writeln!(self.to, "{}", entry.json()),
        }
    }

    fn opening(&mut self, opening: &Opening) -> io::Result<()> {
        serde_json::to_writer(&mut self.to, &opening.ready)?;
        self.to.write_all(b"\n")?;
        self.to.write_all(&self.held.take().unwrap_or_default())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::Token;
    use crate::credentials::Credentials;
    use crate::facts::Fact;
    use crate::facts::Kind;
    use crate::facts::Ready;

    #[test]
    fn the_ready_line_comes_first_and_then_what_happened_before_it() {
        let mut written = Vec::new();
        let mut sink = JsonLines::new(&mut written);
        let fact = Fact {
            at: 0,
            kind: Kind::Stopping,
        };
        let entry = |number| Entry {
            number,
            fact: fact.clone(),
        };
        sink.fact(&entry(1)).unwrap();
        let ready = Ready {
            websocket: String::new(),
            management: String::new(),
            console: String::new(),
            page: String::new(),
            stages: Vec::new(),
            pid: 1,
            token: Token::generate(|_| io::Result::Ok(())).unwrap(),
            credentials: Credentials::generate(|_| io::Result::Ok(())).unwrap(),
        };
        sink.opening(&Opening {
            at: 0,
            ready,
            banner: String::new(),
        })
        .unwrap();
        sink.fact(&entry(2)).unwrap();
        let text = String::from_utf8(written).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[0].starts_with("{\"event\":\"ready\""));
        assert_eq!(lines[1..], [entry(1).json(), entry(2).json()]);
    }
}
