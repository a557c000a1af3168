//! Runs behaviours of the whole on both pairs of stores.

/// Runs every behaviour on its own stack, once on SQLite and once on Redis and MariaDB.
macro_rules! on_both_stores {
    ($($behaviour:ident),+ $(,)?) => {
        mod on_sqlite {
            $(
                #[tokio::test]
                async fn $behaviour() -> anyhow::Result<()> {
                    let stack = gatepost_tests::stack::Stack::sqlite(&[]).await?;
                    super::$behaviour(&stack).await
                }
            )+
        }

        mod on_redis_and_mariadb {
            $(
                #[tokio::test]
                async fn $behaviour() -> anyhow::Result<()> {
                    let stack = gatepost_tests::stack::Stack::servers(&[]).await?;
                    super::$behaviour(&stack).await
                }
            )+
        }
    };
}

pub(crate) use on_both_stores;
