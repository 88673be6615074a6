// The client as the checklist drives it: on one thread, with a clock that jumps where the client would
// wait.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::VecDeque;
use std::num::NonZeroU64;
use std::time::Duration;

use nats_proto::Filter;
use nats_proto::Instant;
use nats_proto::QueueGroup;
use nats_proto::RequestId;
use nats_proto::RngSeed;
use nats_proto::Sid;
use nats_proto::Subject;
use nats_proto::session::Backoff;
use nats_proto::session::CloseReason;
use nats_proto::session::Config;
use nats_proto::session::Refused;
use nats_proto::wire::Publish;
use nats_testkit::Ability;
use nats_testkit::Clock;
use nats_testkit::Driver;
use nats_testkit::Event;
use nats_testkit::Failure;
use nats_testkit::Message;
use nats_testkit::Network;
use nats_testkit::Options;
use nats_testkit::Pending;
use nats_testkit::Resolver;

use crate::my_driver::Client;
use crate::my_driver::FlushNumber;
use crate::my_driver::Incoming;
use crate::my_driver::Login;
use crate::my_driver::NotRequested;
use crate::network::PipeNetwork;

pub(crate) struct BlockingDriver {
    clock: Clock,
    client: Option<Client<PipeNetwork>>,
    subscriptions: BTreeMap<u32, Subscription>,
    requests: HashMap<RequestId, Resolver<Result<Message, Failure>>>,
    flushes: Vec<(FlushNumber, Resolver<Result<(), Failure>>)>,
    drains: Vec<Resolver<Result<(), Failure>>>,
    closes: Vec<Resolver<()>>,
    is_connected: bool,
    closed: Option<CloseReason>,
    events: Vec<Event>,
}

/// The client is pulled from, so what it brings is sorted here.
struct Subscription {
    sid: Sid,
    messages: VecDeque<Message>,
    is_over: bool,
    next: Option<Resolver<Option<Message>>>,
}

impl Subscription {
    fn settle(&mut self) {
        if (self.is_over || !self.messages.is_empty())
            && let Some(next) = self.next.take()
        {
            next.resolve(self.messages.pop_front());
        }
    }
}

impl BlockingDriver {
    fn now(&self) -> Instant {
        Instant::from_millis(self.clock.now().as_millis().try_into().unwrap())
    }

    fn handle(&mut self, incoming: Incoming) {
        match incoming {
            Incoming::Message(message) => {
                let received = received(&message);
                if let Some(subscription) = self.find(message.sid()) {
                    subscription.messages.push_back(received);
                    subscription.settle();
                }
            }
            Incoming::TooLong { .. } => self.events.push(Event::Oversized),
            Incoming::Ended { sid, .. } => {
                if let Some(subscription) = self.find(sid) {
                    subscription.is_over = true;
                    subscription.settle();
                }
            }
            Incoming::Reply { id, reply } => {
                let outcome = match reply {
                    Ok(message) => Ok(received(&message)),
                    Err(outcome) => Err(outcome.into()),
                };
                self.requests.remove(&id).into_iter().for_each(|it| it.resolve(outcome.clone()));
            }
            Incoming::Flushed { number, is_done } => {
                let done = self.flushes.extract_if(.., |(flush, _)| *flush == number);
                for (_, resolver) in done {
                    resolver.resolve(if is_done { Ok(()) } else { Err(Failure::Disconnected) });
                }
            }
            Incoming::Connected | Incoming::Reconnected => {
                self.is_connected = true;
                self.events.push(Event::Connected);
            }
            Incoming::Disconnected(reason) => {
                let was_connected = std::mem::take(&mut self.is_connected);
                let event = if was_connected { Event::Disconnected } else { Event::ConnectFailed };
                self.events.push(event(reason.into()));
            }
            Incoming::Refused(_) => self.events.push(Event::ServerError),
            Incoming::Closed(stop) => self.end(stop),
        }
    }

    fn find(&mut self, sid: Sid) -> Option<&mut Subscription> {
        self.subscriptions.values_mut().rev().find(|subscription| subscription.sid == sid)
    }

    fn end(&mut self, stop: CloseReason) {
        if self.closed.replace(stop).is_some() {
            return;
        }
        self.events.push(Event::Closed(stop.into()));
        for (_, flush) in self.flushes.drain(..) {
            flush.resolve(Err(Failure::Closed));
        }
        for drain in self.drains.drain(..) {
            drain.resolve(drained(stop));
        }
        for close in self.closes.drain(..) {
            close.resolve(());
        }
    }
}

fn received(message: &nats_proto::Message<Vec<u8>>) -> Message {
    let received = Message::new(message.subject(), message.payload());
    message.reply().into_iter().fold(received, |received, reply| received.reply(reply))
}

const fn refused(refused: Refused) -> Failure {
    match refused {
        Refused::Offline => Failure::Disconnected,
        Refused::Closed => Failure::Closed,
        Refused::Full => Failure::Full,
        _ => Failure::Refused,
    }
}

const fn drained(stop: CloseReason) -> Result<(), Failure> {
    match stop {
        CloseReason::Drained => Ok(()),
        CloseReason::DrainTimedOut => Err(Failure::TimedOut),
        _ => Err(Failure::Disconnected),
    }
}

