//! Which stage a request is for: its `Host` and the first segment of its path say so.
//!
//! At the default endpoint the segment is the stage's name; whatever names the emulator's port is
//! that endpoint, and so is `{api-id}.execute-api.…` for the stages of that API. At a custom domain
//! the segment is a mapping key, or belongs to the stage that is mapped at the root (Developer
//! Guide, "Map WebSocket API stages to a custom domain name"). Browsers and many resolvers take
//! every name below `localhost` for this machine, so `{domain}.localhost` is the domain, too.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use gatepost_template::Mapping;
use http::HeaderMap;
use http::header;
use http::uri::Authority;
use percent_encoding::percent_decode_str;

use crate::Config;
use crate::ServedApi;
use crate::deployment::Deployed;
use crate::deployment::Routes;
use crate::deployment::Stage;
use crate::throttle::StageThrottles;

/// The names and paths under which APIs are reached.
#[derive(Debug, Default)]
pub(crate) struct Endpoints {
    /// By the name under which it is served; of stages of one name the first API's counts.
    stages: HashMap<String, Arc<Stage>>,
    domains: Vec<Domain>,
    /// Ids of APIs with `DisableExecuteApiEndpoint`.
    disabled: Vec<String>,
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
    /// Those of these APIs, in the place of `before`. A stage that stays keeps its connections; one
    /// that goes is not reached any more, and serves those that it has as before.
    pub(crate) fn new(before: &Self, config: &Config, apis: &[ServedApi]) -> Self {
        let mut endpoints = Self::default();
        for served in apis {
            let api = &served.api;
            let routes = Arc::new(Routes::new(api, config.limits.integration));
            for stage in &api.stages {
                let name = &stage.name;
                if endpoints.stages.contains_key(name) {
                    continue;
                }
                let deployed = Deployed {
                    variables: stage.variables.clone(),
                    routes: Arc::clone(&routes),
                    throttles: match config.limits.stage_throttling {
                        true => StageThrottles::new(stage, &api.routes, &config.throttles),
                        false => StageThrottles::default(),
                    },
                    usage_plans: stage.usage_plans.clone(),
                };
                let stage = Stage::deploy(before.stages.get(name), config, served, name, deployed);
                endpoints.stages.insert(name.clone(), stage);
            }
            if api.disable_execute_api_endpoint {
                endpoints.disabled.push(served.id.clone());
            }
            endpoints.map(&api.mappings, &served.id);
        }
        // The full name comes before a wildcard that includes it.
        endpoints
            .domains
            .sort_by_key(|domain| domain.name.starts_with('*'));
        endpoints
    }

    /// Adds the mappings of an API.
    fn map(&mut self, mappings: &[Mapping], api_id: &str) {
        for mapping in mappings {
            let stage = self.stages.get(&mapping.stage);
            let Some(stage) = stage.filter(|stage| stage.api_id == api_id) else {
                continue;
            };
            let at = self
                .domains
                .iter()
                .position(|domain| domain.name == mapping.domain);
            let at = at.unwrap_or_else(|| {
                self.domains.push(Domain {
                    name: mapping.domain.clone(),
                    keys: HashMap::new(),
                });
                self.domains.len() - 1
            });
            let key = mapping.key.clone();
            self.domains[at].keys.insert(key, Arc::clone(stage));
        }
    }

    /// Logical ID of the API of a stage.
    pub(crate) fn api_of(&self, stage: &str) -> Option<&str> {
        self.stages.get(stage).map(|stage| stage.api.as_str())
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
        let api_id = host.split_once(".execute-api.").map(|(id, _)| id);
        match self.stages.get(first.as_ref()) {
            Some(stage) if api_id.is_some_and(|id| id != stage.api_id) => {
                Err(Nowhere("the host is that of another API"))
            }
            Some(stage) => Ok(Located {
                stage: Arc::clone(stage),
                rest,
                host: api_id.map_or(Host::Machine, |_| Host::Api),
            }),
            None => Err(Nowhere("no such stage")),
        }
    }

    /// Whether clients may connect to a stage by a host that was written in this way.
    pub(crate) fn lets_in(&self, located: &Located<'_>) -> bool {
        located.host == Host::Domain || !self.disabled.contains(&located.stage.api_id)
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

    use gatepost_template::Api;
    use gatepost_template::At;
    use proptest::prelude::*;

    use super::*;

    fn endpoints(mappings: &[(&str, &str, &str)], disabled: bool) -> Endpoints {
        let at = At {
            file: Arc::new(PathBuf::new()),
            line: 1,
            column: 1,
        };
        let stage = |name: &str| gatepost_template::Stage {
            name: name.to_owned(),
            ..gatepost_template::Stage::default()
        };
        let mapping = |(domain, key, stage): &(&str, &str, &str)| Mapping {
            domain: (*domain).to_owned(),
            key: (*key).to_owned(),
            stage: (*stage).to_owned(),
            at: at.clone(),
        };
        let api = Api {
            id: "Api".to_owned(),
            api_key_source: gatepost_template::ApiKeySource::Header,
            route_selection_expression: String::new(),
            stages: vec![stage("dev"), stage("prod")],
            routes: BTreeMap::new(),
            mappings: mappings.iter().map(mapping).collect(),
            disable_execute_api_endpoint: disabled,
            at: at.clone(),
        };
        let served = ServedApi {
            api,
            id: "abcdef1234".to_owned(),
        };
        Endpoints::new(&Endpoints::default(), &config(), &[served])
    }

    fn config() -> Config {
        Config {
            apis: Vec::new(),
            region: "us-east-1".to_owned(),
            account: "000000000000".to_owned(),
            authority: "127.0.0.1:3001".to_owned(),
            limits: crate::Limits::default(),
            throttles: Arc::new(crate::Account::new(crate::AccountQuotas::default())),
            clock: gatepost_clock::Clock::system(1.0),
            random: Arc::new(crate::SplitMix::new(1)),
            signatures: gatepost_sigv4::Signatures::unchecked(),
            caller: crate::Caller {
                access_key_id: String::new(),
                principal_id: String::new(),
                arn: String::new(),
            },
            observer: Arc::new(crate::Unobserved),
            faults: Arc::new(crate::NoFaults),
            guesses: crate::Guesses::default(),
        }
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
        let lets_in = |disabled: bool, host: &str, path: &str| {
            let endpoints = endpoints(&mapped, disabled);
            let host = http::HeaderValue::from_str(host).unwrap();
            let headers = HeaderMap::from_iter([(header::HOST, host)]);
            endpoints.lets_in(&endpoints.locate(&headers, path).unwrap())
        };
        assert!(lets_in(true, "chat.example.com", "/"));
        assert!(!lets_in(true, "127.0.0.1:3001", "/prod"));
        assert!(!lets_in(true, "abcdef1234.execute-api.localhost", "/prod"));
        assert!(lets_in(false, "127.0.0.1:3001", "/prod"));
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
