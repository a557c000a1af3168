//! A gateway on a port of its own.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gatepost_clock::Clock;
use gatepost_gateway::Account;
use gatepost_gateway::AccountQuotas;
use gatepost_gateway::Caller;
use gatepost_gateway::Config;
use gatepost_gateway::Fact;
use gatepost_gateway::Faults;
use gatepost_gateway::Gateway;
use gatepost_gateway::Guesses;
use gatepost_gateway::Limits;
use gatepost_gateway::NoFaults;
use gatepost_gateway::Observer;
use gatepost_gateway::ServedApi;
use gatepost_gateway::SplitMix;
use gatepost_gateway::What;
use gatepost_gateway::serve_connection;
use gatepost_sigv4::Signatures;
use gatepost_template::Api;
use gatepost_template::ApiKeySource;
use gatepost_template::At;
use gatepost_template::Authorizer;
use gatepost_template::Integration;
use gatepost_template::Route;
use gatepost_template::Stage;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::client::Client;
use super::script::Call;
use super::script::Does;
use super::script::Script;
use super::script::always;
use super::script::status;

/// How long a test waits for what must come.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// What a test wants served.
pub(super) struct Wanted {
    pub(super) api: Api,
    pub(super) limits: Limits,
    pub(super) guesses: Guesses,
    pub(super) faults: Arc<dyn Faults>,
    pub(super) signatures: Signatures,
    pub(super) account: AccountQuotas,
    pub(super) clock: Clock,
    functions: HashMap<&'static str, Does>,
}

/// An API with the stage `local` and no routes.
pub(super) fn api() -> Wanted {
    let stage = Stage {
        name: "local".to_owned(),
        ..Stage::default()
    };
    Wanted {
        api: Api {
            id: "Chat".to_owned(),
            route_selection_expression: "$request.body.action".to_owned(),
            api_key_source: ApiKeySource::Header,
            stages: vec![stage],
            routes: BTreeMap::new(),
            mappings: Vec::new(),
            disable_execute_api_endpoint: false,
            at: at(),
        },
        limits: Limits::default(),
        guesses: Guesses::default(),
        faults: Arc::new(NoFaults),
        signatures: Signatures::unchecked(),
        account: AccountQuotas::default(),
        clock: Clock::system(1.0),
        functions: HashMap::new(),
    }
}

fn at() -> At {
    At {
        file: Arc::new(PathBuf::from("template.yaml")),
        line: 1,
        column: 1,
    }
}

impl Wanted {
    /// A one-way route with a function of its own name.
    pub(super) fn one_way(self, key: &'static str, does: Does) -> Self {
        self.route(key, does, false)
    }

    /// A route whose function's answer is sent to the client.
    pub(super) fn two_way(self, key: &'static str, does: Does) -> Self {
        self.route(key, does, true)
    }

    fn route(mut self, key: &'static str, does: Does, route_response: bool) -> Self {
        let timeout = Duration::from_secs(29);
        let integration = Some(Integration::Lambda {
            function: key.to_owned(),
            timeout,
        });
        let key_of = key.to_owned();
        let route = Route {
            key: key_of,
            integration,
            route_response,
            authorizer: None,
            iam: false,
            api_key_required: false,
            models: None,
            at: at(),
        };
        self.api.routes.insert(key.to_owned(), route);
        self.functions.insert(key, does);
        self
    }

    /// A route that has no target.
    pub(super) fn without_target(mut self, key: &'static str) -> Self {
        self = self.one_way(key, always(status(200)));
        self.api.routes.get_mut(key).unwrap().integration = None;
        self
    }

    /// An authorizer of `$connect`, which must be there, called `authorizer`.
    pub(super) fn authorizer(mut self, sources: &[&str], does: Does) -> Self {
        let identity_sources = sources.iter().map(|&source| source.to_owned()).collect();
        let authorizer = Authorizer {
            function: "authorizer".to_owned(),
            identity_sources,
        };
        self.api.routes.get_mut("$connect").unwrap().authorizer = Some(authorizer);
        self.functions.insert("authorizer", does);
        self
    }

    /// `AuthorizationType: AWS_IAM` on `$connect`, which must be there.
    pub(super) fn iam(mut self) -> Self {
        self.api.routes.get_mut("$connect").unwrap().iam = true;
        self
    }

    pub(super) fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    /// What AWS leaves open, chosen as on a command line.
    pub(super) fn guess(mut self, name: &str, value: &str) -> Self {
        self.guesses.set(name, value).unwrap();
        self
    }

