//! What moves the bytes: does what the session asks for.

mod exchange;
mod login;

use core::fmt;
use core::future::poll_fn;
use core::pin::Pin;
use core::pin::pin;
use core::task::Context;
use core::task::Poll;

use embassy_time::Duration;
use embassy_time::with_timeout;
use nats_proto::ServerUrl;
use nats_proto::Store;
use nats_proto::session::Lost;
use nats_proto::session::Session;
use nats_proto::session::Step;
use nats_proto::session::Stop;
use nats_proto::wire::Sink;

use self::login::LogIn;
use crate::auth::Credentials;
use crate::auth::NoSigner;
use crate::auth::PerAttempt;
use crate::auth::Signer;
use crate::fmt::note;
use crate::memory::runner::RunnerState;
use crate::state::chunks::Piece;
use crate::state::chunks::Pieces;
use crate::state::delivery::Delivery;
use crate::state::inbound::Inbound;
use crate::state::shared::Shared;
use crate::state::sizes::Sizes;
use crate::time::now;
use crate::time::wake_at;
use crate::transport::Connection;
use crate::transport::Connector;

/// How long closing a connection may take.
const CLOSE: Duration = Duration::from_secs(1);
/// How long giving up a connection may take.
const ABORT: Duration = Duration::from_millis(200);

/// Makes and keeps the connection of a [`Client`]. Has to be [running](Self::run) all the time, in a
/// task of its own or joined with others.
pub struct Runner<'d, R: Sizes<'d>, C, A = NoSigner> {
    shared: &'d Shared<'d, R>,
    kit: &'d mut RunnerState<'d>,
    connector: C,
    signer: A,
}

impl<'d, R: Sizes<'d>, C: Connector> Runner<'d, R, C> {
    pub(crate) const fn new(
        shared: &'d Shared<'d, R>,
        kit: &'d mut RunnerState<'d>,
        connector: C,
    ) -> Self {
        Self { shared, kit, connector, signer: NoSigner }
    }

    /// Logs in with signatures of `signer`.
    #[must_use]
    pub fn with_signer<A: Signer>(self, signer: A) -> Runner<'d, R, C, A> {
        let Self { shared, kit, connector, .. } = self;
        Runner { shared, kit, connector, signer }
    }

    /// Asks `credentials` who logs in, at every attempt, instead of
    /// [`Config::login`](crate::Config::login).
    #[must_use]
    pub fn with_credentials<P: Credentials>(
        self,
        credentials: P,
    ) -> Runner<'d, R, C, PerAttempt<P>> {
        let Self { shared, kit, connector, .. } = self;
        Runner { shared, kit, connector, signer: PerAttempt(credentials) }
    }
}

impl<'d, R: Sizes<'d>, C, A> Runner<'d, R, C, A> {
    /// Hands messages of subscriptions that are too long, for their place or for `RX`, to `taker`,
    /// piece by piece, instead of passing them over. They count as
    /// [`streamed`](crate::Statistics::streamed).
    ///
    /// `taker` is called while bytes are received: what it takes its time for, everything waits
    /// for.
    #[must_use]
    pub fn with_pieces(self, taker: &'d mut (dyn FnMut(Piece<'_>) + Send)) -> Self {
        self.kit.pieces = Pieces::new(Some(taker));
        self
    }
}

/// What the runner is doing: a [`Step`] that borrows nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    Wait,
    /// After so many losses: another time, it is for another server.
    Dial(u32),
    Secure,
    Login,
    Exchange,
    Stop,
}

impl Task {
    fn of<S: Store>(session: &Session<S>) -> Self {
        match session.step() {
            Step::Dial(_) => Self::Dial(session.losses()),
            Step::Secure(_) => Self::Secure,
            Step::Login(_) => Self::Login,
            Step::Exchange => Self::Exchange,
            Step::Stop(_) => Self::Stop,
            _ => Self::Wait,
        }
    }

    fn now<'d, R: Sizes<'d>>(shared: &Shared<'d, R>) -> Self {
        shared.lock(|state| Self::of(&state.session))
    }

    /// Whether to go on with it if that is what the session wants now.
    fn goes_on(self, wanted: Self) -> bool {
        // To the session, CONNECT is written when the last of it is in memory.
        self == wanted || (self == Self::Login && wanted == Self::Exchange)
    }
}

impl<'d, R: Sizes<'d>, C: Connector, A: LogIn> Runner<'d, R, C, A> {
    /// Connects, moves bytes and connects again, until the client is over, and says why it is.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the connection. Run again, it makes another one.
    pub async fn run(&mut self) -> Stop {
        let shared = self.shared;
        shared.lock(|state| {
            state.session.connect(now());
            state.settle(now());
        });
        loop {
            match Task::now(shared) {
                Task::Wait => poll_fn(|cx| poll_control(shared, cx, Task::Wait)).await,
                Task::Dial(_) => self.connect().await,
                // The connection was dropped, with the future that had it.
                Task::Secure | Task::Login | Task::Exchange => lose(shared, Lost::Closed),
                Task::Stop => {
                    let stop = shared.lock(|state| state.stopped().unwrap_or(Stop::Closed));
                    note!(info, stop);
                    return stop;
                }
            }
        }
    }

    /// The life of one connection.
    async fn connect(&mut self) {
        let shared = self.shared;
        reclaim(shared, &mut self.kit.inbound).await;
        self.kit.inbound.reset();
        self.kit.back.wipe();
        self.kit.pieces.reset();
        let dialing = dial(shared, &mut self.kit.inbound, &mut self.connector);
        let Some(mut connection) = dialing.await else { return };
        shared.lock(|state| state.session.handle_open());
        let mut is_secure = false;
        loop {
            let Self { kit, signer, .. } = self;
            match Task::now(shared) {
                // What came before TLS may be from anybody.
                Task::Secure if !kit.inbound.is_empty() => lose(shared, Lost::Tls),
                Task::Secure => {
                    is_secure = secure(shared, &mut kit.inbound, &mut connection).await;
                }
                Task::Login => {
                    login::log_in(shared, &mut connection, kit, signer, is_secure).await;
                }
                Task::Exchange => exchange::exchange(shared, &mut connection, kit).await,
                Task::Wait | Task::Dial(_) | Task::Stop => break,
            }
        }
        let stop = shared.lock(|state| state.stopped());
        let _ = if matches!(stop, Some(Stop::Closed | Stop::Drained)) {
            with_timeout(CLOSE, connection.close()).await
        } else {
            with_timeout(ABORT, connection.abort()).await
        };
    }
}

