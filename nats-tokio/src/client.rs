//! The client: a handle to a connection.

pub(crate) mod connect;
pub(crate) mod drain;
pub(crate) mod events;
pub(crate) mod flush;
mod lifecycle;
pub(crate) mod publish;
pub(crate) mod replies;
pub(crate) mod request;
pub(crate) mod request_many;
mod servers;
mod status;
pub(crate) mod subscriber;
mod turn;
mod watch;

use std::sync::Arc;

use nats_proto::Inbox;
use nats_proto::RngSeed;
use nats_proto::Subject;

use crate::client::publish::Publish;
use crate::client::request::Request;
use crate::client::request_many::RequestMany;
use crate::client::subscriber::Subscribe;
use crate::entropy::entropy;
use crate::message::Message;
use crate::message::name::IntoFilter;
use crate::message::name::IntoQueueGroup;
use crate::message::name::IntoSubject;
use crate::message::name::Name;
use crate::message::payload::Payload;
use crate::state::handle::Handle;
use crate::state::shared::Shared;

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
    pub(crate) handle: Arc<Handle>,
}

impl Client {
    /// Publishes a message: await it, or [`try_send`](Publish::try_send) it.
    ///
    /// It is encoded on this thread into the buffer that goes to the socket, and waits only if too
    /// much is waiting there already ([`send_buffer`](crate::ConnectOptions::send_buffer)). Publishing is
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
    /// [`PublishError`](crate::PublishError), when awaited, before anything is sent.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, the message is not sent.
    #[inline]
    pub fn publish<'a, S: IntoSubject<'a>>(
        &'a self,
        subject: S,
        payload: impl Into<Payload<'a>>,
    ) -> Publish<'a> {
        Publish::new(&self.handle, subject.into_name(), payload.into())
    }

    /// Answers a message that wants an answer.
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut requests = client.subscribe("greet.*").await?;
    /// while let Some(request) = requests.next().await {
    ///     client.respond(&request, "hello").await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`PublishError`](crate::PublishError), when awaited, before anything is sent: [`PublishError::NoReply`](crate::PublishError::NoReply) if the
    /// message does not say where answers go.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, the answer is not sent.
    pub fn respond<'a>(
        &'a self,
        message: &'a Message,
        payload: impl Into<Payload<'a>>,
    ) -> Publish<'a> {
        let subject = message.reply().map_or(Name::NoReply, IntoSubject::into_name);
        Publish::new(&self.handle, subject, payload.into())
    }

    /// Publishes a message that was received to another subject: its payload, its headers and where
    /// answers to it go, so that its receiver answers the original sender. Nothing is copied on
    /// the way but what [`publish`](Self::publish) copies.
    ///
    /// For a copy that is not to be answered, publish its
    /// [payload](Message::payload_bytes) with its [headers](Message::headers).
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut orders = client.subscribe("orders.*").await?;
    /// while let Some(order) = orders.next().await {
    ///     client.forward(&order, format!("archive.{}", order.subject())).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`PublishError`](crate::PublishError), when awaited, before anything is sent.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, the message is not sent.
    pub fn forward<'a, S: IntoSubject<'a>>(
        &'a self,
        message: &'a Message,
        subject: S,
    ) -> Publish<'a> {
        let forwarded = self.publish(subject, message.payload_bytes()).headers(message.headers());
        match message.reply() {
            Some(reply) => forwarded.reply(reply),
            None => forwarded,
        }
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
    ///     Err(RequestError::NoResponders) => println!("no service"),
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
    pub fn request<'a, S: IntoSubject<'a>>(
        &'a self,
        subject: S,
        payload: impl Into<Payload<'a>>,
    ) -> Request<'a> {
        Request::new(&self.handle, subject.into_name(), payload.into())
    }

    /// Sends a request that may get several replies, and returns them as a stream (ADR-47).
    ///
    /// Which are all is for [`RequestMany`] to say: all that come within a time, so many of them, none
    /// for a while, or one that says that it is the last.
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    ///
    /// // Who is there? The first ten, as long as each comes within 300 ms of the one before.
    /// let asking = client.request_many("who", "").timeout(Duration::from_secs(2));
    /// let mut replies = asking.stall(Duration::from_millis(300)).max_messages(10).await?;
    /// while let Some(reply) = replies.next().await {
    ///     println!("{}", reply?);
    /// }
    /// println!("{:?}", replies.ended());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`RequestError`](crate::RequestError), when awaited, if it could not be sent; what happens
    /// after that is an item of the stream.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, the request is given up, and nothing of it is left behind.
    pub fn request_many<'a, S: IntoSubject<'a>>(
        &'a self,
        subject: S,
        payload: impl Into<Payload<'a>>,
    ) -> RequestMany<'a> {
        RequestMany::new(&self.handle, subject.into_name(), payload.into())
    }

    /// Subscribes to a subject, in which `*` stands for one token and a final `>` for one or more.
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut lamps = client.subscribe("home.*.lamp").await?;
    /// while let Some(message) = lamps.next().await {
    ///     println!("{}: {:?}", message.subject(), message.payload());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`SubscribeError`](crate::SubscribeError), when awaited, before anything is sent.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, there is no subscription.
    pub fn subscribe<'a, S: IntoFilter<'a>>(&'a self, subject: S) -> Subscribe<'a> {
        Subscribe::new(&self.handle, subject.into_name())
    }

    /// Subscribes as a member of a queue group: each message goes to one of its members.
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut jobs = client.queue_subscribe("jobs", "workers").await?;
    /// while let Some(job) = jobs.next().await {
    ///     println!("{:?}", job.payload());
    /// }
    /// # Ok(())
    /// # }
    /// ```
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
        S: IntoFilter<'a>,
        Q: IntoQueueGroup<'a>,
    {
        self.subscribe(subject).in_group(queue.into_name())
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.handle.shared
    }

    /// A unique subject for replies: below the
    /// [inbox prefix](crate::ConnectOptions::inbox_prefix).
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let inbox = client.new_inbox();
    /// let mut replies = client.subscribe(inbox.as_str()).await?;
    /// client.publish("who.is.there", "").reply(inbox.as_str()).await?;
    /// let first = replies.next().await;
    /// # let _ = first;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If the operating system has no randomness to offer, which it had when the client was made.
    #[must_use]
    #[expect(clippy::expect_used, reason = "documented")]
    pub fn new_inbox(&self) -> String {
        let prefix = &self.handle.shared.options.inbox_prefix;
        let seed = entropy().expect("randomness");
        let inbox: Inbox<Vec<u8>> = Subject::new(prefix)
            .ok()
            .and_then(|prefix| Inbox::new(prefix, RngSeed(seed)).ok())
            .expect("the prefix was checked");
        inbox.filter().as_str().trim_end_matches(".*").to_owned()
    }
}
