//! Reader of SAM and CloudFormation templates: YAML or JSON text → a typed [`Project`].
//! It reads files, and runs nothing.

mod project;

pub use project::*;
