//! Reader of SAM and CloudFormation templates: YAML or JSON text → a typed [`Project`].
//!
//! It reads files, and runs nothing. A template is read in three steps: text becomes a tree of
//! `Node`s with positions (`yaml`), the intrinsic functions in it are evaluated where a
//! value is wanted (`eval`), and resources become APIs and functions (`read`).
//!
//! What is wrong refuses the template ([`Refusal`]); what is right but not emulated, or fails on
//! AWS, is told in [`Project::findings`], and the rest works on.

mod domain;
mod eval;
mod finding;
mod integration;
mod load;
mod mapping;
mod model;
mod node;
mod project;
mod read;
mod suggest;
mod usage_plan;
mod yaml;

pub use finding::At;
pub use finding::Finding;
pub use finding::FindingKind;
pub use finding::render;
pub use integration::*;
pub use load::Refusal;
pub use load::load;
pub use mapping::*;
pub use model::*;
pub use project::*;
pub use suggest::did_you_mean;
pub use usage_plan::*;
