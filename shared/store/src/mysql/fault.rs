//! What an error of the server or of the connection means for a call.

use sqlx::mysql::MySqlDatabaseError;

/// What a call does about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The connection is of no more use and what was asked may have happened.
    Broken,
    /// Rolled back: the same call may be made again on the same connection.
    RolledBack,
    /// The server takes no more work now.
    Refused,
    /// The deployment is at fault; the text says what to do.
    Deployment(&'static str),
    /// A value or statement it does not take.
    Mistake,
}

const SCHEMA: &str = "its schema is older than this version needs: let a function run with \
    MIGRATE=auto, or migrate before deploying";
const RIGHTS: &str = "the account lacks rights: it needs select, insert and update on the \
    database's tables and execute on its procedures (and create, alter, index, create routine and \
    alter routine to migrate)";
const DEFINER: &str = "the account that ran the migrations is gone, and the procedures ran as it: \
    create it again, or migrate as an account that stays";
const PASSWORD: &str = "it does not let this account in: check the user, the password and the \
    database's name";

/// Codes: <https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html>.
pub(super) fn fault(error: &sqlx::Error) -> Fault {
    let database = match error {
        sqlx::Error::Database(database) => database,
        sqlx::Error::Tls(_) | sqlx::Error::Configuration(_) => {
            return Fault::Deployment(
                "the connection cannot be made as its URL asks: check ssl-mode",
            );
        }
        sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::ColumnNotFound(_)
        | sqlx::Error::Decode(_)
        | sqlx::Error::Encode(_) => return Fault::Mistake,
        _ => return Fault::Broken,
    };
    let Some(error) = database.try_downcast_ref::<MySqlDatabaseError>() else {
        return Fault::Broken;
    };
    match error.number() {
        // Lock wait timeout, deadlock.
        1205 | 1213 => Fault::RolledBack,
        // Too many connections (of all, of the user, an hour), out of memory, disk full.
        1040 | 1203 | 1226 | 1041 | 1037 | 1021 | 1114 => Fault::Refused,
        // Shutdown, killed, interrupted, network, read only (the old writer after a failover).
        1053
        | 1077
        | 1079
        | 1152
        | 1158..=1161
        | 1180
        | 1184
        | 1290
        | 1317
        | 1792
        | 1836
        | 1927
        | 1969
        | 3024
        | 3169
        | 4031 => Fault::Broken,
        1054 | 1146 | 1305 | 1318 => Fault::Deployment(SCHEMA),
        1142 | 1143 | 1227 | 1370 | 1419 => Fault::Deployment(RIGHTS),
        1449 => Fault::Deployment(DEFINER),
        1044 | 1045 | 1049 | 1698 => Fault::Deployment(PASSWORD),
        _ => Fault::Mistake,
    }
}
