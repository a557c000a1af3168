//! MariaDB is killed, stopped, locked and full while clients send.

use gatepost_tests::checker::Recorder;
use gatepost_tests::faults::Amount;
use gatepost_tests::faults::Blow;
use gatepost_tests::faults::Trouble;
use gatepost_tests::faults::servers;
use gatepost_tests::faults::storage;

use super::assert_kept;

const AMOUNT: Amount = Amount {
    times: 2,
    sends: 160,
    clients: 4,
};

#[tokio::test]
async fn a_killed_mariadb_loses_and_doubles_nothing_acknowledged() -> anyhow::Result<()> {
    let figures = servers(Blow::KillMariaDb, AMOUNT, &Recorder::new()).await?;
    assert_kept(&figures);
    assert_eq!(figures["acknowledged"], 160);
    Ok(())
}

#[tokio::test]
async fn a_stopped_mariadb_loses_and_doubles_nothing_acknowledged() -> anyhow::Result<()> {
    let figures = servers(Blow::StopMariaDb, AMOUNT, &Recorder::new()).await?;
    assert_kept(&figures);
    assert_eq!(figures["acknowledged"], 160);
    Ok(())
}

#[tokio::test]
async fn locked_rooms_delay_sends_and_change_nothing() -> anyhow::Result<()> {
    assert_kept(&storage(Trouble::LockWaits, AMOUNT, &Recorder::new()).await?);
    Ok(())
}

#[tokio::test]
async fn a_send_that_loses_a_deadlock_is_stored_once() -> anyhow::Result<()> {
    let figures = storage(Trouble::Deadlocks, AMOUNT, &Recorder::new()).await?;
    assert_kept(&figures);
    assert!(figures["deadlocks"].as_u64() > Some(0), "{figures:#}");
    Ok(())
}

#[tokio::test]
async fn functions_that_get_no_connection_acknowledge_nothing_and_come_back() -> anyhow::Result<()>
{
    assert_kept(&storage(Trouble::MaxConnections, AMOUNT, &Recorder::new()).await?);
    Ok(())
}
