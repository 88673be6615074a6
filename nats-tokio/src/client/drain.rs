//! Ending a connection gracefully.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use nats_proto::Sid;
use nats_proto::session::CloseReason;

use crate::client::Client;
use crate::client::watch::Watch;
use crate::error::DrainError;
use crate::state::queue::Queue;
use crate::state::shared::Shared;
use crate::sync::lock;

/// The graceful end of a connection, made by [`Client::drain`]: await it.
///
/// # Errors
///
/// [`DrainError`]; the connection is closed all the same.
///
/// # Cancel safety
///
/// Draining begins when the future is polled first. Dropping it does not stop it then.
#[must_use = "nothing is drained unless it is awaited"]
pub struct Drain<'a> {
    shared: &'a Arc<Shared>,
    timeout: Option<Duration>,
    has_begun: bool,
    watch: Watch<'a>,
}

impl<'a> Drain<'a> {
    pub(crate) fn new(shared: &'a Arc<Shared>) -> Self {
        Self { shared, timeout: None, has_begun: false, watch: Watch::default() }
    }

    /// How long draining may take, in place of what the
    /// [options](crate::ConnectOptions::drain_timeout) allow; then the connection is closed. If it
    /// is draining already, it has so much time from now on.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    fn begin(&self) {
        let shared = self.shared;
        let now = shared.now();
        let mut control = lock(&shared.control);
        if !control.session.is_draining() {
            shared.begin_to_drain(&mut control);
            control.session.drain(now);
        }
        if let Some(timeout) = self.timeout {
            control.session.set_drain_deadline(now + timeout);
        }
        shared.transmit(&mut control);
        control.wake_driver();
    }
}

impl Future for Drain<'_> {
    type Output = Result<(), DrainError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if !std::mem::replace(&mut self.has_begun, true) {
            self.begin();
        }
        let Self { shared, watch, .. } = self.get_mut();
        watch.poll(&shared.changed, cx, || {
            let control = lock(&shared.control);
            control.is_over.then(|| match control.stopped() {
                Some(CloseReason::Drained) => Ok(()),
                stop => Err(stop.unwrap_or(CloseReason::Closed).into()),
            })
        })
    }
}

impl std::fmt::Debug for Drain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Drain").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// A subscription with messages that are not dealt with; see [`Client::draining_subscriptions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DrainingSubscription {
    /// The subscription's number.
    pub sid: Sid,
    /// How many messages wait to be taken.
    pub waiting: u64,
    /// How many messages were taken since draining began and are still held, by a subscriber that did
    /// not come back for more.
    pub held: u64,
}

impl DrainingSubscription {
    fn of(sid: Sid, queue: &Queue) -> Option<Self> {
        let one = Self { sid, waiting: queue.pending().messages, held: queue.taken() };
        (one.waiting > 0 || one.held > 0).then_some(one)
    }
}

impl Client {
    /// Ends the connection gracefully: first all subscriptions end, when the messages that are
    /// on their way have come, and what has come is dealt with; publishing goes on until then. Then
    /// everything published is sent, and the connection is closed. Without a connection, what was
    /// kept for the next one is sent to that.
    ///
    /// It waits for messages that are there, not for subscribers: for those that wait to be taken,
    /// and for those that were taken since draining began, until they are dropped or their
    /// subscriber asks for the next one. So an answer to such a message is still sent. A subscriber
    /// that has nothing left to take may be held; one with messages waiting must go on to be read,
    /// or be dropped. [`draining_subscriptions`](Self::draining_subscriptions) says what is waited for.
    ///
    /// What was taken before is not known any more: to have that dealt with, too, let tasks come to
    /// the end of their streams first, with
    /// [`SubscriptionHandle::drain`](crate::SubscriptionHandle::drain), and wait for the tasks.
    ///
    /// Requests that are made from now on fail with
    /// [`RequestError::Draining`](crate::RequestError::Draining); so do those that wait for a reply
    /// when the subscription for replies has ended.
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    ///
    /// client.drain().timeout(Duration::from_secs(5)).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`DrainError`] if the connection is lost in between, it was closed before, or it takes
    /// longer than the [options](crate::ConnectOptions::drain_timeout) or [`Drain::timeout`]
    /// allow. It is closed all the same.
    ///
    /// # Cancel safety
    ///
    /// Draining begins when the future is polled first. Dropping it does not stop it then.
    pub fn drain(&self) -> Drain<'_> {
        Drain::new(&self.handle.shared)
    }

    /// The subscriptions with messages that are not dealt with: what [`drain`](Self::drain) waits
    /// for, or would have to.
    #[must_use]
    pub fn draining_subscriptions(&self) -> Vec<DrainingSubscription> {
        let mut control = lock(&self.handle.shared.control);
        let over: Vec<_> = control
            .unread
            .iter()
            .filter_map(|(sid, queue)| DrainingSubscription::of(sid, queue))
            .collect();
        let going =
            control.queues().filter_map(|(sid, queue)| DrainingSubscription::of(sid, queue));
        going.chain(over).collect()
    }
}
