//! Stages.

use std::collections::BTreeMap;

use crate::eval::Resource;
use crate::finding::Finding;
use crate::node::Node;
use crate::project::Stage;
use crate::project::Throttle;
use crate::read::Reader;
use crate::read::api::Parts;

impl<'s> Reader<'s> {
    /// The stages of an API; without one nobody reaches it.
    pub(super) fn stages(&mut self, api: &Resource, parts: &Parts<'s>) -> Vec<Stage> {
        let mut stages: Vec<Stage> = Vec::new();
        let mut is_declared = false;
        for resource in parts {
            if resource.kind != "AWS::ApiGatewayV2::Stage" {
                continue;
            }
            is_declared = true;
            let Some(stage) = self.stage(resource) else {
                continue;
            };
            if stages.iter().any(|other| other.name == stage.name) {
                let what = format!("`{}` has two stages `{}`", api.id, stage.name);
                self.findings.error(Finding::new(&resource.at, what));
            }
            stages.push(stage);
        }
        if !is_declared {
            let what = format!("`{}` has no stage, so that nobody reaches it", api.id);
            let help = "add an AWS::ApiGatewayV2::Stage with `AutoDeploy: true`";
            self.findings.error(Finding::new(&api.at, what).help(help));
        } else if stages.is_empty() && self.findings.errors.is_empty() {
            let what = format!("the name of no stage of `{}` is known here", api.id);
            self.findings.error(Finding::new(&api.at, what));
        }
        stages
    }

    fn stage(&mut self, resource: &'s Resource) -> Option<Stage> {
        let properties = &resource.properties;
        let name = self.required(resource, "StageName")?;
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || name.len() > 128 || !name.chars().all(is_allowed) {
            let at = properties
                .get("StageName")
                .map_or(&resource.at, |node| &node.at);
            let what = format!("`{name}` cannot name a stage of a WebSocket API");
            let help = "a name is 1 to 128 letters, digits, `-` and `_`";
            self.findings.error(Finding::new(at, what).help(help));
        }
        let is_deployed = self.flag(properties, "AutoDeploy") == Some(true);
        if !is_deployed && properties.get("DeploymentId").is_none() {
            let what = format!("the stage `{name}` is never deployed: on AWS it has no routes");
            let help = "add `AutoDeploy: true`";
            self.findings
                .fails_on_aws(Finding::new(&resource.at, what).help(help));
        }
        let settings = self.value(properties, "RouteSettings");
        let settings = settings.as_ref().map_or(&[][..], Node::entries);
        let default = self.value(properties, "DefaultRouteSettings");
        Some(Stage {
            name,
            variables: self.variables(properties),
            default_throttle: self.throttle(default.as_ref()),
            route_throttles: settings
                .iter()
                .map(|entry| (entry.key.clone(), self.throttle(Some(&entry.value))))
                .collect(),
            usage_plans: Vec::new(),
        })
    }

    /// The throttle of a route's settings.
    fn throttle(&mut self, settings: Option<&Node>) -> Throttle {
        let Some(settings) = settings else {
            return Throttle::default();
        };
        let rate = self.limit(settings, "ThrottlingRateLimit");
        let burst = self.limit(settings, "ThrottlingBurstLimit");
        Throttle {
            rate,
            // A burst is whole; more than fits is as good as no bound.
            burst: burst.map(|burst| burst.min(f64::from(u32::MAX)) as u32),
        }
    }

    /// A number that is not negative. Of 0 it is told what it does: stages made with it by mistake
    /// refuse everything.
    fn limit(&mut self, settings: &Node, name: &str) -> Option<f64> {
        let text = self.text(settings, name)?;
        let at = &settings.get(name)?.at;
        match text.parse::<f64>() {
            Ok(limit) if limit.is_finite() && limit >= 0.0 => {
                if limit == 0.0 {
                    let what = format!("`{name}: 0` refuses everything: every call gets 429");
                    self.findings.note(Finding::new(at, what));
                }
                Some(limit)
            }
            _ => {
                let what = format!("`{name}` is a number of calls, and not `{text}`");
                self.findings.error(Finding::new(at, what));
                None
            }
        }
    }

    fn variables(&mut self, properties: &'s Node) -> BTreeMap<String, String> {
        let Some(map) = self.value(properties, "StageVariables") else {
            return BTreeMap::new();
        };
        let mut variables = BTreeMap::new();
        for entry in map.entries() {
            let value = self.scope.text(&entry.value);
            if let Some(value) = self.findings.take(value) {
                variables.insert(entry.key.clone(), value);
            }
        }
        variables
    }
}
