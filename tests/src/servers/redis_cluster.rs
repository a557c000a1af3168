//! A Redis Cluster of three masters, each with a replica if need be.

use std::collections::BTreeSet;
use std::time::Duration;
use std::time::Instant;

use super::process::free_port;
use super::redis::Redis;

const SLOTS: [(u16, u16); 3] = [(0, 5460), (5461, 10922), (10923, 16383)];

/// Three masters, and if need be a replica of each. Ready after about 3 s.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: [Redis; 3],
    /// As many as masters, or none; each is that of the master with its number.
    replicas: Vec<Redis>,
}

impl RedisCluster {
    /// Starts the nodes and lets them meet.
    ///
    /// # Panics
    ///
    /// Where redis-server is not installed, or the nodes do not become a cluster within a minute.
    #[must_use]
    pub fn start() -> Self {
        let cluster = Self {
            nodes: [node(&[]), node(&[]), node(&[])],
            replicas: Vec::new(),
        };
        cluster.meet();
        cluster
    }

    /// The same with a replica of each master, which takes its place 1 s after the master is gone.
    ///
    /// # Panics
    ///
    /// As [`RedisCluster::start`].
    #[must_use]
    pub fn start_with_replicas() -> Self {
        let node = || node(&QUICK_FAILOVER);
        let cluster = Self {
            nodes: [node(), node(), node()],
            replicas: vec![node(), node(), node()],
        };
        cluster.meet();
        let masters = cluster.nodes.each_ref().map(connection).map(|mut master| {
            let id: String = cluster_command(&mut master, &["MYID"]);
            id
        });
        for (replica, master) in cluster.replicas.iter().zip(&masters) {
            let mut replica = connection(replica);
            let _: () = cluster_command(&mut replica, &["REPLICATE", master]);
        }
        cluster.until_replicated();
        cluster
    }

    /// Gives the masters their slots, and lets all nodes meet.
    fn meet(&self) {
        let mut connections = self.nodes.each_ref().map(connection);
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
        for node in self.nodes[1..].iter().chain(&self.replicas) {
            redis::cmd("CLUSTER")
                .arg("MEET")
                .arg("127.0.0.1")
                .arg(node.port())
                .arg(node.bus_port())
                .exec(&mut connections[0])
                .expect("a new node does what it is told");
        }
        self.until_whole();
    }

    /// Waits until every node knows the others and finds all slots served.
    ///
    /// # Panics
    ///
    /// Where that takes longer than a minute.
    pub fn until_whole(&self) {
        let all = self.nodes.iter().chain(&self.replicas);
        let mut connections: Vec<_> = all.map(connection).collect();
        let known = format!("cluster_known_nodes:{}\r", connections.len());
        until("the nodes form no cluster", || {
            connections.iter_mut().all(|connection| {
                let state: String = cluster_command(connection, &["INFO"]);
                state.contains("cluster_state:ok") && state.contains(&known)
            })
        });
    }

    /// Waits until every replica has what its master has.
    fn until_replicated(&self) {
        let mut connections: Vec<_> = self.replicas.iter().map(connection).collect();
        until("a replica does not follow its master", || {
            connections
                .iter_mut()
                .all(|replica| replication(replica).contains("master_link_status:up"))
        });
    }

    /// Stops the replica of a master, from 0, with SIGSTOP: what is written now it does not get.
    ///
    /// # Panics
    ///
    /// Where it has none.
    pub fn freeze_replica(&self, number: usize) {
        self.replicas[number].freeze();
    }

    /// Kills a master, from 0, and lets its stopped replica go on, with what it has; waits until it
    /// was promoted, and the old master, started again, is its replica.
    ///
    /// # Panics
    ///
    /// Where there is no such replica, or that takes longer than a minute.
    pub fn fail_over(&mut self, number: usize) {
        self.nodes[number].kill();
        self.replicas[number].thaw();
        let mut promoted = connection(&self.replicas[number]);
        until("a replica is not promoted", || {
            let state: String = cluster_command(&mut promoted, &["INFO"]);
            replication(&mut promoted).contains("role:master") && state.contains("cluster_state:ok")
        });
        std::mem::swap(&mut self.nodes[number], &mut self.replicas[number]);
        self.replicas[number].restart();
        self.until_replicated();
        self.until_whole();
    }

