//! Things of a template that a person should look at, and where they stand.

use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// Where something stands in a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At {
    /// The template.
    pub file: Arc<PathBuf>,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}

/// What a finding means for whoever deploys the template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FindingKind {
    /// AWS refuses it, or it does not do there what was meant.
    FailsOnAws,
    /// AWS does it, and the emulator does not.
    NotEmulated,
    /// It works, and somebody should know.
    Note,
}

impl FindingKind {
    /// It in two or three words.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::FailsOnAws => "fails on AWS",
            Self::NotEmulated => "not emulated",
            Self::Note => "note",
        }
    }
}

/// Something of the template that a person should look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it means.
    pub kind: FindingKind,
    /// Where.
    pub at: At,
    /// What is wrong or not emulated, and why.
    pub what: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Finding {
    /// A finding without help, of something that is not emulated until somebody says otherwise.
    pub(crate) fn new(at: &At, what: impl Into<String>) -> Self {
        Self {
            kind: FindingKind::NotEmulated,
            at: at.clone(),
            what: what.into(),
            help: None,
        }
    }

    /// The same with what to do about it.
    pub(crate) fn help(self, help: impl Into<String>) -> Self {
        self.maybe_help(Some(help.into()))
    }

    /// The same with what to do about it, if that is known.
    pub(crate) fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }

    /// The same of another kind.
    pub(crate) fn of(mut self, kind: FindingKind) -> Self {
        self.kind = kind;
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.what)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

/// The findings of one reading.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// What refuses the template.
    pub(crate) errors: Vec<Finding>,
    /// What a person should look at, and does not refuse the template.
    pub(crate) told: Vec<Finding>,
    /// Lines, columns and texts of both: a value of `Globals` is met with every function.
    noted: HashSet<(usize, usize, String)>,
}

impl Findings {
    /// Notes what refuses the template.
    pub(crate) fn error(&mut self, finding: Finding) {
        if self.is_new(&finding) {
            self.errors.push(finding.of(FindingKind::FailsOnAws));
        }
    }

    /// Notes what AWS refuses, or what does not do there what was meant.
    pub(crate) fn fails_on_aws(&mut self, finding: Finding) {
        self.tell(finding.of(FindingKind::FailsOnAws));
    }

    /// Notes what is not emulated.
    pub(crate) fn unsupported(&mut self, finding: Finding) {
        self.tell(finding.of(FindingKind::NotEmulated));
    }

    /// Notes what works, and somebody should know.
    pub(crate) fn note(&mut self, finding: Finding) {
        self.tell(finding.of(FindingKind::Note));
    }

    /// Notes what its kind says.
    pub(crate) fn tell(&mut self, finding: Finding) {
        if self.is_new(&finding) {
            self.told.push(finding);
        }
    }

    fn is_new(&mut self, finding: &Finding) -> bool {
        let At { line, column, .. } = finding.at;
        self.noted.insert((line, column, finding.what.clone()))
    }
}

/// Longest part of a line that a snippet shows, in characters: JSON may be one line.
const SNIPPET: usize = 120;

/// Shows a finding with the line it is about and a caret below, as rustc does. `source` is the
/// text of the template.
pub fn render(finding: &Finding, source: &str) -> String {
    let At { line, column, .. } = finding.at;
    let gutter = " ".repeat(line.to_string().len());
    let mut shown = format!("{}\n{gutter}--> {}\n", finding.what, finding.at);
    if let Some(text) = source.lines().nth(line.saturating_sub(1)) {
        let from = column.saturating_sub(1);
        let skipped = from.saturating_sub(SNIPPET / 2);
        let text: String = text
            .chars()
            .skip(skipped)
            .take(SNIPPET)
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let before = " ".repeat(from - skipped);
        let carets = "^".repeat(token_length(text.chars().skip(from - skipped)));
        shown.push_str(&format!(
            "{gutter} |\n{line} | {}\n{gutter} | {before}{carets}\n",
            text.trim_end()
        ));
    }
    if let Some(help) = &finding.help {
        shown.push_str(&format!("{gutter} = help: {help}\n"));
    }
    shown
}

/// How many characters a caret underlines: a quoted text, a call with what follows its tag, or a
/// word.
fn token_length(text: impl Iterator<Item = char>) -> usize {
    let text: Vec<char> = text.collect();
    let word = |from: usize| {
        let ends = |i: usize| {
            let is_key = text[i] == ':' && text.get(i + 1).is_none_or(|c| c.is_whitespace());
            text[i].is_whitespace() || is_key || matches!(text[i], ',' | '{' | '}' | '[' | ']')
        };
        (from..text.len()).find(|i| ends(*i)).unwrap_or(text.len())
    };
    let end = match text.first() {
        Some(quote @ ('"' | '\'')) => {
            let rest = text.iter().skip(1);
            rest.take_while(|c| *c != quote).count() + 2
        }
        Some('!') => match word(0) {
            tag if text.get(tag) == Some(&' ') => word(tag + 1).max(tag),
            tag => tag,
        },
        _ => word(0),
    };
    end.clamp(1, text.len().max(1))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn at(line: usize, column: usize) -> At {
        At {
            file: Arc::new(PathBuf::from("infra/template.yaml")),
            line,
            column,
        }
    }

    #[test]
    fn shows_the_line_a_caret_and_the_help() {
        let source = "Resources:\n  Chat:\n    Typ: AWS::ApiGatewayV2::Api\n";
        let finding = Finding::new(&at(3, 5), "`Typ` is no attribute of a resource")
            .help("did you mean `Type`?");
        expect![[r#"
            `Typ` is no attribute of a resource
             --> infra/template.yaml:3:5
              |
            3 |     Typ: AWS::ApiGatewayV2::Api
              |     ^^^
              = help: did you mean `Type`?
        "#]]
        .assert_eq(&render(&finding, source));
    }

    #[test]
    fn shows_a_part_of_a_long_line_only() {
        let source = format!("{{{}\"Typ\": 1{}}}", " ".repeat(500), " ".repeat(500));
        let shown = render(&Finding::new(&at(1, 502), "wrong"), &source);
        expect![[r#"
            wrong
             --> infra/template.yaml:1:502
              |
            1 |                                                             "Typ": 1
              |                                                             ^^^^^
        "#]]
        .assert_eq(&shown);
    }

    #[test]
    fn a_place_behind_the_end_has_no_snippet() {
        expect![[r#"
            wrong
              --> infra/template.yaml:99:1
        "#]]
        .assert_eq(&render(&Finding::new(&at(99, 1), "wrong"), "a: b\n"));
    }
}
