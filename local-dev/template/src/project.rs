//! What a template describes, resolved.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use crate::eval::local;
use crate::finding::At;
use crate::finding::Finding;
use crate::integration::Backend;
use crate::integration::Callee;
use crate::integration::Calls;
use crate::model::RequestModels;
use crate::usage_plan::ApiKeySource;
use crate::usage_plan::UsagePlan;

/// Everything the emulator needs to know of a template.
#[derive(Debug, Clone)]
pub struct Project {
    /// WebSocket APIs in the order of the template.
    pub apis: Vec<Api>,
    /// Functions by logical ID, also those that no route names.
    pub functions: BTreeMap<String, Function>,
    /// `Metadata: Gatepost: Page`: the folder served at `/`, absolute.
    pub page: Option<PathBuf>,
    /// What is not emulated or fails on AWS, in the order of the template: shown in the ready
    /// table, never silently allowed. Reasons that stand at a route or function are here as well.
    pub findings: Vec<Finding>,
}

/// `AWS::ApiGatewayV2::Api` with `ProtocolType: WEBSOCKET`, or `AWS::Serverless::WebSocketApi`.
#[derive(Debug, Clone)]
pub struct Api {
    /// Logical ID.
    pub id: String,
    /// `RouteSelectionExpression`.
    pub route_selection_expression: String,
    /// `ApiKeySelectionExpression`.
    pub api_key_source: ApiKeySource,
    /// Stages in the order of the template; never empty.
    pub stages: Vec<Stage>,
    /// Routes by route key.
    pub routes: BTreeMap<String, Route>,
    /// Where its stages are reached at custom domains.
    pub mappings: Vec<Mapping>,
    /// `DisableExecuteApiEndpoint`, if [`Api::mappings`] says how it is reached then: clients
    /// connect at custom domains only.
    pub disable_execute_api_endpoint: bool,
    /// Where it stands.
    pub at: At,
}

impl Api {
    /// Its API ID: ten lower-case letters and digits as on AWS, always the same for a logical ID.
    /// It is what `Ref` of the API is in the environment of functions.
    pub fn api_id(&self) -> String {
        local::api_id(&self.id)
    }

    /// A text in which the API's addresses on AWS are those on this machine: functions get
    /// `https://ID.execute-api.REGION.amazonaws.com/STAGE` in their environment, made with
    /// `Fn::Sub`. `authority` is `host:port`; the name of a stage behind it becomes the one that
    /// `name_here` knows for it.
    pub fn with_local_addresses<'n>(
        &self,
        text: &str,
        authority: &str,
        name_here: impl Fn(&str) -> Option<&'n str>,
    ) -> String {
        let host = format!(
            "{}.execute-api.{}.amazonaws.com",
            self.api_id(),
            local::REGION
        );
        let mut localized = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(host.as_str()) {
            match before.strip_suffix("s://") {
                Some(plain) if plain.ends_with("http") || plain.ends_with("ws") => {
                    localized.push_str(plain);
                    localized.push_str("://");
                }
                Some(_) | None => localized.push_str(before),
            }
            localized.push_str(authority);
            rest = after;
            let segment = after.strip_prefix('/').map(|path| {
                let end = path.find(|c: char| !(c.is_ascii_alphanumeric() || "-_".contains(c)));
                &path[..end.unwrap_or(path.len())]
            });
            if let Some(name) = segment
                && let Some(name_here) = name_here(name)
            {
                localized.push('/');
                localized.push_str(name_here);
                rest = &after[1 + name.len()..];
            }
        }
        localized.push_str(rest);
        localized
    }
}

/// A stage.
#[derive(Debug, Clone, Default)]
pub struct Stage {
    /// Its name, a path segment.
    pub name: String,
    /// Its variables.
    pub variables: BTreeMap<String, String>,
    /// The usage plans whose API keys open it.
    pub usage_plans: Vec<UsagePlan>,
    /// `DefaultRouteSettings`: of each route by itself.
    pub default_throttle: Throttle,
    /// `RouteSettings`, by route key: what they set wins over the default.
    pub route_throttles: BTreeMap<String, Throttle>,
}

