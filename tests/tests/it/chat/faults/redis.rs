//! Redis is killed, stopped and emptied while clients send.

use gatepost_tests::checker::Recorder;
use gatepost_tests::faults::Amount;
use gatepost_tests::faults::Blow;
use gatepost_tests::faults::flush;
use gatepost_tests::faults::servers;

use super::assert_kept;

const AMOUNT: Amount = Amount {
    times: 2,
    sends: 160,
    clients: 4,
};

#[tokio::test]
async fn a_killed_redis_loses_and_doubles_nothing() -> anyhow::Result<()> {
    let figures = servers(Blow::KillRedis, AMOUNT, &Recorder::new()).await?;
    assert_kept(&figures);
    assert_eq!(figures["acknowledged"], 160);
    Ok(())
}

#[tokio::test]
async fn a_stopped_redis_loses_and_doubles_nothing() -> anyhow::Result<()> {
    let figures = servers(Blow::StopRedis, AMOUNT, &Recorder::new()).await?;
    assert_kept(&figures);
    assert_eq!(figures["acknowledged"], 160);
    Ok(())
}

#[tokio::test]
async fn a_redis_that_forgot_everything_leaves_nobody_deaf() -> anyhow::Result<()> {
    let amount = Amount {
        times: 2,
        sends: 0,
        clients: 4,
    };
    assert_kept(&flush(amount, 1, &Recorder::new()).await?);
    Ok(())
}
