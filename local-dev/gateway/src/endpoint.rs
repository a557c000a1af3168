//! Which stage a request is for: its `Host` and the first segment of its path say so.
//!
//! At the default endpoint the segment is the stage's name; whatever names the emulator's port is
//! that endpoint, and so is `{api-id}.execute-api.…` if its id is this API's. At a custom domain
//! the segment is a mapping key, or belongs to the stage that is mapped at the root (Developer
//! Guide, "Map WebSocket API stages to a custom domain name"). Browsers and many resolvers take
//! every name below `localhost` for this machine, so `{domain}.localhost` is the domain, too.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use gatepost_template::Api;
use gatepost_template::Stage;
use http::HeaderMap;
use http::header;
use http::uri::Authority;
use percent_encoding::percent_decode_str;

/// The names and paths under which an API is reached.
#[derive(Debug)]
pub(crate) struct Endpoints {
    /// What the host of the default endpoint begins with: `{api-id}.execute-api.`.
    own_host: String,
    stages: HashMap<String, Arc<Stage>>,
    domains: Vec<Domain>,
    /// `DisableExecuteApiEndpoint`.
    is_default_disabled: bool,
}

/// A custom domain: stages by mapping key.
#[derive(Debug)]
struct Domain {
    name: String,
    keys: HashMap<String, Arc<Stage>>,
}

/// What a request is for.
#[derive(Debug)]
pub(crate) struct Located<'p> {
    pub(crate) stage: Arc<Stage>,
    /// The path behind the stage or the mapping key: empty, or it begins with `/`.
    pub(crate) rest: &'p str,
    /// How the host was written.
    pub(crate) host: Host,
}

/// How the host of a request was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Host {
    /// By any name of this machine.
    Machine,
    /// `{api-id}.execute-api.…`.
    Api,
    /// A custom domain.
    Domain,
}

/// Why a request is for no stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Nowhere(pub(crate) &'static str);

impl Endpoints {
    /// Every stage.
    pub(crate) fn stages(&self) -> impl Iterator<Item = &Arc<Stage>> {
        self.stages.values()
    }

    pub(crate) fn new(api: &Api, api_id: &str) -> Self {
        let stages: HashMap<String, Arc<Stage>> = api
            .stages
            .iter()
            .map(|stage| (stage.name.clone(), Arc::new(stage.clone())))
            .collect();
        let mut domains: Vec<Domain> = Vec::new();
        for mapping in &api.mappings {
            let Some(stage) = stages.get(&mapping.stage) else {
                continue;
            };
            let at = domains
                .iter()
                .position(|domain| domain.name == mapping.domain);
            let at = at.unwrap_or_else(|| {
                domains.push(Domain {
                    name: mapping.domain.clone(),
                    keys: HashMap::new(),
                });
                domains.len() - 1
            });
            let key = mapping.key.clone();
            domains[at].keys.insert(key, Arc::clone(stage));
        }
        // The full name comes before a wildcard that includes it.
        domains.sort_by_key(|domain| domain.name.starts_with('*'));
        Self {
            own_host: format!("{api_id}.execute-api."),
            stages,
            domains,
            is_default_disabled: api.disable_execute_api_endpoint,
        }
    }

    /// The stage that a request with these headers for this path (still encoded) is for.
    pub(crate) fn locate<'p>(
        &self,
        headers: &HeaderMap,
        path: &'p str,
    ) -> Result<Located<'p>, Nowhere> {
        let (first, rest) = split_path(path);
        let host = named_host(headers);
        if let Some(domain) = self.domain(&host) {
            let (stage, rest) = match domain.keys.get(first.as_ref()) {
                Some(stage) if !first.is_empty() => (stage, rest),
                _ => match domain.keys.get("") {
                    Some(stage) => (stage, path),
                    None => return Err(Nowhere("the domain has no such mapping key")),
                },
            };
            return Ok(Located {
                stage: Arc::clone(stage),
                rest,
                host: Host::Domain,
            });
        }
        let host = match host.split_once(".execute-api.") {
            None => Host::Machine,
            Some(_) if host.starts_with(&self.own_host) => Host::Api,
            Some(_) => return Err(Nowhere("the host is that of another API")),
        };
        match self.stages.get(first.as_ref()) {
            Some(stage) => Ok(Located {
                stage: Arc::clone(stage),
                rest,
                host,
            }),
            None => Err(Nowhere("no such stage")),
        }
    }

    /// Whether clients may connect by a host that was written in this way.
    pub(crate) fn lets_in(&self, host: Host) -> bool {
        host == Host::Domain || !self.is_default_disabled
    }

    fn domain(&self, host: &str) -> Option<&Domain> {
        let host = host.strip_suffix(".localhost").unwrap_or(host);
        self.domains.iter().find(|domain| {
            match domain.name.strip_prefix('*') {
                // `*` stands for one label.
                Some(suffix) => host
                    .strip_suffix(suffix)
                    .is_some_and(|label| !label.is_empty() && !label.contains('.')),
                None => domain.name == host,
            }
        })
    }
}

/// The host in lower case and without its port; empty if it is no name.
fn named_host(headers: &HeaderMap) -> String {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let authority = host.and_then(|host| host.parse::<Authority>().ok());
    authority.map_or_else(String::new, |a| a.host().to_ascii_lowercase())
}

