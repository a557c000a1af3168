//! The one port.

mod body;
mod host;
mod page;
