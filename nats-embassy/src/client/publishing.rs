//! Publishing.

use core::future::poll_fn;
use core::task::Context;
use core::task::Poll;

use nats_proto::Message;
use nats_proto::Subject;
use nats_proto::SubjectError;
use nats_proto::wire::Publish;

use super::Client;
use crate::client::subscriber::reply_subject;
use crate::error::BatchError;
use crate::error::PublishError;
use crate::state::shared::Publisher;
use crate::state::sizes::Sizes;

impl<'d, R: Sizes<'d>> Client<'d, R> {
    /// Publishes a message. It is copied once, to where it is written from.
    ///
    /// Waits for space in the send buffer, and for a connection, unless
    /// [`Config::offline`](crate::Config::offline) says otherwise. Those that wait for space get it in
    /// turn: a later one waits for them, however short its message. So a future that has begun to
    /// wait has to be polled on, or dropped. What was not written when a connection is lost, is lost
    /// with it: [`flush`](Self::flush) finds out.
    ///
    /// ```
    /// # use nats_embassy::{Client, Memory, PublishError};
    /// # async fn device<'d, R: Memory<'d>>(client: Client<'d, R>) -> Result<(), PublishError> {
    /// client.publish("lab.temperature", 21.5_f32.to_le_bytes()).await?;
    /// client.publish("lab.state", "warm").await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`PublishError`]; nothing is sent then.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, the future publishes nothing.
    pub fn publish<'a, S>(
        &self,
        subject: S,
        payload: impl AsRef<[u8]>,
    ) -> impl Future<Output = Result<(), PublishError>>
    where
        S: TryInto<Subject<'a>>,
        S::Error: Into<SubjectError>,
    {
        let subject = subject.try_into().map_err(|error| error.into().into());
        self.publish_if(subject, payload)
    }

    /// Publishes to a subject, if there is one.
    fn publish_if(
        &self,
        subject: Result<Subject<'_>, PublishError>,
        payload: impl AsRef<[u8]>,
    ) -> impl Future<Output = Result<(), PublishError>> {
        let mut publisher = Publisher::new(self.shared);
        poll_fn(move |cx| publisher.poll_payload(subject, payload.as_ref(), cx))
    }

    /// Publishes a message with a reply subject, or with headers.
    ///
    /// ```
    /// # use nats_embassy::{Client, Memory};
    /// use nats_embassy::{HeaderBuf, Publish, Subject};
    ///
    /// # async fn device<'d, R: Memory<'d>>(
    /// #     client: Client<'d, R>,
    /// # ) -> Result<(), Box<dyn core::error::Error>> {
    /// let mut headers = HeaderBuf::<64>::new();
    /// headers.append("Unit", "°C")?;
    /// let subject = Subject::from_static("lab.temperature");
    /// let message = Publish { headers: headers.as_headers(), ..Publish::new(subject, b"21.5") };
    /// client.publish_message(&message).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Like [`publish`](Self::publish).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, the future publishes nothing.
    pub fn publish_message(
        &self,
        message: &Publish<'_>,
    ) -> impl Future<Output = Result<(), PublishError>> {
        let mut publisher = Publisher::new(self.shared);
        poll_fn(move |cx| publisher.poll_publish(message, cx))
    }

    /// Publishes a message without waiting.
    ///
    /// # Errors
    ///
    /// [`PublishError`], also if there is no room or no connection now, or others wait for room.
    /// Nothing is sent then.
    pub fn try_publish(&self, message: &Publish<'_>) -> Result<(), PublishError> {
        self.shared.lock(|state| state.publish(message, None))
    }

    /// Publishes a payload that is written in place: `payload` is called with a buffer of `max` bytes of
    /// any value and returns how many it wrote. Nothing is copied.
    ///
    /// The payload of `message` does not count. `payload` is called with all other tasks of the
    /// client locked out, and must not use the client.
    ///
    /// ```
    /// # use nats_embassy::{Client, Memory, PublishError};
    /// use nats_embassy::{Publish, Subject};
    ///
    /// # async fn device<'d, R: Memory<'d>>(client: Client<'d, R>) -> Result<(), PublishError> {
    /// let message = Publish::new(Subject::from_static("lab.samples"), &[]);
    /// let sample = |space: &mut [u8]| {
    ///     space.fill(7);
    ///     space.len()
    /// };
    /// client.publish_in_place(&message, 64, sample).await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Like [`publish`](Self::publish).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, the future publishes nothing.
    pub fn publish_in_place(
        &self,
        message: &Publish<'_>,
        max: usize,
        payload: impl FnOnce(&mut [u8]) -> usize,
    ) -> impl Future<Output = Result<(), PublishError>> {
        let mut publisher = Publisher::new(self.shared);
        let mut payload = Some(payload);
        poll_fn(move |cx| {
            publisher
                .poll(cx, |state, turn| state.publish_in_place(message, max, &mut payload, turn))
        })
    }

    /// Publishes all of these messages, one after the other and nothing in between, or none of them.
    ///
    /// Waits like [`publish`](Self::publish), for room for all of them: together they have to fit into
    /// half of `TX`. They are never kept for a connection: with
    /// [`Offline::KeepLatest`](crate::Offline::KeepLatest), this fails while there is none.
    ///
    /// ```
    /// # use nats_embassy::{BatchError, Client, Memory};
    /// use nats_embassy::{Publish, Subject};
    ///
    /// # async fn device<'d, R: Memory<'d>>(client: Client<'d, R>) -> Result<(), BatchError> {
    /// let (inside, outside) = (Subject::from_static("in"), Subject::from_static("out"));
    /// client.publish_batch(&[Publish::new(inside, b"21"), Publish::new(outside, b"-3")]).await
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`BatchError`] says which message is refused, and why. Nothing is sent then.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, the future publishes nothing.
    pub fn publish_batch(
        &self,
        messages: &[Publish<'_>],
    ) -> impl Future<Output = Result<(), BatchError>> {
        let mut publisher = Publisher::new(self.shared);
        poll_fn(move |cx| {
            let mut index = 0;
            publisher
                .poll(cx, |state, turn| state.publish_batch(messages, turn, &mut index))
                .map_err(|error| BatchError { index, error })
        })
    }

    /// Like [`publish_batch`](Self::publish_batch), without waiting.
    ///
    /// # Errors
    ///
    /// [`BatchError`], also if there is no room or no connection now, or others wait for room.
    /// Nothing is sent then.
    pub fn try_publish_batch(&self, messages: &[Publish<'_>]) -> Result<(), BatchError> {
        let mut index = 0;
        self.shared
            .lock(|state| state.publish_batch(messages, None, &mut index))
            .map_err(|error| BatchError { index, error })
    }

    /// Answers a request.
    ///
    /// ```
    /// # use nats_embassy::{Memory, Client, PublishError, Subscriber};
    /// # async fn device<'d, R: Memory<'d>>(
    /// #     client: Client<'d, R>,
    /// #     mut requests: Subscriber<'d, R>,
    /// # ) -> Result<(), PublishError> {
    /// while let Some(request) = requests.next().await {
    ///     client.respond(&request, "here").await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Like [`publish`](Self::publish); [`PublishError::NoReply`] if no answer is wanted.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, the future publishes nothing.
    pub fn respond<B: AsRef<[u8]>>(
        &self,
        request: &Message<B>,
        payload: impl AsRef<[u8]>,
    ) -> impl Future<Output = Result<(), PublishError>> {
        self.publish_if(reply_subject(request), payload)
    }

    /// Answers a request without waiting.
    ///
    /// # Errors
    ///
    /// Like [`try_publish`](Self::try_publish); [`PublishError::NoReply`] if no answer is wanted.
    pub fn try_respond<B: AsRef<[u8]>>(
        &self,
        request: &Message<B>,
        payload: impl AsRef<[u8]>,
    ) -> Result<(), PublishError> {
        self.try_publish(&Publish::new(reply_subject(request)?, payload.as_ref()))
    }

    /// Publishes a message that was received to another subject, headers and all, without a reply
    /// subject.
    ///
    /// # Errors
    ///
    /// Like [`publish`](Self::publish).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, the future publishes nothing.
    pub fn forward<'a, S, B>(
        &self,
        message: &Message<B>,
        subject: S,
    ) -> impl Future<Output = Result<(), PublishError>>
    where
        S: TryInto<Subject<'a>>,
        S::Error: Into<SubjectError>,
        B: AsRef<[u8]>,
    {
        let subject = subject.try_into().map_err(Into::into);
        let mut publisher = Publisher::new(self.shared);
        poll_fn(move |cx| match subject {
            Ok(subject) => {
                let headers = message.headers();
                let message = Publish { headers, ..Publish::new(subject, message.payload()) };
                publisher.poll_publish(&message, cx)
            }
            Err(error) => Poll::Ready(Err(error.into())),
        })
    }
}

impl<'d, R: Sizes<'d>> Publisher<'d, R> {
    /// Apart from what it is that holds the payload.
    fn poll_payload(
        &mut self,
        subject: Result<Subject<'_>, PublishError>,
        payload: &[u8],
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), PublishError>> {
        match subject {
            Ok(subject) => self.poll_publish(&Publish::new(subject, payload), cx),
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}
