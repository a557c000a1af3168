//! Benchmarks; each prints one JSON object.

use clap::Parser;
use clap::Subcommand;
use gatepost_tests::bench;

/// The emulator's, so that the servers that `layer` runs are measured with it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Debug, Parser)]
#[command(about = "Benchmarks of gatepost: figures and ratios, never a verdict")]
struct Arguments {
    #[command(subcommand)]
    name: Name,
    /// Print one JSON object (there is no other form yet than JSON, here it is on one line).
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Name {
    /// Frame → invoke → route response through a Rust function, against a bare Runtime API host.
    Echo {
        /// WebSocket connections, each with one message under way.
        #[arg(long, default_value_t = 16)]
        connections: usize,
        /// Environments of the function at the most; the bare host feeds one.
        #[arg(long, default_value_t = 1)]
        environments: usize,
        /// Echoes a round.
        #[arg(long, default_value_t = 40_000)]
        echoes: u64,
        /// Rounds, in turn with the bare host.
        #[arg(long, default_value_t = 5)]
        rounds: usize,
    },
    /// An event → a Rust function → its response, against a bare Runtime API host.
    Invoke {
        /// Invocations a round.
        #[arg(long, default_value_t = 40_000)]
        invocations: u64,
        /// Rounds, in turn with the bare host.
        #[arg(long, default_value_t = 5)]
        rounds: usize,
    },
    /// One message to every member of a room, against a bare fan-out.
    Fanout {
        /// Members, each with a connection; several rooms one after the other.
        #[arg(long, value_delimiter = ',', default_value = "1000")]
        members: Vec<usize>,
        /// Messages, one after the other.
        #[arg(long, default_value_t = 30)]
        messages: usize,
        /// Messages at once, each from another member, after those.
        #[arg(long, default_value_t = 10)]
        burst: usize,
    },
    /// A signature and a post of the worker, against aws-sigv4 and (with feature `sdk`) the AWS SDK.
    Post {
        /// Posts and signatures a round.
        #[arg(long, default_value_t = 20_000)]
        posts: usize,
        /// Posts at a time.
        #[arg(long, default_value_t = 32)]
        at_once: usize,
        /// Rounds, in turn.
        #[arg(long, default_value_t = 5)]
        rounds: usize,
    },
    /// The work from a frame to its reply, against the append alone; Redis's share of a message.
    Reply {
        /// Messages a round.
        #[arg(long, default_value_t = 3_000)]
        messages: usize,
        /// Members of the room that messages are fanned out to.
        #[arg(long, default_value_t = 10)]
        members: usize,
        /// Rounds, in turn.
        #[arg(long, default_value_t = 5)]
        rounds: usize,
    },
    /// A room that many write to as fast as they can, against the bare procedure.
    HotRoom {
        /// Writers.
        #[arg(long, default_value_t = 8)]
        writers: usize,
        /// Members that hear them.
        #[arg(long, default_value_t = 20)]
        members: usize,
        /// Messages a round.
        #[arg(long, default_value_t = 8_000)]
        messages: usize,
        /// Rounds, in turn.
        #[arg(long, default_value_t = 5)]
        rounds: usize,
    },
    /// Quiet rooms alone and beside a hot one.
    QuietRooms {
        /// Quiet rooms.
        #[arg(long, default_value_t = 10)]
        rooms: usize,
        /// Members of each.
        #[arg(long, default_value_t = 5)]
        members: usize,
        /// Messages to them each time.
        #[arg(long, default_value_t = 300)]
        messages: usize,
        /// Who writes to the hot room, as fast as its limit lets them.
        #[arg(long, default_value_t = 4)]
        writers: usize,
        /// Members of the hot room.
        #[arg(long, default_value_t = 20)]
        hot_members: usize,
        /// Rounds, in turn.
        #[arg(long, default_value_t = 5)]
        rounds: usize,
    },
    /// What deliveries cost on AWS, by the model of `docs/cost.md`.
    Cost {
        /// Rooms of one size that share the API.
        #[arg(long, default_value_t = 10)]
        rooms: u32,
        /// What Redis and MySQL cost a month, in US dollars.
        #[arg(long, default_value_t = 150.0)]
        servers: f64,
        /// Posts a second that the account's throttle lets through.
        #[arg(long, default_value_t = 10_000.0)]
        throttle: f64,
    },
    /// Messages to a room in which one client does not read, against the same room without it.
    Stalled {
        /// Members that read, each with a connection.
        #[arg(long, default_value_t = 20)]
        members: usize,
        /// Messages to each room, in turn.
        #[arg(long, default_value_t = 600)]
        messages: usize,
    },
    /// Appends to a hot room on MariaDB, against the same checks in separate round trips.
    Append {
        /// Writers at once.
        #[arg(long, default_value_t = 8)]
        writers: usize,
        /// Appends a round.
        #[arg(long, default_value_t = 8000)]
        appends: usize,
        /// Rounds, in turn.
        #[arg(long, default_value_t = 5)]
        rounds: usize,
    },
    /// The WebSocket layer alone, and the gateway, against a bare echo of hyper and fastwebsockets.
    Sockets {
        /// Connections.
        #[arg(long, default_value_t = 50)]
        connections: usize,
        /// Messages under way on each.
        #[arg(long, value_delimiter = ',', default_value = "1,16")]
        under_way: Vec<usize>,
        /// Echoes a round.
        #[arg(long, default_value_t = 200_000)]
        echoes: usize,
        /// Rounds, in turn.
        #[arg(long, default_value_t = 5)]
        rounds: usize,
    },
    /// What a connection costs in memory, and what comes back.
    Memory {
        /// Connections.
        #[arg(long, value_delimiter = ',', default_value = "1000,10000")]
        connections: Vec<usize>,
        /// How long connections come and go.
        #[arg(long, default_value_t = 0)]
        minutes: u64,
    },
    /// Handshakes through a `$connect` function in Rust.
    Connect {
        /// Handshakes a round.
        #[arg(long, default_value_t = 5_000)]
        connects: usize,
        /// How many at once.
        #[arg(long, default_value_t = 50)]
        at_once: usize,
        /// Rounds, in turn with a bare Runtime API host.
        #[arg(long, default_value_t = 3)]
        rounds: usize,
    },
    /// Judges the history of a run: exits with 1 if a promise was broken.
    Check {
        /// The history, one JSON object a line.
        file: std::path::PathBuf,
    },
    /// The chat core in simulated worlds: exits with 1 if a promise was broken in one, with its trace.
    Simulate {
        /// How many worlds, each made by one number.
        #[arg(long, default_value_t = 10_000)]
        seeds: u64,
        /// The first number.
        #[arg(long, default_value_t = 1)]
        from: u64,
    },
    /// Real servers die, are emptied or locked while clients send; ends with the judge of `check`.
    Faults {
        /// What happens.
        name: bench::faults::Name,
        /// How often; by default as often as docs/guarantees.md says.
        #[arg(long)]
        times: Option<usize>,
        /// Sends over all clients.
        #[arg(long)]
        sends: Option<usize>,
        /// Clients.
        #[arg(long)]
        clients: Option<usize>,
        /// Where to write what the clients sent and saw, for `check`.
        #[arg(long, value_name = "FILE")]
        history: Option<std::path::PathBuf>,
    },
    /// A server that `sockets` and `memory` start.
    #[command(hide = true)]
    Layer {
        /// Which.
        layer: bench::layer::Layer,
    },
    /// The same work on gatepost and on serverless-offline, which npm installs.
    Peers {
        /// Echoes of each measurement.
        #[arg(long, default_value_t = 20_000)]
        echoes: u64,
        /// Handshakes.
        #[arg(long, default_value_t = 300)]
        connects: usize,
        /// Connections that are posted to and weighed.
        #[arg(long, default_value_t = 1000)]
        connections: usize,
        /// Rounds, in turn.
        #[arg(long, default_value_t = 3)]
        rounds: usize,
    },
    /// The host that `invoke` starts.
    #[command(hide = true)]
    InvokeHost {
        /// Invocations.
        invocations: u64,
    },
    /// The server that `post`, `reply` and `hot-room` post to.
    #[command(hide = true)]
    BareGateway,
    /// The bare Runtime API host that `echo` starts.
    #[command(hide = true)]
    BareHost {
        /// Invocations.
        invocations: u64,
    },
    /// The bare fan-out that `fanout` starts.
    #[command(hide = true)]
    BareFanout {
        /// Sockets.
        members: usize,
        /// Messages to each.
        messages: usize,
        /// Where the sockets are accepted.
        address: String,
    },
}

#[tokio::main(flavor = "current_thread")]
#[expect(
    clippy::print_stdout,
    reason = "the figures are what this program is for"
)]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let figures = match arguments.name {
        Name::Echo {
            connections,
            environments,
            echoes,
            rounds,
        } => bench::echo::run(connections, environments, echoes, rounds).await?,
        Name::Fanout {
            members,
            messages,
            burst,
        } => bench::fanout::run(&members, messages, burst).await?,
        Name::Post {
            posts,
            at_once,
            rounds,
        } => bench::post::run(posts, at_once, rounds).await?,
        Name::Reply {
            messages,
            members,
            rounds,
        } => bench::reply::run(messages, members, rounds).await?,
        Name::HotRoom {
            writers,
            members,
            messages,
            rounds,
        } => bench::hot_room::run(writers, members, messages, rounds).await?,
        Name::QuietRooms {
            rooms,
            members,
            messages,
            writers,
            hot_members,
            rounds,
        } => {
            bench::quiet_rooms::run(bench::quiet_rooms::Amount {
                rooms,
                members,
                messages,
                writers,
                hot_members,
                rounds,
            })
            .await?
        }
        Name::Cost {
            rooms,
            servers,
            throttle,
        } => bench::cost::run(rooms, servers, throttle),
        Name::BareGateway => return bench::post::bare_gateway().await,
        Name::Stalled { members, messages } => bench::stalled::run(members, messages).await?,
        Name::Append {
            writers,
            appends,
            rounds,
        } => bench::append::run(writers, appends, rounds).await?,
        Name::Peers {
            echoes,
            connects,
            connections,
            rounds,
        } => {
            bench::peers::run(bench::peers::Amount {
                echoes,
                connects,
                connections,
                rounds,
            })
            .await?
        }
        Name::Invoke {
            invocations,
            rounds,
        } => bench::invoke::run(invocations, rounds).await?,
        Name::Sockets {
            connections,
            under_way,
            echoes,
            rounds,
        } => bench::sockets::run(connections, &under_way, echoes, rounds).await?,
        Name::Memory {
            connections,
            minutes,
        } => bench::memory::run(&connections, minutes).await?,
        Name::Connect {
            connects,
            at_once,
            rounds,
        } => bench::connect::run(connects, at_once, rounds).await?,
        Name::Faults {
            name,
            times,
            sends,
            clients,
            history,
        } => {
            let asked = bench::faults::Asked {
                times,
                sends,
                clients,
            };
            bench::faults::run(name, asked, history.as_deref()).await?
        }
        Name::Check { file } => serde_json::to_value(bench::check::run(&file)?)?,
        Name::Simulate { seeds, from } => bench::simulate::run(from, seeds),
        Name::Layer { layer } => return bench::layer::serve(layer).await,
        Name::InvokeHost { invocations } => return bench::invoke::host(invocations).await,
        Name::BareHost { invocations } => return bench::bare::host(invocations).await,
        Name::BareFanout {
            members,
            messages,
            address,
        } => {
            return bench::fanout::bare_fanout(members, messages, &address).await;
        }
    };
    if arguments.json {
        println!("{figures}");
    } else {
        println!("{figures:#}");
    }
    if figures["kept"] == false {
        // `check` and `simulate` judge: a promise was broken.
        std::process::exit(1);
    }
    Ok(())
}
