//! The servers: given ones, or three that are killed.

use std::error::Error;
use std::time::Duration;
use std::time::Instant;

use nats_tests::Cluster;
use nats_tokio::jetstream::stream::ClusterInfo;

use crate::crew::Crew;
use crate::tally::Tally;

const SERVERS: usize = 3;
/// For how long a server is gone.
const DOWN: Duration = Duration::from_secs(2);
/// How often it is asked whether a server has caught up, and for how long at most.
const PAUSE: Duration = Duration::from_millis(250);
const PATIENCE: Duration = Duration::from_secs(90);

pub(crate) enum Servers {
    /// What `NATS_URL` names.
    Given(String),
    Own(Cluster, String),
}

impl Servers {
    /// The server at `NATS_URL`, or three that are started.
    pub(crate) async fn find() -> Result<Self, Box<dyn Error>> {
        if let Ok(url) = std::env::var("NATS_URL") {
            // Which may have a password in it.
            println!("using the server at NATS_URL");
            return Ok(Self::Given(url));
        }
        nats_tests::find_program()?;
        println!("NATS_URL is not set: starting {SERVERS} servers");
        let config = "jetstream { store_dir: $STORE }";
        let start = move || Cluster::start_apart(SERVERS, config);
        let cluster = tokio::task::spawn_blocking(start).await?;
        let url = cluster.url();
        Ok(Self::Own(cluster, url))
    }

    pub(crate) fn url(&self) -> &str {
        match self {
            Self::Given(url) | Self::Own(_, url) => url,
        }
    }

    /// How many servers are to have the queue.
    pub(crate) const fn replicas(&self) -> u32 {
        match self {
            Self::Given(_) => 1,
            Self::Own(..) => 3,
        }
    }

    /// Kills one of our own servers whenever a quarter of the jobs is worked on, and starts it again.
    pub(crate) async fn kill_one_by_one(
        &mut self,
        tally: &Tally,
        crew: &Crew,
    ) -> Result<(), &'static str> {
        let Self::Own(cluster, _) = self else { return Ok(()) };
        for node in 0..SERVERS {
            tally.until_worked_on(tally.len() * (node + 1) / (SERVERS + 1)).await;
            // Two at a time would be more than a cluster of three survives.
            until_replicated(crew).await?;
            println!("killing node{node}");
            cluster.kill_node(node);
            tokio::time::sleep(DOWN).await;
            tokio::task::block_in_place(|| {
                cluster.start_node(node);
                cluster.wait_until_whole();
            });
            until_replicated(crew).await?;
            println!("node{node} is back");
        }
        Ok(())
    }
}

/// Waits until every server has everything that belongs to the queue.
async fn until_replicated(crew: &Crew) -> Result<(), &'static str> {
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE {
        if let (Ok(stream), Ok(consumer)) = (crew.stream.info().await, crew.consumer.info().await)
            && [stream.cluster, consumer.cluster].iter().flatten().all(is_whole)
        {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err("the servers do not catch up")
}

fn is_whole(cluster: &ClusterInfo) -> bool {
    let others = &cluster.replicas;
    !cluster.leader.is_empty()
        && others.len() + 1 == SERVERS
        && others.iter().all(|peer| peer.current && !peer.offline)
}
