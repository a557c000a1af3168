//! Lambda execution environments as processes: the Runtime API, the Extensions API, the Invoke API
//! and the pool that scales them. Knows nothing of WebSockets.

mod spec;

pub use spec::*;
