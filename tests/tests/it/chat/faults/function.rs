//! Functions are killed at every step, on SQLite and on the servers.

use gatepost_tests::faults::Rules;
use gatepost_tests::faults::Run;
use gatepost_tests::faults::gateway;
use gatepost_tests::stack::Stack;

use super::assert_kept;

macro_rules! crash {
    ($function:literal, $step:literal, $times:literal) => {
        concat!(
            r#"{"effect":"crash","match":{"step":""#,
            $step,
            r#"","function":""#,
            $function,
            r#"Function"},"times":"#,
            $times,
            "}"
        )
    };
}

/// The five steps of one function. An environment begins only when none is left that waits.
macro_rules! steps {
    ($name:literal, $function:literal) => {
        [
            Rules {
                name: concat!($name, "-init"),
                rules: &[
                    crash!($function, "event", "10"),
                    crash!($function, "init", "2"),
                ],
                cuts: 12,
            },
            Rules {
                name: concat!($name, "-event"),
                rules: &[crash!($function, "event", "2")],
                cuts: 3,
            },
            Rules {
                name: concat!($name, "-response"),
                rules: &[crash!($function, "response", "2")],
                cuts: 3,
            },
            Rules {
                name: concat!($name, "-answered"),
                rules: &[crash!($function, "answered", "2")],
                cuts: 3,
            },
            Rules {
                name: concat!($name, "-ended"),
                rules: &[crash!($function, "ended", "2")],
                cuts: 3,
            },
        ]
    };
}

const STEPS: [[Rules; 5]; 5] = [
    steps!("message", "Message"),
    steps!("fanout", "Fanout"),
    steps!("disconnect", "Disconnect"),
    steps!("connect", "Connect"),
    steps!("authorizer", "Authorizer"),
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
    for step in STEPS.into_iter().flatten() {
        let (figures, again) = gateway(stack, step, 3, 8).await?;
        stack = again;
        assert_kept(&figures);
    }
    Ok(())
}
