//! Servers die, functions crash, the gateway misbehaves: every run ends with the judge. The long
//! forms are `bench faults NAME`.

mod cluster;
mod frozen;
mod function;
mod gateway;
mod mariadb;
mod reconnects;
mod redis;
mod sockets;
mod stores_away;

use serde_json::Value;

/// Fails unless every promise was kept; shows the first that was not, with what happened around.
#[track_caller]
fn assert_kept(figures: &Value) {
    assert_eq!(figures["kept"], true, "{figures:#}");
}