impl Driver for BlockingDriver {
    const ABSENT: &'static [(Ability, &'static str)] = &[
        (Ability::Tls, "its network has none"),
        (Ability::Unsent, "its buffer is an array"),
        (Ability::PerhapsLost, "what was published since the last flush may be lost, uncounted"),
        (Ability::Queues, "messages are taken as they come"),
    ];

    const MAX_MESSAGE: usize = 64 * 1024;

    fn start(network: &Network, options: &Options) -> Self {
        let clock = Clock::new();
        let config = Config::DEFAULT
            .connect_timeout(options.connect_timeout)
            .ping_interval(options.ping_interval)
            .max_pings_out(options.max_pings_out)
            .drain_timeout(options.drain_timeout)
            .flush_timeout(options.flush_timeout)
            .retain_servers_order(true)
            .retry_on_initial_connect(true)
            .backoff(Backoff::Fixed {
                wait: options.reconnect_wait,
                jitter: Duration::from_millis(100),
                jitter_tls: Duration::from_millis(100),
            })
            .max_reconnects(options.max_reconnects);
        let login = Login { user: options.token.clone(), ..Login::default() };
        let network = PipeNetwork::new(network.clone(), clock.clone());
        let client =
            Client::new(network, config, &options.servers.join(","), login, RngSeed([7; 16]));
        Self {
            clock,
            client: Some(client.unwrap()),
            subscriptions: BTreeMap::new(),
            requests: HashMap::new(),
            flushes: Vec::new(),
            drains: Vec::new(),
            closes: Vec::new(),
            is_connected: false,
            closed: None,
            events: Vec::new(),
        }
    }

    fn advance(&mut self, by: Duration) {
        let end = self.clock.now() + by;
        let until = self.now() + by;
        while self.closed.is_none()
            && let Some(incoming) = self.client.as_mut().and_then(|client| client.next(until))
        {
            self.handle(incoming);
        }
        self.clock.set(end);
    }

    fn suspend(&mut self, by: Duration) {
        self.clock.set(self.clock.now() + by);
    }

    fn publish(&mut self, message: &Message) -> Pending<Result<(), Failure>> {
        let Some(client) = &mut self.client else { return Pending::resolved(Err(Failure::Closed)) };
        let reply = message.reply.as_deref().map(|reply| Subject::new(reply).unwrap());
        let subject = Subject::new(&message.subject).unwrap();
        let outcome = client.publish(&Publish { reply, ..Publish::new(subject, &message.payload) });
        Pending::resolved(outcome.map_err(refused))
    }

    fn subscribe(
        &mut self,
        id: u32,
        filter: &str,
        queue: Option<&str>,
    ) -> Pending<Result<(), Failure>> {
        let Some(client) = &mut self.client else { return Pending::resolved(Err(Failure::Closed)) };
        let queue = queue.map(|queue| QueueGroup::new(queue).unwrap());
        Pending::resolved(match client.subscribe(Filter::new(filter).unwrap(), queue) {
            Ok(sid) => {
                let (messages, is_over, next) = (VecDeque::new(), false, None);
                self.subscriptions.insert(id, Subscription { sid, messages, is_over, next });
                Ok(())
            }
            Err(error) => Err(Failure::Other(error.to_string())),
        })
    }

    fn unsubscribe(&mut self, id: u32) {
        if let (Some(client), Some(known)) = (&mut self.client, self.subscriptions.get(&id)) {
            client.unsubscribe(known.sid, None);
        }
    }

    fn unsubscribe_after(&mut self, id: u32, max: u64) {
        if let (Some(client), Some(known)) = (&mut self.client, self.subscriptions.get(&id)) {
            client.unsubscribe(known.sid, NonZeroU64::new(max));
        }
    }

    fn next(&mut self, id: u32) -> Pending<Option<Message>> {
        let (resolver, pending) = Pending::new();
        if let Some(subscription) = self.subscriptions.get_mut(&id) {
            subscription.next = Some(resolver);
            subscription.settle();
        }
        pending
    }

    fn request(
        &mut self,
        message: &Message,
        timeout: Duration,
    ) -> Pending<Result<Message, Failure>> {
        let Some(client) = &mut self.client else { return Pending::resolved(Err(Failure::Closed)) };
        let subject = Subject::new(&message.subject).unwrap();
        match client.request(subject, &message.payload, timeout) {
            Ok(id) => {
                let (resolver, pending) = Pending::new();
                self.requests.insert(id, resolver);
                pending
            }
            Err(NotRequested::Publish(error)) => Pending::resolved(Err(refused(error))),
            Err(error) => Pending::resolved(Err(Failure::Other(error.to_string()))),
        }
    }

    fn flush(&mut self) -> Pending<Result<(), Failure>> {
        let Some(Ok(id)) = self.client.as_mut().map(Client::flush) else {
            return Pending::resolved(Err(Failure::Disconnected));
        };
        let (resolver, pending) = Pending::new();
        self.flushes.push((id, resolver));
        pending
    }

    fn drain(&mut self) -> Pending<Result<(), Failure>> {
        if let Some(stop) = self.closed {
            return Pending::resolved(drained(stop));
        }
        self.client.iter_mut().for_each(Client::drain);
        let (resolver, pending) = Pending::new();
        self.drains.push(resolver);
        pending
    }

    fn close(&mut self) -> Pending<()> {
        self.client.iter_mut().for_each(Client::close);
        let (resolver, pending) = Pending::new();
        self.closes.push(resolver);
        pending
    }

    fn drop_client(&mut self) {
        self.client = None;
    }

    fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }
}
