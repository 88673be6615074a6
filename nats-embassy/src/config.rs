//! How a client behaves.

use core::fmt;
use core::time::Duration;

use nats_proto::Inbox;
use nats_proto::ServerUrl;
use nats_proto::Subject;
use nats_proto::session;
use nats_proto::session::Backoff;

use crate::auth::Auth;

/// How a client behaves. All of it but the servers has a default.
///
/// ```
/// use nats_embassy::{Config, Auth, Offline};
///
/// let config = Config::new("nats://10.0.0.1,nats://10.0.0.2")
///     .name("sensor-7")
///     .auth(Auth::Password { user: "sensor", password: "s3cret" })
///     .offline(Offline::KeepLatest)
///     .no_echo();
/// // The password is not shown, not even where it does not belong.
/// assert!(!format!("{config:?}").contains("s3cret"));
/// let wrong = ["tcp://sensor:s3cret@host", "sensor:s3cret@host", "sensor:s3c/ret@host"];
/// for servers in wrong {
///     assert!(!format!("{:?}", Config::new(servers)).contains("s3c"));
/// }
/// ```
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Config<'d> {
    /// The servers, separated by commas: `nats://10.0.0.1:4222,nats://10.0.0.2`. Without
    /// credentials, for which there is [`auth`](Self::auth).
    pub servers: &'d str,
    /// The connection's name, for monitoring. Default none.
    pub name: Option<&'d str>,
    /// The credentials. Default [`Auth::Anonymous`].
    pub auth: Auth<'d>,
    /// Whether the server is not to send this client what it published itself. Default false.
    pub no_echo: bool,
    /// What publishing does while there is no connection. Default [`Offline::Wait`].
    pub offline: Offline,
    /// What the subjects for replies begin with: 35 bytes less than a text of the resources has, at
    /// most. Default `_INBOX`.
    pub inbox_prefix: Subject<'d>,
    /// Everything about making and keeping connections. Default [`Config::SESSION`].
    pub session: session::Config,
}

/// Addresses without credentials, which are refused, and not shown by then either.
struct Addresses<'d>(&'d str);

impl fmt::Debug for Addresses<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(ServerUrl::list(self.0)).finish()
    }
}

impl fmt::Debug for Config<'_> {
    /// Without secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("servers", &Addresses(self.servers))
            .field("name", &self.name)
            .field("auth", &self.auth)
            .field("no_echo", &self.no_echo)
            .field("offline", &self.offline)
            .field("inbox_prefix", &self.inbox_prefix)
            .field("session", &self.session)
            .finish()
    }
}

/// What publishing does while there is no connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Offline {
    /// It waits for the next one.
    #[default]
    Wait,
    /// It fails with [`PublishError::Disconnected`](crate::PublishError::Disconnected).
    Fail,
    /// The message waits for the next connection in place of one that waits already, which counts
    /// as [`replaced_messages`](crate::Statistics::replaced_messages): for values, of which the last one counts. One
    /// waits in all, whatever its subject. It leaves 80 bytes of its half of `TX` to what a new
    /// connection needs, or it is [too long](crate::PublishError::TooLong).
    ///
    /// Requests fail, as with [`Fail`](Self::Fail).
    KeepLatest,
}

impl Config<'_> {
    /// Defaults for devices that are left alone for years: they try forever, at any server
    /// and with whatever credentials, 0.25 s to 30 s apart and at random, and find out within 30 s to
    /// 90 s that a server is gone that did not say so.
    ///
    /// All else is as in [`session::Config::DEFAULT`], but for the time that connecting may take: 5 s.
    pub const SESSION: session::Config = session::Config::DEFAULT
        .connect_timeout(Duration::from_secs(5))
        .ping_interval(Duration::from_secs(30))
        .retry_on_initial_connect(true)
        .ignore_auth_error_abort(true)
        .max_reconnects(None)
        .backoff(Backoff::Exponential {
            min: Duration::from_millis(500),
            max: Duration::from_secs(30),
        });
}

impl<'d> Config<'d> {
    /// The defaults, and these servers.
    #[must_use]
    pub const fn new(servers: &'d str) -> Self {
        Self {
            servers,
            name: None,
            auth: Auth::Anonymous,
            no_echo: false,
            offline: Offline::Wait,
            inbox_prefix: Inbox::<()>::DEFAULT_PREFIX,
            session: Self::SESSION,
        }
    }

    /// Sets the credentials.
    #[must_use]
    pub const fn auth(mut self, auth: Auth<'d>) -> Self {
        self.auth = auth;
        self
    }

    /// Names the connection.
    #[must_use]
    pub const fn name(mut self, name: &'d str) -> Self {
        self.name = Some(name);
        self
    }

    /// The server does not send this client what it published itself.
    #[must_use]
    pub const fn no_echo(mut self) -> Self {
        self.no_echo = true;
        self
    }

    /// Says what publishing does while there is no connection.
    #[must_use]
    pub const fn offline(mut self, offline: Offline) -> Self {
        self.offline = offline;
        self
    }

    /// Says how connections are made and kept.
    #[must_use]
    pub const fn session(mut self, session: session::Config) -> Self {
        self.session = session;
        self
    }

    /// Says what the subjects for replies begin with.
    #[must_use]
    pub const fn inbox_prefix(mut self, prefix: Subject<'d>) -> Self {
        self.inbox_prefix = prefix;
        self
    }
}
