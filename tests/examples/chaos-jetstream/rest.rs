//! What there is while nobody does anything.

use std::collections::BTreeMap;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;
use std::time::Instant;

use crate::faults::Servers;
use crate::heap::allocated;

/// How long it may take until all is quiet.
const PATIENCE: Duration = Duration::from_secs(150);
/// How many bytes more are no growth.
const SLACK: usize = 256 * 1024;

/// What there is.
#[derive(Clone, Debug, Default)]
pub(crate) struct AtRest {
    pub(crate) bytes: usize,
    pub(crate) tasks: usize,
    /// How many subscriptions the servers have of each client, by its name.
    pub(crate) subscriptions: BTreeMap<String, u64>,
    /// How many pulls wait at the consumers.
    pub(crate) pulls: u64,
}

impl AtRest {
    async fn measure(servers: &Servers, monitors: &[u16]) -> Option<Self> {
        let mut rest = Self {
            bytes: allocated(),
            tasks: tokio::runtime::Handle::current().metrics().num_alive_tasks(),
            ..Self::default()
        };
        for port in monitors {
            for (name, subscriptions) in tokio::task::block_in_place(|| subscriptions(*port))? {
                *rest.subscriptions.entry(name).or_default() += subscriptions;
            }
        }
        for consumer in servers.consumers() {
            rest.pulls += consumer.info().await.ok()?.num_waiting;
        }
        Some(rest)
    }

    /// Whether there is no more than there was then.
    pub(crate) fn is_within(&self, before: &Self) -> bool {
        let subscriptions = |rest: &Self| rest.subscriptions.values().sum::<u64>();
        self.bytes <= before.bytes + SLACK
            && self.tasks <= before.tasks
            && subscriptions(self) <= subscriptions(before)
            && self.pulls <= before.pulls
    }
}

/// Waits until every message was taken and acknowledged, and returns how many messages the stream has.
pub(crate) async fn until_quiet(servers: &Servers) -> Result<u64, String> {
    let stream = servers.control.stream("CHAOS").expect("a name");
    let begin = Instant::now();
    let mut last = String::new();
    while begin.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(250)).await;
        let Ok(info) = stream.info().await else { continue };
        let mut is_quiet = true;
        for consumer in servers.consumers() {
            let Ok(info) = consumer.info().await else {
                is_quiet = false;
                continue;
            };
            is_quiet &= info.num_pending == 0 && info.num_ack_pending == 0;
            last = format!("{}: {info:?}", consumer.name());
        }
        if is_quiet {
            return Ok(info.state.last_sequence);
        }
    }
    Err(format!("the consumers are not done: {last}"))
}

/// What there is when all is quiet; if there was something before, as soon as there is no more than that.
pub(crate) async fn measure(
    servers: &Servers,
    monitors: &[u16],
    before: Option<&AtRest>,
) -> AtRest {
    let begin = Instant::now();
    // What has just happened may go on for a moment.
    tokio::time::sleep(Duration::from_secs(3)).await;
    loop {
        let rest = AtRest::measure(servers, monitors).await.unwrap_or_default();
        let is_meant =
            !rest.subscriptions.is_empty() && before.is_none_or(|before| rest.is_within(before));
        if is_meant || begin.elapsed() > PATIENCE {
            return rest;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// The connections of a server by name, each with how many subscriptions it has.
fn subscriptions(port: u16) -> Option<Vec<(String, u64)>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    stream.write_all(b"GET /connz?limit=1000 HTTP/1.0\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (_, body) = text.split_once("\r\n\r\n")?;
    let body: serde_json::Value = serde_json::from_str(body).ok()?;
    let connections = body["connections"].as_array()?.iter().filter_map(|connection| {
        let name = connection["name"].as_str()?.to_owned();
        Some((name, connection["subscriptions"].as_u64()?))
    });
    Some(connections.collect())
}
