//! The chat as its clients meet it, through the real functions: what is heard, what is refused, and
//! what is true while a store is away.

mod devices;
mod faults;
mod hearing;
mod operator;
mod path;
mod presence;
mod refusals;
mod tokens;
