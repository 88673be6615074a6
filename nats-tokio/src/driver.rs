//! The task behind a client: does what the session asks for.

mod exchange;
mod hooks;
mod inbound;

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use nats_proto::Instant;
use nats_proto::Scheme;
use nats_proto::session::Draining;
use nats_proto::session::Lost;
use nats_proto::session::Step;
use nats_proto::session::Stop;
use nats_proto::wire::Connect;
use tokio::io::AsyncWriteExt;
use tokio::time::Sleep;
use zeroize::Zeroizing;

use crate::auth::Proof;
use crate::auth::login::Login;
use crate::driver::inbound::Inbound;
use crate::error::Failure;
use crate::error::TlsError;
use crate::options::reconnect::Hooks;
use crate::state::batch::Batch;
use crate::state::control::Control;
use crate::state::shared::Shared;
use crate::sync::lock;
use crate::transport::Broken;
use crate::transport::Dialing;
use crate::transport::Target;
use crate::transport::Transport;
use crate::transport::dial::Dialer;

/// Looking for late requests takes time in proportion to their number, so it is done no more often
/// than every so many of them take milliseconds.
const REQUESTS_PER_MILLI: usize = 8192;

/// How long saying goodbye to a server may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// How often to look at what draining waits for. Whoever takes the last message tells; unless that
/// was taken at the very moment at which draining began.
const LOOK: Duration = Duration::from_millis(250);

pub(crate) struct Driver {
    pub(crate) shared: Arc<Shared>,
    dialer: Dialer,
    login: Login,
    hooks: Hooks,
    pub(crate) stream: Option<Box<dyn Transport>>,
    /// Whether there is TLS between us and the server.
    is_secure: bool,
    pub(crate) inbound: Inbound,
    /// What is being written.
    pub(crate) batch: Batch,
    /// Whether what was written may still be in a buffer of the stream's own.
    pub(crate) is_unflushed: bool,
    sleep: Pin<Box<Sleep>>,
    /// Until when nothing is read, if a subscriber is behind.
    pub(crate) rest: Option<Pin<Box<Sleep>>>,
    /// When `sleep` ends, if it is to be waited for.
    armed: Option<Instant>,
    /// When requests were last looked through for late ones.
    swept: Instant,
    /// When to look again whether everything is drained, if somebody is waited for.
    look: Option<Instant>,
}

/// What the driver is doing: a [`Step`] that borrows nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    Wait,
    /// After so many losses: another time, it is for another server.
    Dial(u32),
    Secure,
    Login,
    Exchange,
    Stop(Stop),
}

impl Task {
    fn of(control: &Control) -> Self {
        match control.session.step() {
            Step::Dial(_) => Self::Dial(control.session.losses()),
            Step::Secure(_) => Self::Secure,
            Step::Login(_) => Self::Login,
            Step::Exchange => Self::Exchange,
            Step::Stop(stop) => Self::Stop(stop),
            _ => Self::Wait,
        }
    }
}

impl Driver {
    pub(crate) fn new(
        shared: Arc<Shared>,
        dialer: Dialer,
        login: Login,
        hooks: Hooks,
        max_message: Option<usize>,
    ) -> Self {
        let swept = shared.now();
        Self {
            shared,
            dialer,
            login,
            hooks,
            stream: None,
            is_secure: false,
            inbound: Inbound::new(max_message),
            batch: Batch::default(),
            is_unflushed: false,
            sleep: Box::pin(tokio::time::sleep(Duration::ZERO)),
            rest: None,
            armed: None,
            swept,
            look: None,
        }
    }

