//! Many messages of a stream by direct get (ADR-31), a page at a time.

mod one_by_one;
mod page;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::Context as Task;
use std::task::Poll;
use std::task::ready;

use nats_proto::Filter;
use nats_proto::jetstream::Timestamp;

use self::one_by_one::OneByOne;
use self::page::Page;
use self::page::PageEvent;
use self::page::Request;
use super::Stream;
use super::message::StoredMessage;
use crate::jetstream::error::Error;

/// How much a server sends at once.
const PAGE_MESSAGES: u32 = 1_024;
const PAGE_BYTES: u32 = 1024 * 1024;

type Next<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The messages of a stream in their order, from any server that has the stream, made by
/// [`Stream::direct_get_batch`]. A [`Stream`](futures_core::Stream).
///
/// It ends behind the message that is the last one when it gets there, and after an error. What is in memory are at
/// most 1,024 messages, and at most 1 MiB and the message that goes beyond it. Servers before 2.11 are asked for one
/// message after the other.
///
/// After a lost connection, and where messages are missing, it goes on behind the last message that came; it is
/// an error if nothing comes in the [time](crate::jetstream::Context::timeout) that an answer may take.
#[must_use = "nothing is asked for until the first message is"]
pub struct DirectBatch {
    stream: Stream,
    filter: String,
    from: u64,
    from_time: Option<Timestamp>,
    /// How many messages are still to come at most.
    left: u64,
    is_one_by_one: bool,
    step: Step<Result<StoredMessage, Error>>,
}

/// The last message of each subject that one of some filters matches, from any server that has the stream, made by
/// [`Stream::direct_get_last_for`]. A [`Stream`](futures_core::Stream).
///
/// They are those of one moment, in the order of their sequence numbers: what is published meanwhile is left out, unless
/// the connection is lost before the first page is complete. It ends after an error. What is in memory is as much as
/// with [`DirectBatch`].
///
/// Servers before 2.11, and those of more than 1,024 such subjects, are asked for one subject after the other, in the
/// order of the subjects: each message is then the last of its subject when its turn comes, and the names of up
/// to 100,000 subjects are in memory where filters have wildcards.
#[must_use = "nothing is asked for until the first message is"]
pub struct DirectLast {
    stream: Stream,
    filters: Vec<String>,
    from: u64,
    up_to: Option<u64>,
    step: Step<(OneByOne, Option<Result<StoredMessage, Error>>)>,
}

/// What is waited for.
enum Step<T> {
    Nothing,
    Page(Page),
    OneByOne(Next<T>),
    Over,
}

impl Stream {
    /// Messages in their order, all unless the builder is told which, from any server that has the stream: sooner
    /// than by a consumer, and perhaps not the newest. The stream has to
    /// [allow it](super::Config::allow_direct).
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// # use nats_tokio::jetstream::stream::Config;
    /// # let jetstream = client.jetstream();
    /// let config = Config { allow_direct: true, ..Config::new("ORDERS", ["orders.>"]) };
    /// let orders = jetstream.get_or_create_stream(config).await?;
    /// let mut messages = orders.direct_get_batch().subject("orders.new").max_messages(100);
    /// while let Some(message) = messages.next().await {
    ///     let message = message?;
    ///     println!("{}: {}", message.sequence, message.subject);
    /// }
    /// # orders.delete().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn direct_get_batch(&self) -> DirectBatch {
        DirectBatch {
            stream: self.clone(),
            filter: ">".to_owned(),
            from: 0,
            from_time: None,
            left: u64::MAX,
            is_one_by_one: false,
            step: Step::Nothing,
        }
    }

    /// The last message of each subject that one of the filters matches, from any server that has the stream. The
    /// stream has to [allow it](super::Config::allow_direct).
    pub fn direct_get_last_for<S: Into<String>>(
        &self,
        filters: impl IntoIterator<Item = S>,
    ) -> DirectLast {
        let filters: Vec<String> = filters.into_iter().map(Into::into).collect();
        let step = if filters.is_empty() { Step::Over } else { Step::Nothing };
        DirectLast { stream: self.clone(), filters, from: 0, up_to: None, step }
    }
}