/// How often something may be called; what is absent is not set.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Throttle {
    /// `ThrottlingRateLimit`: calls a second.
    pub rate: Option<f64>,
    /// `ThrottlingBurstLimit`: calls at once.
    pub burst: Option<u32>,
}

/// `AWS::ApiGatewayV2::ApiMapping`: a stage at a custom domain.
#[derive(Debug, Clone)]
pub struct Mapping {
    /// The domain in lower case, for example `chat.example.com`; `*.example.com` stands for every
    /// name with one label more.
    pub domain: String,
    /// `ApiMappingKey`, the first segment of the path; empty at the root.
    pub key: String,
    /// The name of the stage.
    pub stage: String,
    /// Where it stands.
    pub at: At,
}

/// A route.
#[derive(Debug, Clone)]
pub struct Route {
    /// `$connect`, `$disconnect`, `$default` or a custom key.
    pub key: String,
    /// What it calls; `None` for a route without a target.
    pub integration: Option<Integration>,
    /// Two-way: `RouteResponseSelectionExpression: $default` and a route response `$default`.
    pub route_response: bool,
    /// The REQUEST authorizer, on `$connect` only.
    pub authorizer: Option<Authorizer>,
    /// `AuthorizationType: AWS_IAM`, on `$connect` only: handshakes must be signed. It excludes an
    /// authorizer.
    pub iam: bool,
    /// `ApiKeyRequired`, on `$connect` only.
    pub api_key_required: bool,
    /// The models that its messages must fit.
    pub models: Option<RequestModels>,
    /// Where it stands.
    pub at: At,
}

/// What a route calls.
#[derive(Debug, Clone)]
pub enum Integration {
    /// `AWS_PROXY` with a function of this template.
    Lambda {
        /// The function's logical ID.
        function: String,
        /// `TimeoutInMillis`: 50 to 29,000, 29,000 by default.
        timeout: Duration,
    },
    /// Any other that is emulated.
    Backend(Box<Backend>),
    /// One that is not emulated: the route answers as a failed integration does, and the ready
    /// table says why.
    Unsupported(Finding),
}

impl Integration {
    /// Logical ID of the function that it calls, if that does not depend on the stage.
    #[must_use]
    pub fn function(&self) -> Option<&str> {
        match self {
            Self::Lambda { function, .. } => Some(function),
            Self::Backend(backend) => match &backend.calls {
                Calls::Function(Callee::Function(id))
                | Calls::ProxyFunction(Callee::Function(id)) => Some(id),
                _ => None,
            },
            Self::Unsupported(_) => None,
        }
    }
}

/// A Lambda REQUEST authorizer.
#[derive(Debug, Clone)]
pub struct Authorizer {
    /// The function's logical ID.
    pub function: String,
    /// Identity sources, for example `route.request.header.Auth`; each must be present and not
    /// empty, else 401 without a call.
    pub identity_sources: Vec<String>,
}

