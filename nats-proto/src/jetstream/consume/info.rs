//! A consumer's state, as a server reports it.

use core::time::Duration;

use crate::jetstream::error::ApiError;
use crate::jetstream::response::Fields;
use crate::jetstream::response::Path;
use crate::jetstream::response::Reader;
use crate::jetstream::response::ResponseError;
use crate::jetstream::response::Value;
use crate::jetstream::response::keep;
use crate::jetstream::response::text;
use crate::storage::Buffer;

/// A consumer's state, and those of its settings that a client has to know to use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct ConsumerInfo<'a> {
    /// The stream; empty if there was no room for its name.
    pub stream: &'a str,
    /// The consumer; empty if there was no room for its name.
    pub name: &'a str,
    /// How many messages there are for it.
    pub num_pending: u64,
    /// How many messages are delivered and not acknowledged.
    pub num_ack_pending: u64,
    /// How many pulls wait.
    pub num_waiting: u64,
    /// What was delivered last.
    pub delivered: SequenceInfo,
    /// Up to where everything is acknowledged.
    pub ack_floor: SequenceInfo,
    /// How many messages may be delivered and not acknowledged; `None` is no limit.
    pub max_ack_pending: Option<u64>,
    /// How often a message is delivered at most; `None` is no limit.
    pub max_deliver: Option<u64>,
    /// How long the server waits for an acknowledgement before it delivers again, in nanoseconds: the
    /// first of `backoff`, if that is set. Zero if the consumer needs none.
    pub ack_wait_nanos: u64,
    /// Whether the server delivers to a subject of its own, so that nothing can be pulled.
    pub is_push: bool,
    /// Whether the consumer is paused.
    pub is_paused: bool,
}

/// A position in a stream, as a consumer sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct SequenceInfo {
    /// The number of the delivery.
    pub consumer_sequence: u64,
    /// The sequence number in the stream.
    pub stream_sequence: u64,
}

impl SequenceInfo {
    /// A position that something else than a [`ConsumerScanner`] has read.
    #[must_use]
    pub const fn new(consumer_sequence: u64, stream_sequence: u64) -> Self {
        Self { consumer_sequence, stream_sequence }
    }
}

impl ConsumerInfo<'_> {
    /// How long the server waits for an acknowledgement before it delivers again.
    #[must_use]
    pub const fn ack_wait(&self) -> Duration {
        Duration::from_nanos(self.ack_wait_nanos)
    }

    /// Whether the consumer delivers nothing until something is acknowledged.
    #[must_use]
    pub fn reached_max_ack_pending(&self) -> bool {
        self.max_ack_pending.is_some_and(|max| self.num_ack_pending >= max)
    }
}

/// Reads the response to CONSUMER.INFO and CONSUMER.CREATE in pieces, in constant memory.
///
/// `T` has room for one key or value at a time: 24 bytes for keys and numbers, and as many as the
/// texts have that are to be kept. `N` keeps three of those: the names of stream and consumer, and what
/// is said about an error. With room for nothing, they are left out.
///
/// ```
/// use nats_proto::jetstream::{ConsumerScanner, ErrorCode};
/// use nats_proto::wire::ArrayBuf;
///
/// let mut scanner = ConsumerScanner::<ArrayBuf<64>>::default();
/// scanner.push(br#"{"stream_name":"S","name":"C","config":{"max_ack_pending":4,"#);
/// scanner.push(br#""ack_wait":30000000000},"num_ack_pending":4}"#);
/// let info = scanner.finish()?.expect("no error");
/// assert_eq!((info.stream, info.name, info.reached_max_ack_pending()), ("S", "C", true));
///
/// scanner.reset();
/// scanner.push(br#"{"error":{"code":404,"err_code":10014,"description":"consumer not found"}}"#);
/// assert_eq!(scanner.finish()?.unwrap_err().code, ErrorCode::CONSUMER_NOT_FOUND);
/// # Ok::<(), nats_proto::jetstream::ResponseError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ConsumerScanner<T, N = T> {
    reader: Reader<T, N, ConsumerFields<N>>,
}

#[derive(Clone, Debug, Default)]
struct ConsumerFields<N> {
    stream: N,
    name: N,
    has_name: bool,
    num_pending: u64,
    num_ack_pending: u64,
    num_waiting: u64,
    delivered: SequenceInfo,
    ack_floor: SequenceInfo,
    max_ack_pending: Option<u64>,
    max_deliver: Option<u64>,
    ack_wait: u64,
    backoff: Option<u64>,
    is_push: bool,
    is_paused: bool,
}

