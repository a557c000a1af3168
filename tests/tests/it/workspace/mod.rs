//! What the workspace as a whole promises: who may depend on whom, and what stands in no file.

mod asyncapi;
mod directions;
mod documents;
mod protocol;
mod sources;
