//! A Redis Cluster of three masters.

use std::time::Duration;
use std::time::Instant;

use super::process::free_port;
use super::redis::Redis;

const SLOTS: [(u16, u16); 3] = [(0, 5460), (5461, 10922), (10923, 16383)];

/// Three masters without replicas. Ready after about 3 s.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: [Redis; 3],
}

impl RedisCluster {
    /// Starts the nodes and lets them meet.
    ///
    /// # Panics
    ///
    /// Where redis-server is not installed, or the nodes do not become a cluster within 20 s.
    #[must_use]
    pub fn start() -> Self {
        let node = || {
            Redis::start_with(|_| {
                let bus = free_port().to_string();
                [
                    "--cluster-enabled",
                    "yes",
                    "--cluster-config-file",
                    "nodes.conf",
                    "--cluster-port",
                ]
                .into_iter()
                .map(Into::into)
                .chain([bus])
                .collect()
            })
        };
        let cluster = Self {
            nodes: [node(), node(), node()],
        };
        let mut connections = cluster.nodes.each_ref().map(|node| {
            redis::Client::open(format!("redis://127.0.0.1:{}", node.port()))
                .and_then(|client| client.get_connection())
                .expect("a node that is ready can be connected to")
        });
        for (number, (connection, (first, last))) in connections.iter_mut().zip(SLOTS).enumerate() {
            let ask = |command: &mut redis::Cmd, connection: &mut redis::Connection| {
                command
                    .exec(connection)
                    .expect("a new node does what it is told");
            };
            ask(
                redis::cmd("CLUSTER")
                    .arg("SET-CONFIG-EPOCH")
                    .arg(number + 1),
                connection,
            );
            ask(
                redis::cmd("CLUSTER")
                    .arg("ADDSLOTSRANGE")
                    .arg(first)
                    .arg(last),
                connection,
            );
        }
        for node in &cluster.nodes[1..] {
            redis::cmd("CLUSTER")
                .arg("MEET")
                .arg("127.0.0.1")
                .arg(node.port())
                .arg(node.bus_port())
                .exec(&mut connections[0])
                .expect("a new node does what it is told");
        }
        let deadline = Instant::now() + Duration::from_secs(20);
        for connection in &mut connections {
            loop {
                let state: String = redis::cmd("CLUSTER")
                    .arg("INFO")
                    .query(connection)
                    .expect("a node tells its state");
                if state.contains("cluster_state:ok") && state.contains("cluster_known_nodes:3") {
                    break;
                }
                assert!(
                    Instant::now() < deadline,
                    "the nodes form no cluster:\n{state}"
                );
                // The nodes gossip by their own clock and announce nothing.
                std::thread::park_timeout(Duration::from_millis(20));
            }
        }
        cluster
    }

    /// Its URL with a prefix for the keys.
    #[must_use]
    pub fn url(&self, prefix: &str) -> String {
        let [a, b, c] = self.nodes.each_ref().map(Redis::port);
        format!("redis+cluster://127.0.0.1:{a},127.0.0.1:{b}?node=127.0.0.1:{c}&prefix={prefix}")
    }

    /// Its nodes.
    #[must_use]
    pub fn nodes(&self) -> &[Redis; 3] {
        &self.nodes
    }
}
