//! What stands still while the emulator runs: where it is reached, what it reads, and its routes.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use gatepost_template::Api;
use gatepost_template::Calls;
use gatepost_template::Finding;
use gatepost_template::Function;
use gatepost_template::Integration;
use gatepost_template::Mapping;
use gatepost_template::Route;
use serde::Serialize;

use crate::build::Launch;
use crate::served::Served;

/// What stands still while the emulator runs.
#[derive(Debug, Clone)]
pub(crate) struct Overview {
    /// Where it is reached.
    pub(crate) endpoints: Endpoints,
    /// The template, as the person named it.
    pub(crate) template: String,
    /// Every stage of every API; never empty, that of `--stage` first.
    pub(crate) stages: Vec<StageRow>,
    /// Where the functions keep what they keep, without passwords.
    pub(crate) store: String,
    /// With `--tls`: the certificate that clients must trust.
    pub(crate) authority: Option<String>,
    /// With `--credentials inherit`: which ones functions have, without a secret.
    pub(crate) credentials: Option<String>,
    /// What functions find of this machine's files, when that is not as on Lambda.
    pub(crate) file_system: Option<String>,
    /// Routes, and what calls the functions that no route names.
    pub(crate) routes: Vec<RouteRow>,
    /// The program of each function that has one, by logical ID.
    pub(crate) programs: BTreeMap<String, String>,
    /// `FunctionName` of each function, by logical ID.
    pub(crate) functions: BTreeMap<String, String>,
    /// What is wrong with the template or not emulated.
    pub(crate) findings: Vec<Finding>,
}

/// URLs.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Endpoints {
    /// `http://host:port`, or `https://…` with `--tls`.
    #[serde(skip)]
    pub(crate) origin: String,
    /// `ws://host:port`, or `wss://…` with `--tls`.
    #[serde(skip)]
    websocket_origin: String,
    /// `host:port`.
    #[serde(skip)]
    pub(crate) authority: String,
    /// `ws://host:port/stage`.
    pub(crate) websocket: String,
    /// `http://host:port/stage/@connections`.
    pub(crate) management: String,
    /// The console.
    pub(crate) console: String,
    /// The page, or the console if the template names none.
    pub(crate) page: String,
    /// `ws://domain.localhost:port/key`, or `wss://`, of each mapping of a custom domain.
    pub(crate) domains: Vec<String>,
}

impl Endpoints {
    /// The URLs of a listener.
    pub(crate) fn new(listening: SocketAddr, stage: &str, has_page: bool, tls: bool) -> Self {
        // An address that means every one of this machine is none that one can connect to.
        let host = match listening.ip() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
            other => other,
        };
        let authority = SocketAddr::new(host, listening.port()).to_string();
        let (http, websocket) = if tls {
            ("https", "wss")
        } else {
            ("http", "ws")
        };
        let origin = format!("{http}://{authority}");
        let console = format!("{origin}/_gatepost/");
        Self {
            websocket_origin: format!("{websocket}://{authority}"),
            websocket: format!("{websocket}://{authority}/{stage}"),
            management: format!("{origin}/{stage}/@connections"),
            page: if has_page {
                format!("{origin}/")
            } else {
                console.clone()
            },
            console,
            origin,
            authority,
            domains: Vec::new(),
        }
    }

    /// Whether clients connect by an address of this machine.
    pub(crate) fn is_default_enabled(&self) -> bool {
        !self.domains.contains(&self.websocket)
    }

    /// With the URLs of the APIs' mappings. Browsers take every name below `localhost` for this
    /// machine, so that the domain itself need not lead here.
    pub(crate) fn at_domains(mut self, served: &Served) -> Self {
        let port = self.authority.rsplit(':').next().unwrap_or_default();
        let scheme = self.websocket.split(':').next().unwrap_or_default();
        let url = |mapping: &Mapping| {
            let (domain, key) = (&mapping.domain, &mapping.key);
            format!("{scheme}://{domain}.localhost:{port}/{key}")
        };
        let apis = served.apis.iter().map(|served| &served.api);
        let mappings = apis.flat_map(|api| &api.mappings);
        let domains = mappings.map(url).collect();
        let first = &served.apis[0].api;
        let only = first.mappings.first();
        let only = only.filter(|_| first.disable_execute_api_endpoint).map(url);
        self.domains = domains;
        self.websocket = only.unwrap_or(self.websocket);
        self
    }
}

/// A stage, and where it is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct StageRow {
    /// Logical ID of its API.
    pub(crate) api: String,
    /// Its name here.
    pub(crate) stage: String,
    /// `ws://host:port/stage`.
    pub(crate) websocket: String,
    /// `http://host:port/stage/@connections`.
    pub(crate) management: String,
}

