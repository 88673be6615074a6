//! The client as the checklist drives it.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use nats_testkit::Ability;
use nats_testkit::Driver;
use nats_testkit::Event;
use nats_testkit::Failure;
use nats_testkit::Message;
use nats_testkit::Network;
use nats_testkit::Options;
use nats_testkit::Pending;
use nats_tokio::Backoff;
use nats_tokio::Client;
use nats_tokio::ConnectOptions;
use nats_tokio::Subscriber;
use nats_tokio::SubscriptionHandle;
use tokio::runtime::Builder;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::words;

pub(crate) struct TokioDriver {
    runtime: Runtime,
    /// Locked until there is one: what is asked for before waits in its order.
    client: Arc<tokio::sync::Mutex<Option<Client>>>,
    subscriptions: HashMap<u32, Slot>,
    events: Arc<Mutex<Vec<Event>>>,
    /// What is not done yet.
    tasks: JoinSet<()>,
}

/// A subscription, once there is one.
#[derive(Clone, Default)]
struct Slot {
    subscriber: Arc<tokio::sync::Mutex<Option<Subscriber>>>,
    handle: Arc<Mutex<Option<SubscriptionHandle>>>,
}

/// What stands beside the payload in a frame of the checklist's, at least.
const OVERHEAD: usize = 16;

impl TokioDriver {
    /// Does something, and says its outcome in the end.
    fn spawn<T, F>(&mut self, act: impl FnOnce(Client) -> F + Send + 'static) -> Pending<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let (resolver, pending) = Pending::new();
        let client = Arc::clone(&self.client);
        let task = async move {
            let client = client.lock().await.clone();
            if let Some(client) = client {
                resolver.resolve(act(client).await);
            }
        };
        self.tasks.spawn_on(task, self.runtime.handle());
        pending
    }
}

fn received(message: &nats_tokio::Message) -> Message {
    let reply = message.reply().map(str::to_owned);
    let received = Message::new(message.subject(), message.payload());
    reply.into_iter().fold(received, Message::reply)
}

impl Driver for TokioDriver {
    const ABSENT: &'static [(Ability, &'static str)] =
        &[(Ability::Unsent, "the client does not say how much waits to be written")];

    fn start(network: &Network, options: &Options) -> Self {
        let network = network.clone();
        let backoff = Backoff::Fixed {
            wait: options.reconnect_wait,
            jitter: Duration::from_millis(100),
            jitter_tls: Duration::from_millis(100),
        };
        let mut connect = ConnectOptions::new()
            .connector(move |target| network.dial(&target.host, target.port))
            .retry_on_initial_connect()
            .retain_servers_order()
            .connect_timeout(options.connect_timeout)
            .ping_interval(options.ping_interval)
            .max_pings_out(options.max_pings_out)
            .drain_timeout(options.drain_timeout)
            .flush_timeout(options.flush_timeout)
            .backoff(backoff)
            .max_reconnects(options.max_reconnects)
            .max_message(options.max_message + OVERHEAD)
            .send_buffer(options.send_buffer);
        if let Some(token) = &options.token {
            connect = connect.token(token.clone());
        }
        let runtime =
            Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let client = Arc::new(tokio::sync::Mutex::new(None));
        let mut connected = Arc::clone(&client).try_lock_owned().unwrap();
        let (servers, events) = (options.servers.clone(), Arc::new(Mutex::new(Vec::new())));
        let (mut tasks, list) = (JoinSet::new(), Arc::clone(&events));
        let connecting = async move {
            // Ready after the first attempt, whatever became of that.
            let client = connect.connect(servers).await.unwrap();
            let mut told = client.events();
            *connected = Some(client);
            drop(connected);
            while let Some(event) = told.next().await {
                list.lock().unwrap().extend(words::events(event));
            }
        };
        tasks.spawn_on(connecting, runtime.handle());
        Self { runtime, client, subscriptions: HashMap::new(), events, tasks }
    }

    fn advance(&mut self, by: Duration) {
        // The clock moves only when everything sleeps.
        self.runtime.block_on(async { tokio::time::sleep(by).await });
    }

    fn suspend(&mut self, by: Duration) {
        self.runtime.block_on(async { tokio::time::advance(by).await });
    }

    fn publish(&mut self, message: &Message) -> Pending<Result<(), Failure>> {
        let message = message.clone();
        self.spawn(async move |client| {
            client.publish(message.subject, message.payload).await.map_err(words::publish_error)
        })
    }

    fn subscribe(
        &mut self,
        id: u32,
        filter: &str,
        queue: Option<&str>,
    ) -> Pending<Result<(), Failure>> {
        let slot = Slot::default();
        self.subscriptions.insert(id, slot.clone());
        let (filter, queue) = (filter.to_owned(), queue.map(str::to_owned));
        self.spawn(async move |client| {
            let subscribing = match queue {
                Some(queue) => client.queue_subscribe(filter, queue),
                None => client.subscribe(filter),
            };
            let subscriber = subscribing.await.map_err(words::subscribe_error)?;
            *slot.handle.lock().unwrap() = Some(subscriber.handle());
            *slot.subscriber.lock().await = Some(subscriber);
            Ok(())
        })
    }

    fn unsubscribe(&mut self, id: u32) {
        if let Some(handle) = &*self.subscriptions[&id].handle.lock().unwrap() {
            handle.unsubscribe();
        }
    }

    fn unsubscribe_after(&mut self, id: u32, max: u64) {
        if let Some(handle) = &*self.subscriptions[&id].handle.lock().unwrap() {
            handle.unsubscribe_after(max);
        }
    }

    fn next(&mut self, id: u32) -> Pending<Option<Message>> {
        let slot = self.subscriptions[&id].clone();
        self.spawn(async move |_| {
            let mut subscriber = slot.subscriber.lock().await;
            subscriber.as_mut()?.next().await.as_ref().map(received)
        })
    }

    fn request(
        &mut self,
        message: &Message,
        timeout: Duration,
    ) -> Pending<Result<Message, Failure>> {
        let message = message.clone();
        self.spawn(async move |client| {
            let reply = client.request(message.subject, message.payload).timeout(timeout).await;
            reply.as_ref().map(received).map_err(|error| words::request_error(*error))
        })
    }

    fn flush(&mut self) -> Pending<Result<(), Failure>> {
        self.spawn(async move |client| client.flush().await.map_err(words::flush_error))
    }

    fn drain(&mut self) -> Pending<Result<(), Failure>> {
        self.spawn(async move |client| client.drain().await.map_err(words::drain_error))
    }

    fn close(&mut self) -> Pending<()> {
        self.spawn(async move |client| client.close().await)
    }

    fn drop_client(&mut self) {
        self.tasks.abort_all();
        self.subscriptions.clear();
        self.client = Arc::default();
    }

    fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events.lock().unwrap())
    }
}
