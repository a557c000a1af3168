//! The chat with its stores and its ways out, as the environment names them.

use std::sync::Arc;

use gatepost_chat::Chat;
use gatepost_chat::Clock;
use gatepost_chat::Parts;
use gatepost_chat::Random;
use gatepost_chat::Settings;
use gatepost_gateway_client::Connections;
use gatepost_gateway_client::Function;
use gatepost_gateway_client::InvokeAsync;
use gatepost_gateway_client::Limits;
use gatepost_protocol::Millis;
use gatepost_store::History;
use gatepost_store::Migrate;
use gatepost_store::Rates;
use gatepost_store::open_history;
use gatepost_store::open_registry;

use crate::StartError;
use crate::clock;
use crate::config;
use crate::config::AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI;
use crate::config::AwsConfig;
use crate::config::Environment;
use crate::config::GATEPOST_FANOUT;
use crate::config::Reading;
use crate::config::RoomsConfig;
use crate::config::Secret;
use crate::config::StoresConfig;
use crate::config::admits_guests;
use crate::posts::Nowhere;
use crate::posts::Posts;
use crate::secrets::access;
use crate::secrets::secret;

/// The room of the seed's page.
const SEED_ROOM: &str = "lobby";

/// What a function does besides keeping the registry and the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Nothing.
    Stores,
    /// It starts the fan-out function.
    Fanout,
    /// And posts to clients, at the address of its events.
    Clients,
    /// And posts to clients without an event that names their address.
    ClientsUnasked,
}

/// The chat, and what a function needs of it besides.
#[derive(Debug)]
pub struct Backend {
    /// The chat.
    pub chat: Arc<Chat>,
    /// The way to the clients, where the function has one.
    pub posts: Option<Arc<Posts>>,
    /// The rooms' logs.
    pub history: Arc<dyn History>,
    /// Days after which entries are purged, 0 for never.
    pub retention_days: u32,
}

impl Backend {
    /// Reads the environment and opens what it names. Nothing is connected to yet.
    ///
    /// # Errors
    /// Everything that is wrong with the environment, or the secret that cannot be read.
    pub async fn start(environment: &dyn Environment, reach: Reach) -> Result<Self, StartError> {
        let config = config::read(environment, |reading| BackendConfig::read(reading, reach))?;
        let database = secret(environment, config.stores.database).await?;
        let redis = match config.stores.registry {
            Some(source) => Some(secret(environment, source).await?),
            None => None,
        };
        let migrate = match config.stores.migrate {
            true => Migrate::Auto,
            false => Migrate::Off,
        };
        let history = open_history(database.expose(), migrate)?;
        let registry = open_registry(redis.as_ref().map(Secret::expose), database.expose())?;
        let fanout: Arc<dyn InvokeAsync> = match &config.fanout {
            Some((aws, name)) => Arc::new(Function::new(
                &aws.lambda,
                name,
                access(aws),
                Limits::default(),
            )?),
            None => Arc::new(Nowhere),
        };
        let posts = match (&config.fanout, reach) {
            (Some((aws, _)), Reach::Clients | Reach::ClientsUnasked) => {
                Some(Arc::new(Posts::new(aws.management.as_ref(), access(aws))?))
            }
            _ => None,
        };
        let connections: Arc<dyn Connections> = match &posts {
            Some(posts) => Arc::clone(posts) as Arc<dyn Connections>,
            None => Arc::new(Nowhere),
        };
        let settings = settings(&config.rooms, config.guests);
        let retention_days = config.rooms.retention_days;
        let parts = Parts {
            registry,
            history: Arc::clone(&history),
            connections,
            fanout,
            clock: Arc::new(Wall),
            random: Arc::new(Kernel),
            settings,
        };
        Ok(Self {
            chat: Arc::new(Chat::new(parts)),
            posts,
            history,
            retention_days,
        })
    }
}

/// All that is read from the environment.
struct BackendConfig {
    stores: StoresConfig,
    rooms: RoomsConfig,
    guests: bool,
    /// The fan-out function's name, and where it is.
    fanout: Option<(AwsConfig, String)>,
}

impl BackendConfig {
    fn read(reading: &mut Reading<'_>, reach: Reach) -> Option<Self> {
        let stores = StoresConfig::read(reading);
        let rooms = RoomsConfig::read(reading);
        let guests = admits_guests(reading);
        let fanout = if reach == Reach::Stores {
            None
        } else {
            let aws = AwsConfig::read(reading);
            let name = reading.required(GATEPOST_FANOUT, "name or ARN of the fan-out function");
            if reach == Reach::ClientsUnasked {
                let expected = "https://host/stage, because no event of this function names it";
                reading.required(AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI, expected)?;
            }
            Some((aws?, name?))
        };
        Some(Self {
            stores: stores?,
            rooms: rooms?,
            guests: guests?,
            fanout,
        })
    }
}

fn settings(rooms: &RoomsConfig, guests: bool) -> Settings {
    Settings {
        sessions: rooms.sessions,
        rooms: rooms.rooms,
        declared: rooms.declared.clone(),
        rates: Rates {
            per_user: rooms.per_user,
            per_room: rooms.per_room,
        },
        ping_seconds: rooms.ping_seconds,
        guests,
        seed_room: SEED_ROOM.parse().expect("it is a room's name"),
    }
}

/// This machine's clock.
#[derive(Debug)]
struct Wall;

impl Clock for Wall {
    fn now(&self) -> Millis {
        clock::now()
    }
}

/// The kernel's randomness.
#[derive(Debug)]
struct Kernel;

impl Random for Kernel {
    fn bits(&self) -> u64 {
        getrandom::u64().expect("the kernel gives random bytes")
    }
}
