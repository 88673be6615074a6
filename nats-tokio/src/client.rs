//! The client: a handle to a connection.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use nats_proto::Filter;
use nats_proto::Inbox;
use nats_proto::Queue;
use nats_proto::Seed;
use nats_proto::Subject;
use nats_proto::SubjectError;
use nats_proto::session::FlushState;
use nats_proto::session::Session;
use nats_proto::session::Stop;

use crate::driver::Driver;
use crate::error::ConnectError;
use crate::error::DrainError;
use crate::error::FlushError;
use crate::error::PublishError;
use crate::event::Events;
use crate::login::Login;
use crate::message::Message;
use crate::options::ConnectOptions;
use crate::options::IntoServers;
use crate::options::parse_servers;
use crate::outbound::Outbound;
use crate::payload::Payload;
use crate::publish::Publish;
use crate::request::MAX_INBOX;
use crate::request::Request;
use crate::request::RequestTable;
use crate::server::ServerInfo;
use crate::shared::Control;
use crate::shared::Settings;
use crate::shared::Shared;
use crate::statistics::Statistics;
use crate::subscriber::Subscribe;
use crate::sync::lock;

/// Connects to one of `servers` with the default [options](ConnectOptions).
///
/// Addresses may leave out the scheme and the port, and may be several in a list:
/// `nats://user:password@a.example:4222,b.example`.
///
/// # Errors
///
/// [`ConnectError`] if no server takes us.
///
/// # Cancel safety
///
/// Dropping the future closes what it opened.
pub async fn connect(servers: impl IntoServers) -> Result<Client, ConnectError> {
    ConnectOptions::new().connect(servers).await
}

/// A connection to NATS, for use from any number of tasks and threads.
///
/// Clones are handles to the same connection, and cheap. When the last of them, and the last
/// [`Subscriber`](crate::Subscriber), is gone, what was published is sent and the connection is
/// closed in the background; to wait for that, [`close`](Self::close) or [`drain`](Self::drain).
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let client = nats_tokio::connect("demo.nats.io").await?;
/// let mut greetings = client.subscribe("greet.*").await?;
/// client.publish("greet.sue", "hello").await?;
/// let message = greetings.next().await.ok_or("closed")?;
/// assert_eq!(message.payload(), b"hello");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    handle: Arc<Handle>,
}

/// One of the things that keep a connection: a client and its clones, or a subscriber.
#[derive(Debug)]
pub(crate) struct Handle {
    pub(crate) shared: Arc<Shared>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.finish();
    }
}

impl Client {
    pub(crate) async fn connect(
        options: ConnectOptions,
        servers: &[String],
    ) -> Result<Self, ConnectError> {
        let client = Self::start(options, servers)?;
        client
            .wait_for(|control| {
                if control.session.is_connected() {
                    return Some(Ok(()));
                }
                let stop = control.stopped()?;
                Some(Err(ConnectError::from_stop(stop, control.failure.take())))
            })
            .await?;
        Ok(client)
    }