impl DirectBatch {
    /// From this sequence number on.
    pub const fn from_sequence(mut self, sequence: u64) -> Self {
        self.from = sequence;
        self
    }

    /// From the first message on that was stored then, or later. Needs a server from 2.11 on;
    /// [`Error::Unsupported`] otherwise. Wins over [`from_sequence`](Self::from_sequence).
    pub const fn from_time(mut self, time: Timestamp) -> Self {
        self.from_time = Some(time);
        self
    }

    /// Only messages of the subjects that this filter matches.
    pub fn subject(mut self, filter: impl Into<String>) -> Self {
        self.filter = filter.into();
        self
    }

    /// So many at most.
    pub const fn max_messages(mut self, messages: u64) -> Self {
        self.left = messages;
        self
    }

    /// The next message; `None` after the last, and after an error.
    ///
    /// # Errors
    ///
    /// [`Error`]: [`NoResponders`](Error::NoResponders), or with servers before 2.10
    /// [`TimedOut`](Error::TimedOut), if the stream does not allow it.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost: the answer is waited for by the next call.
    pub async fn next(&mut self) -> Option<Result<StoredMessage, Error>> {
        std::future::poll_fn(|task| self.poll(task)).await
    }

    fn poll(&mut self, task: &mut Task<'_>) -> Poll<Option<Result<StoredMessage, Error>>> {
        loop {
            match &mut self.step {
                Step::Over => return Poll::Ready(None),
                Step::Nothing if self.left == 0 => self.step = Step::Over,
                Step::Nothing => self.step = self.ask(),
                Step::Page(page) => match ready!(page.poll(task)) {
                    PageEvent::Message(message) => return self.hand_out(message),
                    PageEvent::Alone(_) if self.from_time.is_some() => {
                        return self.fail(Error::Unsupported { field: "start_time".to_owned() });
                    }
                    PageEvent::Alone(message) => {
                        self.is_one_by_one = true;
                        self.step = Step::Nothing;
                        return self.hand_out(message);
                    }
                    PageEvent::End { is_last: true, .. } => self.step = Step::Over,
                    PageEvent::End { .. } => self.step = Step::Nothing,
                    PageEvent::Refused(error) => return self.fail(Error::Api(error)),
                    PageEvent::Failed(error) => return self.fail(error),
                },
                Step::OneByOne(next) => {
                    let message = ready!(next.as_mut().poll(task));
                    self.step = Step::Nothing;
                    match message {
                        Ok(message) => return self.hand_out(message),
                        Err(error) if error.is_not_found() => self.step = Step::Over,
                        Err(error) => return self.fail(error),
                    }
                }
            }
        }
    }

    fn ask(&self) -> Step<Result<StoredMessage, Error>> {
        if let Err(error) = Filter::new(&self.filter) {
            return Step::Page(Page::failed(error.into()));
        }
        if self.is_one_by_one {
            let (stream, from, filter) = (self.stream.clone(), self.from, self.filter.clone());
            let next = async move { stream.direct_get_next(from, &filter).await };
            return Step::OneByOne(Box::pin(next));
        }
        Step::Page(Page::ask(
            &self.stream,
            &Request {
                batch: u32::try_from(self.left).unwrap_or(u32::MAX).min(PAGE_MESSAGES),
                max_bytes: PAGE_BYTES,
                seq: self.from_time.is_none().then_some(self.from),
                start_time: self.from_time.map(|time| time.to_string()),
                next_by_subj: Some(&self.filter),
                ..Request::default()
            },
        ))
    }

    const fn hand_out(
        &mut self,
        message: StoredMessage,
    ) -> Poll<Option<Result<StoredMessage, Error>>> {
        self.left -= 1;
        self.from_time = None;
        self.from = message.sequence.saturating_add(1);
        Poll::Ready(Some(Ok(message)))
    }

