//! The statuses that a server sends for a pull instead of a message.

#[cfg(test)]
mod tests;

use crate::ascii::parse_decimal;
use crate::headers::Headers;
use crate::message::Message;
use crate::status::Status;
use crate::status::StatusCode;

/// What a server said about a pull (ADR-13, ADR-37, nats-server's `consumer.go`).
///
/// Statuses come to the pull's own reply subject, so that the subject says which pull is meant.
/// [`PullConsumer`](crate::jetstream::PullConsumer) and [`Fetch`](crate::jetstream::Fetch) know what follows from each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PullStatus<'a> {
    /// 100: the pull waits, and the server is alive.
    Heartbeat,
    /// 204: the end of a batch of direct gets.
    EndOfBatch,
    /// 400: the request is wrong. With what the server says.
    BadRequest(&'a str),
    /// 404: nothing there, for a pull that does not wait.
    NoMessages,
    /// 408: the pull has expired.
    RequestTimeout,
    /// 408: older pulls want all that is there, for a pull that does not wait.
    RequestsPending,
    /// 408: the reply subject had no subscriber any more.
    InterestExpired,
    /// 409: the next message does not fit into what is left of `max_bytes`.
    MessageTooLarge,
    /// 409: all messages came, with bytes left.
    BatchCompleted,
    /// 409: the consumer or its stream was deleted.
    ConsumerDeleted,
    /// 409: the consumer has a new leader, which does not know the pull.
    LeadershipChange,
    /// 409: the server shuts down.
    ServerShutdown,
    /// 409: the consumer delivers to a subject of its own.
    PushBased,
    /// 409: the batch is larger than the consumer allows, which is so many messages.
    MaxRequestBatch(u32),
    /// 409: the pull is to last longer than the consumer allows, which is so many milliseconds.
    MaxRequestExpires(u32),
    /// 409: `max_bytes` is more than the consumer allows, which is so many.
    MaxRequestBytes(u32),
    /// 409: too many pulls wait already.
    MaxWaiting,
    /// 412: the server is too old for what the request insists on.
    RequiredApiLevel,
    /// 423: the id in the request, or that of a waiting pull, is not of the client that is pinned.
    PinIdMismatch,
    /// 429: the server has too much to do.
    TooManyRequests,
    /// 503: there is no such consumer, or it has no leader at present.
    NoResponders,
    /// Something else.
    Other(Status<'a>),
}

impl<'a> PullStatus<'a> {
    /// What the server says, if `message` is not a message.
    ///
    /// A user's message may have a header block with a status line, too. But what a consumer
    /// delivers has a reply subject to which acknowledgements go, and a status has neither a reply
    /// subject nor a payload.
    pub fn read<B: AsRef<[u8]>>(message: &'a Message<B>) -> Option<Self> {
        let status = message.status()?;
        let is_bare = message.reply_bytes().is_none() && message.payload().is_empty();
        is_bare.then(|| Self::new(status))
    }

    /// The same without the server's words, to be kept.
    #[must_use]
    pub const fn without_text(self) -> PullStatus<'static> {
        match self {
            Self::BadRequest(_) => PullStatus::BadRequest(""),
            Self::Other(status) => PullStatus::Other(status.without_text()),
            Self::Heartbeat => PullStatus::Heartbeat,
            Self::EndOfBatch => PullStatus::EndOfBatch,
            Self::NoMessages => PullStatus::NoMessages,
            Self::RequestTimeout => PullStatus::RequestTimeout,
            Self::RequestsPending => PullStatus::RequestsPending,
            Self::InterestExpired => PullStatus::InterestExpired,
            Self::MessageTooLarge => PullStatus::MessageTooLarge,
            Self::BatchCompleted => PullStatus::BatchCompleted,
            Self::ConsumerDeleted => PullStatus::ConsumerDeleted,
            Self::LeadershipChange => PullStatus::LeadershipChange,
            Self::ServerShutdown => PullStatus::ServerShutdown,
            Self::PushBased => PullStatus::PushBased,
            Self::MaxRequestBatch(most) => PullStatus::MaxRequestBatch(most),
            Self::MaxRequestExpires(most) => PullStatus::MaxRequestExpires(most),
            Self::MaxRequestBytes(most) => PullStatus::MaxRequestBytes(most),
            Self::MaxWaiting => PullStatus::MaxWaiting,
            Self::RequiredApiLevel => PullStatus::RequiredApiLevel,
            Self::PinIdMismatch => PullStatus::PinIdMismatch,
            Self::TooManyRequests => PullStatus::TooManyRequests,
            Self::NoResponders => PullStatus::NoResponders,
        }
    }

    /// What a status line means.
    #[must_use]
    pub fn new(status: Status<'a>) -> Self {
        let text = status.description_bytes();
        let known = match status.code() {
            StatusCode::CONTROL => Some(Self::Heartbeat),
            StatusCode::NO_CONTENT => Some(Self::EndOfBatch),
            StatusCode::BAD_REQUEST => {
                Some(Self::BadRequest(status.description().unwrap_or_default()))
            }
            StatusCode::NOT_FOUND => Some(Self::NoMessages),
            StatusCode::TIMEOUT => timeout(text),
            StatusCode::CONFLICT => conflict(text),
            StatusCode::PRECONDITION_FAILED => Some(Self::RequiredApiLevel),
            StatusCode::PIN_ID_MISMATCH => Some(Self::PinIdMismatch),
            StatusCode::TOO_MANY_REQUESTS => Some(Self::TooManyRequests),
            StatusCode::NO_RESPONDERS => Some(Self::NoResponders),
            _ => None,
        };
        known.unwrap_or(Self::Other(status))
    }
}

