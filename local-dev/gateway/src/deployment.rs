//! What is deployed: the stages of APIs and their routes. One deployment follows another while
//! connections stay: a connection keeps its [`Stage`], and each message asks it anew what is
//! deployed there.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use arc_swap::Guard;
use gatepost_template::Api;
use gatepost_template::ApiKeySource;
use gatepost_template::Authorizer;
use gatepost_template::Backend;
use gatepost_template::Calls;
use gatepost_template::Expression;
use gatepost_template::Integration;
use gatepost_template::RequestModels;
use gatepost_template::UsagePlan;

use crate::Caller;
use crate::Config;
use crate::ServedApi;
use crate::backend;
use crate::throttle::StageThrottles;

/// A stage of an API, for as long as anybody is connected to it.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) name: String,
    /// Logical ID of its API.
    pub(crate) api: String,
    /// Its API's id, on AWS 10 lower-case letters and digits.
    pub(crate) api_id: String,
    /// `arn:aws:execute-api:{region}:{account}:{api_id}`.
    pub(crate) arn: String,
    /// `host:port`: `domainName` of events, unless the client came by another name.
    pub(crate) domain_name: String,
    pub(crate) account: String,
    /// Whoever signs.
    pub(crate) caller: Caller,
    /// Whether events after `$connect` name him, too.
    pub(crate) caller_in_every_event: bool,
    deployed: ArcSwap<Deployed>,
}

/// What a stage serves at one time.
#[derive(Debug)]
pub(crate) struct Deployed {
    /// Stage variables.
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) routes: Arc<Routes>,
    pub(crate) throttles: StageThrottles,
    /// The usage plans whose API keys open it.
    pub(crate) usage_plans: Vec<UsagePlan>,
}

/// The routes of an API, which its stages share.
#[derive(Debug)]
pub(crate) struct Routes {
    pub(crate) expression: Expression,
    /// The same as the template has it.
    pub(crate) written_expression: String,
    pub(crate) api_key_source: ApiKeySource,
    pub(crate) by_key: HashMap<String, Arc<Target>>,
}

/// A route as messages meet it.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) key: String,
    /// `None` if it has no integration or one that is not emulated.
    pub(crate) function: Option<Function>,
    /// What it calls instead of a function's proxy integration.
    pub(crate) backend: Option<Box<Backend>>,
    /// Why its integration is not emulated, and where the template asks for it.
    pub(crate) not_emulated: Option<String>,
    /// The route has no target at all, which `$connect` may.
    pub(crate) without_target: bool,
    pub(crate) two_way: bool,
    pub(crate) authorizer: Option<Authorizer>,
    /// Handshakes must be signed.
    pub(crate) iam: bool,
    pub(crate) api_key_required: bool,
    pub(crate) models: Option<RequestModels>,
}

/// A function and how long the gateway waits for it.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) id: String,
    pub(crate) timeout: Duration,
}

impl Target {
    /// The function of a proxy integration that a stage variable names.
    pub(crate) fn named(&self, variables: &BTreeMap<String, String>) -> Option<Function> {
        let backend = self.backend.as_ref()?;
        let Calls::ProxyFunction(callee) = &backend.calls else {
            return None;
        };
        let id = backend::function(callee, variables).ok()?;
        Some(Function {
            id,
            timeout: backend.timeout,
        })
    }
}

impl Stage {
    /// The stage called `name` of an API, which serves `deployed` from now on: `before`, if that is
    /// the same one.
    pub(crate) fn deploy(
        before: Option<&Arc<Self>>,
        config: &Config,
        served: &ServedApi,
        name: &str,
        deployed: Deployed,
    ) -> Arc<Self> {
        let id = &served.id;
        if let Some(same) = before.filter(|before| before.api_id == *id) {
            same.deployed.store(Arc::new(deployed));
            return Arc::clone(same);
        }
        Arc::new(Self {
            name: name.to_owned(),
            api: served.api.id.clone(),
            api_id: id.clone(),
            arn: format!(
                "arn:aws:execute-api:{}:{}:{id}",
                config.region, config.account
            ),
            domain_name: config.authority.clone(),
            account: config.account.clone(),
            caller: config.caller.clone(),
            caller_in_every_event: config.guesses.caller_in_every_event,
            deployed: ArcSwap::from_pointee(deployed),
        })
    }

    /// What it serves now. Not to be held across an await: [`Stage::deployed_full`] is.
    pub(crate) fn deployed(&self) -> Guard<Arc<Deployed>> {
        self.deployed.load()
    }

    /// What it serves now, to keep.
    pub(crate) fn deployed_full(&self) -> Arc<Deployed> {
        self.deployed.load_full()
    }
}

impl Routes {
    /// The route with this key.
    pub(crate) fn get(&self, key: &str) -> Option<&Arc<Target>> {
        self.by_key.get(key)
    }

    /// Those of an API. No integration takes longer than `longest`.
    pub(crate) fn new(api: &Api, longest: Duration) -> Self {
        let target = |route: &gatepost_template::Route| Target {
            key: route.key.clone(),
            function: match &route.integration {
                Some(Integration::Lambda { function, timeout }) => Some(Function {
                    id: function.clone(),
                    timeout: (*timeout).min(longest),
                }),
                Some(Integration::Backend(_) | Integration::Unsupported(_)) | None => None,
            },
            backend: match &route.integration {
                Some(Integration::Backend(backend)) => Some(Box::new(Backend {
                    timeout: backend.timeout.min(longest),
                    ..Backend::clone(backend)
                })),
                Some(Integration::Lambda { .. } | Integration::Unsupported(_)) | None => None,
            },
            not_emulated: match &route.integration {
                Some(Integration::Unsupported(finding)) => {
                    Some(format!("{} ({})", finding.what, finding.at))
                }
                Some(Integration::Lambda { .. } | Integration::Backend(_)) | None => None,
            },
            without_target: route.integration.is_none(),
            two_way: route.route_response,
            authorizer: route.authorizer.clone(),
            iam: route.iam,
            api_key_required: route.api_key_required,
            models: route.models.clone(),
        };
        Self {
            expression: Expression::parse(&api.route_selection_expression),
            written_expression: api.route_selection_expression.clone(),
            api_key_source: api.api_key_source,
            by_key: api
                .routes
                .iter()
                .map(|(key, route)| (key.clone(), Arc::new(target(route))))
                .collect(),
        }
    }
}
