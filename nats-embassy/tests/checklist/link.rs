//! `Link` as the checklist drives it: what it receives is sorted here, as it keeps nothing itself.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::future::Future;
use std::future::poll_fn;
use std::pin::Pin;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::task::Waker;
use std::time::Duration;

use embassy_futures::select::Either;
use embassy_futures::select::select;
use nats_embassy::Client;
use nats_embassy::CloseReason;
use nats_embassy::Link;
use nats_embassy::LinkResources;
use nats_embassy::Publish;
use nats_embassy::Sid;
use nats_embassy::Subject;
use nats_testkit::Ability;
use nats_testkit::Driver;
use nats_testkit::Event;
use nats_testkit::Executor;
use nats_testkit::Failure;
use nats_testkit::Message;
use nats_testkit::Network;
use nats_testkit::Options;
use nats_testkit::Pending;
use nats_testkit::Resolver;

use crate::clock::clock;
use crate::transport::PipeConnector;
use crate::words;

type Floor = LinkResources<'static, 1024, 1024, 9, 4, 64>;

type Running = Pin<Box<dyn Future<Output = ()>>>;

pub(crate) struct LinkDriver {
    executor: Executor,
    client: Client<'static, Floor>,
    running: Rc<RefCell<Option<Running>>>,
    state: Rc<RefCell<State>>,
}

/// What the link's task shares with the checklist.
#[derive(Default)]
struct State {
    commands: VecDeque<Command>,
    waker: Option<Waker>,
    subscriptions: BTreeMap<u32, Subscription>,
    events: Vec<Event>,
    is_closed: bool,
}

/// What only the link can do.
enum Command {
    Subscribe {
        id: u32,
        filter: String,
        queue: Option<String>,
        done: Resolver<Result<(), Failure>>,
    },
    Unsubscribe {
        id: u32,
        max: Option<u64>,
    },
    Request {
        message: Message,
        timeout: Duration,
        done: Resolver<Result<Message, Failure>>,
    },
}

#[derive(Default)]
struct Subscription {
    sid: Option<Sid>,
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

impl State {
    fn keep(&mut self, sid: Sid, message: Message) {
        if let Some(subscription) = self.find(sid) {
            subscription.messages.push_back(message);
            subscription.settle();
        }
    }

    fn end(&mut self, sid: Sid) {
        if let Some(subscription) = self.find(sid) {
            subscription.is_over = true;
            subscription.settle();
        }
    }

    fn find(&mut self, sid: Sid) -> Option<&mut Subscription> {
        self.subscriptions.values_mut().rev().find(|subscription| subscription.sid == Some(sid))
    }

    fn close(&mut self, reason: CloseReason) {
        self.is_closed = true;
        self.events.push(Event::Closed(reason.into()));
        for subscription in self.subscriptions.values_mut() {
            subscription.is_over = true;
            subscription.settle();
        }
        for command in self.commands.drain(..) {
            match command {
                Command::Subscribe { done, .. } => done.resolve(Err(Failure::Closed)),
                Command::Request { done, .. } => done.resolve(Err(Failure::Closed)),
                Command::Unsubscribe { .. } => {}
            }
        }
    }
}

/// The link's task: receives, and does what is asked for in between.
async fn run(link: &mut Link<'_, 'static, Floor>, state: &RefCell<State>) {
    loop {
        let command = poll_fn(|cx| {
            let mut state = state.borrow_mut();
            state.waker = Some(cx.waker().clone());
            state.commands.pop_front().map_or(Poll::Pending, Poll::Ready)
        });
        match select(command, link.recv()).await {
            Either::First(command) => obey(command, link, state).await,
            Either::Second(Ok(message)) => {
                let kept = words::message(message.subject(), message.reply(), message.payload());
                state.borrow_mut().keep(message.sid(), kept);
            }
            Either::Second(Err(reason)) => return state.borrow_mut().close(reason),
        }
    }
}

async fn obey(command: Command, link: &mut Link<'_, 'static, Floor>, state: &RefCell<State>) {
    match command {
        Command::Subscribe { id, filter, queue, done } => {
            let sid = match &queue {
                Some(queue) => link.queue_subscribe(filter.as_str(), queue.as_str()),
                None => link.subscribe(filter.as_str()),
            };
            let subscription = Subscription { sid: sid.ok(), ..Subscription::default() };
            state.borrow_mut().subscriptions.insert(id, subscription);
            done.resolve(sid.map(drop).map_err(|error| Failure::Other(error.to_string())));
        }
        Command::Unsubscribe { id, max } => {
            let sid = state.borrow().subscriptions.get(&id).and_then(|known| known.sid);
            let Some(sid) = sid else { return };
            match max {
                Some(max) => drop(link.unsubscribe_after(sid, max)),
                None => {
                    link.unsubscribe(sid);
                    state.borrow_mut().end(sid);
                }
            }
        }
        Command::Request { message, timeout, done } => {
            let publish = Publish::new(Subject::new(&message.subject).unwrap(), &message.payload);
            let reply = link.request(&publish, timeout, |other| {
                let kept = words::message(other.subject(), other.reply(), other.payload());
                state.borrow_mut().keep(other.sid(), kept);
            });
            done.resolve(match reply.await {
                Ok(reply) => Ok(words::message(reply.subject(), reply.reply(), reply.payload())),
                Err(error) => Err(words::request_error(error)),
            });
        }
    }
}

impl LinkDriver {
    fn spawn<T: 'static>(&mut self, future: impl Future<Output = T> + 'static) -> Pending<T> {
        let (resolver, pending) = Pending::new();
        self.executor.spawn(async move { resolver.resolve(future.await) });
        pending
    }

