//! What a client sends, as a server reads it.

use std::fmt;

use nats_proto::Headers;
use nats_proto::wire::ClientOp;

/// An operation that a client has sent.
///
/// Its text is short and good to compare: `SUB orders.* workers 1`, `PUB orders.eu: 3 chairs`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Op {
    /// CONNECT, with its JSON.
    Connect(String),
    /// SUB.
    Sub {
        /// The filter.
        filter: String,
        /// The queue group.
        queue: Option<String>,
        /// The number of the subscription.
        sid: u64,
    },
    /// UNSUB.
    Unsub {
        /// The number of the subscription.
        sid: u64,
        /// After how many messages it is to end.
        max: Option<u64>,
    },
    /// PUB or HPUB.
    Pub(Message),
    /// PING.
    Ping,
    /// PONG.
    Pong,
    /// The client began to secure the connection: a TLS handshake, or
    /// [`Pipe::secure`](crate::Pipe::secure).
    Tls,
}

/// A message that was published, or received.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// What it was published to.
    pub subject: String,
    /// Where replies go.
    pub reply: Option<String>,
    /// The headers, as they are on the wire; empty if there are none.
    pub headers: Vec<u8>,
    /// The payload.
    pub payload: Vec<u8>,
}

impl Message {
    /// A message without headers.
    #[must_use]
    pub fn new(subject: &str, payload: impl AsRef<[u8]>) -> Self {
        Self { subject: subject.to_owned(), payload: payload.as_ref().to_vec(), ..Self::default() }
    }

    /// Sets where replies go.
    #[must_use]
    pub fn reply(mut self, reply: impl Into<String>) -> Self {
        self.reply = Some(reply.into());
        self
    }

    /// The payload as text, with replacement characters for what is not UTF-8.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.payload).into_owned()
    }
}

impl Op {
    /// What was decoded; `None` for what a server need not know.
    pub(super) fn new(op: ClientOp<'_>) -> Option<Self> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Some(match op {
            ClientOp::Connect(connect) => Self::Connect(text(connect.as_bytes())),
            ClientOp::Subscribe(args) => Self::Sub {
                filter: text(args.subject),
                queue: args.queue.map(text),
                sid: args.sid.0,
            },
            ClientOp::Unsubscribe(args) => {
                Self::Unsub { sid: args.sid.0, max: args.max.map(std::num::NonZeroU64::get) }
            }
            ClientOp::Publish(message) => Self::Pub(Message {
                subject: text(message.subject_bytes()),
                reply: message.reply_bytes().map(text),
                headers: message.headers().as_bytes().to_vec(),
                payload: message.payload().to_vec(),
            }),
            ClientOp::Ping => Self::Ping,
            ClientOp::Pong => Self::Pong,
            _ => return None,
        })
    }
}

/// The longest payload that is shown whole.
const SHOWN: usize = 100;

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(json) => write!(f, "CONNECT {json}"),
            Self::Sub { filter, queue: None, sid } => write!(f, "SUB {filter} {sid}"),
            Self::Sub { filter, queue: Some(queue), sid } => {
                write!(f, "SUB {filter} {queue} {sid}")
            }
            Self::Unsub { sid, max: None } => write!(f, "UNSUB {sid}"),
            Self::Unsub { sid, max: Some(max) } => write!(f, "UNSUB {sid} {max}"),
            Self::Pub(message) => write!(f, "PUB {message}"),
            Self::Ping => f.write_str("PING"),
            Self::Pong => f.write_str("PONG"),
            Self::Tls => f.write_str("TLS"),
        }
    }
}

impl fmt::Display for Message {
    /// The subject, the reply subject, the headers and the payload: `a.b r Key=value: text`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.subject)?;
        if let Some(reply) = &self.reply {
            write!(f, " {reply}")?;
        }
        for (name, value) in Headers::from_bytes(&self.headers).iter() {
            write!(f, " {name}={value}")?;
        }
        if self.payload.len() > SHOWN {
            return write!(f, ": ({} bytes)", self.payload.len());
        }
        write!(f, ": {}", self.payload.escape_ascii())
    }
}