/// Where the stages of all APIs are reached.
pub(crate) fn stages(served: &Served, endpoints: &Endpoints) -> Vec<StageRow> {
    let rows = served.apis.iter().flat_map(|served| {
        served.api.stages.iter().map(|stage| StageRow {
            api: served.api.id.clone(),
            stage: stage.name.clone(),
            websocket: format!("{}/{}", endpoints.websocket_origin, stage.name),
            management: format!("{}/{}/@connections", endpoints.origin, stage.name),
        })
    });
    rows.collect()
}

/// A row of the table of routes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RouteRow {
    /// Logical ID of the API that has the route; `None` of what else calls a function.
    pub(crate) api: Option<String>,
    /// A route key, or what else calls a function: `authorizer`, `every 60 s`, `invoke`.
    pub(crate) key: String,
    /// Logical ID of what it calls.
    pub(crate) function: Option<String>,
    /// `two-way`, or the authorizer.
    pub(crate) note: Option<String>,
    /// How long the caller waits; of the function if nobody does.
    pub(crate) timeout: Option<Duration>,
    /// Why it calls nothing.
    pub(crate) reason: Option<String>,
}

/// The rows of the APIs and their functions: of each API `$connect`, `$disconnect`, `$default` and
/// further routes, then functions that no route calls.
pub(crate) fn rows(served: &Served, functions: &BTreeMap<String, Function>) -> Vec<RouteRow> {
    let apis = served.apis.iter().map(|served| &served.api);
    let mut rows: Vec<RouteRow> = apis
        .clone()
        .flat_map(|api| route_rows(api, functions))
        .collect();
    let authorizers: BTreeSet<&str> = apis
        .flat_map(|api| api.routes.values())
        .filter_map(|route| Some(route.authorizer.as_ref()?.function.as_str()))
        .collect();
    for function in functions.values() {
        let row = |key: String| RouteRow {
            api: None,
            key,
            function: Some(function.id.clone()),
            note: None,
            timeout: Some(function.timeout),
            reason: None,
        };
        if authorizers.contains(function.id.as_str()) {
            rows.push(row("authorizer".into()));
        }
        rows.extend(
            function
                .schedules
                .iter()
                .map(|s| row(format!("every {}", duration(s.every)))),
        );
        if !rows
            .iter()
            .any(|row| row.function.as_ref() == Some(&function.id))
        {
            rows.push(row("invoke".into()));
        }
    }
    rows
}

/// What an integration beside `AWS_PROXY` calls.
fn calls(calls: &Calls) -> String {
    match calls {
        Calls::Nothing => "MOCK".to_owned(),
        Calls::Function(_) => "AWS".to_owned(),
        Calls::ProxyFunction(_) => "by stage variable".to_owned(),
        Calls::Http { method, url, .. } => {
            let url = url.as_written();
            format!(
                "{method} {}",
                url.split_once('?').map_or(url, |(url, _)| url)
            )
        }
    }
}

fn route_rows(api: &Api, functions: &BTreeMap<String, Function>) -> Vec<RouteRow> {
    let order = |key: &str| match key {
        "$connect" => 0,
        "$disconnect" => 1,
        "$default" => 2,
        _ => 3,
    };
    let mut routes: Vec<_> = api.routes.values().collect();
    routes.sort_by_key(|route| (order(&route.key), route.key.as_str()));
    let row = |route: &Route| {
        let (function, timeout, reason) = match &route.integration {
            Some(Integration::Lambda { function, timeout }) => {
                // Whoever gives up first decides: the gateway or the function's own limit.
                let own = functions.get(function).map(|function| function.timeout);
                (
                    Some(function.clone()),
                    Some(own.map_or(*timeout, |own| own.min(*timeout))),
                    None,
                )
            }
            Some(Integration::Backend(backend)) => (
                route
                    .integration
                    .as_ref()
                    .and_then(Integration::function)
                    .map(str::to_owned),
                Some(backend.timeout),
                None,
            ),
            Some(Integration::Unsupported(finding)) => (None, None, Some(sentence(finding))),
            None => (None, None, None),
        };
        let authorizer = route.authorizer.as_ref();
        let authorizer = authorizer.map(|authorizer| format!("after {}", authorizer.function));
        let signed = route.iam.then(|| "signed (AWS_IAM)".to_owned());
        let two_way = route.route_response.then(|| "two-way".to_owned());
        let calls = match &route.integration {
            Some(Integration::Backend(backend)) => Some(calls(&backend.calls)),
            _ => None,
        };
        let key = route.api_key_required.then(|| "API key".to_owned());
        let notes = calls
            .into_iter()
            .chain(key)
            .chain(authorizer)
            .chain(signed)
            .chain(two_way);
        let notes: Vec<_> = notes.collect();
        RouteRow {
            api: Some(api.id.clone()),
            key: route.key.clone(),
            function,
            note: (!notes.is_empty()).then(|| notes.join(", ")),
            timeout,
            reason,
        }
    };
    routes.into_iter().map(row).collect()
}

