//! The runner, which moves the bytes: does what the session asks for.

mod connect;
mod control;
mod exchange;
mod login;

use core::fmt;
use core::future::poll_fn;

use nats_proto::session::CloseReason;
use nats_proto::session::DisconnectReason;
use nats_proto::session::Phase;

use self::control::disconnect;
use self::control::phase;
use self::control::poll_control;
use self::login::LogIn;
use crate::auth::Credentials;
use crate::auth::NoSigner;
use crate::auth::PerAttempt;
use crate::auth::Signer;
use crate::fmt::note;
use crate::memory::runner::RunnerState;
use crate::state::chunks::Chunk;
use crate::state::chunks::Chunks;
use crate::state::shared::Shared;
use crate::state::sizes::Sizes;
use crate::time::now;
use crate::transport::Connector;

/// Makes and keeps the connection of a [`Client`](crate::Client). Has to be [running](Self::run) all the time, in a
/// task of its own or joined with others.
pub struct Runner<'d, R: Sizes<'d>, C, A = NoSigner> {
    shared: &'d Shared<'d, R>,
    memory: &'d mut RunnerState<'d>,
    connector: C,
    signer: A,
}

impl<'d, R: Sizes<'d>, C: Connector> Runner<'d, R, C> {
    pub(crate) const fn new(
        shared: &'d Shared<'d, R>,
        memory: &'d mut RunnerState<'d>,
        connector: C,
    ) -> Self {
        Self { shared, memory, connector, signer: NoSigner }
    }

    /// Logs in with signatures of `signer`.
    #[must_use]
    pub fn with_signer<A: Signer>(self, signer: A) -> Runner<'d, R, C, A> {
        let Self { shared, memory, connector, .. } = self;
        Runner { shared, memory, connector, signer }
    }

    /// Asks `credentials` at every attempt, instead of
    /// [`Config::auth`](crate::Config::auth).
    #[must_use]
    pub fn with_credentials<P: Credentials>(
        self,
        credentials: P,
    ) -> Runner<'d, R, C, PerAttempt<P>> {
        let Self { shared, memory, connector, .. } = self;
        Runner { shared, memory, connector, signer: PerAttempt(credentials) }
    }
}

impl<'d, R: Sizes<'d>, C, A> Runner<'d, R, C, A> {
    /// Passes messages of subscriptions that are too long, for their slot or for `RX`, to `consumer`
    /// in chunks, instead of skipping them. They count as
    /// [`streamed_messages`](crate::Statistics::streamed_messages).
    ///
    /// `consumer` is called while bytes are received: everything waits for it.
    #[must_use]
    pub fn on_chunk(self, consumer: &'d mut (dyn FnMut(Chunk<'_>) + Send)) -> Self {
        self.memory.chunks = Chunks::new(Some(consumer));
        self
    }
}

impl<'d, R: Sizes<'d>, C: Connector, A: LogIn> Runner<'d, R, C, A> {
    /// Connects, moves bytes and connects again, until the client is closed, and returns why it is.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the connection. Run again, it makes another one.
    pub async fn run(&mut self) -> CloseReason {
        let shared = self.shared;
        let now = now();
        shared.lock(|state| state.change(|session| session.connect(now)));
        loop {
            match phase(shared) {
                Phase::Wait => poll_fn(|cx| poll_control(shared, cx, Phase::Wait)).await,
                Phase::Dial(_) => self.connect().await,
                // The connection was dropped, with the future that had it.
                Phase::Secure | Phase::Login | Phase::Exchange => {
                    disconnect(shared, DisconnectReason::Closed);
                }
                Phase::Closed(stop) => {
                    note!(info, stop);
                    return stop;
                }
            }
        }
    }
}

impl<'d, R: Sizes<'d>, C, A> fmt::Debug for Runner<'d, R, C, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner").field("auth", &self.memory.auth).finish_non_exhaustive()
    }
}