    fn fail(&mut self, error: Error) -> Poll<Option<Result<StoredMessage, Error>>> {
        self.step = Step::Over;
        Poll::Ready(Some(Err(error)))
    }
}

impl DirectLast {
    /// As it was when this was the last sequence number. Needs a server from 2.11 on, and at most 1,024 subjects.
    pub const fn up_to_sequence(mut self, sequence: u64) -> Self {
        self.up_to = Some(sequence);
        self
    }

    /// The next message; `None` after the last, and after an error.
    ///
    /// # Errors
    ///
    /// [`Error`]: [`NoResponders`](Error::NoResponders), or with servers before 2.10
    /// [`TimedOut`](Error::TimedOut), if the stream does not allow it.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost: the answer is waited for by the next call.
    pub async fn next(&mut self) -> Option<Result<StoredMessage, Error>> {
        std::future::poll_fn(|task| self.poll(task)).await
    }

    fn poll(&mut self, task: &mut Task<'_>) -> Poll<Option<Result<StoredMessage, Error>>> {
        loop {
            match &mut self.step {
                Step::Over => return Poll::Ready(None),
                Step::Nothing => self.step = self.ask(),
                Step::Page(page) => match ready!(page.poll(task)) {
                    PageEvent::Message(message) => {
                        self.from = message.sequence.saturating_add(1);
                        return Poll::Ready(Some(Ok(message)));
                    }
                    PageEvent::End { is_last: true, .. } => self.step = Step::Over,
                    PageEvent::End { up_to, .. } => {
                        self.up_to = self.up_to.or(up_to);
                        self.step = Step::Nothing;
                    }
                    // An old server takes the sequence number for what is asked for.
                    PageEvent::Alone(_) => {
                        return self.fail(Error::Unsupported { field: "multi_last".to_owned() });
                    }
                    PageEvent::Refused(_) if self.from == 0 && self.up_to.is_none() => {
                        let filters = std::mem::take(&mut self.filters);
                        let one_by_one = OneByOne::new(self.stream.clone(), filters);
                        self.step = Step::OneByOne(Box::pin(one_by_one.next()));
                    }
                    PageEvent::Refused(error) => return self.fail(Error::Api(error)),
                    PageEvent::Failed(error) => return self.fail(error),
                },
                Step::OneByOne(next) => match ready!(next.as_mut().poll(task)) {
                    (one_by_one, Some(Ok(message))) => {
                        self.step = Step::OneByOne(Box::pin(one_by_one.next()));
                        return Poll::Ready(Some(Ok(message)));
                    }
                    (_, Some(Err(error))) => return self.fail(error),
                    (_, None) => self.step = Step::Over,
                },
            }
        }
    }

    fn ask(&self) -> Step<(OneByOne, Option<Result<StoredMessage, Error>>)> {
        for filter in &self.filters {
            if let Err(error) = Filter::new(filter) {
                return Step::Page(Page::failed(error.into()));
            }
        }
        Step::Page(Page::ask(
            &self.stream,
            &Request {
                batch: PAGE_MESSAGES,
                max_bytes: PAGE_BYTES,
                seq: (self.from > 0).then_some(self.from),
                multi_last: &self.filters,
                up_to_seq: self.up_to,
                ..Request::default()
            },
        ))
    }

    fn fail(&mut self, error: Error) -> Poll<Option<Result<StoredMessage, Error>>> {
        self.step = Step::Over;
        Poll::Ready(Some(Err(error)))
    }
}

impl futures_core::Stream for DirectBatch {
    type Item = Result<StoredMessage, Error>;

    fn poll_next(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll(task)
    }
}

impl futures_core::Stream for DirectLast {
    type Item = Result<StoredMessage, Error>;

    fn poll_next(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll(task)
    }
}

impl fmt::Debug for DirectBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DirectBatch")
            .field("stream", &self.stream)
            .field("filter", &self.filter)
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for DirectLast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DirectLast")
            .field("stream", &self.stream)
            .field("filters", &self.filters)
            .finish_non_exhaustive()
    }
}
