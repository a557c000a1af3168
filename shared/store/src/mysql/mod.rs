//! The log in MySQL or MariaDB.

mod fault;
mod history;
mod link;

pub(crate) use history::MySqlHistory;
