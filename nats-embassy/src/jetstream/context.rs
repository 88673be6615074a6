//! Where JetStream is asked: a client, and how long an answer may take.

use core::fmt;
use core::time::Duration;

use nats_proto::Subject;
use nats_proto::fingerprint;
use nats_proto::jetstream::ApiPrefix;
use nats_proto::jetstream::NameError;
use nats_proto::jetstream::WindowConfig;

use crate::client::Client;
use crate::state::sizes::Sizes;
use crate::time::Timeout;

/// How long it may take, unless the application says otherwise, until a message is acknowledged.
const TIMEOUT: Duration = Duration::from_secs(5);

/// JetStream by way of a client: the streams of its account. Made by
/// [`Client::jetstream`]; to be copied, like the client. Nothing is sent until something is asked for.
pub struct Context<'d, R: Sizes<'d>> {
    pub(super) client: Client<'d, R>,
    pub(super) prefix: ApiPrefix<'d>,
    pub(super) timeout: Timeout,
    pub(super) window: WindowConfig,
}

impl<'d, R: Sizes<'d>> Client<'d, R> {
    /// JetStream for the account that this client is of.
    #[must_use]
    pub fn jetstream(&self) -> Context<'d, R> {
        // Unlike that of any other client.
        let seed = self.shared.lock(|state| fingerprint(state.inbox.filter().as_str().bytes()));
        Context {
            client: *self,
            prefix: ApiPrefix::DEFAULT,
            timeout: TIMEOUT.into(),
            window: WindowConfig::DEFAULT.seed(seed),
        }
    }
}

impl<'d, R: Sizes<'d>> Context<'d, R> {
    /// The streams of another domain, behind a leaf node. Publishing does not depend on it: a stream is
    /// found by its subjects.
    ///
    /// # Errors
    ///
    /// [`NameError`]: a domain is one token.
    pub const fn domain(self, domain: &'d str) -> Result<Self, NameError> {
        match ApiPrefix::domain(domain) {
            Ok(prefix) => Ok(Self { prefix, ..self }),
            Err(error) => Err(error),
        }
    }

    /// The streams of another account, whose API this one imports under another prefix than `$JS.API`:
    /// `JS.acc` for subjects such as `JS.acc.CONSUMER.MSG.NEXT.JOBS.sensor-7`.
    #[must_use]
    pub const fn prefix(self, prefix: Subject<'d>) -> Self {
        Self { prefix: ApiPrefix::custom(prefix), ..self }
    }

    /// How long an answer may take, all attempts and waiting for a connection included. Default 5 s.
    #[must_use]
    pub fn timeout(self, timeout: impl Into<Timeout>) -> Self {
        Self { timeout: timeout.into(), ..self }
    }

    /// How long to wait for an acknowledgement before a message with an id is sent again. Default 5 s.
    #[must_use]
    pub fn ack_wait(self, ack_wait: Duration) -> Self {
        Self { window: self.window.ack_wait(ack_wait), ..self }
    }

    /// For how long the stream knows an id again (`duplicate_window`); messages are sent again until 10 s
    /// before that. Default 2 min, as nats-server's. If the stream's is shorter than what is said here, a
    /// message may be stored twice.
    #[must_use]
    pub fn duplicate_window(self, window: Duration) -> Self {
        Self { window: self.window.duplicate_window(window), ..self }
    }
}

impl<'d, R: Sizes<'d>> Clone for Context<'d, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<'d, R: Sizes<'d>> Copy for Context<'d, R> {}

impl<'d, R: Sizes<'d>> fmt::Debug for Context<'d, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("client", &self.client).finish_non_exhaustive()
    }
}
