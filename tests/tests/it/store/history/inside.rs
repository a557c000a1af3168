//! What a history keeps that no method reads: the operator's sessions and audit.

use std::time::Duration;

use gatepost_protocol::Role;
use gatepost_store::Standing;
use sqlx::AssertSqlSafe;
use sqlx::Connection;

use crate::store::Histories;
use crate::store::Inside;

/// Connection, user, when it began and when it ended.
pub(super) type Session = (String, String, i64, Option<i64>);

/// Who did what to whom where, with which role, until when.
pub(super) type Audited = (String, String, String, String, Option<String>, Option<i64>);

/// The sessions in the order of their connections.
pub(super) async fn sessions(histories: &Histories) -> Vec<Session> {
    match &histories.inside {
        Inside::Memory(memory) => {
            let state = memory.state();
            let sessions = state.sessions.iter();
            sessions
                .map(|(connection, one)| {
                    let (connection, user) = (connection.to_string(), one.user.to_string());
                    (connection, user, one.started_at, one.ended_at)
                })
                .collect()
        }
        Inside::Database(url) => {
            let text = as_text(url, "user_id");
            let sql = format!(
                "select connection, {text}, started_at, ended_at from session order by connection"
            );
            rows(url, sql).await
        }
    }
}

/// The lines of the audit in their order. Each happened just now.
pub(super) async fn audit(histories: &Histories) -> Vec<Audited> {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap();
    let since = now - Duration::from_secs(600);
    let recent = |at: i64| u128::try_from(at).unwrap() >= since.as_millis();
    match &histories.inside {
        Inside::Memory(memory) => {
            let state = memory.state();
            assert!(state.audit.iter().all(|line| recent(line.at)));
            let lines = state.audit.iter().map(|line| {
                let (op, role, until) = words(&line.standing);
                let who = (line.by.to_string(), line.user.to_string());
                (who.0, op, who.1, line.room.to_string(), role, until)
            });
            lines.collect()
        }
        Inside::Database(url) => {
            let (actor, user) = (as_text(url, "a.actor"), as_text(url, "a.user_id"));
            let at = "select at, at from audit".to_owned();
            let times = rows::<(i64, i64)>(url, at).await;
            assert!(times.iter().all(|(at, _)| recent(*at)));
            let sql = format!(
                "select {actor}, a.op, {user}, r.name, a.role, a.ends_at \
                 from audit a join room r on r.id = a.room_id order by a.id"
            );
            rows(url, sql).await
        }
    }
}

fn words(standing: &Standing) -> (String, Option<String>, Option<i64>) {
    let role = |role: &Role| format!("{role:?}").to_lowercase();
    let (op, role, until) = match standing {
        Standing::Member(given) => ("member", Some(role(given)), None),
        Standing::NotMember => ("not_member", None, None),
        Standing::Banned(until) => ("banned", None, *until),
        Standing::Unbanned => ("unbanned", None, None),
        Standing::Muted(until) => ("muted", None, Some(*until)),
        Standing::Unmuted => ("unmuted", None, None),
    };
    (op.to_owned(), role, until)
}

/// A column of bytes as text.
fn as_text(url: &str, column: &str) -> String {
    if url.starts_with("sqlite:") {
        format!("cast({column} as text)")
    } else {
        format!("convert({column} using utf8mb4)")
    }
}

/// Asks the database itself.
async fn rows<T>(url: &str, sql: String) -> Vec<T>
where
    T: for<'r> sqlx::FromRow<'r, sqlx::sqlite::SqliteRow>
        + for<'r> sqlx::FromRow<'r, sqlx::mysql::MySqlRow>
        + Send
        + Unpin,
{
    let sql = AssertSqlSafe(sql);
    if url.starts_with("sqlite:") {
        let mut connection = sqlx::SqliteConnection::connect(url).await.unwrap();
        let query = sqlx::query_as(sql);
        query.fetch_all(&mut connection).await.unwrap()
    } else {
        let mut connection = sqlx::MySqlConnection::connect(url).await.unwrap();
        let query = sqlx::query_as(sql);
        query.fetch_all(&mut connection).await.unwrap()
    }
}
