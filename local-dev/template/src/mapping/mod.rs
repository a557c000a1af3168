//! The small languages in which a template says what goes where: selection expressions and JSON
//! paths. Here they are read; the gateway evaluates them.

mod expression;
mod json_path;

pub use expression::Expression;
pub use expression::Part;
pub use expression::Variable;
pub use json_path::BadPath;
pub use json_path::JsonPath;
pub use json_path::JsonStep;
