//! The client as the checklist drives it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::num::NonZeroU64;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use nats_proto::Instant;
use nats_proto::ServerUrl;
use nats_proto::Sid;
use nats_proto::session::Backoff;
use nats_proto::session::CloseReason;
use nats_proto::session::Config;
use nats_proto::session::Event as SessionEvent;
use nats_proto::session::Refused;
use nats_smol::BoxFuture;
use nats_smol::Client;
use nats_smol::Error;
use nats_smol::Notice;
use nats_smol::RequestError;
use nats_smol::Subscription;
use nats_testkit::Ability;
use nats_testkit::Clock;
use nats_testkit::Driver;
use nats_testkit::Event;
use nats_testkit::Executor;
use nats_testkit::Failure;
use nats_testkit::Message;
use nats_testkit::Network;
use nats_testkit::Options;
use nats_testkit::Pending;
use nats_testkit::Pipe;
use smol::channel::Receiver;
use smol::channel::Sender;
use smol::channel::bounded;
use smol::future::FutureExt;

pub(crate) struct SmolDriver {
    executor: Executor,
    client: Option<Client>,
    subscriptions: HashMap<u32, Slot>,
    events: Arc<Mutex<Vec<Event>>>,
    /// Closed when the application gives up all that it waits for.
    gone: (Option<Sender<()>>, Receiver<()>),
}

struct Slot {
    sid: Sid,
    subscription: Rc<RefCell<Option<Subscription>>>,
}

/// The kit's network and clock.
struct Memory {
    network: Network,
    clock: Clock,
}

impl nats_smol::Network for Memory {
    type Stream = Pipe;

    fn now(&self) -> Instant {
        Instant::from_millis(self.clock.now().as_millis().try_into().unwrap())
    }

    fn sleep_until(&self, until: Instant) -> BoxFuture<()> {
        Box::pin(self.clock.sleep_until(Duration::from_millis(until.as_millis())))
    }

    fn dial(&self, server: &ServerUrl<'_>) -> BoxFuture<io::Result<Pipe>> {
        Box::pin(self.network.dial(server.host(), server.port()))
    }
}

impl SmolDriver {
    /// Does something, and says its outcome in the end.
    fn spawn<T: 'static, F: Future<Output = T> + 'static>(
        &mut self,
        act: impl FnOnce(Client) -> F,
    ) -> Pending<T> {
        let (resolver, pending) = Pending::new();
        if let Some(client) = self.client.clone() {
            let (act, gone) = (act(client), self.gone.1.clone());
            let gone = async move {
                let _ = gone.recv().await;
                None
            };
            self.executor.spawn(async move {
                if let Some(outcome) = async { Some(act.await) }.or(gone).await {
                    resolver.resolve(outcome);
                }
            });
        }
        pending
    }
}

/// What stands beside the payload in a frame of the checklist's, at least.
const OVERHEAD: usize = 16;

