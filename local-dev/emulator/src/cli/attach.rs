//! `--attach FUNCTION` and `--attach FUNCTION:PORT`.

use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::net::TcpListener;

/// A function that is not started, and where it finds its Runtime API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attach {
    /// Logical ID or `FunctionName`.
    pub(crate) function: String,
    /// On this machine; its port was free a moment ago.
    pub(crate) address: SocketAddr,
}

impl Attach {
    /// Reads the argument.
    ///
    /// # Errors
    /// When it is none, or somebody listens at the port.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (function, port) = match text.split_once(':') {
            Some((function, port)) => {
                let port = port.parse::<u16>();
                (
                    function,
                    port.map_err(|_| "expected FUNCTION or FUNCTION:PORT")?,
                )
            }
            None => (text, 0),
        };
        if function.is_empty() {
            return Err("expected FUNCTION or FUNCTION:PORT".into());
        }
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .and_then(|listener| listener.local_addr())
            .map_err(|error| format!("cannot listen on 127.0.0.1:{port}: {error}"))?;
        Ok(Self {
            function: function.to_owned(),
            address,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_chosen_unless_one_is_said() {
        let chosen = Attach::parse("Echo").unwrap();
        assert_ne!(chosen.address.port(), 0);
        let said = format!("Echo:{}", chosen.address.port());
        assert_eq!(Attach::parse(&said).unwrap(), chosen);
        for text in ["", ":9001", "Echo:", "Echo:x", "Echo:70000"] {
            assert!(Attach::parse(text).is_err(), "{text}");
        }
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let taken = taken.local_addr().unwrap().port();
        let error = Attach::parse(&format!("Echo:{taken}")).unwrap_err();
        assert!(error.contains("cannot listen"), "{error}");
    }
}
