//! Under which names the stages of a project's APIs are served: one port, one path segment each.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use gatepost_template::Api;
use gatepost_template::Finding;
use gatepost_template::FindingKind;
use gatepost_template::Integration;
use gatepost_template::Mapping;
use gatepost_template::Stage;

use crate::cli::RESERVED;

/// The APIs of a project, in the order of the template, as they are served.
#[derive(Debug, Clone)]
pub(crate) struct Served {
    /// Never empty.
    pub(crate) apis: Vec<ServedApi>,
    /// Stages that have another name here than in the template because it is taken.
    pub(crate) findings: Vec<Finding>,
}

/// An API as it is served.
#[derive(Debug, Clone)]
pub(crate) struct ServedApi {
    /// With the names under which its stages are served, the first of them first.
    pub(crate) api: Api,
    /// The name here of each stage, by its name in the template.
    names: BTreeMap<String, String>,
}

impl Served {
    /// Names the stages. Of the first API one is called `stage`: its own of that name, else its
    /// first. All others keep their names, which are in the events of functions, as long as no API
    /// before has a stage of that name; then the API's logical ID is put before it. `None` if there
    /// is no API.
    pub(crate) fn new(apis: &[Api], stage: &str) -> Option<Self> {
        let mut taken: BTreeSet<String> = RESERVED.map(str::to_owned).into();
        let mut findings = Vec::new();
        let mut named = Vec::new();
        for (index, api) in apis.iter().enumerate() {
            let mut stages: Vec<&Stage> = api.stages.iter().collect();
            if index == 0 {
                let own = stages.iter().position(|own| own.name == stage);
                let first = stages.remove(own.unwrap_or(0));
                stages.insert(0, first);
            }
            let mut names = BTreeMap::new();
            let mut renamed = Vec::new();
            for (position, own) in stages.into_iter().enumerate() {
                let name = match (index, position) {
                    (0, 0) => stage.to_owned(),
                    _ => free(&own.name, &api.id, &taken),
                };
                if name != own.name && (index, position) != (0, 0) {
                    findings.push(Finding {
                        kind: FindingKind::Note,
                        at: api.at.clone(),
                        what: format!(
                            "the stage `{}` of `{}` is called `{name}` here: the other name is taken",
                            own.name, api.id
                        ),
                        help: None,
                    });
                }
                taken.insert(name.clone());
                names.insert(own.name.clone(), name.clone());
                renamed.push(Stage {
                    name,
                    ..own.clone()
                });
            }
            let mappings = api.mappings.iter().map(|mapping| Mapping {
                stage: names.get(&mapping.stage).unwrap_or(&mapping.stage).clone(),
                ..mapping.clone()
            });
            let api = Api {
                stages: renamed,
                mappings: mappings.collect(),
                ..api.clone()
            };
            named.push(ServedApi { api, names });
        }
        (!named.is_empty()).then_some(Self {
            apis: named,
            findings,
        })
    }

    /// The stage of a function: the first of the first API that calls it, or of the first API.
    pub(crate) fn stage_of(&self, function: &str) -> &str {
        let calls = |served: &&ServedApi| {
            served.api.routes.values().any(|route| {
                let authorizer = route.authorizer.as_ref();
                matches!(&route.integration, Some(Integration::Lambda { function: called, .. }) if called == function)
                    || authorizer.is_some_and(|authorizer| authorizer.function == function)
            })
        };
        let api = self.apis.iter().find(calls).unwrap_or(&self.apis[0]);
        &api.api.stages[0].name
    }

    /// A text in which the addresses that these APIs have on AWS are those on this machine.
    pub(crate) fn with_local_addresses(&self, text: &str, authority: &str) -> String {
        self.apis.iter().fold(text.to_owned(), |text, served| {
            let name = |stage: &str| served.names.get(stage).map(String::as_str);
            let text = served.api.with_local_addresses(&text, authority, name);
            served.api.with_local_domains(&text, authority)
        })
    }
}

/// A name that nobody has.
fn free(name: &str, api: &str, taken: &BTreeSet<String>) -> String {
    let mut free = name.to_owned();
    while taken.contains(&free) {
        free = format!("{api}-{free}");
    }
    free
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;
    use std::time::Duration;

    use gatepost_template::At;
    use gatepost_template::Route;

    use super::*;

    fn at() -> At {
        At {
            file: Arc::new(PathBuf::from("t.yaml")),
            line: 1,
            column: 1,
        }
    }

    fn api(id: &str, stages: &[&str]) -> Api {
        let stage = |name: &&str| Stage {
            name: (*name).to_owned(),
            ..Stage::default()
        };
        Api {
            api_key_source: gatepost_template::ApiKeySource::Header,
            id: id.to_owned(),
            route_selection_expression: String::new(),
            stages: stages.iter().map(stage).collect(),
            routes: BTreeMap::new(),
            mappings: Vec::new(),
            disable_execute_api_endpoint: false,
            at: at(),
        }
    }

    fn names(apis: &[Api], stage: &str) -> String {
        let served = Served::new(apis, stage).unwrap();
        let names = served.apis.iter().map(|served| {
            let stages: Vec<_> = served.api.stages.iter().map(|s| s.name.as_str()).collect();
            stages.join(" ")
        });
        names.collect::<Vec<_>>().join(" | ")
    }

    #[test]
    fn every_stage_has_a_name_of_its_own() {
        let one = [api("A", &["prod"])];
        let stages = [api("A", &["prod", "beta", "local"])];
        let several = [
            api("A", &["prod"]),
            api("B", &["prod", "local"]),
            api("C", &["prod", "2015-03-31"]),
        ];
        for (apis, expected) in [
            (&one[..], "local"),
            (&stages[..], "local prod beta"),
            (&several[..], "local | prod B-local | C-prod C-2015-03-31"),
        ] {
            assert_eq!(names(apis, "local"), expected);
        }
        assert_eq!(names(&stages, "ws"), "ws beta local");
        assert_eq!(Served::new(&several, "local").unwrap().findings.len(), 3);
        assert!(Served::new(&[], "local").is_none());
    }

    #[test]
    fn a_function_belongs_to_the_first_api_that_calls_it() {
        let mut second = api("B", &["prod"]);
        let integration = Some(Integration::Lambda {
            function: "F".to_owned(),
            timeout: Duration::from_secs(1),
        });
        let route = Route {
            api_key_required: false,
            models: None,
            key: "$default".to_owned(),
            integration,
            route_response: false,
            authorizer: None,
            iam: false,
            at: at(),
        };
        second.routes.insert("$default".to_owned(), route);
        let served = Served::new(&[api("A", &["x"]), second.clone(), second], "local").unwrap();
        assert_eq!(served.stage_of("F"), "prod");
        assert_eq!(served.stage_of("G"), "local");
    }

    #[test]
    fn addresses_of_every_api_become_local_ones() {
        let apis = [
            api("A", &["prod"]),
            api("B", &["prod"]),
            api("C", &["prod"]),
        ];
        let host = |api: &Api| format!("{}.execute-api.us-east-1.amazonaws.com", api.api_id());
        let served = Served::new(&apis, "local").unwrap();
        let text = apis.iter().map(|api| format!("wss://{}/prod", host(api)));
        let text = text.collect::<Vec<_>>().join(" ");
        assert_eq!(
            served.with_local_addresses(&text, "h:1"),
            "ws://h:1/local ws://h:1/prod ws://h:1/C-prod"
        );
    }
}
