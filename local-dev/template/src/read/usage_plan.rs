//! API keys, and the usage plans by which they open a stage.

use std::collections::BTreeMap;

use crate::eval::Resource;
use crate::eval::local;
use crate::finding::Finding;
use crate::node::Node;
use crate::project::Route;
use crate::project::Stage;
use crate::project::Throttle;
use crate::read::Reader;
use crate::usage_plan::ApiKey;
use crate::usage_plan::ApiKeySource;
use crate::usage_plan::Period;
use crate::usage_plan::Quota;
use crate::usage_plan::UsagePlan;

/// Largest number in a quota.
const MOST: u32 = i32::MAX as u32;

impl<'s> Reader<'s> {
    /// Where an API takes its keys from.
    pub(super) fn api_key_source(&mut self, api: &Resource) -> ApiKeySource {
        let name = "ApiKeySelectionExpression";
        match self.text(&api.properties, name).as_deref() {
            None | Some("$request.header.x-api-key") => ApiKeySource::Header,
            Some("$context.authorizer.usageIdentifierKey") => ApiKeySource::Authorizer,
            Some(other) => {
                let at = api.properties.get(name).map_or(&api.at, |node| &node.at);
                let what = format!("`{name}` cannot be `{other}`");
                let help = "it is `$request.header.x-api-key` or \
                            `$context.authorizer.usageIdentifierKey`";
                self.findings.error(Finding::new(at, what).help(help));
                ApiKeySource::Header
            }
        }
    }

    /// The usage plans of an API, each with the name of the stage it is for.
    pub(super) fn usage_plans(&mut self, api: &Resource) -> Vec<(String, UsagePlan)> {
        let scope = self.scope;
        let mut plans = Vec::new();
        for resource in scope.resources.of("AWS::ApiGateway::UsagePlan") {
            let mut stages = Vec::new();
            let listed = self.value(&resource.properties, "ApiStages");
            for item in listed.as_ref().map_or(&[][..], Node::items) {
                let of = self.text(item, "ApiId");
                let stage = self.text(item, "Stage");
                if of.as_deref() == Some(local::api_id(&api.id).as_str()) {
                    stages.extend(stage);
                }
            }
            if stages.is_empty() {
                continue;
            }
            let plan = self.usage_plan(resource);
            plans.extend(stages.into_iter().map(|stage| (stage, plan.clone())));
        }
        plans
    }

    /// Notes a `$connect` that asks for a key which nobody has.
    pub(super) fn check_api_keys(
        &mut self,
        stages: &[Stage],
        routes: &BTreeMap<String, Route>,
        source: ApiKeySource,
    ) {
        let Some(route) = routes
            .get("$connect")
            .filter(|route| route.api_key_required)
        else {
            return;
        };
        if source == ApiKeySource::Authorizer && route.authorizer.is_none() {
            let what = "nobody can connect: an authorizer names the API key, and there is none";
            self.findings.fails_on_aws(Finding::new(&route.at, what));
        }
        for stage in stages {
            let mut keys = stage.usage_plans.iter().flat_map(|plan| &plan.keys);
            if !keys.any(|key| key.enabled) {
                let name = &stage.name;
                let what =
                    format!("nobody can connect to `{name}`: no usage plan has a key for it");
                let help = "add an AWS::ApiGateway::ApiKey, UsagePlan and UsagePlanKey";
                self.findings
                    .fails_on_aws(Finding::new(&route.at, what).help(help));
            }
        }
    }

    fn usage_plan(&mut self, resource: &'s Resource) -> UsagePlan {
        let properties = &resource.properties;
        let throttle = self.value(properties, "Throttle").map(|node| Throttle {
            burst: self.number(&node, "BurstLimit", 0..=MOST),
            rate: self.rate(&node),
        });
        let quota = self.value(properties, "Quota");
        UsagePlan {
            id: resource.id.clone(),
            throttle,
            quota: quota.and_then(|node| self.quota(&node)),
            keys: self.keys(resource),
        }
    }

    fn rate(&mut self, of: &Node) -> Option<f64> {
        let text = self.text(of, "RateLimit")?;
        let rate = text
            .parse::<f64>()
            .ok()
            .filter(|rate| *rate >= 0.0 && rate.is_finite());
        if let (None, Some(node)) = (rate, of.get("RateLimit")) {
            let what = format!("`RateLimit` is a number, and not `{text}`");
            self.findings.error(Finding::new(&node.at, what));
        }
        rate
    }

    fn quota(&mut self, of: &Node) -> Option<Quota> {
        let limit = self.number(of, "Limit", 0..=MOST)?;
        let period = match self.text(of, "Period").as_deref() {
            Some("DAY") => Period::Day,
            Some("WEEK") => Period::Week,
            Some("MONTH") => Period::Month,
            other => {
                let at = of.get("Period").map_or(&of.at, |node| &node.at);
                let what = match other {
                    Some(other) => format!("`Period` cannot be `{other}`"),
                    None => "a `Quota` has no `Period`".to_owned(),
                };
                self.findings
                    .error(Finding::new(at, what).help("it is DAY, WEEK or MONTH"));
                return None;
            }
        };
        Some(Quota {
            limit,
            offset: self.number(of, "Offset", 0..=MOST).unwrap_or(0),
            period,
        })
    }

    /// The keys of a plan.
    fn keys(&mut self, plan: &Resource) -> Vec<ApiKey> {
        let scope = self.scope;
        let mut keys = Vec::new();
        for link in scope.resources.of("AWS::ApiGateway::UsagePlanKey") {
            if self.required(link, "UsagePlanId").as_deref() != Some(plan.id.as_str()) {
                continue;
            }
            let Some(id) = self.required(link, "KeyId") else {
                continue;
            };
            let key = scope.resources.of("AWS::ApiGateway::ApiKey");
            match key.into_iter().find(|key| key.id == id) {
                Some(key) => keys.push(self.key(key)),
                None => {
                    let at = link
                        .properties
                        .get("KeyId")
                        .map_or(&link.at, |node| &node.at);
                    let what = format!("`{id}` is no key of this template");
                    self.findings.unsupported(Finding::new(at, what));
                }
            }
        }
        keys
    }

    fn key(&mut self, resource: &'s Resource) -> ApiKey {
        let properties = &resource.properties;
        let value = self.text(properties, "Value").unwrap_or_else(|| {
            let value = local::api_key(&resource.id);
            if properties.get("Value").is_none() {
                let what = format!("`{}` has no `Value`: here it is `{value}`", resource.id);
                self.findings
                    .note(Finding::new(&resource.at, what).help("AWS makes one up"));
            }
            value
        });
        // As CloudFormation has it.
        let enabled = self.flag(properties, "Enabled").unwrap_or(false);
        ApiKey {
            id: local::api_id(&resource.id),
            value,
            enabled,
        }
    }
}