/// The first segment of a path, decoded, and the rest.
pub(crate) fn split_path(path: &str) -> (Cow<'_, str>, &str) {
    let path = path.strip_prefix('/').unwrap_or(path);
    let (first, rest) = path.split_at(path.find('/').unwrap_or(path.len()));
    (percent_decode_str(first).decode_utf8_lossy(), rest)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    use gatepost_template::At;
    use gatepost_template::Mapping;
    use proptest::prelude::*;

    use super::*;

    fn endpoints(mappings: &[(&str, &str, &str)], disabled: bool) -> Endpoints {
        let at = At {
            file: Arc::new(PathBuf::new()),
            line: 1,
            column: 1,
        };
        let stage = |name: &str| Stage {
            name: name.to_owned(),
            ..Stage::default()
        };
        let mapping = |(domain, key, stage): &(&str, &str, &str)| Mapping {
            domain: (*domain).to_owned(),
            key: (*key).to_owned(),
            stage: (*stage).to_owned(),
            at: at.clone(),
        };
        let api = Api {
            id: "Api".to_owned(),
            route_selection_expression: String::new(),
            stages: vec![stage("dev"), stage("prod")],
            routes: BTreeMap::new(),
            mappings: mappings.iter().map(mapping).collect(),
            disable_execute_api_endpoint: disabled,
            at: at.clone(),
        };
        Endpoints::new(&api, "abcdef1234")
    }

    fn locate(endpoints: &Endpoints, host: &str, path: &str) -> Option<(String, String, Host)> {
        let host = http::HeaderValue::from_str(host).unwrap();
        let headers = HeaderMap::from_iter([(header::HOST, host)]);
        let located = endpoints.locate(&headers, path).ok()?;
        let rest = located.rest.to_owned();
        Some((located.stage.name.clone(), rest, located.host))
    }

    #[test]
    fn the_host_and_the_first_segment_say_the_stage() {
        let endpoints = endpoints(
            &[
                ("chat.example.com", "", "prod"),
                ("chat.example.com", "v1", "dev"),
                ("keyed.example.com", "v1", "dev"),
                ("*.example.com", "any", "dev"),
            ],
            false,
        );
        let own = "abcdef1234.execute-api.us-east-1.amazonaws.com";
        for (host, path, want) in [
            ("127.0.0.1:3001", "/dev", Some(("dev", "", Host::Machine))),
            ("[::1]:3001", "/prod/", Some(("prod", "/", Host::Machine))),
            (
                "x",
                "/d%65v/@connections",
                Some(("dev", "/@connections", Host::Machine)),
            ),
            ("x", "/other", None),
            ("x", "/", None),
            (own, "/dev", Some(("dev", "", Host::Api))),
            (
                "ABCDEF1234.execute-api.localhost:1",
                "/dev",
                Some(("dev", "", Host::Api)),
            ),
            ("zzzzzzzzzz.execute-api.localhost", "/dev", None),
            ("chat.example.com", "/", Some(("prod", "/", Host::Domain))),
            (
                "Chat.Example.com:3001",
                "",
                Some(("prod", "", Host::Domain)),
            ),
            (
                "chat.example.com.localhost:1",
                "/v1",
                Some(("dev", "", Host::Domain)),
            ),
            (
                "chat.example.com",
                "/v1/x",
                Some(("dev", "/x", Host::Domain)),
            ),
            (
                "chat.example.com",
                "/prod/x",
                Some(("prod", "/prod/x", Host::Domain)),
            ),
            ("keyed.example.com", "/v1", Some(("dev", "", Host::Domain))),
            ("keyed.example.com", "/dev", None),
            ("keyed.example.com", "/", None),
            ("other.example.com", "/any", Some(("dev", "", Host::Domain))),
            ("a.b.example.com", "/any", None),
            ("example.com", "/any", None),
        ] {
            let want = want.map(|(stage, rest, host)| (stage.to_owned(), rest.to_owned(), host));
            assert_eq!(locate(&endpoints, host, path), want, "{host}{path}");
        }
    }

    #[test]
    fn a_disabled_default_endpoint_lets_nobody_in() {
        let mapped = [("chat.example.com", "", "prod")];
        let disabled = endpoints(&mapped, true);
        assert!(disabled.lets_in(Host::Domain));
        assert!(!disabled.lets_in(Host::Machine) && !disabled.lets_in(Host::Api));
        assert!(endpoints(&mapped, false).lets_in(Host::Machine));
    }

    proptest! {
        #[test]
        fn any_host_and_path_are_looked_at_without_a_panic(host in "[!-~]{0,60}", path in "/[!-~]{0,60}") {
            let endpoints = endpoints(&[("*.example.com", "k", "dev")], false);
            let _ = locate(&endpoints, &host, &path);
        }

        #[test]
        fn a_segment_is_decoded_as_it_was_encoded(segment in "[^/]{0,30}", rest in "(/[a-z%]{0,9})?") {
            let encoded: String = segment.bytes().map(|b| format!("%{b:02X}")).collect();
            let path = format!("/{encoded}{rest}");
            prop_assert_eq!(split_path(&path), (Cow::Borrowed(segment.as_str()), rest.as_str()));
        }
    }
}