/// Gets the memory for receiving back from whoever looks at a message in it.
fn reclaim<'d, R: Sizes<'d>>(
    shared: &Shared<'d, R>,
    inbound: &mut Inbound<'d>,
) -> impl Future<Output = ()> {
    poll_fn(move |cx| {
        if !R::Delivery::LENDS || !inbound.is_lent() {
            return Poll::Ready(());
        }
        let memory = shared.lock(|state| {
            state.register_runner(cx.waker());
            state.reclaim()
        });
        memory.map_or(Poll::Pending, |memory| {
            inbound.take_back(memory);
            Poll::Ready(())
        })
    })
}

/// Opens a connection to the server that the session wants.
async fn dial<'c, 'd, R: Sizes<'d>, C: Connector>(
    shared: &Shared<'d, R>,
    inbound: &mut Inbound<'d>,
    connector: &'c mut C,
) -> Option<C::Connection<'c>> {
    let task = Task::now(shared);
    // There is memory for the address: nothing is received yet.
    let address = inbound.note(|out| {
        shared.lock(|state| match state.session.step() {
            Step::Dial(server) => server.encode(out).is_ok(),
            _ => false,
        })
    });
    let Some(server) = address.and_then(|address| ServerUrl::new(address).ok()) else {
        lose(shared, Lost::Unreachable);
        return None;
    };
    let dialing = pin!(connector.dial(&server));
    match unless_changed(shared, task, dialing).await? {
        Ok(connection) => Some(connection),
        Err(_) => {
            lose(shared, Lost::Unreachable);
            None
        }
    }
}

/// Secures a connection, and says whether it is secure.
async fn secure<'d, R: Sizes<'d>>(
    shared: &Shared<'d, R>,
    inbound: &mut Inbound<'d>,
    connection: &mut impl Connection,
) -> bool {
    // Nothing was received, or this would be the end.
    let name = inbound.note(|out| {
        shared.lock(|state| {
            let name = state.session.tls_name().as_bytes();
            out.reserve(name.len()).map(|()| out.put(name)).is_ok()
        })
    });
    let upgrading = pin!(connection.upgrade(name.unwrap_or_default()));
    match unless_changed(shared, Task::Secure, upgrading).await {
        Some(Ok(())) => {
            shared.lock(|state| state.session.handle_secured());
            true
        }
        Some(Err(_)) => {
            lose(shared, Lost::Tls);
            false
        }
        None => false,
    }
}

/// Waits for `future`, unless the session wants something else.
fn unless_changed<'d, R: Sizes<'d>, F: Future>(
    shared: &Shared<'d, R>,
    task: Task,
    mut future: Pin<&mut F>,
) -> impl Future<Output = Option<F::Output>> {
    poll_fn(move |cx| match poll_control(shared, cx, task) {
        Poll::Ready(()) => Poll::Ready(None),
        Poll::Pending => future.as_mut().poll(cx).map(Some),
    })
}

/// Ready if there is something else to do than `task`. Otherwise the runner wakes up when there may
/// be: when a time is up, or somebody changed something.
fn poll_control<'d, R: Sizes<'d>>(
    shared: &Shared<'d, R>,
    cx: &mut Context<'_>,
    task: Task,
) -> Poll<()> {
    let now = now();
    let deadline = shared.lock(|state| {
        state.register_runner(cx.waker());
        let mut is_late = false;
        while state.session.poll_timeout().is_some_and(|(deadline, _)| deadline <= now) {
            if let Some(event) = state.session.handle_timeout(now) {
                state.handle_event(&event);
            }
            is_late = true;
        }
        if is_late {
            state.settle(now);
            // There may be something to write.
            state.wake_runner();
        }
        task.goes_on(Task::of(&state.session)).then(|| state.session.poll_timeout())
    });
    match deadline {
        None => Poll::Ready(()),
        Some(deadline) => {
            if let Some((deadline, _)) = deadline {
                wake_at(deadline, cx);
            }
            Poll::Pending
        }
    }
}

/// The connection, or the attempt to make one, failed.
fn lose<'d, R: Sizes<'d>>(shared: &Shared<'d, R>, cause: Lost) {
    shared.lock(|state| {
        if let Some(event) = state.session.handle_lost(cause, now()) {
            state.handle_event(&event);
        }
        state.settle(now());
    });
}

impl<'d, R: Sizes<'d>, C, A> fmt::Debug for Runner<'d, R, C, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner").field("login", &self.kit.login).finish_non_exhaustive()
    }
}
