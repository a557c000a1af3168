//! Colours for a terminal, or none.

/// Whether text is coloured (ECMA-48 SGR).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Style {
    colours: bool,
}

impl Style {
    /// Coloured if `colours`.
    pub(crate) fn new(colours: bool) -> Self {
        Self { colours }
    }

    /// Never coloured.
    #[cfg(test)]
    pub(crate) fn plain() -> Self {
        Self::new(false)
    }

    /// A heading.
    pub(crate) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// Of little importance.
    pub(crate) fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    /// Wrong.
    pub(crate) fn red(self, text: &str) -> String {
        self.paint("31", text)
    }

    /// Right.
    pub(crate) fn green(self, text: &str) -> String {
        self.paint("32", text)
    }

    /// To be noticed.
    pub(crate) fn yellow(self, text: &str) -> String {
        self.paint("33", text)
    }

    /// A name.
    pub(crate) fn blue(self, text: &str) -> String {
        self.paint("34", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colours {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}
