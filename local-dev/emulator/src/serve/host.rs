//! Who may talk to the console and call functions: names that mean this machine, and pages of this origin.
//!
//! A page of another site can make a browser send requests here. It cannot choose the `Host`
//! except by a name of its own that resolves to a loopback address (DNS rebinding), and it cannot
//! hide its `Origin` from a POST.

use std::net::IpAddr;
use std::net::Ipv6Addr;

use http::HeaderMap;
use http::header;
use http::uri::Authority;

/// Whether the request names this machine: a loopback name or address, or the address of this
/// machine to which the client connected.
pub(crate) fn is_this_machine(headers: &HeaderMap, local: IpAddr) -> bool {
    let Some(authority) = authority(headers) else {
        return false;
    };
    let host = authority.host().to_ascii_lowercase();
    if host == "localhost" || host.ends_with(".localhost") {
        return true;
    }
    let bare = host
        .strip_prefix('[')
        .and_then(|h| h.strip_suffix(']'))
        .unwrap_or(&host);
    bare.parse::<IpAddr>()
        .is_ok_and(|ip| is_loopback(ip) || ip.to_canonical() == local.to_canonical())
}

/// Whether the request comes from a page of this origin, or from no page at all.
pub(crate) fn is_same_origin(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return true;
    };
    authority(headers).is_some_and(|authority| {
        origin.to_str().is_ok_and(|origin| {
            let bare = origin.strip_prefix("http://");
            bare.or_else(|| origin.strip_prefix("https://"))
                .is_some_and(|o| o.eq_ignore_ascii_case(authority.as_str()))
        })
    })
}

/// Whether the request comes from no page of another site: it has no `Origin`, or that of this
/// machine. A page whose name was made to resolve to a loopback address has the same origin as its
/// `Host`, but that is no name of this machine.
pub(super) fn is_from_no_other_site(headers: &HeaderMap, local: IpAddr) -> bool {
    !headers.contains_key(header::ORIGIN)
        || (is_same_origin(headers) && is_this_machine(headers, local))
}

/// `host:port` as the client wrote it.
pub(super) fn authority(headers: &HeaderMap) -> Option<Authority> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next()?;
    if hosts.next().is_some() {
        return None;
    }
    let authority: Authority = host.to_str().ok()?.parse().ok()?;
    (!authority.as_str().contains('@')).then_some(authority)
}

fn is_loopback(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_loopback(),
        IpAddr::V6(ip) => ip == Ipv6Addr::LOCALHOST,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderName;
    use http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    #[test]
    fn only_names_of_this_machine_are_allowed() {
        let local = IpAddr::from([192, 168, 1, 7]);
        for (host, allowed) in [
            ("127.0.0.1:3001", true),
            ("127.1.2.3", true),
            ("localhost:3001", true),
            ("LOCALHOST", true),
            ("api.localhost:3001", true),
            ("[::1]:3001", true),
            ("[::ffff:127.0.0.1]:3001", true),
            ("192.168.1.7:3001", true),
            ("192.168.1.8:3001", false),
            ("attacker.example:3001", false),
            ("localhost.attacker.example", false),
            ("127.0.0.1.attacker.example", false),
            ("user@127.0.0.1", false),
            ("", false),
        ] {
            assert_eq!(
                is_this_machine(&headers(&[("host", host)]), local),
                allowed,
                "{host}"
            );
        }
        assert!(!is_this_machine(&HeaderMap::new(), local));
        let twice = headers(&[("host", "localhost"), ("host", "attacker.example")]);
        assert!(!is_this_machine(&twice, local));
    }

    #[test]
    fn only_pages_of_this_origin_may_post() {
        for (origin, allowed) in [
            ("http://127.0.0.1:3001", true),
            ("https://127.0.0.1:3001", true),
            ("http://127.0.0.1:3002", false),
            ("http://localhost:3001", false),
            ("http://attacker.example", false),
            ("null", false),
        ] {
            let headers = headers(&[("host", "127.0.0.1:3001"), ("origin", origin)]);
            assert_eq!(is_same_origin(&headers), allowed, "{origin}");
        }
        assert!(is_same_origin(&headers(&[("host", "127.0.0.1:3001")])));
    }

    #[test]
    fn a_page_of_a_name_that_was_rebound_to_this_machine_is_of_another_site() {
        let local = IpAddr::from([127, 0, 0, 1]);
        for (host, origin, allowed) in [
            ("127.0.0.1:3001", "http://127.0.0.1:3001", true),
            ("api.localhost:3001", "http://api.localhost:3001", true),
            ("127.0.0.1:3001", "http://attacker.example:3001", false),
            (
                "attacker.example:3001",
                "http://attacker.example:3001",
                false,
            ),
        ] {
            let headers = headers(&[("host", host), ("origin", origin)]);
            assert_eq!(is_from_no_other_site(&headers, local), allowed, "{host}");
        }
        // A program in a container calls this machine by whatever name it has there.
        let container = headers(&[("host", "host.docker.internal:3001")]);
        assert!(is_from_no_other_site(&container, local));
    }
}