/// Where the functions' data is, from the variables that they all get: `DATABASE_URL` and
/// `REDIS_URL` without what stands before `@`, else the data folder.
pub(crate) fn store(overrides: &BTreeMap<String, String>, data_dir: &Path) -> String {
    let urls: Vec<String> = ["DATABASE_URL", "REDIS_URL"]
        .iter()
        .filter_map(|name| overrides.get(*name))
        .filter(|url| !url.is_empty())
        .map(|url| without_password(url))
        .collect();
    if urls.is_empty() {
        data_dir.display().to_string()
    } else {
        urls.join(", ")
    }
}

fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    // A password may hold `@` and `/` unescaped: what follows the last `@` is the host.
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    // Options after `?` may hold passwords, too.
    format!("{scheme}://{}", rest.split('?').next().unwrap_or(rest))
}

/// What runs a function, short enough for a table: a path under `folder` is shown relative to it.
pub(crate) fn program(launch: &Launch, folder: &Path) -> Option<String> {
    if let Launch::Attached { address, .. } = launch {
        return Some(format!("yours, at {address}"));
    }
    let Launch::Command(command) = launch else {
        return None;
    };
    let program = command
        .program
        .strip_prefix(folder)
        .unwrap_or(&command.program);
    let program = program.display().to_string();
    Some(match command.arguments.as_slice() {
        [] => program,
        // `python -m awslambdaric app.handler`: the handler tells functions apart.
        [.., last] => {
            let name = command.program.file_name().unwrap_or_default().display();
            format!("{name} {last}")
        }
    })
}

/// What a finding is, and what it says; once if that is the same.
pub(crate) fn labelled(finding: &Finding) -> String {
    let (label, what) = (finding.kind.label(), &finding.what);
    match what.contains(label) {
        true => what.clone(),
        false => format!("{label}: {what}"),
    }
}

/// A finding on one line.
pub(crate) fn sentence(finding: &Finding) -> String {
    let help = finding
        .help
        .as_ref()
        .map(|help| format!("; {help}"))
        .unwrap_or_default();
    format!("{}{help} ({})", finding.what, finding.at)
}

/// `29 s`, `50 ms`, `5 min`.
pub(crate) fn duration(duration: Duration) -> String {
    let ms = duration.as_millis();
    if ms < 1000 || !ms.is_multiple_of(1000) {
        return format!("{ms} ms");
    }
    let seconds = ms / 1000;
    if seconds >= 60 && seconds.is_multiple_of(60) {
        return format!("{} min", seconds / 60);
    }
    format!("{seconds} s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unspecified_address_is_shown_as_one_to_connect_to() {
        for (listening, websocket) in [
            ("127.0.0.1:3001", "ws://127.0.0.1:3001/local"),
            ("0.0.0.0:80", "ws://127.0.0.1:80/local"),
            ("[::]:3001", "ws://[::1]:3001/local"),
            ("[::1]:3001", "ws://[::1]:3001/local"),
            ("192.168.1.7:3001", "ws://192.168.1.7:3001/local"),
        ] {
            let endpoints = Endpoints::new(listening.parse().unwrap(), "local", false, false);
            assert_eq!(endpoints.websocket, websocket);
            assert_eq!(endpoints.page, endpoints.console);
        }
    }

    #[test]
    fn a_store_is_shown_without_its_password() {
        for (url, shown) in [
            ("sqlite:/p/.gatepost/log.db", "sqlite:/p/.gatepost/log.db"),
            (
                "mysql://root:p@ss/w@127.0.0.1:3306/chat",
                "mysql://127.0.0.1:3306/chat",
            ),
            (
                "mysql://127.0.0.1/chat?password=x",
                "mysql://127.0.0.1/chat",
            ),
            ("rediss://:secret@host:6379/0", "rediss://host:6379/0"),
        ] {
            let overrides = BTreeMap::from([("DATABASE_URL".to_owned(), url.to_owned())]);
            assert_eq!(store(&overrides, Path::new("/d")), shown);
        }
        assert_eq!(store(&BTreeMap::new(), Path::new("/d")), "/d");
    }

    #[test]
    fn durations_are_short() {
        for (ms, text) in [
            (50, "50 ms"),
            (1500, "1500 ms"),
            (29_000, "29 s"),
            (60_000, "1 min"),
            (90_000, "90 s"),
        ] {
            assert_eq!(duration(Duration::from_millis(ms)), text);
        }
    }
}