    /// Spawns the driver, which connects.
    fn start(options: ConnectOptions, servers: &[String]) -> Result<Self, ConnectError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| ConnectError::NoRuntime)?;
        let servers = parse_servers(servers).map_err(ConnectError::InvalidUrl)?;
        let login = Login::new(&options, &servers);
        let mut session = Session::new(options.config, Seed(entropy()?));
        for server in &servers {
            session.add_server(server).map_err(|_| ConnectError::NoServers)?;
        }
        let prefix =
            Subject::new(&options.inbox_prefix).map_err(ConnectError::InvalidInboxPrefix)?;
        let inbox = Inbox::new(prefix, Seed(entropy()?))
            .ok()
            .filter(|inbox: &Inbox<Vec<u8>>| inbox.filter().as_str().len() + 11 <= MAX_INBOX)
            .ok_or(ConnectError::InboxPrefixTooLong)?;
        let settings = Settings {
            request_timeout: options.request_timeout,
            flush_timeout: options.config.flush_timeout,
            pending_limits: options.pending_limits,
            inbox_prefix: options.inbox_prefix,
        };
        let outbound = Outbound::new(options.send_buffer);
        let requests = RequestTable::new(options.max_requests);
        let shared =
            Arc::new(Shared::new(session, outbound, requests, inbox, settings, runtime.clone()));
        lock(&shared.control).session.connect(shared.now());
        let driver =
            Driver::new(Arc::clone(&shared), options.connector, login, options.max_message);
        runtime.spawn(driver.run());
        Ok(Self { handle: Arc::new(Handle { shared }) })
    }

    /// Publishes a message: await it, or [`try_send`](Publish::try_send) it.
    ///
    /// It is encoded on this thread into the buffer that goes to the socket, and waits only if too
    /// much is waiting there already ([`send_buffer`](ConnectOptions::send_buffer)). Publishing is
    /// *at most once*: to know that the server has it, [`flush`](Self::flush), or make it a
    /// [`request`](Self::request).
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut headers = nats_tokio::HeaderMap::new();
    /// headers.append("Unit", "°C")?;
    /// client.publish("room.7.temperature", "21.5").headers(&headers).await?;
    /// client.publish("room.7.set", vec![1, 2, 3]).reply("room.7.done").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`PublishError`], when awaited, before anything is sent.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, the message is not sent.
    #[inline]
    pub fn publish<'a, S>(&'a self, subject: S, payload: impl Into<Payload<'a>>) -> Publish<'a>
    where
        S: TryInto<Subject<'a>>,
        S::Error: Into<SubjectError>,
    {
        let subject = subject.try_into().map_err(Into::into);
        Publish::new(&self.handle.shared, subject, payload.into())
    }

    /// Publishes a message without waiting.
    ///
    /// # Errors
    ///
    /// [`PublishError`], before anything is sent; [`PublishError::Full`] if too much is waiting to
    /// be written.
    pub fn try_publish<'a, S>(
        &'a self,
        subject: S,
        payload: impl Into<Payload<'a>>,
    ) -> Result<(), PublishError>
    where
        S: TryInto<Subject<'a>>,
        S::Error: Into<SubjectError>,
    {
        self.publish(subject, payload).try_send()
    }

    /// Answers a message that wants an answer.
    ///
    /// # Errors
    ///
    /// [`PublishError`], when awaited, before anything is sent: [`PublishError::InvalidSubject`] if
    /// the message does not say where answers go.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, the answer is not sent.
    pub fn respond<'a>(
        &'a self,
        message: &'a Message,
        payload: impl Into<Payload<'a>>,
    ) -> Publish<'a> {
        self.publish(message.reply().unwrap_or_default(), payload)
    }

    /// Sends a request and, when awaited, waits for its reply: the first one that comes.
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    /// use nats_tokio::RequestError;
    ///
    /// match client.request("time.now", "").timeout(Duration::from_secs(1)).await {
    ///     Ok(reply) => println!("{:?}", reply.payload()),
    ///     Err(RequestError::NoResponders) => println!("nobody knows"),
    ///     Err(error) => return Err(error.into()),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`RequestError`](crate::RequestError), when awaited.
    ///
    /// # Cancel safety
    ///
    /// Dropped after it was sent, the reply is ignored. Nothing of the request is left behind.
    pub fn request<'a, S>(&'a self, subject: S, payload: impl Into<Payload<'a>>) -> Request<'a>
    where
        S: TryInto<Subject<'a>>,
        S::Error: Into<SubjectError>,
    {
        let subject = subject.try_into().map_err(Into::into);
        Request::new(&self.handle.shared, subject, payload.into())
    }

    /// Subscribes to a subject, in which `*` stands for one token and a final `>` for one or more.
    ///
    /// # Errors
    ///
    /// [`SubscribeError`](crate::SubscribeError), when awaited, before anything is sent.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, there is no subscription.
    pub fn subscribe<'a, S>(&'a self, subject: S) -> Subscribe<'a>
    where
        S: TryInto<Filter<'a>>,
        S::Error: Into<SubjectError>,
    {
        Subscribe::new(&self.handle, subject.try_into().map_err(Into::into))
    }

    /// Subscribes as a member of a queue group: `client.subscribe(subject).queue(name)`.
    ///
    /// # Errors
    ///
    /// [`SubscribeError`](crate::SubscribeError), when awaited, before anything is sent.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, there is no subscription.
    pub fn queue_subscribe<'a, S, Q>(&'a self, subject: S, queue: Q) -> Subscribe<'a>
    where
        S: TryInto<Filter<'a>>,
        S::Error: Into<SubjectError>,
        Q: TryInto<Queue<'a>>,
        Q::Error: Into<SubjectError>,
    {
        self.subscribe(subject).queue(queue)
    }

    /// Waits until the server has processed everything that was published, subscribed and
    /// unsubscribed before: a PING, and its PONG.
    ///
    /// # Errors
    ///
    /// [`FlushError`]; then the server may have processed it, or not.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future takes nothing back.
    pub async fn flush(&self) -> Result<(), FlushError> {
        let shared = &self.handle.shared;
        let id = {
            let mut control = lock(&shared.control);
            let id = control.session.flush().ok_or(FlushError::Closed)?;
            shared.pump(&mut control);
            id
        };
        let answered = self.wait_for(|control| match control.session.flush_state(id) {
            FlushState::Done => Some(Ok(())),
            FlushState::Lost => Some(Err(FlushError::Disconnected)),
            FlushState::Pending => control.is_over.then_some(Err(FlushError::Disconnected)),
        });
        self.within(shared.settings.flush_timeout, answered)
            .await
            .unwrap_or(Err(FlushError::TimedOut))
    }

    /// The time that a PING takes to the server and back, behind everything that is waiting to be
    /// written.
    ///
    /// # Errors
    ///
    /// [`FlushError`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future takes nothing back.
    pub async fn rtt(&self) -> Result<Duration, FlushError> {
        let start = tokio::time::Instant::now();
        self.flush().await?;
        Ok(start.elapsed())
    }

    /// Ends the connection in good order: first all subscriptions end, when the messages that are
    /// on their way have come and the subscribers have taken them; publishing goes on until then.
    /// Then everything published is sent, and the connection is closed.
    ///
    /// Subscribers must go on to be read, or be dropped.
    ///
    /// # Errors
    ///
    /// [`DrainError`] if the connection is lost, or it takes longer than the
    /// [options](ConnectOptions::drain_timeout) allow. It is closed all the same.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not stop it.
    pub async fn drain(&self) -> Result<(), DrainError> {
        let shared = &self.handle.shared;
        {
            let mut control = lock(&shared.control);
            control.session.drain(shared.now());
            shared.pump(&mut control);
            control.wake_driver();
        }
        match self.closed().await {
            Stop::Drained => Ok(()),
            stop => Err(stop.into()),
        }
    }

    /// Whether the connection is draining.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        lock(&self.handle.shared.control).session.draining().is_some()
    }

    /// Sends what was published, and closes the connection. Subscriptions get nothing more; what
    /// waits for them can still be taken.
    ///
    /// Waits until the server has everything, but no longer than the
    /// [options](ConnectOptions::flush_timeout) allow, and until the socket is closed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not stop it.
    pub async fn close(&self) {
        self.handle.shared.finish();
        self.closed().await;
    }

    /// Waits until the connection is closed, and says why.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn closed(&self) -> Stop {
        self.wait_for(|control| control.is_over.then(|| control.stopped().unwrap_or(Stop::Closed)))
            .await
    }

    /// Whether there is a connection, and it is not about to be closed.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        lock(&self.handle.shared.control).session.is_ready()
    }

    /// The events of the connection from now on.
    #[must_use]
    pub fn events(&self) -> Events {
        Events::new(&self.handle.shared)
    }

    /// What the server said about itself.
    #[must_use]
    pub fn server_info(&self) -> ServerInfo {
        ServerInfo::new(&lock(&self.handle.shared.control).session)
    }

    /// The longest headers and payload together in bytes that the server takes.
    #[must_use]
    pub fn max_payload(&self) -> usize {
        lock(&self.handle.shared.outbound).limits().payload
    }

    /// What went over the connection so far.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let shared = &self.handle.shared;
        Statistics {
            out_messages: lock(&shared.outbound).messages(),
            ..shared.counters.statistics()
        }
    }

    /// A subject that nobody else has, for replies: below the
    /// [inbox prefix](ConnectOptions::inbox_prefix).
    ///
    /// # Panics
    ///
    /// If the operating system has no randomness to offer, which it had when the client was made.
    #[must_use]
    #[expect(clippy::expect_used, reason = "documented")]
    pub fn new_inbox(&self) -> String {
        let prefix = &self.handle.shared.settings.inbox_prefix;
        let seed = entropy().expect("randomness");
        let inbox: Inbox<Vec<u8>> = Subject::new(prefix)
            .ok()
            .and_then(|prefix| Inbox::new(prefix, Seed(seed)).ok())
            .expect("the prefix was checked");
        inbox.filter().as_str().trim_end_matches(".*").to_owned()
    }

    /// Waits until `check` returns something.
    async fn wait_for<T>(&self, mut check: impl FnMut(&mut Control) -> Option<T>) -> T {
        let shared = &self.handle.shared;
        loop {
            let mut changed = std::pin::pin!(shared.changed.notified());
            // First listen, then look: what changes in between is not missed.
            changed.as_mut().enable();
            if let Some(result) = check(&mut lock(&shared.control)) {
                return result;
            }
            changed.await;
        }
    }

    /// Waits for `future`, but no longer than `timeout`. Works outside of a runtime, too.
    async fn within<T>(&self, timeout: Duration, future: impl Future<Output = T>) -> Option<T> {
        let sleep = {
            let _runtime = self.handle.shared.runtime.enter();
            tokio::time::sleep(timeout)
        };
        let mut sleep = std::pin::pin!(sleep);
        let mut future = std::pin::pin!(future);
        std::future::poll_fn(|cx| {
            if let std::task::Poll::Ready(result) = future.as_mut().poll(cx) {
                return std::task::Poll::Ready(Some(result));
            }
            sleep.as_mut().poll(cx).map(|()| None)
        })
        .await
    }
}

fn entropy() -> Result<[u8; 16], ConnectError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| ConnectError::NoEntropy(error.into()))?;
    Ok(bytes)
}
