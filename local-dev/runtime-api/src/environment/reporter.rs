//! Tells the facts of one environment.

use std::fmt;
use std::sync::Arc;

use crate::fact::EnvironmentId;
use crate::fact::Fact;
use crate::fact::FactEvent;

/// Tells the facts of one environment.
#[derive(Clone)]
pub(crate) struct Reporter {
    pub(crate) function: Arc<str>,
    pub(crate) environment: EnvironmentId,
    pub(crate) observer: Arc<dyn Fn(Fact) + Send + Sync>,
}

impl Reporter {
    pub(crate) fn tell(&self, event: FactEvent) {
        (self.observer)(Fact {
            function: self.function.clone(),
            event,
        });
    }
}

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reporter")
            .field("environment", &self.environment)
            .finish_non_exhaustive()
    }
}
