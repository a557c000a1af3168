//! The chat as its clients meet it, through the real functions: what is heard, what is refused, and
//! what is true while a store is away.

mod amending;
mod cluster;
mod devices;
mod direct;
mod faults;
mod hearing;
mod membership;
mod moderating;
mod operator;
mod path;
mod presence;
mod refusals;
mod restore;
mod retention;
mod rotation;
mod strangers;
mod tokens;
