//! When the fan-out runs.

use super::Reading;

/// `layer` (default): the function answers, then fans out in the same invocation. `before`: it fans
/// out, then answers, for a place where an answer is held back until the next `/next`.
pub const AFTER_ANSWER: &str = "AFTER_ANSWER";

/// When the work that an answer leaves behind is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterAnswer {
    /// Between `/response` and the next `/next`.
    Layer,
    /// Before `/response`.
    Before,
}

impl AfterAnswer {
    /// Reads [`AFTER_ANSWER`].
    pub fn read(reading: &mut Reading<'_>) -> Option<Self> {
        reading.parse(
            AFTER_ANSWER,
            Self::Layer,
            "layer or before",
            |text| match text {
                "layer" => Some(Self::Layer),
                "before" => Some(Self::Before),
                _ => None,
            },
        )
    }
}
