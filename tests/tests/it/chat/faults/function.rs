//! Functions are killed at every step, on SQLite and on the servers.

use gatepost_tests::faults::Rules;
use gatepost_tests::faults::Run;
use gatepost_tests::faults::gateway;
use gatepost_tests::stack::Stack;

use super::assert_kept;

macro_rules! crash {
    ($name:literal, $step:literal, $function:literal) => {
        Rules {
            name: $name,
            rules: &[concat!(
                r#"{"effect":"crash","match":{"step":""#,
                $step,
                r#"","function":""#,
                $function,
                r#"Function"},"probability":0.2,"seed":1,"times":5}"#
            )],
            cuts: 2,
        }
    };
}

const STEPS: [Rules; 10] = [
    crash!("message-event", "event", "Message"),
    crash!("message-response", "response", "Message"),
    crash!("message-answered", "answered", "Message"),
    crash!("message-ended", "ended", "Message"),
    crash!("fanout-event", "event", "Fanout"),
    crash!("fanout-response", "response", "Fanout"),
    crash!("disconnect-event", "event", "Disconnect"),
    crash!("disconnect-response", "response", "Disconnect"),
    crash!("connect-event", "event", "Connect"),
    crash!("connect-response", "response", "Connect"),
];

#[tokio::test]
async fn a_function_killed_at_any_step_loses_and_doubles_nothing_on_sqlite() -> anyhow::Result<()> {
    every_step(Run::on_sqlite(&[("PING_SECONDS", "1")]).await?.stack).await
}

#[tokio::test]
async fn a_function_killed_at_any_step_loses_and_doubles_nothing_on_servers() -> anyhow::Result<()>
{
    every_step(Run::on_servers(&[("PING_SECONDS", "1")]).await?.stack).await
}

async fn every_step(mut stack: Stack) -> anyhow::Result<()> {
    for step in STEPS {
        let (figures, again) = gateway(stack, step, 3, 8).await?;
        stack = again;
        assert_kept(&figures);
    }
    Ok(())
}
