//! Sockets that do not read.

use gatepost_tests::checker::Recorder;
use gatepost_tests::faults::Amount;
use gatepost_tests::faults::stalled;

use super::assert_kept;

#[tokio::test]
async fn everybody_else_has_every_message_beside_a_socket_that_does_not_read() -> anyhow::Result<()>
{
    let amount = Amount {
        times: 1,
        sends: 60,
        clients: 4,
    };
    assert_kept(&stalled(amount, &Recorder::new()).await?);
    Ok(())
}
