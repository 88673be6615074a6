//! Fetching: so many messages, and no longer than that.

use core::future::poll_fn;
use core::task::Context as Task;
use core::task::Poll;

use nats_proto::Instant;
use nats_proto::jetstream::FetchEndReason;

use super::consumer::Consumer;
use super::fetch_error::FetchError;
use super::message::Message;
use crate::memory::Memory;
use crate::time::NEVER;
use crate::time::Timeout;
use crate::time::now;

/// Messages that are fetched from a [`Consumer`], one after the other.
#[derive(Debug)]
pub struct Batch<'c, 'd, R: Memory<'d>> {
    consumer: &'c mut Consumer<'d, R>,
    goal: Goal,
}

/// What a call wants.
#[derive(Debug)]
pub(super) struct Goal {
    /// How many messages, still.
    pub(super) left: u32,
    pub(super) deadline: Instant,
    /// Whether it waits for messages that are not there.
    pub(super) waits: bool,
    /// Whether something was asked for on its behalf.
    pub(super) has_started: bool,
}

impl<'d, R: Memory<'d>> Consumer<'d, R> {
    /// Fetches up to `max_messages`. If no message is there, it waits for the first until `max_wait` is
    /// over, and then ends when there are no more; with a `max_wait` of zero, it does not wait.
    ///
    /// If there are fewer free slots than that, it asks for as many as there are, and for more when
    /// messages have been dropped. It goes on over lost connections, as long as there is time. Nothing is
    /// sent until [`Batch::next`] is polled.
    ///
    /// What was asked for and not taken, since the batch was dropped, keeps its slots: the next call has
    /// it first.
    ///
    /// ```
    /// # use nats_embassy::{Memory, jetstream::{Consumer, FetchError}};
    /// use core::time::Duration;
    ///
    /// # async fn device<'d, R: Memory<'d>>(
    /// #     jobs: &mut Consumer<'d, R>,
    /// # ) -> Result<(), Box<dyn core::error::Error>> {
    /// let mut batch = jobs.fetch(4, Duration::from_secs(5));
    /// while let Some(job) = batch.next().await? {
    ///     job.ack().await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn fetch(&mut self, max_messages: u32, max_wait: impl Into<Timeout>) -> Batch<'_, 'd, R> {
        Batch { goal: Goal::new(max_messages, max_wait.into()), consumer: self }
    }

    /// Fetches one message, and waits for it no longer than `max_wait`. `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`FetchError`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: a message that comes for it waits for the next call.
    pub async fn next(
        &mut self,
        max_wait: impl Into<Timeout>,
    ) -> Result<Option<Message<'d, R>>, FetchError> {
        let mut goal = Goal::new(1, max_wait.into());
        poll_fn(|cx| self.poll_goal(&mut goal, cx)).await
    }
}

impl<'d, R: Memory<'d>> Batch<'_, 'd, R> {
    /// The next message; `None` when all have come, when there are no more, or when time is up.
    ///
    /// # Errors
    ///
    /// [`FetchError`]. What has come is good in any case.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    #[expect(clippy::should_implement_trait, reason = "it returns a future")]
    pub fn next(&mut self) -> impl Future<Output = Result<Option<Message<'d, R>>, FetchError>> {
        poll_fn(|cx| self.poll_next(cx))
    }

    /// Like [`next`](Self::next), for hand-written futures.
    pub fn poll_next(
        &mut self,
        cx: &mut Task<'_>,
    ) -> Poll<Result<Option<Message<'d, R>>, FetchError>> {
        self.consumer.poll_goal(&mut self.goal, cx)
    }
}

impl Goal {
    pub(super) fn new(left: u32, max_wait: Timeout) -> Self {
        let now = now();
        let deadline = max_wait.after(now);
        Self { left, deadline, waits: deadline > now, has_started: false }
    }

    /// When to be back, if a pull has something due then.
    pub(super) fn wakes_at(&self, due: Option<Instant>) -> Instant {
        let due = due.unwrap_or(NEVER);
        if self.waits { due.min(self.deadline) } else { due }
    }

    /// Whether it is over after the end of a pull.
    ///
    /// # Errors
    ///
    /// Why it does not.
    pub(super) fn is_over(
        &mut self,
        end: FetchEndReason,
        now: Instant,
    ) -> Result<bool, FetchError> {
        let has_started = core::mem::take(&mut self.has_started);
        let has_time = self.waits && now < self.deadline;
        match end {
            FetchEndReason::Full => Ok(self.left == 0),
            // Not what was asked for on its behalf.
            _ if !has_started => Ok(self.waits && !has_time),
            FetchEndReason::NoMoreMessages => Ok(true),
            FetchEndReason::Disconnected | FetchEndReason::Interrupted if has_time => Ok(false),
            end => Err(FetchError::Ended(end)),
        }
    }
}
