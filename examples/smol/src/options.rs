//! How to connect.

use std::error::Error;
use std::fmt;

use nats_proto::PercentEncoded;
use nats_proto::ServerUrl;
use nats_proto::Sid;
use nats_proto::session::Auth;
use nats_proto::session::ClientInfo;
use nats_proto::session::CloseReason;
use nats_proto::session::Config;
use nats_proto::session::Event;

/// How to connect. `Options::new(servers)` has a default for everything else.
pub struct Options {
    /// The servers: `nats://host:port`, several separated by commas. The first that has a user in it
    /// says whom to log in as, unless [`user`](Self::user) does.
    pub servers: String,
    /// The connection's name, for monitoring.
    pub name: Option<String>,
    /// A user's name; a token, if there is no password.
    pub user: Option<String>,
    /// The user's password.
    pub password: Option<String>,
    /// The longest message that is taken, in bytes, with its control line. Longer ones are skipped.
    /// Default 16 MiB.
    pub max_message: usize,
    /// Time-outs and the like.
    pub config: Config,
    /// Is called when something happens to the connection. Nothing is locked meanwhile.
    pub on_notice: Box<dyn FnMut(Notice<'_>) + Send>,
}

/// Something that happens to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice<'b> {
    /// An event of the session.
    Session(Event<'b>),
    /// A message was longer than [`Options::max_message`], and is lost.
    TooLong {
        /// The subscription that it was for.
        sid: Sid,
        /// How long its headers and payload were, in bytes.
        size: usize,
    },
    /// The client is closed for good.
    Closed(CloseReason),
}

impl Options {
    /// The defaults. Unlike [`Config::DEFAULT`], the client goes on when no server can be reached at
    /// first.
    #[must_use]
    pub fn new(servers: &str) -> Self {
        Self {
            servers: servers.to_owned(),
            name: None,
            user: None,
            password: None,
            max_message: 16 << 20,
            config: Config::DEFAULT.retry_on_initial_connect(true),
            on_notice: Box::new(|_| {}),
        }
    }

    /// The servers' addresses. Takes the credentials that are found in them.
    pub(crate) fn addresses(&mut self) -> Result<Vec<ServerUrl<'_>>, Box<dyn Error>> {
        let Self { servers, user, password, .. } = self;
        let addresses = ServerUrl::list(servers).collect::<Result<Vec<_>, _>>()?;
        let with_user = addresses.iter().find(|address| address.user().is_some());
        if let (None, Some(address)) = (&user, with_user) {
            *user = address.user().map(text);
            *password = address.password().map(text);
        }
        Ok(addresses)
    }

    pub(crate) fn client_info(&self) -> ClientInfo<'_> {
        ClientInfo::DEFAULT.name(self.name.as_deref())
    }

    pub(crate) fn auth(&self) -> Auth<'_> {
        match (self.user.as_deref(), self.password.as_deref()) {
            (Some(user), Some(password)) => Auth::UserAndPassword { user, password },
            (Some(token), None) => Auth::Token(token),
            (None, _) => Auth::None,
        }
    }
}

impl fmt::Debug for Options {
    /// Without what may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("name", &self.name).finish_non_exhaustive()
    }
}

fn text(encoded: PercentEncoded<'_>) -> String {
    String::from_utf8_lossy(&encoded.bytes().collect::<Vec<_>>()).into_owned()
}
