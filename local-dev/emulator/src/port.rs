//! The one port, and who has it if it is taken.

use std::fs;
use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

/// Why the port could not be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PortError {
    /// Somebody else listens there.
    #[error(
        "port {port} of {host} is in use{}: stop that, or choose another with --port (0 picks one)",
        .holder.as_deref().map(|holder| format!(" by {holder}")).unwrap_or_default(),
        port = .address.port(),
        host = .address.ip()
    )]
    InUse {
        /// Where.
        address: SocketAddr,
        /// `name (pid 123)`, if it can be known.
        holder: Option<String>,
    },
    /// The operating system refuses.
    #[error("cannot listen on {address}: choose --host and --port otherwise")]
    Refused {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// Listens.
///
/// # Errors
/// When the port is taken or the address is not this machine's.
pub(crate) async fn listen(address: SocketAddr) -> Result<TcpListener, PortError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => PortError::InUse {
                address,
                holder: holder(address.port()),
            },
            _ => PortError::Refused { address, source },
        })
}

/// The process that listens on a TCP port, as far as `/proc` shows it to this user (proc(5)).
fn holder(port: u16) -> Option<String> {
    let sockets: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| listening(&table, port))
        .collect();
    for process in fs::read_dir("/proc").ok()?.flatten() {
        let name = process.file_name();
        let Some(pid) = name
            .to_str()
            .filter(|name| name.bytes().all(|b| b.is_ascii_digit()))
        else {
            continue;
        };
        // Other users' processes do not show their files.
        let Ok(files) = fs::read_dir(process.path().join("fd")) else {
            continue;
        };
        let holds = files.flatten().any(|file| {
            fs::read_link(file.path()).is_ok_and(|to| {
                sockets
                    .iter()
                    .any(|socket| to.as_os_str() == socket.as_str())
            })
        });
        if holds {
            let program = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            return Some(format!("{} (pid {pid})", program.trim_end()));
        }
    }
    None
}

/// The sockets that listen on `port`, as `/proc/…/fd` names them, from a table of `/proc/net`.
fn listening(table: &str, port: u16) -> Vec<String> {
    const LISTEN: &str = "0A";
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let columns: Vec<&str> = line.split_ascii_whitespace().collect();
            let (_, local) = columns.get(1)?.rsplit_once(':')?;
            let matches = u16::from_str_radix(local, 16) == Ok(port) && *columns.get(3)? == LISTEN;
            matches.then_some(format!("socket:[{}]", columns.get(9)?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listening_socket_is_found_in_the_table() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
             0: 0100007F:0BB9 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1 0 100 0 0 10 0\n\
             1: 0100007F:0BB9 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 4243 1 0 20 4 0 10 -1\n";
        assert_eq!(listening(table, 3001), ["socket:[4242]"]);
        assert!(listening(table, 3002).is_empty());
    }

    #[tokio::test]
    async fn a_port_in_use_is_reported_with_its_holder_and_the_flag() {
        let first = listen(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let error = listen(first.local_addr().unwrap())
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(&format!("(pid {})", std::process::id())),
            "{error}"
        );
        assert!(error.contains("--port"), "{error}");
    }
}
