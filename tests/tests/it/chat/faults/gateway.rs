//! `@connections`, invocations and `$disconnect` fail in every way that the emulator knows.

use gatepost_tests::faults::Rules;
use gatepost_tests::faults::Run;
use gatepost_tests::faults::gateway;

use super::assert_kept;

/// What goes wrong, one after the other on one stack.
const TABLE: [Rules; 16] = [
    Rules {
        name: "storm-of-429",
        rules: &[r#"{"effect":"status:429","match":{"step":"post"},"probability":0.7,"seed":1}"#],
        cuts: 0,
    },
    Rules {
        name: "posts-lost",
        rules: &[r#"{"effect":"drop","match":{"step":"post"},"probability":0.3,"seed":2}"#],
        cuts: 1,
    },
    Rules {
        name: "posts-doubled-and-late",
        rules: &[
            r#"{"effect":"duplicate","match":{"step":"post"},"probability":0.3,"seed":3}"#,
            r#"{"effect":"delay:100","match":{"step":"frame"},"probability":0.3,"seed":4}"#,
        ],
        cuts: 0,
    },
    Rules {
        name: "posts-reset",
        rules: &[
            r#"{"effect":"reset","match":{"step":"post"},"probability":0.2,"seed":5}"#,
            r#"{"effect":"reset","match":{"step":"posted"},"probability":0.2,"seed":6}"#,
        ],
        cuts: 0,
    },
    Rules {
        name: "posts-arrived-and-failed",
        rules: &[r#"{"effect":"status:500","match":{"step":"posted"},"probability":0.3,"seed":7}"#],
        cuts: 0,
    },
    Rules {
        name: "clients-lost-by-posts",
        rules: &[r#"{"effect":"kill","match":{"step":"posted"},"times":4}"#],
        cuts: 0,
    },
    Rules {
        name: "events-doubled",
        rules: &[
            r#"{"effect":"duplicate","match":{"step":"invoke","route":"$default"},"probability":0.5,"seed":8}"#,
        ],
        cuts: 1,
    },
    Rules {
        name: "events-late-and-overtaken",
        rules: &[
            r#"{"effect":"delay:200","match":{"step":"invoke","route":"$default"},"probability":0.2,"seed":9}"#,
            r#"{"effect":"delay:200","match":{"step":"answer","route":"$default"},"probability":0.2,"seed":10}"#,
        ],
        cuts: 1,
    },
    Rules {
        name: "answers-lost",
        rules: &[
            r#"{"effect":"fail","match":{"step":"answer","route":"$default"},"probability":0.2,"seed":11}"#,
        ],
        cuts: 0,
    },
    Rules {
        name: "handshakes-refused-reset-late",
        rules: &[
            r#"{"effect":"status:503","match":{"step":"handshake"},"times":2}"#,
            r#"{"effect":"reset","match":{"step":"handshake"},"times":2}"#,
            r#"{"effect":"delay:200","match":{"step":"handshake"},"times":2}"#,
        ],
        cuts: 5,
    },
    Rules {
        name: "lost-as-soon-as-connected",
        rules: &[
            r#"{"effect":"kill","match":{"step":"connected"},"times":2}"#,
            r#"{"effect":"close:1001","match":{"step":"connected"},"times":2}"#,
        ],
        cuts: 3,
    },
    Rules {
        name: "frames-lost",
        rules: &[r#"{"effect":"drop","match":{"step":"message"},"times":2}"#],
        cuts: 0,
    },
    Rules {
        name: "functions-throttled-and-failed",
        rules: &[
            r#"{"effect":"throttle","match":{"step":"invoke","route":"$default"},"probability":0.3,"seed":14}"#,
            r#"{"effect":"fail","match":{"step":"invoke","route":"$default"},"probability":0.2,"seed":15}"#,
            r#"{"effect":"throttle","match":{"step":"invoke","route":"$connect"},"times":2}"#,
        ],
        cuts: 3,
    },
    Rules {
        name: "invocations-timed-out-and-reordered",
        rules: &[
            r#"{"effect":"timeout","match":{"step":"answer","route":"$default"},"times":2}"#,
            r#"{"effect":"reorder","match":{"step":"invoke","route":"$default"},"probability":0.3,"seed":16}"#,
        ],
        cuts: 1,
    },
    Rules {
        name: "tasks-lost-doubled-and-late",
        rules: &[
            r#"{"effect":"status:429","match":{"step":"post"},"probability":0.6,"seed":17}"#,
            r#"{"effect":"drop","match":{"step":"queue","function":"FanoutFunction"},"times":2}"#,
            r#"{"effect":"duplicate","match":{"step":"queue","function":"FanoutFunction"},"times":2}"#,
            r#"{"effect":"delay:200","match":{"step":"queue","function":"FanoutFunction"},"times":2}"#,
            r#"{"effect":"status:500","match":{"step":"request","function":"FanoutFunction"},"times":2}"#,
        ],
        cuts: 8,
    },
    Rules {
        name: "disconnects-lost-doubled-late",
        rules: &[
            r#"{"effect":"drop","match":{"step":"disconnect"},"times":2}"#,
            r#"{"effect":"duplicate","match":{"step":"disconnect"},"probability":0.5,"seed":12}"#,
            r#"{"effect":"delay:300","match":{"step":"disconnect"},"probability":0.5,"seed":13}"#,
        ],
        cuts: 6,
    },
];

#[tokio::test]
async fn whatever_the_gateway_does_nothing_acknowledged_is_lost() -> anyhow::Result<()> {
    let mut stack = Run::on_servers(&[("PING_SECONDS", "1")]).await?.stack;
    for rules in TABLE {
        let (figures, again) = gateway(stack, rules, 3, 15).await?;
        stack = again;
        assert_kept(&figures);
    }
    Ok(())
}
