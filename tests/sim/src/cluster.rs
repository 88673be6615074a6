//! The servers there are, and the mood that each of them is in.

use nats_proto::Instant;

use crate::rng::Rng;
use crate::server::Peer;

/// How many servers there are.
pub(crate) const COUNT: usize = 4;

/// How a server treats a client that connects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mood {
    #[default]
    Accepts,
    Refuses,
    /// There is no answer.
    Ignores,
    /// The credentials are wrong.
    Locks,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Server {
    pub(crate) mood: Mood,
    pub(crate) needs_tls: bool,
    pub(crate) lacks_headers: bool,
    /// It is about to shut down.
    pub(crate) is_lame: bool,
    /// When it will, or when it did.
    pub(crate) shuts_down: Option<Instant>,
    /// How long its INFO is made.
    pub(crate) padding: usize,
    /// Which servers it announces: one bit each, and one for one that does not exist.
    pub(crate) tells_of: u8,
    pub(crate) max_payload: usize,
    /// How many subscriptions it takes.
    pub(crate) max_subscriptions: Option<usize>,
}

#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) servers: [Server; COUNT],
}

impl Cluster {
    pub(crate) fn new(variety: bool, rng: &mut Rng) -> Self {
        let servers = std::array::from_fn(|_| Server {
            needs_tls: variety && rng.percent(10),
            lacks_headers: variety && rng.percent(10),
            padding: if variety && rng.percent(20) { 3000 } else { 0 },
            tells_of: if variety { u8::try_from(rng.below(32)).unwrap_or_default() } else { 0 },
            max_payload: if variety && rng.percent(20) { 200 } else { 4096 },
            max_subscriptions: (variety && rng.percent(15)).then_some(2),
            ..Server::default()
        });
        Self { servers }
    }

    pub(crate) fn get(&self, index: usize) -> Option<&Server> {
        self.servers.get(index)
    }

    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut Server> {
        self.servers.get_mut(index)
    }

    /// The server's side of a new link, which says INFO.
    pub(crate) fn accept(&self, index: usize) -> Peer {
        let Some(server) = self.get(index) else { return Peer::default() };
        let mut peer = Peer::default();
        peer.max_payload = server.max_payload;
        peer.has_headers = !server.lacks_headers;
        peer.max_subscriptions = server.max_subscriptions;
        peer.needs_tls = server.needs_tls;
        peer.is_locked = server.mood == Mood::Locks;
        self.inform(index, &mut peer);
        peer
    }

    /// Says INFO.
    pub(crate) fn inform(&self, index: usize, peer: &mut Peer) {
        let Some(server) = self.get(index) else { return };
        let urls: Vec<String> = (0..=COUNT)
            .filter(|other| server.tells_of >> other & 1 == 1)
            .map(|other| format!("\"s{other}:4222\""))
            .collect();
        peer.say(&format!(
            "INFO {{\"server_id\":\"S{index}\",\"ldm\":{},\"headers\":{},\"max_payload\":{},\
             \"tls_required\":{},\"nonce\":\"abc\",\"x\":\"{}\",\"connect_urls\":[{}]}}",
            server.is_lame,
            !server.lacks_headers,
            server.max_payload,
            server.needs_tls,
            "x".repeat(server.padding),
            urls.join(",")
        ));
        peer.is_lame |= server.is_lame;
    }

    /// The number of the server at an address, if there is one.
    pub(crate) fn find(&self, host: &str, port: u16) -> Option<usize> {
        let index: usize = host.strip_prefix('s')?.parse().ok()?;
        (index < self.servers.len() && port == 4222).then_some(index)
    }

    /// Everything works again.
    pub(crate) fn heal(&mut self) {
        for server in &mut self.servers {
            server.mood = Mood::Accepts;
            server.is_lame = false;
            server.shuts_down = None;
            server.max_subscriptions = None;
        }
    }
}
