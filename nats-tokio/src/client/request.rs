//! Requests: one subscription for all replies, and a table of those who wait for them.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::MutexGuard;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;
use std::task::ready;
use std::time::Duration;

use nats_proto::Full;
use nats_proto::RequestId;
use nats_proto::Subject;
use nats_proto::wire;
use nats_proto::wire::SendBuf;

use crate::client::turn::Turn;
use crate::error::PublishError;
use crate::error::RequestError;
use crate::message::Message;
use crate::message::headers::Block;
use crate::message::headers::IntoHeaders;
use crate::message::name::Name;
use crate::message::payload::Payload;
use crate::state::handle::Handle;
use crate::state::requests::MAX_INBOX;
use crate::state::requests::RequestTable;
use crate::sync::lock;

/// A request, made by [`Client::request`](crate::Client::request): await it for its reply.
///
/// # Errors
///
/// [`RequestError`], which has a table of everything that can become of a request.
///
/// # Cancel safety
///
/// Dropped before it is sent, the request is not sent at all; dropped after, its reply is ignored.
/// In both cases nothing of it is left behind.
#[must_use = "a request is sent when it is awaited"]
pub struct Request<'a> {
    handle: &'a Arc<Handle>,
    subject: Name<Subject<'a>>,
    headers: Block<'a>,
    payload: Payload<'a>,
    timeout: Duration,
    turn: Turn<'a>,
    /// Once the request is in the table.
    request_id: Option<RequestId>,
    is_sent: bool,
}

impl<'a> Request<'a> {
    pub(crate) fn new(
        handle: &'a Arc<Handle>,
        subject: Name<Subject<'a>>,
        payload: Payload<'a>,
    ) -> Self {
        Self {
            handle,
            subject,
            headers: Block::NONE,
            payload,
            timeout: handle.shared.options.request_timeout,
            turn: Turn::new(&handle.shared),
            request_id: None,
            is_sent: false,
        }
    }

    /// Adds headers: a [`HeaderMap`](crate::HeaderMap), borrowed or not, an array of names and values,
    /// or those of another message.
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut headers = nats_tokio::HeaderMap::new();
    /// headers.append("Trace-Id", "7")?;
    /// let reply = client.request("stock.price", "NATS").headers(&headers).await?;
    /// # let _ = reply;
    /// # Ok(())
    /// # }
    /// ```
    pub fn headers<H: IntoHeaders<'a>>(mut self, headers: H) -> Self {
        self.headers = headers.into_block();
        self
    }

    /// How long to wait for the reply, from the first time the future is polled. Default that of
    /// the [options](crate::ConnectOptions::request_timeout). Checked every few milliseconds.
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    ///
    /// let reply = client.request("stock.price", "NATS").timeout(Duration::from_secs(1)).await?;
    /// # let _ = reply;
    /// # Ok(())
    /// # }
    /// ```
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The same without anything borrowed, for [`tokio::spawn`] and for storing: what is borrowed is
    /// copied. It keeps the connection like a clone of the client.
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let asking = ["a", "b"].map(|name| tokio::spawn(client.request(name, "?").into_owned()));
    /// for answer in asking {
    ///     println!("{}", answer.await??);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`RequestError`], when awaited.
    ///
    /// # Cancel safety
    ///
    /// Like that of the request itself.
    pub fn into_owned(
        mut self,
    ) -> impl Future<Output = Result<Message, RequestError>> + Send + 'static + use<> {
        let handle = Arc::clone(self.handle);
        let timeout = self.timeout;
        let subject = self.subject.clone().into_owned();
        let headers = std::mem::replace(&mut self.headers, Block::NONE).into_owned();
        let payload = std::mem::replace(&mut self.payload, ().into()).into_owned();
        async move {
            let mut request = Request::new(&handle, subject, payload).timeout(timeout);
            request.headers = headers;
            request.await
        }
    }

    /// Enters the request into the table and sends it, if there is room to.
    fn start(&mut self, cx: &Context<'_>) -> Poll<Result<(), RequestError>> {
        let shared = &self.handle.shared;
        let subject = self.subject.get().map_err(PublishError::InvalidSubject)?;
        self.headers.get().map_err(PublishError::InvalidHeader)?;
        let deadline = shared.now() + self.timeout;
        let mut requests = shared.lock_requests()?;
        let request_id = requests
            .open(subject, deadline, cx.waker().clone())
            .map_err(|Full| RequestError::TooManyInFlight)?;
        let wakes_driver = shared.note_request_deadline(requests.poll_timeout());
        self.request_id = Some(request_id);
        let sent = self.poll_send(request_id, requests, cx);
        if wakes_driver {
            lock(&self.handle.shared.control).wake_driver();
        }
        sent.map_err(RequestError::from)
    }

    /// Sends the request when there is room to.
    ///
    /// With the requests locked, so that the number is found if the connection is lost.
    #[inline]
    fn poll_send(
        &mut self,
        request_id: RequestId,
        mut requests: MutexGuard<'_, RequestTable>,
        cx: &Context<'_>,
    ) -> Poll<Result<(), PublishError>> {
        let mut memory = [0; MAX_INBOX];
        let mut text = SendBuf::new(&mut memory);
        let Self { handle, turn, payload, .. } = self;
        let message = wire::Publish {
            subject: self.subject.get().map_err(PublishError::InvalidSubject)?,
            reply: Some(handle.shared.reply_subject(request_id, &mut text)?),
            headers: self.headers.get().map_err(PublishError::InvalidHeader)?,
            payload: payload.as_bytes(),
        };
        let mut wake = Vec::new();
        let need = || message.encoded_len();
        let sent = turn.poll_locked(cx, need, &mut wake, |outbound, is_in_turn| {
            outbound.queue(&message, payload, is_in_turn)
        });
        if let Poll::Ready(Ok(queued)) = &sent {
            requests.note_sent(request_id, queued.number);
        }
        drop(requests);
        wake.into_iter().for_each(Waker::wake);
        ready!(sent)?.wake();
        self.is_sent = true;
        Poll::Ready(Ok(()))
    }
}

impl Future for Request<'_> {
    type Output = Result<Message, RequestError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(request_id) = self.request_id else {
            ready!(self.start(cx))?;
            return Poll::Pending;
        };
        let shared = &self.handle.shared;
        let mut requests = lock(&shared.requests);
        let Poll::Ready(outcome) = requests.poll(request_id, cx) else {
            // The time runs while the request waits to be sent, too.
            if !self.is_sent {
                ready!(self.poll_send(request_id, requests, cx))?;
            }
            return Poll::Pending;
        };
        drop(requests);
        self.request_id = None;
        Poll::Ready(outcome)
    }
}

impl Drop for Request<'_> {
    fn drop(&mut self) {
        if let Some(request_id) = self.request_id {
            let waiting = lock(&self.handle.shared.requests).close(request_id);
            drop(waiting);
        }
    }
}

impl std::fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request")
            .field("subject", &self.subject)
            .field("headers", &self.headers)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