impl Driver for SmolDriver {
    const ABSENT: &'static [(Ability, &'static str)] = &[
        (Ability::Tls, "it has no TLS"),
        (
            Ability::PerhapsLost,
            "a loss says that what was not flushed may be lost, and does not count",
        ),
        (Ability::Unsent, "the client does not say how much waits to be written"),
    ];

    fn start(network: &Network, options: &Options) -> Self {
        let mut executor = Executor::new(network);
        let events = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&events);
        let jitter = Duration::from_millis(100);
        let backoff = Backoff::Fixed { wait: options.reconnect_wait, jitter, jitter_tls: jitter };
        let settings = nats_smol::Options {
            user: options.token.clone(),
            max_message: options.max_message + OVERHEAD,
            config: Config::DEFAULT
                .retry_on_initial_connect(true)
                .retain_servers_order(true)
                .connect_timeout(options.connect_timeout)
                .ping_interval(options.ping_interval)
                .max_pings_out(options.max_pings_out)
                .drain_timeout(options.drain_timeout)
                .flush_timeout(options.flush_timeout)
                .max_reconnects(options.max_reconnects)
                .backoff(backoff),
            on_notice: Box::new(move |notice| told.lock().unwrap().push(event(notice))),
            ..nats_smol::Options::new(&options.servers.join(","))
        };
        let memory = Memory { network: network.clone(), clock: executor.clock().clone() };
        let (client, driver) = nats_smol::connect(memory, settings).unwrap();
        executor.spawn(async {
            driver.await;
        });
        let (client, subscriptions) = (Some(client), HashMap::new());
        let (sender, gone) = bounded(1);
        Self { executor, client, subscriptions, events, gone: (Some(sender), gone) }
    }

    fn advance(&mut self, by: Duration) {
        self.executor.advance(by);
    }

    fn suspend(&mut self, by: Duration) {
        self.executor.suspend(by);
    }

    fn publish(&mut self, message: &Message) -> Pending<Result<(), Failure>> {
        let message = message.clone();
        self.spawn(async move |client| {
            client.publish(&message.subject, &message.payload).await.map_err(failure)
        })
    }

    fn subscribe(
        &mut self,
        id: u32,
        filter: &str,
        queue: Option<&str>,
    ) -> Pending<Result<(), Failure>> {
        let Some(client) = &self.client else { return Pending::resolved(Err(Failure::Closed)) };
        let subscribed = match queue {
            Some(queue) => client.queue_subscribe(filter, queue),
            None => client.subscribe(filter),
        };
        Pending::resolved(match subscribed {
            Ok(subscription) => {
                let sid = subscription.sid();
                let subscription = Rc::new(RefCell::new(Some(subscription)));
                self.subscriptions.insert(id, Slot { sid, subscription });
                Ok(())
            }
            Err(error) => Err(failure(error)),
        })
    }

    fn unsubscribe(&mut self, id: u32) {
        if let Some(client) = &self.client {
            client.unsubscribe(self.subscriptions[&id].sid, None);
        }
    }

    fn unsubscribe_after(&mut self, id: u32, max: u64) {
        if let Some(client) = &self.client {
            client.unsubscribe(self.subscriptions[&id].sid, NonZeroU64::new(max));
        }
    }

    fn next(&mut self, id: u32) -> Pending<Option<Message>> {
        let slot = Rc::clone(&self.subscriptions[&id].subscription);
        self.spawn(async move |_| {
            // Not asked for again before the outcome is known.
            let mut subscription = slot.borrow_mut().take()?;
            let message = subscription.next().await;
            *slot.borrow_mut() = Some(subscription);
            message.as_ref().map(received)
        })
    }

    fn request(
        &mut self,
        message: &Message,
        timeout: Duration,
    ) -> Pending<Result<Message, Failure>> {
        let message = message.clone();
        self.spawn(async move |client| {
            let reply = client.request(&message.subject, &message.payload, timeout).await;
            reply.as_ref().map(received).map_err(|error| request_failure(*error))
        })
    }

    fn flush(&mut self) -> Pending<Result<(), Failure>> {
        self.spawn(async move |client| match client.flush().await {
            true => Ok(()),
            false => Err(Failure::Disconnected),
        })
    }

    fn drain(&mut self) -> Pending<Result<(), Failure>> {
        self.spawn(async move |client| client.drain().await.map_err(stop_failure))
    }

    fn close(&mut self) -> Pending<()> {
        self.spawn(async move |client| {
            client.close().await;
        })
    }

    fn drop_client(&mut self) {
        self.gone.0 = None;
        self.client = None;
        self.subscriptions.clear();
    }

    fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events.lock().unwrap())
    }
}

fn received(message: &nats_smol::Message) -> Message {
    let received = Message::new(message.subject(), message.payload());
    message.reply().map(str::to_owned).into_iter().fold(received, Message::reply)
}

fn event(notice: Notice<'_>) -> Event {
    match notice {
        Notice::Session(SessionEvent::Connected | SessionEvent::Reconnected) => Event::Connected,
        Notice::Session(SessionEvent::Disconnected { reason, .. }) => {
            Event::Disconnected(reason.into())
        }
        Notice::Session(SessionEvent::ConnectFailed { reason, .. }) => {
            Event::ConnectFailed(reason.into())
        }
        Notice::Session(SessionEvent::ServerError(_)) => Event::ServerError,
        Notice::Session(SessionEvent::LameDuckMode) => Event::LameDuckMode,
        Notice::TooLong { .. } => Event::Oversized,
        Notice::Closed(stop) => Event::Closed(stop.into()),
        _ => Event::Other,
    }
}

fn failure(error: Error) -> Failure {
    match error {
        Error::Publish(Refused::Closed) => Failure::Closed,
        Error::Publish(Refused::Limits(_)) => Failure::Refused,
        other => Failure::Other(other.to_string()),
    }
}

fn request_failure(error: RequestError) -> Failure {
    match error {
        RequestError::NotSent(error) => failure(error),
        RequestError::TooMany => Failure::Full,
        RequestError::NoResponders => Failure::NoResponders,
        RequestError::TimedOut => Failure::TimedOut,
        RequestError::Disconnected => Failure::Disconnected,
        RequestError::TooLong => Failure::TooLong,
        RequestError::NotPermitted => Failure::Refused,
        RequestError::Closed => Failure::Closed,
        other => Failure::Other(other.to_string()),
    }
}

const fn stop_failure(stop: CloseReason) -> Failure {
    match stop {
        CloseReason::DrainTimedOut => Failure::TimedOut,
        _ => Failure::Closed,
    }
}