    /// Runs until the session is over.
    pub(crate) async fn run(mut self) {
        loop {
            let task = Task::of(&lock(&self.shared.control));
            match task {
                Task::Dial(_) => self.dial(task).await,
                Task::Secure => self.secure().await,
                Task::Login => self.log_in().await,
                Task::Exchange => poll_fn(|cx| self.poll_exchange(cx)).await,
                Task::Wait => {
                    self.stream = None;
                    let now = self.shared.now();
                    self.hooks.apply(&mut lock(&self.shared.control), now);
                    poll_fn(|cx| self.poll_control(cx, Task::Wait)).await;
                }
                Task::Stop(_) => break,
            }
        }
        if let Some(mut stream) = self.stream.take() {
            let _ = tokio::time::timeout(GOODBYE, stream.shutdown()).await;
        }
    }

    async fn dial(&mut self, task: Task) {
        self.stream = None;
        self.inbound.reset();
        self.batch = Batch::default();
        let (target, name, first) = {
            let mut control = lock(&self.shared.control);
            let Step::Dial(server) = control.session.step() else { return };
            let (target, address) = (Target::new(&server), server.to_string());
            let name = control.session.tls_name().to_owned();
            control.failure = None;
            // Of others, an event tells.
            let is_first = !(control.has_failed || control.session.was_connected());
            let first = is_first.then(|| address.clone());
            control.dialled = address;
            (target, name, first)
        };
        if let Some(address) = first {
            self.shared.control.log.connecting(&address);
        }
        self.is_secure = target.scheme == Scheme::Wss;
        let opening = self.dialer.open(target, name);
        if let Some(stream) = self.prepare(task, opening).await {
            self.stream = Some(stream);
            let mut control = lock(&self.shared.control);
            control.session.handle_open();
            // A server that begins with TLS is not expected to say anything before.
            if !self.is_secure && Task::of(&control) == Task::Exchange {
                control.failure = Some(Failure::NoInfo);
            }
        }
    }

    async fn secure(&mut self) {
        let Some(stream) = self.stream.take() else { return self.lose(Lost::Closed, None) };
        if !self.inbound.is_empty() {
            return self.lose(Lost::Tls, Some(TlsError::Injected.into()));
        }
        let name = lock(&self.shared.control).session.tls_name().to_owned();
        let securing = self.dialer.secure(stream, name);
        if let Some(stream) = self.prepare(Task::Secure, securing).await {
            self.stream = Some(stream);
            self.is_secure = true;
            lock(&self.shared.control).session.handle_secured();
        }
    }

    /// Waits for a stream, unless the session wants something else.
    async fn prepare(&mut self, task: Task, mut dialing: Dialing) -> Option<Box<dyn Transport>> {
        let dialed = poll_fn(|cx| match self.poll_control(cx, task) {
            Poll::Ready(()) => Poll::Ready(None),
            Poll::Pending => dialing.as_mut().poll(cx).map(Some),
        });
        match dialed.await? {
            Ok(stream) => Some(stream),
            Err(Broken(cause, error)) => {
                self.lose(cause, error);
                None
            }
        }
    }

    /// Finds out what to say of who we are, which may take its time, and says it.
    async fn log_in(&mut self) {
        let mut proving = {
            let control = lock(&self.shared.control);
            let Step::Login(challenge) = control.session.step() else { return };
            self.login.prove(&control.url_credentials, &challenge)
        };
        let proved = poll_fn(|cx| match self.poll_control(cx, Task::Login) {
            Poll::Ready(()) => Poll::Ready(None),
            Poll::Pending => proving.as_mut().poll(cx).map(Some),
        });
        match proved.await {
            Some(Ok(proof)) => self.put_connect(&proof),
            Some(Err(error)) => self.fail(Lost::Login, Some(Failure::Login(error))),
            None => {}
        }
    }

    /// Writes CONNECT and what follows it.
    fn put_connect(&mut self, proof: &Proof) {
        let mut control = lock(&self.shared.control);
        let Step::Login(challenge) = control.session.step() else { return };
        let connect = Connect {
            tls_required: self.is_secure,
            ..self.login.connect(challenge.headers, proof)
        };
        let mut line = Zeroizing::new(vec![0; connect.encoded_len()]);
        let len = control.session.login(&connect, &mut line);
        line.truncate(len);
        self.batch.put_secret(line);
        self.batch.put_control(|out| control.session.poll_transmit(out));
    }

