//! The faults.

use std::time::Duration;
use std::time::Instant;

use nats_tests::Cluster;
use nats_tokio::Client;
use nats_tokio::jetstream::Context;
use nats_tokio::jetstream::stream::ClusterInfo;

use crate::proxy::Proxy;

/// How long the servers have to catch up.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often they are asked.
const PAUSE: Duration = Duration::from_millis(100);

/// What is done to the servers, in this order, and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    KillLeader,
    KillOurs,
    HangLeader,
    StreamStepsDown,
    ConsumersStepDown,
    LinkCut,
    ConsumersDeleted,
    RollingRestart,
    HangOurs,
}

const FAULTS: [Fault; 9] = [
    Fault::KillLeader,
    Fault::LinkCut,
    Fault::HangLeader,
    Fault::ConsumersDeleted,
    Fault::KillOurs,
    Fault::StreamStepsDown,
    Fault::RollingRestart,
    Fault::ConsumersStepDown,
    Fault::HangOurs,
];

impl Fault {
    pub(crate) const fn at(round: usize) -> Self {
        FAULTS[round % FAULTS.len()]
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::KillLeader => "kill -9 of the stream's leader",
            Self::KillOurs => "kill -9 of our server",
            Self::HangLeader => "the stream's leader hangs for 10 s",
            Self::StreamStepsDown => "the stream's leader steps down",
            Self::ConsumersStepDown => "the consumers' leaders step down",
            Self::LinkCut => "our connections are cut in mid-frame",
            Self::ConsumersDeleted => "the consumers are deleted",
            Self::RollingRestart => "rolling restart",
            Self::HangOurs => "our server hangs for 10 s",
        }
    }
}

/// The servers, and a client that gives orders.
pub(crate) struct Servers {
    pub(crate) cluster: Cluster,
    pub(crate) proxies: Vec<Proxy>,
    pub(crate) control: Context,
}

impl Servers {
    /// Does something bad, and makes it good again. `ours` is the server of those who take messages.
    pub(crate) async fn inject(&mut self, fault: Fault, ours: usize) {
        let leader = self.leader().await;
        match fault {
            Fault::KillLeader => self.kill(leader).await,
            Fault::KillOurs => self.kill(ours).await,
            Fault::HangLeader => self.hang(leader).await,
            Fault::HangOurs => self.hang(ours).await,
            Fault::StreamStepsDown => {
                let stream = self.control.stream("CHAOS").expect("a name");
                stream.step_down().await.expect("the leader steps down");
            }
            Fault::ConsumersStepDown => {
                for consumer in self.consumers() {
                    consumer.step_down().await.expect("the leader steps down");
                }
            }
            Fault::LinkCut => self.proxies.iter().for_each(Proxy::cut),
            Fault::ConsumersDeleted => {
                for consumer in self.consumers() {
                    consumer.delete().await.expect("the consumer is deleted");
                }
            }
            Fault::RollingRestart => {
                for node in 0..self.cluster.size() {
                    self.cluster.node(node).signal("TERM");
                    pause(1_500).await;
                    self.cluster.kill_node(node);
                    self.start(node);
                    self.until_replicated().await;
                }
            }
        }
        self.cluster.wait_until_whole();
    }

    async fn kill(&mut self, node: usize) {
        self.cluster.kill_node(node);
        pause(3_000).await;
        self.start(node);
    }

    async fn hang(&self, node: usize) {
        self.cluster.node(node).signal("STOP");
        pause(10_000).await;
        self.cluster.node(node).signal("CONT");
    }

    fn start(&mut self, node: usize) {
        tokio::task::block_in_place(|| {
            self.cluster.start_node(node);
            self.cluster.wait_until_whole();
        });
    }

    /// The number of the server that leads the stream.
    async fn leader(&self) -> usize {
        let stream = self.control.stream("CHAOS").expect("a name");
        let begin = Instant::now();
        loop {
            let cluster = stream.info().await.ok().and_then(|info| info.cluster);
            if let Some(leader) = cluster.and_then(|cluster| number(&cluster.leader)) {
                return leader;
            }
            assert!(begin.elapsed() < PATIENCE, "the stream has no leader");
            tokio::time::sleep(PAUSE).await;
        }
    }

    pub(crate) fn consumers(&self) -> [nats_tokio::jetstream::Consumer; 2] {
        let stream = self.control.stream("CHAOS").expect("a name");
        ["reader", "worker"].map(|name| stream.consumer(name).expect("a name"))
    }

    /// Waits until all servers have everything.
    pub(crate) async fn until_replicated(&self) {
        let begin = Instant::now();
        while !self.is_replicated().await {
            assert!(begin.elapsed() < PATIENCE, "the servers do not catch up");
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn is_replicated(&self) -> bool {
        let mut clusters = Vec::new();
        for stream in ["CHAOS", "CHAIN"] {
            let stream = self.control.stream(stream).expect("a name");
            let Ok(info) = stream.info().await else { return false };
            clusters.push(info.cluster);
        }
        for consumer in self.consumers() {
            let Ok(info) = consumer.info().await else { return false };
            clusters.push(info.cluster);
        }
        clusters.iter().all(|cluster| cluster.as_ref().is_some_and(is_whole))
    }
}

fn is_whole(cluster: &ClusterInfo) -> bool {
    let others = &cluster.replicas;
    !cluster.leader.is_empty()
        && others.len() == 2
        && others.iter().all(|peer| peer.current && !peer.offline)
}

/// The number in `node1`.
fn number(name: &str) -> Option<usize> {
    name.strip_prefix("node")?.parse().ok()
}

/// The number of the server that a client is connected to.
pub(crate) fn node_of(client: &Client) -> usize {
    number(&client.server_info().server_name).expect("a server of the cluster")
}

async fn pause(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}
