//! The task of the connection: bytes in and out, and timers. What to do with them says the session.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;

use nats_proto::Instant;
use nats_proto::session::CloseReason;
use nats_proto::session::DisconnectReason;
use nats_proto::session::Phase;
use nats_proto::wire::Decoded;
use nats_proto::wire::Decoder;
use nats_proto::wire::FromServer;
use nats_proto::wire::Limits;
use nats_proto::wire::ServerOp;
use smol::io::AsyncRead;
use smol::io::AsyncWrite;

use crate::network::BoxFuture;
use crate::network::Network;
use crate::options::Notice;
use crate::options::Options;
use crate::state::Delivery;
use crate::state::Shared;
use crate::state::State;

/// How much is read at once, in bytes. Longer messages make the buffer grow, up to
/// [`Options::max_message`].
const INPUT: usize = 16 * 1024;
/// After so many turns, other tasks have theirs.
const TURNS: usize = 64;

/// The connection's task: a future that is ready when the client is closed.
pub struct Driver<N: Network> {
    network: Arc<N>,
    shared: Arc<Shared>,
    options: Options,
    timer: Option<(Instant, BoxFuture<()>)>,
    connection: Connection<N::Stream>,
}

/// What belongs to one connection, and goes with it.
struct Connection<S> {
    /// Its number, which the session gives.
    number: u32,
    link: Link<S>,
    decoder: Decoder<FromServer>,
    /// What was read, and not decoded yet: the first `filled` bytes.
    input: Vec<u8>,
    filled: usize,
    /// What is being written, and how much of it is.
    output: Vec<u8>,
    written: usize,
}

enum Link<S> {
    None,
    Dialing(BoxFuture<io::Result<S>>),
    Open(S),
}

impl<N: Network> Driver<N> {
    pub(crate) fn new(network: Arc<N>, shared: Arc<Shared>, options: Options) -> Self {
        let connection = Connection::new(0, &options);
        Self { network, shared, options, timer: None, connection }
    }

    /// Does what the session asks for, once. Pending if there is nothing to do.
    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<Option<CloseReason>> {
        let now = self.network.now();
        let (mut events, mut deliveries) = (Vec::new(), Vec::new());
        let shared = Arc::clone(&self.shared);
        let mut state = shared.lock();
        events.extend(std::iter::from_fn(|| state.session.handle_timeout(now)));
        self.forget_connection(&mut state);
        let (phase, deadline) = state.settle(now, cx.waker(), &mut deliveries);
        self.forget_connection(&mut state);
        if self.connection.output.is_empty() {
            std::mem::swap(&mut self.connection.output, &mut state.output);
        }
        drop(state);
        events.into_iter().map(Notice::Session).for_each(&mut self.options.on_notice);
        deliveries.into_iter().for_each(Delivery::make);
        let has_moved = match phase {
            Phase::Closed(stop) => {
                (self.options.on_notice)(Notice::Closed(stop));
                return Poll::Ready(Some(stop));
            }
            Phase::Wait => false,
            Phase::Dial(_) => self.dial(cx),
            // This client has no TLS.
            Phase::Secure => self.lost(DisconnectReason::Tls),
            Phase::Login => self.login(),
            Phase::Exchange => self.write(cx) | self.read(cx),
        };
        if has_moved { Poll::Ready(None) } else { self.poll_timer(deadline, cx) }
    }

    /// What belongs to a connection that is over goes with it.
    fn forget_connection(&mut self, state: &mut State) {
        let number = state.session.connection();
        if self.connection.number != number {
            self.connection = Connection::new(number, &self.options);
            state.output.clear();
        }
    }

    /// The one place where what went wrong reaches the session.
    fn lost(&mut self, reason: DisconnectReason) -> bool {
        let now = self.network.now();
        let event = self.shared.lock().session.handle_disconnected(reason, now);
        event.into_iter().map(Notice::Session).for_each(&mut self.options.on_notice);
        true
    }

    fn dial(&mut self, cx: &mut Context<'_>) -> bool {
        if matches!(self.connection.link, Link::None) {
            let state = self.shared.lock();
            let Some(server) = state.session.target() else { return false };
            self.connection.link = Link::Dialing(self.network.dial(&server));
        }
        let Link::Dialing(dialing) = &mut self.connection.link else { return false };
        match dialing.as_mut().poll(cx) {
            Poll::Ready(Ok(stream)) => {
                self.connection.link = Link::Open(stream);
                self.shared.lock().session.handle_open();
                true
            }
            Poll::Ready(Err(_)) => self.lost(DisconnectReason::Unreachable),
            Poll::Pending => false,
        }
    }

    /// Again and again, until CONNECT is whole.
    fn login(&mut self) -> bool {
        let mut part = [0; 512];
        let (client, auth) = (self.options.client_info(), self.options.auth());
        let written = self.shared.lock().session.log_in(&client, &auth, &mut part);
        match written {
            Ok(len) => {
                self.connection.output.extend(part.iter().take(len));
                true
            }
            Err(_) => self.lost(DisconnectReason::Auth),
        }
    }

