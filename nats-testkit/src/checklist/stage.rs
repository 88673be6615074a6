//! What every check has: a network, a client, and time that passes when the check says so.

use std::time::Duration;

use crate::driver::Driver;
use crate::driver::Event;
use crate::driver::Failure;
use crate::driver::Options;
use crate::driver::Pending;
use crate::driver::Reason;
use crate::network::Connection;
use crate::network::Network;
use crate::network::Server;
use crate::server::Message;

/// What went wrong, in a sentence.
pub(super) type Checked<T = ()> = Result<T, String>;

pub(super) const MILLISECOND: Duration = Duration::from_millis(1);
pub(super) const SECOND: Duration = Duration::from_secs(1);

/// The longest time that passes before the check looks again.
const STEP: Duration = Duration::from_millis(50);

/// Fails the check unless something is true.
macro_rules! ensure {
    ($condition:expr, $($text:tt)+) => {
        if !$condition {
            return Err(format!($($text)+));
        }
    };
}
pub(super) use ensure;

pub(super) struct Stage<D> {
    pub(super) network: Network,
    pub(super) options: Options,
    driver: Option<D>,
    /// What has happened to the client so far.
    pub(super) events: Vec<Event>,
    /// How long the client has been there.
    pub(super) now: Duration,
    subscriptions: u32,
}

impl<D: Driver> Stage<D> {
    pub(super) fn new() -> Self {
        Self {
            network: Network::new(),
            options: Options::default(),
            driver: None,
            events: Vec::new(),
            now: Duration::ZERO,
            subscriptions: 0,
        }
    }

    // Time ---------------------------------------------------------------------------------------

