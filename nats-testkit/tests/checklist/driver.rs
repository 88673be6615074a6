//! The reference client as the checklist drives it.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use nats_testkit::Driver;
use nats_testkit::Event;
use nats_testkit::Executor;
use nats_testkit::Failure;
use nats_testkit::Message;
use nats_testkit::Network;
use nats_testkit::Options;
use nats_testkit::Pending;

use crate::client::Client;

pub(crate) struct Reference {
    executor: Executor,
    client: Rc<RefCell<Option<Client>>>,
}

impl Reference {
    /// Calls the client, and has it look what follows.
    fn call<T>(&self, call: impl FnOnce(&mut Client) -> T) -> Option<T> {
        let mut client = self.client.borrow_mut();
        let client = client.as_mut()?;
        let value = call(client);
        client.wake();
        Some(value)
    }

    fn begin<T>(&self, begin: impl FnOnce(&mut Client) -> Pending<T>) -> Pending<T> {
        // Nobody will ever say the outcome of what is asked of a client that is gone.
        self.call(begin).unwrap_or_else(|| Pending::new().1)
    }
}

impl Driver for Reference {
    fn start(network: &Network, options: &Options) -> Self {
        let mut executor = Executor::new(network);
        let client = Client::new(network, executor.clock(), options);
        let client = Rc::new(RefCell::new(Some(client)));
        let running = Rc::clone(&client);
        executor.spawn(poll_fn(move |cx| match &mut *running.borrow_mut() {
            Some(client) => client.poll(cx),
            None => Poll::Ready(()),
        }));
        Self { executor, client }
    }

    fn advance(&mut self, by: Duration) {
        self.executor.advance(by);
    }

    fn suspend(&mut self, by: Duration) {
        self.executor.suspend(by);
    }

    fn publish(&mut self, message: &Message) -> Pending<Result<(), Failure>> {
        Pending::resolved(self.call(|client| client.publish(message, None)).unwrap())
    }

    fn subscribe(
        &mut self,
        id: u32,
        filter: &str,
        queue: Option<&str>,
    ) -> Pending<Result<(), Failure>> {
        Pending::resolved(self.call(|client| client.subscribe(id, filter, queue)).unwrap())
    }

    fn unsubscribe(&mut self, id: u32) {
        self.call(|client| client.unsubscribe(id, None));
    }

    fn unsubscribe_after(&mut self, id: u32, max: u64) {
        self.call(|client| client.unsubscribe(id, Some(max)));
    }

    fn next(&mut self, id: u32) -> Pending<Option<Message>> {
        self.begin(|client| client.next(id))
    }

    fn request(
        &mut self,
        message: &Message,
        timeout: Duration,
    ) -> Pending<Result<Message, Failure>> {
        self.begin(|client| client.request(message, timeout))
    }

    fn flush(&mut self) -> Pending<Result<(), Failure>> {
        self.begin(Client::flush)
    }

    fn drain(&mut self) -> Pending<Result<(), Failure>> {
        self.begin(Client::drain)
    }

    fn close(&mut self) -> Pending<()> {
        self.begin(Client::close)
    }

    fn drop_client(&mut self) {
        *self.client.borrow_mut() = None;
    }

    fn events(&mut self) -> Vec<Event> {
        self.client.borrow_mut().as_mut().map(Client::events).unwrap_or_default()
    }

    fn unsent(&self) -> usize {
        self.client.borrow().as_ref().map_or(0, Client::unsent)
    }
}