    pub(super) fn account(mut self, change: impl FnOnce(&mut AccountQuotas)) -> Self {
        change(&mut self.account);
        self
    }

    pub(super) fn change(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub(super) async fn serve(self) -> Served {
        let (script, calls) = Script::new(self.functions);
        let script = Arc::new(script);
        let (sender, facts) = mpsc::unbounded_channel();
        let config = Config {
            apis: vec![ServedApi {
                api: self.api,
                id: "abcdef1234".to_owned(),
            }],
            region: "eu-west-1".to_owned(),
            account: "123456789012".to_owned(),
            authority: "127.0.0.1:3001".to_owned(),
            limits: self.limits,
            guesses: self.guesses,
            throttles: Arc::new(Account::new(self.account)),
            clock: self.clock.clone(),
            random: Arc::new(SplitMix::new(1)),
            signatures: self.signatures,
            caller: Caller {
                access_key_id: "ASIAEXAMPLE".to_owned(),
                principal_id: "AROAEXAMPLE:me".to_owned(),
                arn: "arn:aws:sts::123456789012:assumed-role/caller/me".to_owned(),
            },
            observer: Arc::new(Told(sender)),
            faults: self.faults,
        };
        let gateway = Gateway::new(config, Arc::<Script>::clone(&script));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = gateway.clone();
        tokio::spawn(async move {
            while let Ok((stream, peer)) = listener.accept().await {
                let gateway = serving.clone();
                let service = hyper::service::service_fn(move |request| {
                    let gateway = gateway.clone();
                    async move { Ok::<_, std::convert::Infallible>(gateway.serve(request, peer).await) }
                });
                tokio::spawn(async move {
                    // A client that breaks HTTP is what some tests are about.
                    let _ = serve_connection(stream, service).await;
                });
            }
        });
        Served {
            clock: self.clock,
            gateway,
            address,
            script,
            calls,
            facts,
        }
    }
}

/// Passes facts to the test.
#[derive(Debug)]
struct Told(mpsc::UnboundedSender<Fact>);

impl Observer for Told {
    fn listening(&self) -> bool {
        true
    }

    fn observe(&self, fact: Fact) {
        let _ = self.0.send(fact);
    }
}

/// A gateway that is served, its functions' calls and its facts.
pub(super) struct Served {
    pub(super) clock: Clock,
    pub(super) gateway: Gateway,
    pub(super) address: SocketAddr,
    pub(super) script: Arc<Script>,
    calls: mpsc::UnboundedReceiver<Call>,
    facts: mpsc::UnboundedReceiver<Fact>,
}

impl Served {
    /// A client whose handshake was accepted.
    pub(super) async fn connect(&self) -> Client {
        let mut client = self.dial().await;
        client.upgrade("/local", &[]).await;
        client
    }

    /// A TCP connection.
    pub(super) async fn dial(&self) -> Client {
        Client::dial(self.address).await
    }

    /// The next invocation.
    pub(super) async fn call(&mut self) -> Call {
        tokio::time::timeout(PATIENCE, self.calls.recv())
            .await
            .expect("a call")
            .unwrap()
    }

    /// The next invocation of this function; others before it are passed over.
    pub(super) async fn call_of(&mut self, function: &str) -> Call {
        loop {
            let call = self.call().await;
            if call.function == function {
                return call;
            }
        }
    }

    /// The next fact that `wanted` finds something in.
    pub(super) async fn fact<T>(&mut self, wanted: impl Fn(&What) -> Option<T>) -> T {
        loop {
            let fact = tokio::time::timeout(PATIENCE, self.facts.recv());
            let fact = fact.await.expect("a fact").unwrap();
            if let Some(found) = wanted(&fact.what) {
                return found;
            }
        }
    }

    /// `disconnectStatusCode` and `disconnectReason` of the next `$disconnect`.
    pub(super) async fn disconnected(&mut self) -> (u64, String) {
        let event = self.call_of("$disconnect").await.event();
        let context = &event["requestContext"];
        let code = context["disconnectStatusCode"].as_u64().unwrap();
        (
            code,
            context["disconnectReason"].as_str().unwrap().to_owned(),
        )
    }

    /// The id of the only connection.
    pub(super) fn only_id(&self) -> String {
        let connections = self.gateway.connections();
        assert_eq!(connections.len(), 1);
        connections[0].id.to_string()
    }

    /// An HTTP request on a connection of its own: status, header lines and body.
    pub(super) async fn http(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        let mut client = self.dial().await;
        client.request(method, path, body).await
    }
}

pub(super) use super::client::Answer;
