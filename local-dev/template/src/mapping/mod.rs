//! The small languages in which a template says what goes where: selection expressions, JSON
//! paths, mappings and mapping templates. Here they are read; the gateway evaluates them.

mod expression;
mod json_path;
mod parameter;
mod staged_text;
mod velocity;

pub use expression::*;
pub use json_path::*;
pub use parameter::*;
pub use staged_text::*;
pub use velocity::*;
