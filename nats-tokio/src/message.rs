//! Messages as the application gets them, and what goes into one.

pub(crate) mod headers;
pub(crate) mod name;
pub(crate) mod payload;

use core::fmt;
use core::fmt::Write;

use bytes::Bytes;
use nats_proto::Headers;
use nats_proto::Layout;
use nats_proto::Sid;
use nats_proto::Status;

/// The longest headers and payload that a server can be set to take.
pub(crate) const LONGEST_MESSAGE: usize = i32::MAX as usize;

/// A message that came from the server.
///
/// Its parts are slices of the block of bytes that was read from the socket, which lives as long as
/// one of its messages: nothing was copied. To keep a small message for long, keep a
/// [`detached`](Self::detach) one.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    inner: nats_proto::Message<Bytes>,
}

impl Message {
    pub(crate) const fn new(frame: Bytes, sid: Sid, layout: Layout) -> Self {
        Self { inner: nats_proto::Message::from_frame(frame, sid, layout) }
    }

    /// The core's message.
    pub(crate) const fn as_inner(&self) -> &nats_proto::Message<Bytes> {
        &self.inner
    }

    /// The subject it was published to; empty if it is not UTF-8, which the server does not insist
    /// on. [`subject_bytes`](Self::subject_bytes) tells the truth then.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.inner.subject()
    }

    /// The subject, byte for byte.
    #[must_use]
    pub fn subject_bytes(&self) -> &[u8] {
        self.inner.subject_bytes()
    }

    pub(crate) const fn as_proto(&self) -> &nats_proto::Message<Bytes> {
        &self.inner
    }

    /// The reply subject, byte for byte.
    pub(crate) fn reply_bytes(&self) -> Option<&[u8]> {
        self.inner.reply_bytes()
    }

    /// Where an answer is to be published; `None` if nowhere, or if it is not UTF-8.
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// # let mut subscriber = client.subscribe("truck.*.position").await?;
    /// if let Some(message) = subscriber.next().await {
    ///     if let Some(reply) = message.reply() {
    ///         client.publish(reply, "got it").await?;
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn reply(&self) -> Option<&str> {
        self.inner.reply()
    }

    /// The payload.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        self.inner.payload()
    }

    /// The payload as a value of its own, still without a copy. It keeps the block alive.
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// # let mut subscriber = client.subscribe("truck.*.position").await?;
    /// if let Some(message) = subscriber.next().await {
    ///     let payload = message.payload_bytes(); // shares the memory
    ///     tokio::spawn(async move { println!("{} bytes", payload.len()) });
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn payload_bytes(&self) -> Bytes {
        self.inner.payload_bytes()
    }

    /// The headers; none, if the message came without.
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// # let mut subscriber = client.subscribe("truck.*.position").await?;
    /// if let Some(message) = subscriber.next().await {
    ///     for (name, value) in message.headers().iter() {
    ///         println!("{name}: {value}");
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn headers(&self) -> Headers<'_> {
        self.inner.headers()
    }

    /// The status, if the server sent one instead of a message.
    #[must_use]
    pub fn status(&self) -> Option<Status<'_>> {
        self.inner.status()
    }

    /// The length of the message on the wire in bytes, control line and line ends included.
    #[must_use]
    pub const fn wire_len(&self) -> usize {
        self.inner.wire_len()
    }

    /// The same message in memory of its own, which holds nothing else.
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// # let mut subscriber = client.subscribe("truck.*.position").await?;
    /// if let Some(message) = subscriber.next().await {
    ///     let kept = message.detach(); // of all that was read with it, only this message stays
    /// #   let _ = kept;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn detach(&self) -> Self {
        Self { inner: self.inner.clone().map(|frame| Bytes::copy_from_slice(&frame)) }
    }
}

/// How much of a payload is shown.
const SHOWN: usize = 1024;

/// For logs, and for a first look: the subject, the server's word if it is that, and the payload as
/// text. Control characters are escaped but for line breaks and tabs, what is not UTF-8 is replaced,
/// and of a payload longer than 1 KiB the rest is only counted. Headers are not shown.
///
/// ```text
/// greet.sue: hello
/// ```
impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_text(f, self.subject_bytes())?;
        f.write_str(":")?;
        if let Some(status) = self.status() {
            write!(f, " {status}")?;
        }
        let payload = self.payload();
        let (shown, rest) = payload.split_at(payload.len().min(SHOWN));
        if !shown.is_empty() {
            f.write_str(" ")?;
            write_text(f, shown)?;
        }
        if !rest.is_empty() {
            write!(f, "… and {} bytes", rest.len())?;
        }
        Ok(())
    }
}

fn write_text(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    for char in String::from_utf8_lossy(bytes).chars() {
        match char {
            '\n' | '\t' => f.write_char(char)?,
            char if char.is_control() => write!(f, "{}", char.escape_default())?,
            char => f.write_char(char)?,
        }
    }
    Ok(())
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
