//! How a server behaves.

use nats_proto::wire;

/// How a server behaves, or one connection to it.
///
/// By default it is an obliging server: it accepts every login, answers PING, delivers what is
/// published to those who have subscribed, and says when a request has no responders.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Script {
    /// What its INFO says.
    pub info: Info,
    /// Whether it sends INFO as soon as there is a connection. Default true.
    pub sends_info: bool,
    /// What becomes of CONNECT. Default [`Login::Accept`].
    pub login: Login,
    /// Whether it answers PING. Default true.
    pub answers_pings: bool,
    /// Whether it delivers what clients publish, and answers requests without responders with a status
    /// of 503. Default true.
    pub delivers: bool,
    /// What may neither be published to nor subscribed to: filters, and everything that they cover.
    /// Default none.
    pub forbidden: Vec<String>,
    /// How many subscriptions a connection may have. Default any number.
    pub max_subscriptions: Option<usize>,
    /// How many bytes a client gets at the most when it reads. Default any number.
    pub read_chunk: usize,
    /// How many bytes are accepted at the most when a client writes. Default any number.
    pub write_chunk: usize,
    /// How many bytes of a client's are accepted in all, until
    /// [`resume`](crate::Connection::resume). Default any number.
    pub room: Option<usize>,
}

/// What becomes of a login.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Login {
    /// It is accepted.
    Accept,
    /// The server sends `-ERR` with this text and closes the connection.
    Refuse(String),
}

/// What a server says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Info {
    /// The server's id. Default its host's name.
    pub server_id: String,
    /// The version. Default `2.99.0`.
    pub version: String,
    /// The longest headers and payload together in bytes. Default 1 MiB.
    pub max_payload: u32,
    /// Whether messages may have headers. Default true.
    pub headers: bool,
    /// Whether credentials are needed. Default false.
    pub auth_required: bool,
    /// Whether TLS is needed. Default false.
    pub tls_required: bool,
    /// Whether the server is about to shut down (lame duck mode). Default false.
    pub lame_duck: bool,
    /// What is to be signed. Default nothing.
    pub nonce: String,
    /// Where else clients can connect to: `host:port`. Default nowhere.
    pub connect_urls: Vec<String>,
}

impl Script {
    pub(crate) fn new(host: &str) -> Self {
        Self {
            info: Info {
                server_id: host.to_owned(),
                version: "2.99.0".to_owned(),
                max_payload: 1 << 20,
                headers: true,
                auth_required: false,
                tls_required: false,
                lame_duck: false,
                nonce: String::new(),
                connect_urls: Vec::new(),
            },
            sends_info: true,
            login: Login::Accept,
            answers_pings: true,
            delivers: true,
            forbidden: Vec::new(),
            max_subscriptions: None,
            read_chunk: usize::MAX,
            write_chunk: usize::MAX,
            room: None,
        }
    }
}

impl Info {
    /// The line, line end included.
    pub(crate) fn line(&self) -> Vec<u8> {
        let urls: Vec<_> = self.connect_urls.iter().map(String::as_str).collect();
        let info = wire::Info::DEFAULT
            .server_id(&self.server_id)
            .server_name(&self.server_id)
            .version(&self.version)
            .max_payload(self.max_payload)
            .headers(self.headers)
            .auth_required(self.auth_required)
            .tls_required(self.tls_required)
            .lame_duck(self.lame_duck)
            .nonce(&self.nonce)
            .connect_urls(&urls);
        let mut line = Vec::new();
        // A `Vec` always has room.
        let _ = info.encode(&mut line);
        line
    }
}
