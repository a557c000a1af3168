//! A Redis Cluster moves its keys, or loses a primary, while clients send.

use gatepost_tests::checker::Recorder;
use gatepost_tests::faults::Amount;
use gatepost_tests::faults::failover;
use gatepost_tests::faults::reshard;

use super::assert_kept;

const AMOUNT: Amount = Amount {
    times: 2,
    sends: 240,
    clients: 4,
};

#[tokio::test]
async fn a_reshard_loses_and_doubles_nothing() -> anyhow::Result<()> {
    let figures = reshard(AMOUNT, &Recorder::new()).await?;
    assert_kept(&figures);
    assert_eq!(figures["acknowledged"], 240);
    assert!(figures["slots_moved"].as_u64() > Some(0), "{figures:#}");
    Ok(())
}

#[tokio::test]
async fn a_promoted_replica_that_lacks_the_last_writes_loses_and_doubles_nothing()
-> anyhow::Result<()> {
    let figures = failover(AMOUNT, &Recorder::new()).await?;
    assert_kept(&figures);
    assert_eq!(figures["acknowledged"], 240);
    Ok(())
}
