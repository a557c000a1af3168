//! Colours for a terminal, or none.

/// Whether text is coloured (ECMA-48 SGR).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    colours: bool,
}

impl Style {
    /// Coloured if `colours`.
    pub fn new(colours: bool) -> Self {
        Self { colours }
    }

    /// Never coloured.
    #[cfg(test)]
    pub(crate) fn plain() -> Self {
        Self::new(false)
    }

    /// A heading.
    pub fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// Of little importance.
    pub fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    /// Wrong.
    pub fn red(self, text: &str) -> String {
        self.paint("31", text)
    }

    /// Right.
    pub fn green(self, text: &str) -> String {
        self.paint("32", text)
    }

    /// To be noticed.
    pub fn yellow(self, text: &str) -> String {
        self.paint("33", text)
    }

    /// A name.
    pub fn blue(self, text: &str) -> String {
        self.paint("34", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}