    fn write(&mut self, cx: &mut Context<'_>) -> bool {
        let Connection { link, output, written, .. } = &mut self.connection;
        let Link::Open(stream) = link else { return false };
        let rest = output.get(*written..).unwrap_or_default();
        if rest.is_empty() {
            return false;
        }
        match Pin::new(stream).poll_write(cx, rest) {
            Poll::Ready(Ok(0) | Err(_)) => self.lost(DisconnectReason::Io),
            Poll::Ready(Ok(len)) => {
                *written += len;
                if *written == output.len() {
                    output.clear();
                    *written = 0;
                }
                true
            }
            Poll::Pending => false,
        }
    }

    fn read(&mut self, cx: &mut Context<'_>) -> bool {
        let Connection { link, input, filled, .. } = &mut self.connection;
        let Link::Open(stream) = link else { return false };
        let room = input.get_mut(*filled..).unwrap_or_default();
        match Pin::new(stream).poll_read(cx, room) {
            Poll::Ready(Ok(0)) => self.lost(DisconnectReason::Closed),
            Poll::Ready(Ok(len)) => {
                *filled += len;
                self.decode()
            }
            Poll::Ready(Err(_)) => self.lost(DisconnectReason::Io),
            Poll::Pending => false,
        }
    }

    /// Deals with all that was read, under one lock.
    fn decode(&mut self) -> bool {
        let now = self.network.now();
        let Connection { decoder, input, filled, .. } = &mut self.connection;
        let (mut notices, mut deliveries) = (Vec::new(), Vec::new());
        let (mut at, mut need) = (0, 0);
        let mut state = self.shared.lock();
        // What stands behind the end of a connection, or before TLS, is for nobody.
        while state.session.phase() == Phase::Exchange
            && let Some(bytes) = input.get(at..*filled)
        {
            match decoder.decode(bytes) {
                Ok(Decoded::Frame { op: ServerOp::Control(op), len }) => {
                    if let Some(event) = state.session.handle_control(op, now) {
                        state.requests.handle_event(&event);
                        notices.push(Notice::Session(event));
                    }
                    at += len;
                }
                Ok(Decoded::Frame { op: ServerOp::Message(message), len }) => {
                    deliveries.extend(state.deliver(message));
                    at += len;
                }
                Ok(Decoded::Frame { op: ServerOp::Oversized(long), len }) => {
                    state.skip(&long);
                    notices.push(Notice::TooLong { sid: long.sid, size: long.size });
                    at += len;
                }
                Ok(Decoded::Frame { len, .. } | Decoded::Skip { len }) => at += len,
                Ok(Decoded::Partial { need: more }) => {
                    need = more.get();
                    break;
                }
                Err(error) => {
                    let event =
                        state.session.handle_disconnected(DisconnectReason::Protocol(error), now);
                    notices.extend(event.map(Notice::Session));
                }
            }
        }
        drop(state);
        notices.into_iter().for_each(&mut self.options.on_notice);
        deliveries.into_iter().for_each(Delivery::make);
        input.copy_within(at..*filled, 0);
        *filled -= at;
        // As much as the frame needs, and no more than that for longer than it takes.
        let len = (*filled + need).max(INPUT);
        input.resize(len, 0);
        input.shrink_to(len);
        true
    }

    fn poll_timer(
        &mut self,
        at: Option<Instant>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<CloseReason>> {
        let Some(at) = at else { return Poll::Pending };
        if self.timer.as_ref().is_none_or(|(set, _)| *set != at) {
            self.timer = Some((at, self.network.sleep_until(at)));
        }
        let Some((_, timer)) = &mut self.timer else { return Poll::Pending };
        let is_due = timer.as_mut().poll(cx).is_ready();
        if is_due {
            self.timer = None;
        }
        if is_due { Poll::Ready(None) } else { Poll::Pending }
    }
}

impl<S> Connection<S> {
    fn new(number: u32, options: &Options) -> Self {
        let limits = Limits::DEFAULT.frame(options.max_message);
        Self {
            number,
            link: Link::None,
            decoder: Decoder::new(limits),
            input: vec![0; INPUT],
            filled: 0,
            output: Vec::new(),
            written: 0,
        }
    }
}

impl<N: Network> Future for Driver<N> {
    type Output = CloseReason;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<CloseReason> {
        let this = self.get_mut();
        for _ in 0..TURNS {
            match this.turn(cx) {
                Poll::Ready(Some(stop)) => return Poll::Ready(stop),
                Poll::Ready(None) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<N: Network> Drop for Driver<N> {
    /// Without its task, a client is closed, and whoever waits for something is told so.
    fn drop(&mut self) {
        let (now, mut deliveries) = (self.network.now(), Vec::new());
        let mut state = self.shared.lock();
        state.session.abort();
        state.settle(now, Waker::noop(), &mut deliveries);
        drop(state);
        deliveries.into_iter().for_each(Delivery::make);
    }
}

impl<N: Network> fmt::Debug for Driver<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.connection.number;
        f.debug_struct("Driver").field("connection", &number).finish_non_exhaustive()
    }
}