    fn command<T>(
        &self,
        make: impl FnOnce(Resolver<Result<T, Failure>>) -> Command,
    ) -> Pending<Result<T, Failure>> {
        let mut state = self.state.borrow_mut();
        if state.is_closed {
            return Pending::resolved(Err(Failure::Closed));
        }
        let (done, pending) = Pending::new();
        state.commands.push_back(make(done));
        state.waker.take().into_iter().for_each(Waker::wake);
        pending
    }
}

impl Driver for LinkDriver {
    const ABSENT: &'static [(Ability, &'static str)] = &[
        (Ability::Unsent, "what waits to be written is in an array"),
        (Ability::PerhapsLost, "a device does not count what it has sent since the last flush"),
        (Ability::SeveralRequests, "a link makes one request at a time"),
        (Ability::Queues, "a link keeps no messages"),
    ];

    const MAX_MESSAGE: usize = 1024;

    fn start(network: &Network, options: &Options) -> Self {
        let mut executor = Executor::with_clock(network, clock());
        let resources = words::leak(Box::new(Floor::new()));
        let connector = PipeConnector(network.clone());
        let (client, mut runner) =
            nats_embassy::new(words::config(options), connector, resources, [7; 32]).unwrap();
        let state = Rc::new(RefCell::new(State::default()));
        let shared = Rc::clone(&state);
        executor.spawn(async move {
            while let Some(event) = client.next_event().await {
                let mut state = shared.borrow_mut();
                if let nats_embassy::Event::SubscriptionEnded { sid, .. } = event {
                    state.end(sid);
                }
                state.events.push(words::event(event));
            }
        });
        let shared = Rc::clone(&state);
        let future: Running = Box::pin(async move {
            let running = pin!(runner.run());
            run(&mut Link::new(client, running), &shared).await;
        });
        let running = Rc::new(RefCell::new(Some(future)));
        let polled = Rc::clone(&running);
        executor.spawn(poll_fn(move |cx| {
            polled.borrow_mut().as_mut().map_or(Poll::Ready(()), |future| future.as_mut().poll(cx))
        }));
        Self { executor, client, running, state }
    }

    fn advance(&mut self, by: Duration) {
        self.executor.advance(by);
    }

    fn suspend(&mut self, by: Duration) {
        self.executor.suspend(by);
    }

    fn publish(&mut self, message: &Message) -> Pending<Result<(), Failure>> {
        let (client, message) = (self.client, message.clone());
        self.spawn(async move {
            let published = client.publish(message.subject.as_str(), &message.payload).await;
            published.map_err(words::publish_error)
        })
    }

    fn subscribe(
        &mut self,
        id: u32,
        filter: &str,
        queue: Option<&str>,
    ) -> Pending<Result<(), Failure>> {
        let (filter, queue) = (filter.to_owned(), queue.map(str::to_owned));
        self.command(|done| Command::Subscribe { id, filter, queue, done })
    }

    fn unsubscribe(&mut self, id: u32) {
        self.command::<()>(|_| Command::Unsubscribe { id, max: None });
    }

    fn unsubscribe_after(&mut self, id: u32, max: u64) {
        self.command::<()>(|_| Command::Unsubscribe { id, max: Some(max) });
    }

    fn next(&mut self, id: u32) -> Pending<Option<Message>> {
        let (resolver, pending) = Pending::new();
        let mut state = self.state.borrow_mut();
        if let Some(subscription) = state.subscriptions.get_mut(&id) {
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
        let message = message.clone();
        self.command(|done| Command::Request { message, timeout, done })
    }

    fn flush(&mut self) -> Pending<Result<(), Failure>> {
        let client = self.client;
        self.spawn(async move { client.flush().await.map_err(words::flush_error) })
    }

    fn drain(&mut self) -> Pending<Result<(), Failure>> {
        let client = self.client;
        self.spawn(async move { client.drain().await.map_err(|_| Failure::Closed) })
    }

    fn close(&mut self) -> Pending<()> {
        let client = self.client;
        self.spawn(async move { client.close().await.unwrap_or_default() })
    }

    fn drop_client(&mut self) {
        *self.running.borrow_mut() = None;
    }

    fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.state.borrow_mut().events)
    }
}