impl<T: Buffer + Default, N: Buffer + Default> Default for ConsumerScanner<T, N> {
    fn default() -> Self {
        Self { reader: Reader::new(T::default(), N::default(), ConsumerFields::default()) }
    }
}

impl<T: Buffer, N: Buffer> ConsumerScanner<T, N> {
    /// Starts over with another payload.
    pub fn reset(&mut self) {
        self.reader.reset();
    }

    /// Reads the next piece of the payload.
    pub fn push(&mut self, piece: &[u8]) {
        self.reader.push(piece);
    }

    /// What the payload says, once all of it was read: a consumer, or an error.
    ///
    /// # Errors
    ///
    /// [`ResponseError`] if it is neither.
    pub fn finish(&self) -> Result<Result<ConsumerInfo<'_>, ApiError<'_>>, ResponseError> {
        let fields = match self.reader.finish()? {
            Ok(fields) if fields.has_name => fields,
            Ok(_) => return Err(ResponseError),
            Err(error) => return Ok(Err(error)),
        };
        Ok(Ok(ConsumerInfo {
            stream: text(&fields.stream),
            name: text(&fields.name),
            num_pending: fields.num_pending,
            num_ack_pending: fields.num_ack_pending,
            num_waiting: fields.num_waiting,
            delivered: fields.delivered,
            ack_floor: fields.ack_floor,
            max_ack_pending: fields.max_ack_pending,
            max_deliver: fields.max_deliver,
            ack_wait_nanos: fields.backoff.unwrap_or(fields.ack_wait),
            is_push: fields.is_push,
            is_paused: fields.is_paused,
        }))
    }
}

impl<N: Buffer> Fields for ConsumerFields<N> {
    const KEYS: &'static [&'static str] = &[
        "stream_name",
        "name",
        "num_pending",
        "num_ack_pending",
        "num_waiting",
        "delivered",
        "ack_floor",
        "consumer_seq",
        "stream_seq",
        "config",
        "max_ack_pending",
        "max_deliver",
        "ack_wait",
        "backoff",
        "deliver_subject",
        "paused",
    ];

    fn clear(&mut self) {
        self.stream.truncate(0);
        self.name.truncate(0);
        self.has_name = false;
        for number in [&mut self.num_pending, &mut self.num_ack_pending, &mut self.num_waiting] {
            *number = 0;
        }
        self.delivered = SequenceInfo::default();
        self.ack_floor = SequenceInfo::default();
        for number in [&mut self.max_ack_pending, &mut self.max_deliver, &mut self.backoff] {
            *number = None;
        }
        self.ack_wait = 0;
        self.is_push = false;
        self.is_paused = false;
    }

    fn value(&mut self, path: Path, value: Value<'_>) {
        let [outer, inner] = path.names::<Self>();
        match (path.depth(), value) {
            (1 | 2, Value::Number(number)) => self.number(outer, inner, number),
            // The first of the list. Zero would be none of them.
            (3, Value::Number(number)) if (outer, inner) == ("config", "backoff") => {
                self.backoff = self.backoff.or(number);
            }
            (1, Value::Text(text, is_whole)) => match outer {
                "stream_name" => keep(&mut self.stream, text, is_whole),
                "name" => {
                    keep(&mut self.name, text, is_whole);
                    self.has_name = true;
                }
                _ => {}
            },
            (2, Value::Text(text, _)) if (outer, inner) == ("config", "deliver_subject") => {
                self.is_push = !text.is_empty();
            }
            (1, Value::Bool(value)) if outer == "paused" => self.is_paused = value,
            _ => {}
        }
    }
}

impl<N> ConsumerFields<N> {
    fn number(&mut self, outer: &str, inner: &str, number: Option<u64>) {
        let field = match (outer, inner) {
            ("num_pending", "") => &mut self.num_pending,
            ("num_ack_pending", "") => &mut self.num_ack_pending,
            ("num_waiting", "") => &mut self.num_waiting,
            ("delivered", "consumer_seq") => &mut self.delivered.consumer_sequence,
            ("delivered", "stream_seq") => &mut self.delivered.stream_sequence,
            ("ack_floor", "consumer_seq") => &mut self.ack_floor.consumer_sequence,
            ("ack_floor", "stream_seq") => &mut self.ack_floor.stream_sequence,
            ("config", "ack_wait") => &mut self.ack_wait,
            // Less than one is no limit.
            ("config", "max_ack_pending") => {
                self.max_ack_pending = number.filter(|number| *number > 0);
                return;
            }
            ("config", "max_deliver") => {
                self.max_deliver = number.filter(|number| *number > 0);
                return;
            }
            _ => return,
        };
        *field = number.unwrap_or_default();
    }
}
