//! Clients that come back: one in a race with its own `$disconnect`, and all at once.

use gatepost_tests::checker::Recorder;
use gatepost_tests::faults::Amount;
use gatepost_tests::faults::herd;
use gatepost_tests::faults::reconnect;

use super::assert_kept;

#[tokio::test]
async fn a_client_that_comes_back_is_registered_whatever_its_old_connection_does()
-> anyhow::Result<()> {
    let amount = Amount {
        times: 60,
        sends: 0,
        clients: 4,
    };
    let figures = reconnect(amount, &Recorder::new()).await?;
    assert_kept(&figures);
    assert_eq!(figures["wrong"], 0);
    Ok(())
}

#[tokio::test]
async fn a_herd_that_lost_its_connections_at_once_comes_back() -> anyhow::Result<()> {
    let amount = Amount {
        times: 1,
        sends: 0,
        clients: 60,
    };
    assert_kept(&herd(amount, &Recorder::new()).await?);
    Ok(())
}