    /// Moves every slot that holds a key to the node after the one that serves it, with its keys, as
    /// a reshard does; answers how many.
    ///
    /// # Panics
    ///
    /// Where a node does not do what it is told.
    pub fn move_every_key(&self) -> usize {
        self.until_whole();
        let mut connections = self.nodes.each_ref().map(connection);
        let ids = connections.each_mut().map(|connection| {
            let id: String = cluster_command(connection, &["MYID"]);
            id
        });
        let held = connections.each_mut().map(|connection| {
            let keys: Vec<Vec<u8>> = redis::cmd("KEYS")
                .arg("*")
                .query(connection)
                .expect("a node lists its keys");
            let slot = |key: &Vec<u8>| -> u16 {
                redis::cmd("CLUSTER")
                    .arg("KEYSLOT")
                    .arg(key)
                    .query(connection)
                    .expect("a node knows a key's slot")
            };
            keys.iter().map(slot).collect::<BTreeSet<u16>>()
        });
        for (from, slots) in held.iter().enumerate() {
            let to = (from + 1) % ids.len();
            for slot in slots.iter().map(u16::to_string) {
                let (source, target) = (&ids[from], &ids[to]);
                let _: () = cluster_command(
                    &mut connections[to],
                    &["SETSLOT", &slot, "IMPORTING", source],
                );
                let _: () = cluster_command(
                    &mut connections[from],
                    &["SETSLOT", &slot, "MIGRATING", target],
                );
                self.migrate(&mut connections[from], &slot, to);
                // The new owner first, so that no moment has none.
                for node in [to, from, 3 - to - from] {
                    let _: () = cluster_command(
                        &mut connections[node],
                        &["SETSLOT", &slot, "NODE", target],
                    );
                }
            }
            // A node that still heard of the older owner may have believed it: it is told again.
            until("the nodes do not agree who serves what", || {
                let views = connections
                    .each_mut()
                    .map(|connection| view(&cluster_command::<String>(connection, &["NODES"])));
                let is_agreed = views.windows(2).all(|two| two[0] == two[1]);
                for slot in slots.iter().filter(|_| !is_agreed).map(u16::to_string) {
                    for node in [to, from, 3 - to - from] {
                        let owner = &["SETSLOT", &slot, "NODE", &ids[to]];
                        let _: () = cluster_command(&mut connections[node], owner);
                    }
                }
                is_agreed
            });
        }
        held.iter().map(BTreeSet::len).sum()
    }

    /// Moves a slot's keys until it has none.
    fn migrate(&self, from: &mut redis::Connection, slot: &str, to: usize) {
        loop {
            let keys: Vec<Vec<u8>> = cluster_command(from, &["GETKEYSINSLOT", slot, "100"]);
            if keys.is_empty() {
                return;
            }
            redis::cmd("MIGRATE")
                .arg("127.0.0.1")
                .arg(self.nodes[to].port())
                .arg("")
                .arg(0)
                .arg(5_000)
                .arg("KEYS")
                .arg(keys)
                .exec(from)
                .expect("a node takes keys of a slot that it imports");
        }
    }

    /// Its URL with a prefix for the keys.
    #[must_use]
    pub fn url(&self, prefix: &str) -> String {
        let [a, b, c] = self.nodes.each_ref().map(Redis::port);
        format!("redis+cluster://127.0.0.1:{a},127.0.0.1:{b}?node=127.0.0.1:{c}&prefix={prefix}")
    }

    /// One of its nodes, from 0.
    ///
    /// # Panics
    ///
    /// Where there is none of that number.
    pub fn node(&mut self, number: usize) -> &mut Redis {
        &mut self.nodes[number]
    }

    /// Its nodes.
    #[must_use]
    pub fn nodes(&self) -> &[Redis; 3] {
        &self.nodes
    }
}

/// A node that is silent for 1 s is held for gone; its replica takes its place whatever it lacks. (Redis documentation, "Redis cluster configuration parameters".)
const QUICK_FAILOVER: [&str; 6] = [
    "--cluster-node-timeout",
    "1000",
    "--cluster-replica-validity-factor",
    "0",
    "--repl-diskless-sync-delay",
    "0",
];

/// A node that knows no other.
fn node(extra: &[&str]) -> Redis {
    Redis::start_with(|_| {
        let bus = free_port().to_string();
        let cluster = [
            "--cluster-enabled",
            "yes",
            "--cluster-config-file",
            "nodes.conf",
        ];
        let arguments = extra.iter().chain(&cluster).map(|word| (*word).to_owned());
        arguments
            .chain(["--cluster-port".to_owned(), bus])
            .collect()
    })
}

/// What a node says of its replication.
fn replication(node: &mut redis::Connection) -> String {
    redis::cmd("INFO")
        .arg("replication")
        .query(node)
        .expect("a node answers")
}

/// How long nodes may take to agree: one that was away for longer than the node timeout of 15 s is
/// believed again after twice that time (Redis cluster specification, "Failure detection").
const AGREEMENT: Duration = Duration::from_secs(60);

/// Asks until it is so.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + AGREEMENT;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        // The nodes gossip by their own clock and announce nothing.
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// What a node says of each: its id, the generation of its slots, and the slots. (Cluster
/// specification, "CLUSTER NODES": the seventh word, and from the ninth on; in brackets stand slots
/// that move.)
fn view(nodes: &str) -> BTreeSet<Vec<String>> {
    let node = |line: &str| -> Vec<String> {
        let words = line.split_whitespace().enumerate();
        words
            .filter(|(at, word)| [0, 6].contains(at) || *at >= 8 && !word.starts_with('['))
            .map(|(_, word)| word.to_owned())
            .collect()
    };
    nodes.lines().map(node).collect()
}

fn connection(node: &Redis) -> redis::Connection {
    redis::Client::open(format!("redis://127.0.0.1:{}", node.port()))
        .and_then(|client| client.get_connection())
        .expect("a node that is ready can be connected to")
}

fn cluster_command<T: redis::FromRedisValue>(
    connection: &mut redis::Connection,
    arguments: &[&str],
) -> T {
    redis::cmd("CLUSTER")
        .arg(arguments)
        .query(connection)
        .expect("a node does what it is told")
}
