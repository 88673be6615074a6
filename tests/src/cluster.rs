//! Several nats-servers that know of each other.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use crate::Group;
use crate::NatsServer;
use crate::known_servers;
use crate::new_folder;

/// A cluster of nats-servers, each of which keeps its port when it is started again.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Node>,
    routes: String,
    group: Group,
    /// Where the servers keep what outlives them.
    folder: PathBuf,
}

#[derive(Debug)]
struct Node {
    server: Option<NatsServer>,
    ports: Ports,
    /// Lines of the configuration that it alone has.
    config: String,
}

/// The ports of one server in a cluster.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// For clients.
    pub client: u16,
    /// For the other servers of the cluster.
    pub route: u16,
    /// For leaf nodes, if the configuration has them.
    pub leaf: u16,
}

impl Cluster {
    /// Starts so many servers, whose configurations have these lines besides. `$STORE` stands for a
    /// folder that a server finds again when it is started again.
    ///
    /// # Panics
    ///
    /// If there is no nats-server, or they do not start, or do not find each other.
    #[must_use]
    pub fn start(size: usize, config: &str) -> Self {
        Self::start_with(size, |_| config.to_owned())
    }

    /// Starts so many servers, with lines that each has of its own.
    ///
    /// # Panics
    ///
    /// If there is no nats-server, or they do not start, or do not find each other.
    #[must_use]
    pub fn start_with(size: usize, config: impl Fn(Ports) -> String) -> Self {
        Self::start_in(Group::Ours, size, config)
    }

    /// Starts servers that Ctrl-C in a terminal does not reach: they end when the cluster is dropped.
    ///
    /// # Panics
    ///
    /// If there is no nats-server, or they do not start, or do not find each other.
    #[must_use]
    pub fn start_apart(size: usize, config: &str) -> Self {
        Self::start_in(Group::Own, size, |_| config.to_owned())
    }

    fn start_in(group: Group, size: usize, config: impl Fn(Ports) -> String) -> Self {
        let nodes: Vec<_> = free_ports(size * 3)
            .chunks_exact(3)
            .map(|ports| Ports { client: ports[0], route: ports[1], leaf: ports[2] })
            .map(|ports| Node { server: None, ports, config: config(ports) })
            .collect();
        let routes: Vec<_> =
            nodes.iter().map(|node| format!("\"nats://127.0.0.1:{}\"", node.ports.route)).collect();
        let mut cluster = Self { nodes, routes: routes.join(","), group, folder: new_folder() };
        for number in 0..size {
            cluster.start_node(number);
        }
        cluster.wait_until_whole();
        cluster
    }

    /// Starts a server that is not running.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn start_node(&mut self, number: usize) {
        let config = format!(
            "server_name: node{number}\ncluster {{ name: test, listen: \"127.0.0.1:{}\", \
             routes: [{}] }}\n{}",
            self.nodes[number].ports.route,
            self.routes,
            self.nodes[number]
                .config
                .replace("$STORE", &format!("{:?}", self.folder.join(number.to_string())))
        );
        let node = &mut self.nodes[number];
        node.server = Some(NatsServer::start_in(self.group, Some(node.ports.client), &config));
    }

    /// Kills a server.
    pub fn kill_node(&mut self, number: usize) {
        self.nodes[number].server = None;
    }

    /// A server that is running.
    ///
    /// # Panics
    ///
    /// If it is not.
    #[must_use]
    pub fn node(&self, number: usize) -> &NatsServer {
        self.nodes[number].server.as_ref().expect("a running server")
    }

    /// The port of a server, running or not.
    #[must_use]
    pub fn port(&self, number: usize) -> u16 {
        self.nodes[number].ports.client
    }

    /// The port of a server for leaf nodes, running or not.
    #[must_use]
    pub fn leaf_port(&self, number: usize) -> u16 {
        self.nodes[number].ports.leaf
    }

    /// How many servers there are, running or not.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.nodes.len()
    }

    /// The addresses of all servers.
    #[must_use]
    pub fn url(&self) -> String {
        let urls: Vec<_> = self
            .nodes
            .iter()
            .map(|node| format!("nats://127.0.0.1:{}", node.ports.client))
            .collect();
        urls.join(",")
    }

    /// Waits until every server tells its clients of all the others.
    ///
    /// # Panics
    ///
    /// If that takes too long.
    pub fn wait_until_whole(&self) {
        let start = Instant::now();
        let running: Vec<_> = self.nodes.iter().filter_map(|node| node.server.as_ref()).collect();
        while !running.iter().all(|server| known_servers(server.port()) == running.len()) {
            assert!(
                start.elapsed() < Duration::from_secs(20),
                "the servers do not find each other"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.nodes.clear();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Unused ports of the loopback interface.
fn free_ports(count: usize) -> Vec<u16> {
    let listeners: Vec<_> =
        (0..count).map(|_| TcpListener::bind(("127.0.0.1", 0)).expect("a free port")).collect();
    let port = |listener: &TcpListener| listener.local_addr().expect("an address").port();
    listeners.iter().map(port).collect()
}
