//! The log in MySQL or MariaDB.

mod fault;
mod history;
mod link;
mod statement;

pub(crate) use history::MySqlHistory;
