//! Addresses at custom domains in the environment of functions.

use crate::project::Api;
use crate::project::Mapping;

impl Api {
    /// A text in which the addresses of mapped stages are those on this machine: functions get
    /// `https://DOMAIN/KEY` in their environment, and would call AWS otherwise. `authority` is
    /// `host:port`; the stages of the mappings have the names under which they are served.
    ///
    /// Nothing else answers at a domain to which a WebSocket API is mapped, so that no address
    /// there means a page. A domain without `https://` or `wss://` in front stays as it is.
    pub fn with_local_domains(&self, text: &str, authority: &str) -> String {
        let mut localized = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find("s://") {
            let (before, address) = (&rest[..at], &rest[at + "s://".len()..]);
            localized.push_str(before);
            let found = (before.ends_with("http") || before.ends_with("ws"))
                .then(|| self.mapped(address))
                .flatten();
            match found {
                Some((mapping, len)) => {
                    localized.push_str(&format!("://{authority}/{}", mapping.stage));
                    rest = &address[len..];
                }
                None => {
                    localized.push_str("s://");
                    rest = address;
                }
            }
        }
        localized.push_str(rest);
        localized
    }

    /// The mapping with whose domain and key `address` begins, and how long they are.
    fn mapped(&self, address: &str) -> Option<(&Mapping, usize)> {
        let end = |text: &str, more: &str| {
            let ends = |c: char| !(c.is_ascii_alphanumeric() || more.contains(c));
            text.find(ends).unwrap_or(text.len())
        };
        let domain = end(address, "-.");
        let at_domain =
            |mapping: &&Mapping| mapping.domain.eq_ignore_ascii_case(&address[..domain]);
        let mut mappings = self.mappings.iter().filter(at_domain);
        let key = address[domain..].strip_prefix('/').unwrap_or_default();
        let key = &key[..end(key, "$-_.+!*'()")];
        let keyed = mappings
            .clone()
            .find(|mapping| !key.is_empty() && mapping.key == key);
        match keyed {
            Some(mapping) => Some((mapping, domain + "/".len() + key.len())),
            None => mappings
                .find(|mapping| mapping.key.is_empty())
                .map(|mapping| (mapping, domain)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;
    use std::sync::Arc;

    use super::*;
    use crate::finding::At;

    fn api(mappings: &[(&str, &str, &str)]) -> Api {
        let at = At {
            file: Arc::new(PathBuf::new()),
            line: 1,
            column: 1,
        };
        let mapping = |(domain, key, stage): &(&str, &str, &str)| Mapping {
            domain: (*domain).to_owned(),
            key: (*key).to_owned(),
            stage: (*stage).to_owned(),
            at: at.clone(),
        };
        Api {
            id: "Api".to_owned(),
            api_key_source: crate::usage_plan::ApiKeySource::Header,
            route_selection_expression: String::new(),
            stages: Vec::new(),
            routes: BTreeMap::new(),
            mappings: mappings.iter().map(mapping).collect(),
            disable_execute_api_endpoint: false,
            at: at.clone(),
        }
    }

    #[test]
    fn addresses_at_a_domain_become_local_ones() {
        let both = api(&[("d.example", "", "local"), ("d.example", "v1", "b")]);
        let keyed = api(&[("d.example", "v1", "local")]);
        for (api, text, local) in [
            (&both, "https://d.example", "http://h:1/local"),
            (&both, "https://d.example/", "http://h:1/local/"),
            (&both, "wss://D.example", "ws://h:1/local"),
            (
                &both,
                "https://d.example/@connections",
                "http://h:1/local/@connections",
            ),
            (&both, "https://d.example/v1", "http://h:1/b"),
            (&both, "https://d.example/v1/x", "http://h:1/b/x"),
            (&both, "https://d.example/v12", "http://h:1/local/v12"),
            (
                &both,
                "a=https://d.example,b=wss://d.example/v1;",
                "a=http://h:1/local,b=ws://h:1/b;",
            ),
            (&both, "d.example", "d.example"),
            (&both, "https://sub.d.example", "https://sub.d.example"),
            (&both, "https://d.example.org", "https://d.example.org"),
            (&both, "https://", "https://"),
            (&keyed, "https://d.example/v1", "http://h:1/local"),
            (&keyed, "https://d.example", "https://d.example"),
            (&keyed, "https://d.example/prod", "https://d.example/prod"),
        ] {
            let shown = api.with_local_domains(text, "h:1");
            assert_eq!(shown, local, "{text}");
        }
    }
}
