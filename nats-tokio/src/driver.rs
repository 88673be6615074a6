//! The task behind a client: does what the session asks for.
//!
//! [`Driver::run`] is a loop over the session's phases. To connect is in `connect`, to move bytes in
//! `exchange`; in all of them the driver takes [`turns`](Driver::turn), each of which holds the
//! control plane once.

mod connect;
mod exchange;
mod hooks;
mod inbound;
mod timers;

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use nats_proto::session::DisconnectReason;
use nats_proto::session::Phase;
use tokio::io::AsyncWriteExt;

use self::exchange::Exchange;
use self::inbound::Inbound;
use self::timers::Timers;
use crate::auth::Source;
use crate::error::Failure;
use crate::options::reconnect::Hooks;
use crate::state::batch::Batch;
use crate::state::shared::Shared;
use crate::sync::lock;
use crate::transport::Broken;
use crate::transport::Transport;
use crate::transport::dial::Dialer;

/// How long saying goodbye to a server may take.
const GOODBYE: Duration = Duration::from_secs(1);

pub(crate) struct Driver {
    shared: Arc<Shared>,
    dialer: Dialer,
    auth: Source,
    hooks: Hooks,
    stream: Option<Box<dyn Transport>>,
    inbound: Inbound,
    /// What is being written.
    batch: Batch,
    exchange: Exchange,
    timers: Timers,
}

/// What was read.
enum Read {
    Nothing,
    /// It is in the buffer.
    Bytes,
    /// The connection does not work any more.
    Failed(Broken),
}

/// What a turn leaves to be done after the control plane is unlocked.
#[derive(Default)]
struct Turn {
    /// The session wants something else.
    is_over: bool,
    /// A subscriber got messages, and should run before much more is read.
    has_woken: bool,
}

impl Driver {
    pub(crate) fn new(shared: Arc<Shared>, dialer: Dialer, auth: Source, hooks: Hooks) -> Self {
        let timers = Timers::new(shared.now());
        let inbound = Inbound::new(shared.options.max_message);
        Self {
            shared,
            dialer,
            auth,
            hooks,
            stream: None,
            inbound,
            batch: Batch::default(),
            exchange: Exchange::default(),
            timers,
        }
    }

    /// Runs until the session is over.
    pub(crate) async fn run(mut self) {
        loop {
            let phase = lock(&self.shared.control).session.phase();
            match phase {
                Phase::Wait => self.wait().await,
                Phase::Dial(_) => self.dial(phase).await,
                Phase::Secure => self.secure().await,
                Phase::Login => self.log_in().await,
                Phase::Exchange => poll_fn(|cx| self.poll_exchange(cx)).await,
                Phase::Closed(_) => break,
            }
        }
        if let Some(mut stream) = self.stream.take() {
            let _ = tokio::time::timeout(GOODBYE, stream.shutdown()).await;
        }
    }

    /// Waits until it is time to reconnect.
    async fn wait(&mut self) {
        self.stream = None;
        let now = self.shared.now();
        self.hooks.apply(&mut lock(&self.shared.control), now);
        poll_fn(|cx| self.poll_phase(cx, Phase::Wait)).await;
    }

    /// Ready if there is something else to do than `phase`. Otherwise the driver wakes up when there
    /// may be: when a timer is due, or the state has changed.
    fn poll_phase(&mut self, cx: &mut Context<'_>, phase: Phase) -> Poll<()> {
        loop {
            if self.turn(cx, phase, Read::Nothing).is_over {
                return Poll::Ready(());
            }
            if self.timers.poll(cx, &self.shared).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Holds the control plane once: deals with what was read and with what is due, unless there is
    /// something else to do than `phase`.
    fn turn(&mut self, cx: &Context<'_>, phase: Phase, read: Read) -> Turn {
        let shared = &*self.shared;
        let now = shared.now();
        let mut turn = Turn::default();
        let mut control = lock(&shared.control);
        control.set_driver(cx.waker());
        if control.session.phase() != phase {
            turn.is_over = true;
            return turn;
        }
        let mut has_changed = false;
        match read {
            Read::Nothing => {}
            Read::Bytes => {
                let processed = self.inbound.process(shared, &mut control, now);
                has_changed |= processed.has_control;
                if processed.is_behind {
                    self.exchange.rest();
                }
                if let Some(lost) = processed.error {
                    shared.disconnect(&mut control, lost, None, now);
                }
            }
            Read::Failed(Broken(reason, error)) => {
                shared.disconnect(&mut control, reason, error.map(Failure::Io), now);
            }
        }
        // What is to be done then has its own turn: the application may have a say in it.
        while control.session.phase() == phase
            && let Some(event) = control.session.handle_timeout(now)
        {
            shared.apply(&mut control, &event);
            has_changed = true;
        }
        if phase == Phase::Exchange && !control.session.is_connected() {
            self.batch.put_control(|out| control.session.poll_transmit(out));
        }
        if has_changed || control.session.has_transmit() {
            shared.transmit(&mut control);
        } else {
            shared.end_released(&mut control);
        }
        let extensions = shared.poll_due_extensions(&mut control, now);
        let look = shared.poll_drained(&mut control, now);
        self.exchange.is_connected = control.session.is_connected();
        turn.is_over = control.session.phase() != phase;
        let deadline = control.session.poll_timeout().map(|(deadline, _)| deadline);
        drop(control);
        self.timers.set(now, [deadline, extensions, look]);
        turn.has_woken = self.inbound.wake();
        turn
    }

    /// The connection, or the attempt to connect, failed, unless there is something else to do than
    /// `phase` by now.
    fn lose(&self, phase: Phase, reason: DisconnectReason, failure: Option<Failure>) {
        let mut control = lock(&self.shared.control);
        if control.session.phase() == phase {
            self.shared.disconnect(&mut control, reason, failure, self.shared.now());
        }
    }
}

impl Drop for Driver {
    /// Also when the runtime goes down with the driver in it.
    fn drop(&mut self) {
        self.shared.end();
    }
}