/// A function.
#[derive(Debug, Clone)]
pub struct Function {
    /// Logical ID.
    pub id: String,
    /// `FunctionName`, or the logical ID.
    pub name: String,
    /// How its processes are made.
    pub code: Code,
    /// `Runtime`, for example `provided.al2023` or `python3.12`.
    pub runtime: String,
    /// Why nothing that is installed here runs code of this runtime; what cargo builds does not
    /// need one. It is in [`Project::findings`], too.
    pub no_runtime: Option<Finding>,
    /// `Handler`.
    pub handler: String,
    /// `Environment.Variables`, resolved; what could not be resolved is absent and in
    /// [`Project::findings`].
    pub environment: BTreeMap<String, String>,
    /// `MemorySize` in MB, 128 by default.
    pub memory_mb: u32,
    /// `EphemeralStorage.Size` in MB, 512 by default: how much `/tmp` holds.
    pub tmp_mb: u32,
    /// `Timeout`, 3 s by default.
    pub timeout: Duration,
    /// `ReservedConcurrentExecutions`.
    pub reserved_concurrency: Option<u32>,
    /// `Events: Schedule` with `rate()`, and the input each sends.
    pub schedules: Vec<Schedule>,
    /// `EventInvokeConfig.MaximumRetryAttempts`, 2 by default.
    pub retry_attempts: u8,
    /// `EventInvokeConfig.MaximumEventAgeInSeconds`: an asynchronous event that is older is
    /// dropped; 60 s to 6 h, 6 h by default.
    pub maximum_event_age: Duration,
    /// `DestinationConfig.OnSuccess`: logical ID of the function that gets a record of each
    /// asynchronous invocation that succeeded.
    pub on_success: Option<String>,
    /// `DestinationConfig.OnFailure`: the function that gets a record of each that failed.
    pub on_failure: Option<String>,
    /// Names of its aliases: `AutoPublishAlias` and `AWS::Lambda::Alias`.
    pub aliases: BTreeSet<String>,
    /// `RecursiveLoop: Allow`.
    pub may_recurse: bool,
    /// Where it stands.
    pub at: At,
}

impl Function {
    /// Its ARN: `arn:aws:lambda:us-east-1:000000000000:function:NAME`.
    pub fn arn(&self) -> String {
        local::function_arn(&self.name)
    }
}

/// How the processes of a function are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    /// `Metadata: BuildMethod: rust-cargolambda`: built with cargo.
    Cargo {
        /// The folder from which cargo is called: `CodeUri`, absolute.
        folder: PathBuf,
        /// `BuildProperties.Binary`, or the handler; `bootstrap` if neither names one: the only
        /// binary of the package in `folder`.
        binary: String,
    },
    /// A folder that holds the code as it is: `CodeUri`, absolute.
    Folder(PathBuf),
    /// A file `index` of Python or Node code that stands in the template: `ZipFile` or `InlineCode`.
    Inline(String),
    /// Cannot run here; the reason.
    Unsupported(Finding),
}

/// A schedule of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// `rate(…)`.
    pub every: Duration,
    /// `Input`, or the JSON of a scheduled event if absent.
    pub input: Option<String>,
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn addresses_on_aws_become_local_ones() {
        let api = Api {
            id: "Api".to_owned(),
            route_selection_expression: String::new(),
            api_key_source: ApiKeySource::Header,
            stages: vec![Stage {
                name: "prod".to_owned(),
                ..Stage::default()
            }],
            routes: BTreeMap::new(),
            mappings: Vec::new(),
            disable_execute_api_endpoint: false,
            at: At {
                file: Arc::new(PathBuf::new()),
                line: 1,
                column: 1,
            },
        };
        let host = format!("{}.execute-api.us-east-1.amazonaws.com", api.api_id());
        for (text, local) in [
            ("https://HOST/prod", "http://h:1/local"),
            (
                "https://HOST/prod/@connections",
                "http://h:1/local/@connections",
            ),
            ("wss://HOST/prod", "ws://h:1/local"),
            ("HOST", "h:1"),
            ("HOST/prod", "h:1/local"),
            ("HOST/production", "h:1/production"),
            ("https://HOST/", "http://h:1/"),
            (
                "a=https://HOST/prod,b=wss://HOST",
                "a=http://h:1/local,b=ws://h:1",
            ),
            ("https://example.com/prod", "https://example.com/prod"),
            ("", ""),
        ] {
            let text = text.replace("HOST", &host);
            let name_here = |name: &str| (name == "prod").then_some("local");
            let shown = api.with_local_addresses(&text, "h:1", name_here);
            assert_eq!(shown, local, "{text}");
        }
    }
}
