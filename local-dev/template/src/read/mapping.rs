//! Custom domains: `AWS::ApiGatewayV2::DomainName` and `AWS::ApiGatewayV2::ApiMapping`.

use crate::eval::Resource;
use crate::finding::Finding;
use crate::project::Api;
use crate::project::Mapping;
use crate::project::Stage;
use crate::read::Reader;
use crate::read::api::Parts;
use crate::suggest::did_you_mean;

/// Longest mapping key (Developer Guide, "Map WebSocket API stages to a custom domain name").
const LONGEST_KEY: usize = 300;

impl<'s> Reader<'s> {
    /// Where the stages of an API are reached at custom domains.
    pub(super) fn mappings(&mut self, parts: &Parts<'s>, stages: &[Stage]) -> Vec<Mapping> {
        let mut mappings: Vec<Mapping> = Vec::new();
        for resource in parts {
            if resource.kind != "AWS::ApiGatewayV2::ApiMapping" {
                continue;
            }
            let Some(mapping) = self.mapping(resource, stages) else {
                continue;
            };
            let same =
                |other: &&Mapping| (&other.domain, &other.key) == (&mapping.domain, &mapping.key);
            if let Some(other) = mappings.iter().find(same) {
                let what = format!(
                    "`{}` has the mapping key `{}` already, on line {}",
                    mapping.domain, mapping.key, other.at.line
                );
                self.findings.error(Finding::new(&resource.at, what));
            }
            mappings.push(mapping);
        }
        mappings
    }

    /// Notes domains at which no API is reached.
    pub(super) fn check_domains(&mut self, apis: &[Api]) {
        let scope = self.scope;
        for resource in scope.resources.of("AWS::ApiGatewayV2::DomainName") {
            let Some(name) = self.required(resource, "DomainName") else {
                continue;
            };
            let mut mappings = apis.iter().flat_map(|api| &api.mappings);
            if !mappings.any(|mapping| mapping.domain.eq_ignore_ascii_case(&name)) {
                let what = format!("no WebSocket API is mapped to `{name}` here");
                let help = "add an AWS::ApiGatewayV2::ApiMapping";
                let finding = Finding::new(&resource.at, what).help(help);
                self.findings.note(finding);
            }
        }
    }

    fn mapping(&mut self, resource: &'s Resource, stages: &[Stage]) -> Option<Mapping> {
        let properties = &resource.properties;
        let at = |name: &str| properties.get(name).map_or(&resource.at, |node| &node.at);
        let domain = self.required(resource, "DomainName");
        let stage = self.required(resource, "Stage");
        let key = self.text(properties, "ApiMappingKey").unwrap_or_default();
        let (domain, stage) = (domain?.to_ascii_lowercase(), stage?);
        if !is_domain(&domain) {
            let what = format!("`{domain}` is no domain name");
            let help = "write a name such as chat.example.com, without https:// and a path";
            let finding = Finding::new(at("DomainName"), what).help(help);
            self.findings.error(finding);
        }
        if !is_key(&key) {
            let what = format!("`{key}` cannot be the mapping key of a WebSocket API");
            let help = "a key has at most 300 letters, digits and $-_.+!*'(), and no `/`";
            let finding = Finding::new(at("ApiMappingKey"), what).help(help);
            self.findings.error(finding);
        }
        if !stages.iter().any(|known| known.name == stage) {
            self.findings.error(
                Finding::new(at("Stage"), format!("this API has no stage `{stage}`")).maybe_help(
                    did_you_mean(&stage, stages.iter().map(|known| known.name.as_str())),
                ),
            );
        }
        Some(Mapping {
            domain,
            key,
            stage,
            at: resource.at.clone(),
        })
    }
}

/// Labels of letters, digits and `-`; the first may be `*`.
fn is_domain(name: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    name.len() <= 253
        && name.contains('.')
        && name
            .strip_prefix("*.")
            .unwrap_or(name)
            .split('.')
            .all(is_label)
}

fn is_key(key: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "$-_.+!*'()".contains(c);
    key.len() <= LONGEST_KEY && key.chars().all(is_allowed)
}
