//! Fetching: so many messages, and no longer than that.

use core::future::poll_fn;
use core::task::Context as Task;
use core::task::Poll;

use super::consumer::Consumer;
use super::fetch_error::FetchError;
use super::goal::Goal;
use super::message::Message;
use crate::memory::Memory;
use crate::time::Timeout;

/// Messages that are fetched from a [`Consumer`], one after the other.
#[derive(Debug)]
pub struct Batch<'c, 'd, R: Memory<'d>> {
    consumer: &'c mut Consumer<'d, R>,
    goal: Goal,
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