    /// Lets time pass.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        if self.spins() {
            self.now = end;
        }
        while self.now < end {
            let step = STEP.min(end - self.now);
            self.network.forget_calls();
            self.driver().advance(step);
            self.now += step;
            let events = self.driver().events();
            self.events.extend(events);
        }
    }

    /// Lets everything happen that can happen now.
    pub(super) fn settle(&mut self) {
        self.pass(MILLISECOND);
    }

    /// The clock jumps while nothing runs.
    pub(super) fn suspend(&mut self, time: Duration) {
        self.driver().suspend(time);
        self.now += time;
    }

    /// Lets time pass until something is there, but no longer than `within`.
    pub(super) fn until<T>(
        &mut self,
        within: Duration,
        what: &str,
        mut look: impl FnMut(&mut Self) -> Option<T>,
    ) -> Checked<T> {
        let (start, end) = (self.now, self.now + within);
        self.settle();
        loop {
            if let Some(value) = look(self) {
                return Ok(value);
            }
            if self.now >= end || self.spins() {
                let waited = self.now - start;
                return Err(format!("{what}: not within {waited:?}{}", self.faults()));
            }
            let step = if self.now - start < 20 * MILLISECOND { MILLISECOND } else { STEP };
            self.pass(step.min(end - self.now));
        }
    }

    /// Whether the client spins: no time passes for it any more.
    fn spins(&self) -> bool {
        self.network.faults().iter().any(|fault| fault.starts_with("it spins"))
    }

    fn faults(&self) -> String {
        let faults = self.network.faults();
        if faults.is_empty() { String::new() } else { format!(" ({})", faults.join("; ")) }
    }

    /// Waits for the outcome of an operation.
    pub(super) fn outcome<T>(
        &mut self,
        pending: &Pending<T>,
        within: Duration,
        what: &str,
    ) -> Checked<T> {
        let outcome = self.until(within, what, |_| {
            pending.take().map(Some).or_else(|| pending.is_forgotten().then_some(None))
        })?;
        outcome.ok_or_else(|| format!("{what}: the client dropped it without an outcome"))
    }

    // The client ---------------------------------------------------------------------------------

    /// Starts the client.
    pub(super) fn start(&mut self) {
        self.driver = Some(D::start(&self.network, &self.options));
        self.settle();
    }

    pub(super) fn driver(&mut self) -> &mut D {
        let (network, options) = (&self.network, &self.options);
        self.driver.get_or_insert_with(|| D::start(network, options))
    }

    /// A server and a client that is connected to it.
    pub(super) fn connected(&mut self) -> Checked<(Server, Connection)> {
        let server = self.network.server("a");
        self.start();
        let connection = self.up(&server)?;
        Ok((server, connection))
    }

    /// Waits until the client is connected to `server`, and knows it.
    pub(super) fn up(&mut self, server: &Server) -> Checked<Connection> {
        let what = format!("connecting to {}", server.url());
        let connection =
            self.until(30 * SECOND, &what, |_| server.connection().filter(Connection::is_up))?;
        self.settle();
        Ok(connection)
    }

    /// Subscribes, and waits until the server knows.
    pub(super) fn subscribe(&mut self, filter: &str) -> Checked<u32> {
        let (id, pending) = self.begin_subscribe(filter);
        self.outcome(&pending, SECOND, "subscribing")?
            .map_err(|error| format!("subscribing to {filter} failed: {error:?}"))?;
        self.settle();
        Ok(id)
    }

    pub(super) fn begin_subscribe(&mut self, filter: &str) -> (u32, Pending<Result<(), Failure>>) {
        self.subscriptions += 1;
        let id = self.subscriptions;
        let pending = self.driver().subscribe(id, filter, None);
        (id, pending)
    }

    /// Publishes, and waits until the client has taken the message.
    pub(super) fn publish(&mut self, subject: &str, payload: impl AsRef<[u8]>) -> Checked {
        let pending = self.driver().publish(&Message::new(subject, payload));
        self.outcome(&pending, SECOND, "publishing")?
            .map_err(|error| format!("publishing to {subject} failed: {error:?}"))?;
        self.settle();
        Ok(())
    }

    /// The next message of a subscription, which must be there.
    pub(super) fn next(&mut self, id: u32) -> Checked<Message> {
        let pending = self.driver().next(id);
        let next = self.outcome(&pending, SECOND, "receiving a message")?;
        next.ok_or_else(|| "a subscription ended that has messages to come".to_owned())
    }

    /// The next message of a subscription must have this payload.
    pub(super) fn expect_message(&mut self, id: u32, payload: &str) -> Checked {
        let message = self.next(id)?;
        ensure!(message.text() == payload, "it received {:?} and not {payload:?}", message.text());
        Ok(())
    }

    /// The subscription must be over, with nothing left to take.
    pub(super) fn expect_end(&mut self, id: u32) -> Checked {
        let pending = self.driver().next(id);
        match self.outcome(&pending, SECOND, "the end of a subscription")? {
            None => Ok(()),
            Some(message) => Err(format!("it received {message} after the subscription's end")),
        }
    }

    /// A message goes to the server and back.
    pub(super) fn expect_works(&mut self) -> Checked {
        let id = self.subscribe("works")?;
        self.publish("works", "yes")?;
        self.expect_message(id, "yes")?;
        self.driver().unsubscribe(id);
        self.settle();
        Ok(())
    }

    // What happened ------------------------------------------------------------------------------

    /// The reasons of the losses so far.
    pub(super) fn losses(&self) -> Vec<Reason> {
        let loss = |event: &Event| match event {
            Event::Disconnected(reason) => Some(*reason),
            _ => None,
        };
        self.events.iter().filter_map(loss).collect()
    }

    /// Exactly one loss must have been reported so far, for one of these reasons.
    pub(super) fn expect_loss(&self, reasons: &[Reason]) -> Checked {
        match self.losses().as_slice() {
            [reason] if reasons.contains(reason) => Ok(()),
            losses => Err(format!("losses reported are {losses:?}, and not one of {reasons:?}")),
        }
    }

    /// Why the client was closed, once it is.
    pub(super) fn closed(&mut self, within: Duration) -> Checked<Reason> {
        self.until(within, "the client's end", |stage| {
            stage.events.iter().find_map(|event| match event {
                Event::Closed(reason) => Some(*reason),
                _ => None,
            })
        })
    }

    /// No rule of the protocol was broken.
    pub(super) fn end(&self) -> Checked {
        match self.network.faults().as_slice() {
            [] => Ok(()),
            faults => Err(faults.join("; ")),
        }
    }
}