fn timeout(text: &[u8]) -> Option<PullStatus<'static>> {
    const TABLE: &[(&[u8], PullStatus<'static>)] = &[
        (b"Request Timeout", PullStatus::RequestTimeout),
        (b"Requests Pending", PullStatus::RequestsPending),
        (b"Interest Expired", PullStatus::InterestExpired),
    ];
    look_up(TABLE, text)
}

fn conflict(text: &[u8]) -> Option<PullStatus<'static>> {
    const TABLE: &[(&[u8], PullStatus<'static>)] = &[
        (b"Message Size Exceeds MaxBytes", PullStatus::MessageTooLarge),
        (b"Batch Completed", PullStatus::BatchCompleted),
        (b"Consumer Deleted", PullStatus::ConsumerDeleted),
        (b"Leadership Change", PullStatus::LeadershipChange),
        (b"Server Shutdown", PullStatus::ServerShutdown),
        (b"Consumer is push based", PullStatus::PushBased),
        (b"Exceeded MaxWaiting", PullStatus::MaxWaiting),
    ];
    look_up(TABLE, text).or_else(|| {
        let limit = text.strip_prefix(b"Exceeded MaxRequest")?;
        let value = |name| limit.strip_prefix(name)?.strip_prefix(b" of ");
        // What cannot be read is no limit that one could keep to.
        if let Some(value) = value(b"Batch".as_slice()) {
            number(value).map(PullStatus::MaxRequestBatch)
        } else if let Some(value) = value(b"MaxBytes".as_slice()) {
            number(value).map(PullStatus::MaxRequestBytes)
        } else {
            go_duration(value(b"Expires".as_slice())?).map(PullStatus::MaxRequestExpires)
        }
    })
}

fn look_up(table: &[(&[u8], PullStatus<'static>)], text: &[u8]) -> Option<PullStatus<'static>> {
    // Case is of no account: nats-server has changed that of other texts before.
    table.iter().find(|(known, _)| known.eq_ignore_ascii_case(text)).map(|(_, status)| *status)
}

/// A number that a client can keep to; a larger one than 32 bits has is as large as they are.
fn number(text: &[u8]) -> Option<u32> {
    let is_number = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    is_number.then(|| parse_decimal(text).and_then(|n| u32::try_from(n).ok()).unwrap_or(u32::MAX))
}

/// A duration as Go writes it (`1h2m3.5s`, `300ms`), in whole milliseconds, rounded down.
fn go_duration(text: &[u8]) -> Option<u32> {
    // The longest first, where one begins like another.
    const UNITS: &[(&[u8], u32, u32)] = &[
        (b"ns", 1, 1_000_000),
        ("µs".as_bytes(), 1, 1_000),
        (b"us", 1, 1_000),
        (b"ms", 1, 1),
        (b"h", 3_600_000, 1),
        (b"m", 60_000, 1),
        (b"s", 1_000, 1),
    ];
    let (mut total, mut rest) = (0_u32, text);
    while !rest.is_empty() {
        let whole = digits(rest);
        rest = rest.get(whole.len()..)?;
        let fraction = match rest.strip_prefix(b".") {
            Some(behind) => digits(behind),
            None => &[],
        };
        if !fraction.is_empty() {
            rest = rest.get(fraction.len() + 1..)?;
        }
        let (unit, factor, divisor) = UNITS.iter().find(|(unit, ..)| rest.starts_with(unit))?;
        rest = rest.get(unit.len()..)?;
        let mut millis = number(whole)?.saturating_mul(*factor).checked_div(*divisor)?;
        let mut part = *factor;
        for digit in fraction {
            part /= 10;
            millis = millis.saturating_add(u32::from(digit - b'0') * part);
        }
        total = total.saturating_add(millis);
    }
    (!text.is_empty()).then_some(total)
}

fn digits(text: &[u8]) -> &[u8] {
    let len = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    text.get(..len).unwrap_or_default()
}

/// What of a pull was not delivered, as the status that ends it says.
///
/// Only a check: [`PullConsumer`](crate::jetstream::PullConsumer) counts by itself, since many ends are not announced at
/// all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Undelivered {
    /// Messages.
    pub messages: u64,
    /// Bytes; zero where the pull had no limit of bytes.
    pub bytes: u64,
}

impl Undelivered {
    /// Reads `Nats-Pending-Messages` and `Nats-Pending-Bytes`; `None` where the first is missing.
    #[must_use]
    pub fn read(headers: Headers<'_>) -> Option<Self> {
        let messages = header_number(headers, "Nats-Pending-Messages")?;
        let bytes = header_number(headers, "Nats-Pending-Bytes").unwrap_or_default();
        Some(Self { messages, bytes })
    }
}

/// Where a consumer is, as a heartbeat says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Heartbeat {
    /// The number of the last delivery. More than has come means that something was lost.
    pub consumer_sequence: u64,
    /// The sequence number of the last message delivered, or skipped.
    pub stream_sequence: u64,
}

impl Heartbeat {
    /// A heartbeat that says so.
    #[must_use]
    pub const fn new(consumer_sequence: u64, stream_sequence: u64) -> Self {
        Self { consumer_sequence, stream_sequence }
    }

    /// Reads `Nats-Last-Consumer` and `Nats-Last-Stream`; `None` where one is missing.
    #[must_use]
    pub fn read(headers: Headers<'_>) -> Option<Self> {
        let consumer_sequence = header_number(headers, "Nats-Last-Consumer")?;
        let stream_sequence = header_number(headers, "Nats-Last-Stream")?;
        Some(Self { consumer_sequence, stream_sequence })
    }
}

fn header_number(headers: Headers<'_>, name: &str) -> Option<u64> {
    let value = headers.get_bytes(name)?;
    let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    if is_number { parse_decimal(value) } else { None }
}
