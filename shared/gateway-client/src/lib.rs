//! Client of the @connections management API and of async Invoke.
