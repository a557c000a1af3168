//! Integrations as a template would describe them.

use std::time::Duration;

use gatepost_template::Backend;
use gatepost_template::Callee;
use gatepost_template::Calls;
use gatepost_template::Integration;
use gatepost_template::IntegrationResponse;
use gatepost_template::MappingTemplate;
use gatepost_template::Passthrough;
use gatepost_template::ResponseKey;
use gatepost_template::StagedText;
use gatepost_template::Templates;

use super::script::always;
use super::script::status;
use super::served::Wanted;

pub(super) fn templates(by_key: &[(&str, &str)]) -> Templates {
    let read = |(key, template): &(&str, &str)| {
        let template = MappingTemplate::parse(template).unwrap();
        ((*key).to_owned(), template)
    };
    Templates {
        selection: None,
        by_key: by_key.iter().map(read).collect(),
    }
}

pub(super) fn backend(calls: Calls, by_key: &[(&str, &str)]) -> Backend {
    Backend {
        calls,
        timeout: Duration::from_secs(29),
        parameters: Vec::new(),
        templates: templates(by_key),
        passthrough: Passthrough::WhenNoMatch,
        content_handling: None,
        responses: Vec::new(),
    }
}

pub(super) fn mock(template: &str) -> Backend {
    backend(Calls::Nothing, &[("$default", template)])
}

pub(super) fn http(method: &str, url: &str, proxy: bool) -> Backend {
    let calls = Calls::Http {
        method: method.to_owned(),
        url: StagedText::new(url),
        proxy,
    };
    backend(calls, &[])
}

pub(super) fn function(name: &str) -> Backend {
    backend(Calls::Function(Callee::Function(name.to_owned())), &[])
}

pub(super) fn respond(key: &str, by_key: &[(&str, &str)]) -> IntegrationResponse {
    IntegrationResponse {
        key: ResponseKey::parse(key).unwrap(),
        templates: templates(by_key),
        parameters: Vec::new(),
        content_handling: None,
    }
}

/// Puts an integration behind a two-way route, which may be there already.
pub(super) fn behind(wanted: Wanted, key: &'static str, backend: Backend) -> Wanted {
    let wanted = match wanted.api.routes.contains_key(key) {
        true => wanted,
        false => wanted.two_way(key, always(status(200))),
    };
    wanted.change(|wanted| {
        let route = wanted.api.routes.get_mut(key).unwrap();
        route.integration = Some(Integration::Backend(Box::new(backend)));
    })
}