    /// The connection, or the attempt to make one, failed.
    pub(crate) fn lose(&self, cause: Lost, error: Option<io::Error>) {
        self.fail(cause, error.map(Failure::Io));
    }

    fn fail(&self, cause: Lost, failure: Option<Failure>) {
        let mut control = lock(&self.shared.control);
        let now = self.shared.now();
        control.failure = failure;
        if let Some(event) = control.session.handle_lost(cause, now) {
            control.note(&self.shared, &event);
        }
        self.shared.pump(&mut control);
    }

    /// Ready if there is something else to do than `task`. Otherwise the driver wakes up when there
    /// may be: when a time is up, or somebody changed something.
    pub(crate) fn poll_control(&mut self, cx: &mut Context<'_>, task: Task) -> Poll<()> {
        loop {
            let now = self.shared.now();
            let mut control = lock(&self.shared.control);
            control.set_driver(cx.waker());
            if Task::of(&control) != task {
                return Poll::Ready(());
            }
            while control.session.poll_timeout().is_some_and(|(deadline, _)| deadline <= now) {
                if let Some(event) = control.session.handle_timeout(now) {
                    control.note(&self.shared, &event);
                }
                self.shared.pump(&mut control);
            }
            self.look = check_drained(&self.shared, &mut control, now);
            if Task::of(&control) != task {
                return Poll::Ready(());
            }
            let deadline = control.session.poll_timeout().map(|(deadline, _)| deadline);
            drop(control);
            self.sweep_requests(now);
            let deadline = [deadline, self.sweep_due(), self.look].into_iter().flatten().min();
            if self.armed != deadline {
                self.arm(deadline);
                // A request may have come before that, and relied on another time.
                continue;
            }
            if self.armed.is_none() || self.sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.armed = None;
        }
    }

    fn arm(&mut self, deadline: Option<Instant>) {
        self.armed = deadline;
        self.shared.set_armed(deadline);
        if let Some(deadline) = deadline {
            self.sleep.as_mut().reset(self.shared.sleep_until(deadline));
        }
    }

    /// When requests are to be looked through next.
    fn sweep_due(&self) -> Option<Instant> {
        let earliest = self.shared.request_deadline()?;
        let count = lock(&self.shared.requests).len();
        let pause = u64::try_from(count / REQUESTS_PER_MILLI).unwrap_or(u64::MAX);
        Some(earliest.max(self.swept + Duration::from_millis(pause)))
    }

    fn sweep_requests(&mut self, now: Instant) {
        if self.sweep_due().is_none_or(|due| now < due) {
            return;
        }
        let mut wake = Vec::new();
        let handed_over = self.shared.handed_over();
        let mut requests = lock(&self.shared.requests);
        requests.expire(now, handed_over, &mut wake);
        self.shared.note_request_deadline(requests.poll_timeout());
        drop(requests);
        self.swept = now;
        wake.into_iter().for_each(std::task::Waker::wake);
    }
}

/// Goes from draining subscriptions to flushing, once everything that came is dealt with. Returns
/// when to look again, if it is not.
fn check_drained(shared: &Shared, control: &mut Control, now: Instant) -> Option<Instant> {
    if control.session.draining() != Some(Draining::Arrived) {
        return None;
    }
    if !control.is_closing && !control.unread.is_empty() {
        return Some(now + LOOK);
    }
    let mut outbound = lock(&shared.outbound);
    outbound.close(&mut control.later.wake);
    let has_unsent = outbound.held() > 0;
    drop(outbound);
    if control.session.is_connected() {
        control.session.finish(now);
    } else if !has_unsent {
        control.session.finish_unconnected();
    }
    shared.pump(control);
    None
}

impl Drop for Driver {
    /// Also when the runtime goes down with the driver in it.
    fn drop(&mut self) {
        self.shared.end();
    }
}
