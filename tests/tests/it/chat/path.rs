//! What one message costs its stores between the frame and its reply: two scripts and one procedure,
//! and nothing of what pools do besides; and what a client that comes back costs the log: one call.

use anyhow::Context;
use gatepost_tests::sender::Sender;
use gatepost_tests::sender::Stores;
use serde_json::json;
use sqlx::Connection;
use sqlx::MySqlConnection;
use sqlx::Row;
use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::BufReader;
use tokio::net::TcpStream;

const SENDS: u64 = 20;

#[tokio::test]
async fn a_send_is_three_store_commands_from_its_frame_to_its_reply() -> anyhow::Result<()> {
    let stores = Stores::start().await?;
    let mut ann = Sender::start(&stores, "ann", None, &[]).await?;
    ann.join("room").await?;
    // Connected, and its statement prepared.
    assert_eq!(say(&mut ann, 0).await?, 1);
    let mut monitor = Monitor::start(stores.redis.port()).await?;
    let mut admin = MySqlConnection::connect(&stores.database_url).await?;
    let own = statements(&mut admin).await?;
    let before = statements(&mut admin).await?;
    let asking = before - own;
    for n in 1..=SENDS {
        assert_eq!(say(&mut ann, n).await?, n + 1);
    }
    let after = statements(&mut admin).await?;
    assert_eq!(
        after - before - asking,
        SENDS,
        "statements, pings and preparations of MariaDB"
    );
    let commands = monitor.stop().await?;
    assert_eq!(commands.len() as u64, 2 * SENDS, "{commands:#?}");
    assert!(
        commands
            .iter()
            .all(|command| command.contains("\"EVALSHA\"")),
        "{commands:#?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_client_that_comes_back_is_one_call_of_the_log() -> anyhow::Result<()> {
    let stores = Stores::start().await?;
    let mut ann = Sender::start(&stores, "ann", None, &[]).await?;
    for room in ["room", "other"] {
        ann.join(room).await?;
    }
    for n in 0..3 {
        say(&mut ann, n).await?;
    }
    let epoch = say_again(&mut ann).await?;
    let hello = json!({"action": "hello", "id": "h", "client": "one-page-load-of-bob",
        "resume": {"room": {"epoch": epoch, "seq": 1}, "other": {"epoch": 0, "seq": 0}}});
    let mut bob = Sender::start(&stores, "bob", None, &[]).await?;
    // Connected, its statements prepared, and the registry told of the heads.
    bob.ok(&hello).await?;
    let mut admin = MySqlConnection::connect(&stores.database_url).await?;
    let own = statements(&mut admin).await?;
    let asking = statements(&mut admin).await? - own;
    for _ in 0..5 {
        for room in ["room", "other"] {
            bob.ok(&json!({"action": "leave", "id": "l", "room": room}))
                .await?;
        }
        let before = statements(&mut admin).await?;
        let ok = bob.ok(&hello).await?;
        let after = statements(&mut admin).await?;
        assert_eq!(after - before - asking, 1, "statements of MariaDB");
        assert_eq!(
            ok["rooms"]["room"]["items"].as_array().map(Vec::len),
            Some(2)
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_send_whose_connections_died_is_repeated_once_and_stored_once() -> anyhow::Result<()> {
    let stores = Stores::start().await?;
    let mut ann = Sender::start(&stores, "ann", None, &[]).await?;
    ann.join("room").await?;
    assert_eq!(say(&mut ann, 0).await?, 1);
    let mut admin = MySqlConnection::connect(&stores.database_url).await?;
    for n in 1..=5 {
        // As after a failover, or in a function that was frozen for long.
        kill_others(&mut admin).await?;
        redis::cmd("CLIENT")
            .arg(&["KILL", "TYPE", "normal"])
            .exec(&mut connection(stores.redis.port())?)?;
        let reply = ann.ok(&send(n)).await?;
        assert_eq!(
            (&reply["seq"], reply.get("degraded")),
            (&json!(n + 1), None)
        );
    }
    Ok(())
}

fn send(n: u64) -> serde_json::Value {
    json!({"action": "send", "id": "s", "room": "room", "client": "one-page-load-of-ann",
        "n": n + 1, "body": {"text": format!("message {n}")}})
}

/// The epoch, as the repetition of a send is told it.
async fn say_again(sender: &mut Sender) -> anyhow::Result<u64> {
    let ok = sender.ok(&send(0)).await?;
    ok["epoch"].as_u64().context("an epoch")
}

async fn say(sender: &mut Sender, n: u64) -> anyhow::Result<u64> {
    let ok = sender.ok(&send(n)).await?;
    ok["seq"].as_u64().context("a seq")
}

/// Everything that clients have sent to the server: `Questions` leaves out pings and preparations.
async fn statements(admin: &mut MySqlConnection) -> anyhow::Result<u64> {
    const SQL: &str = "show global status where variable_name in \
        ('Questions', 'Com_admin_commands', 'Com_stmt_prepare', 'Com_stmt_reset', 'Com_stmt_close')";
    let rows = sqlx::raw_sql(SQL).fetch_all(admin).await?;
    let mut sum = 0;
    for row in rows {
        sum += row.try_get::<String, _>(1)?.parse::<u64>()?;
    }
    Ok(sum)
}

async fn kill_others(admin: &mut MySqlConnection) -> anyhow::Result<()> {
    const SQL: &str = "select id from information_schema.processlist \
        where user = 'gatepost' and id <> connection_id()";
    for row in sqlx::raw_sql(SQL).fetch_all(&mut *admin).await? {
        let id: i64 = row.try_get(0)?;
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("kill {id}")))
            .execute(&mut *admin)
            .await?;
    }
    Ok(())
}

fn connection(port: u16) -> anyhow::Result<redis::Connection> {
    Ok(redis::Client::open(format!("redis://127.0.0.1:{port}"))?.get_connection()?)
}

/// Everything that clients send to a Redis, but for what its scripts call.
struct Monitor {
    port: u16,
    lines: tokio::io::Lines<BufReader<TcpStream>>,
}

impl Monitor {
    async fn start(port: u16) -> anyhow::Result<Self> {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(b"MONITOR\r\n").await?;
        let mut lines = BufReader::new(stream).lines();
        let answer = lines.next_line().await?;
        anyhow::ensure!(answer.as_deref() == Some("+OK"), "MONITOR: {answer:?}");
        Ok(Self { port, lines })
    }

    /// The commands since it was started.
    async fn stop(&mut self) -> anyhow::Result<Vec<String>> {
        redis::cmd("ECHO")
            .arg("the end")
            .exec(&mut connection(self.port)?)?;
        let mut commands = Vec::new();
        loop {
            let line = self.lines.next_line().await?.context("a command")?;
            if line.ends_with("\"ECHO\" \"the end\"") {
                // What this connection said of itself before.
                commands.retain(|command: &String| !command.contains("\"CLIENT\""));
                return Ok(commands);
            }
            if !line.contains(" lua] ") {
                commands.push(line);
            }
        }
    }
}
