//! `Client` as the checklist drives it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::Future;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use nats_embassy::Client;
use nats_embassy::PendingLimits;
use nats_embassy::Resources;
use nats_embassy::Subscriber;
use nats_testkit::Ability;
use nats_testkit::Driver;
use nats_testkit::Event;
use nats_testkit::Executor;
use nats_testkit::Failure;
use nats_testkit::Message;
use nats_testkit::Network;
use nats_testkit::Options;
use nats_testkit::Pending;

use crate::clock::clock;
use crate::transport::PipeConnector;
use crate::words;

type Nats = Resources<'static, NoopRawMutex, 1024, 1024, 9, 40, 512, 4, 4, 64>;

type Running = Pin<Box<dyn Future<Output = ()>>>;

pub(crate) struct ClientDriver {
    executor: Executor,
    client: Client<'static, Nats>,
    /// What runs it, until it is dropped.
    running: Rc<RefCell<Option<Running>>>,
    subscribers: Rc<RefCell<HashMap<u32, Subscriber<'static, Nats>>>>,
    events: Rc<RefCell<Vec<Event>>>,
}

impl ClientDriver {
    /// Does something, and says its outcome in the end.
    fn spawn<T: 'static>(&mut self, future: impl Future<Output = T> + 'static) -> Pending<T> {
        let (resolver, pending) = Pending::new();
        self.executor.spawn(async move { resolver.resolve(future.await) });
        pending
    }
}

impl Driver for ClientDriver {
    const ABSENT: &'static [(Ability, &'static str)] = &[
        (Ability::Unsent, "what waits to be written is in an array"),
        (Ability::PerhapsLost, "a device does not count what it has sent since the last flush"),
    ];

    const MAX_MESSAGE: usize = 1024;

    fn start(network: &Network, options: &Options) -> Self {
        let mut executor = Executor::with_clock(network, clock());
        let resources = words::leak(Box::new(Nats::new()));
        let connector = PipeConnector(network.clone());
        let (client, mut runner) =
            nats_embassy::new(words::config(options), connector, resources, [7; 32]).unwrap();
        let events = Rc::new(RefCell::new(Vec::new()));
        let list = Rc::clone(&events);
        executor.spawn(async move {
            while let Some(event) = client.next_event().await {
                list.borrow_mut().push(words::event(event));
            }
        });
        let list = Rc::clone(&events);
        let future: Running = Box::pin(async move {
            let reason = runner.run().await;
            list.borrow_mut().push(Event::Closed(reason.into()));
        });
        let running = Rc::new(RefCell::new(Some(future)));
        let polled = Rc::clone(&running);
        executor.spawn(poll_fn(move |cx| {
            polled.borrow_mut().as_mut().map_or(Poll::Ready(()), |future| future.as_mut().poll(cx))
        }));
        Self { executor, client, running, subscribers: Rc::default(), events }
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
        let limits = PendingLimits::drop_newest(4);
        let subscribed = match queue {
            Some(queue) => self.client.queue_subscribe(filter, queue, limits),
            None => self.client.subscribe(filter, limits),
        };
        Pending::resolved(match subscribed {
            Ok(subscriber) => {
                self.subscribers.borrow_mut().insert(id, subscriber);
                Ok(())
            }
            Err(error) => Err(Failure::Other(error.to_string())),
        })
    }

    fn unsubscribe(&mut self, id: u32) {
        self.subscribers.borrow_mut().remove(&id);
    }

    fn unsubscribe_after(&mut self, id: u32, max: u64) {
        if let Some(subscriber) = self.subscribers.borrow_mut().get_mut(&id) {
            subscriber.unsubscribe_after(max);
        }
    }

    fn next(&mut self, id: u32) -> Pending<Option<Message>> {
        let subscribers = Rc::clone(&self.subscribers);
        self.spawn(poll_fn(move |cx| {
            let mut subscribers = subscribers.borrow_mut();
            let Some(subscriber) = subscribers.get_mut(&id) else { return Poll::Ready(None) };
            let next = std::task::ready!(subscriber.poll_next(cx));
            let next = next.map(|it| words::message(it.subject(), it.reply(), it.payload()));
            if next.is_none() {
                // It is over, and leaves its place to others.
                subscribers.remove(&id);
            }
            Poll::Ready(next)
        }))
    }

    fn request(
        &mut self,
        message: &Message,
        timeout: Duration,
    ) -> Pending<Result<Message, Failure>> {
        let (client, message) = (self.client, message.clone());
        self.spawn(async move {
            let subject = message.subject.as_str();
            match client.request(subject, &message.payload, timeout).await {
                Ok(reply) => Ok(words::message(reply.subject(), reply.reply(), reply.payload())),
                Err(error) => Err(words::request_error(error)),
            }
        })
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
        self.subscribers.borrow_mut().clear();
    }

    fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events.borrow_mut())
    }
}
