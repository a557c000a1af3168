//! The ten scenarios in which the tutorial's chat room broke, with its page's exact frames, on both
//! pairs of stores. Scenario 7's half in the browser is in `tests/browser`.

mod scenarios;

use gatepost_tests::stack::Stack;

/// Runs every scenario on its own stack, once on SQLite and once on Redis and MariaDB.
macro_rules! on_both_stores {
    ($($scenario:ident),+ $(,)?) => {
        mod on_sqlite {
            $(
                #[tokio::test]
                async fn $scenario() -> anyhow::Result<()> {
                    super::scenarios::$scenario(&super::Stack::sqlite(&[]).await?).await
                }
            )+
        }

        mod on_redis_and_mariadb {
            $(
                #[tokio::test]
                async fn $scenario() -> anyhow::Result<()> {
                    super::scenarios::$scenario(&super::Stack::servers(&[]).await?).await
                }
            )+
        }
    };
}

on_both_stores!(
    all_offline_is_a_text_like_any_other,
    a_relogin_replaces_the_older_connection_and_its_close_changes_nothing,
    malformed_first_frames_leave_nothing_behind,
    a_client_that_does_not_read_delays_nobody,
    clients_that_vanish_lose_no_message_of_others,
    two_hundred_at_once_are_each_registered_once,
    nobody_can_claim_anothers_userid_and_html_stays_text,
    text_ids_are_different_users,
    after_seven_logins_all_hear_the_logs_order,
    what_the_seed_lacked_is_there,
);
