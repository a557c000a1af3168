//! `GET /_gatepost/api/state`: everything but events, at one moment.

use serde::Serialize;

use crate::board::Function;
use crate::board::State as FunctionState;
use crate::overview::Endpoints;
use crate::overview::Overview;
use crate::overview::RouteRow;
use crate::overview::StageRow;
use crate::serve::Running;

/// Connections in one answer; the rest is only counted.
const CONNECTIONS: usize = 500;

/// Everything but events. Times are milliseconds since 1970.
#[derive(Debug, Serialize)]
pub(super) struct State<'a> {
    version: &'static str,
    now: u64,
    template: &'a str,
    /// The name of the first stage.
    stage: &'a str,
    stages: &'a [StageRow],
    store: &'a str,
    endpoints: &'a Endpoints,
    connections: Vec<Connection>,
    /// Also those beyond the 500 oldest.
    connections_total: usize,
    functions: Vec<NamedFunction<'a>>,
    routes: Vec<Route<'a>>,
    findings: Vec<Finding<'a>>,
    /// Why what changed on disk was not loaded.
    not_reloaded: Option<String>,
}

#[derive(Debug, Serialize)]
struct Connection {
    id: String,
    stage: String,
    ip: String,
    user_agent: Option<String>,
    principal: Option<String>,
    connected_at: u64,
    active_at: u64,
    messages_in: u64,
    messages_out: u64,
    /// Bytes that wait because the client does not read.
    waiting: usize,
    /// Posts of `@connections` that are not answered yet.
    posts_under_way: usize,
}

#[derive(Debug, Serialize)]
struct NamedFunction<'a> {
    id: String,
    program: Option<&'a str>,
    #[serde(flatten)]
    function: Function,
}

#[derive(Debug, Serialize)]
struct Route<'a> {
    api: Option<&'a str>,
    key: &'a str,
    function: Option<&'a str>,
    note: Option<&'a str>,
    timeout_ms: Option<u128>,
    /// That of the function, `not emulated`, or `no integration`.
    state: &'static str,
    reason: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Finding<'a> {
    /// `fails on AWS`, `not emulated` or `note`.
    kind: &'static str,
    at: String,
    what: &'a str,
    help: Option<&'a str>,
}

/// How everything is now.
pub(super) fn state<'a>(running: &Running, overview: &'a Overview) -> State<'a> {
    let views = running.gateway.connections();
    let functions = running.board.functions();
    let routes = overview
        .routes
        .iter()
        .map(|row| {
            let function = row.function.as_ref().and_then(|id| functions.get(id));
            route(row, function.map(|function| &function.state))
        })
        .collect();
    State {
        version: env!("CARGO_PKG_VERSION"),
        now: running.clock.now_ms(),
        template: &overview.template,
        stage: &overview.stages[0].stage,
        stages: &overview.stages,
        store: &overview.store,
        endpoints: &overview.endpoints,
        connections_total: views.len(),
        connections: views
            .into_iter()
            .take(CONNECTIONS)
            .map(|view| Connection {
                id: view.id.to_string(),
                stage: view.stage,
                ip: view.source_ip.to_string(),
                user_agent: view.user_agent,
                principal: view.principal,
                connected_at: view.connected_at,
                active_at: view.last_active_at,
                messages_in: view.messages_in,
                messages_out: view.messages_out,
                waiting: view.waiting,
                posts_under_way: view.posts_under_way,
            })
            .collect(),
        functions: functions
            .into_iter()
            .map(|(id, function)| NamedFunction {
                program: overview.programs.get(&id).map(String::as_str),
                id,
                function,
            })
            .collect(),
        routes,
        not_reloaded: running.not_reloaded(),
        findings: overview
            .findings
            .iter()
            .map(|finding| Finding {
                kind: finding.kind.label(),
                at: finding.at.to_string(),
                what: &finding.what,
                help: finding.help.as_deref(),
            })
            .collect(),
    }
}

fn route<'a>(row: &'a RouteRow, function: Option<&FunctionState>) -> Route<'a> {
    let state = match (&row.reason, function) {
        (Some(_), _) => "not emulated",
        (None, Some(state)) => state.word(),
        (None, None) => "no integration",
    };
    Route {
        api: row.api.as_deref(),
        key: &row.key,
        function: row.function.as_deref(),
        note: row.note.as_deref(),
        timeout_ms: row.timeout.map(|timeout| timeout.as_millis()),
        state,
        reason: row.reason.as_deref(),
    }
}
