//! The chain of the only publisher of a stream: each message is stored behind the one before it, or not at all.

use super::PublishReply;
use super::PublishWindow;
use super::Settled;
use super::WindowSlot;
use crate::ascii;
use crate::ascii::Decimal;
use crate::error::Full;
use crate::headers::Headers;
use crate::inbox;
use crate::inbox::RequestId;
use crate::jetstream::error::ApiError;
use crate::jetstream::error::ErrorCode;
use crate::jetstream::name;
use crate::jetstream::name::NameError;
use crate::jetstream::pause::doubled;
use crate::jetstream::publish::header;
use crate::rng::RngSeed;
use crate::storage::Buffer;
use crate::storage::Table;
use crate::storage::put_all;
use crate::time::Instant;

/// What a message of a chain expects the stream's last message to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ExpectedLast {
    /// Anything: the window is no chain.
    Any,
    /// The message of this number: its id belongs into
    /// [`PublishHeaders::expected_last_message_id`](crate::jetstream::PublishHeaders::expected_last_message_id).
    Message(u64),
    /// The message with this sequence number, which belongs into
    /// [`PublishHeaders::expected_last_sequence`](crate::jetstream::PublishHeaders::expected_last_sequence).
    Sequence(u64),
}

/// The last message of a stream, by its id, as a stream says that refuses a message because another one
/// was expected there ([`ApiError::last_message_id`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LastMessage {
    /// It has no id; or it was removed before a server was restarted.
    WithoutId,
    /// It is the message of this number.
    Own(u64),
    /// Another publisher has published to the stream.
    Foreign,
}

/// Where the chain ends, as far as it is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chain {
    /// The number of the stream's last message, unless the stream does not know its id.
    last: Option<u64>,
    /// The sequence number of the last message that was acknowledged, or that the chain began behind.
    sequence: u64,
    /// Whether every message expects that.
    expects_sequences: bool,
}

impl Chain {
    pub(super) fn handle_stored(&mut self, number: u64, sequence: u64) {
        if self.last.is_none_or(|last| last < number) {
            *self = Self { last: Some(number), sequence, ..*self };
        }
    }
}

impl<T, L: Table<WindowSlot<T>>> PublishWindow<T, L> {
    /// Makes the window a chain, for the only publisher of a stream: messages are stored once each and in
    /// order, whatever fails, and not at all once another publisher has published to the stream.
    ///
    /// The chain begins behind the stream's last message: the one with sequence number `sequence` (zero if
    /// there was none), which is the publisher's own of number `number`, published by an earlier window; zero
    /// if there is none. The numbers of this window follow that.
    ///
    /// Every message needs an id that says its number ([`ChainIds`]), and expects what
    /// [`Transmit::expected`](super::Transmit::expected) says; replies go to
    /// [`handle_chain_reply`](Self::handle_chain_reply). To be called before anything is published.
    ///
    /// # How it works
    ///
    /// A message expects its predecessor to be the stream's last message: the one before it in the window,
    /// or the last one stored. So a stream stores none that overtakes another, and none twice, even when it
    /// has forgotten the ids. A message that came too early is sent again when its predecessor is settled,
    /// or after 20 ms, doubling to a second. Where the stream does not know the predecessor's id, because
    /// that was removed before a server was restarted, or is not of this window, the message expects its
    /// sequence number. A message that may be stored already expects itself, so that the stream says that
    /// it has it, or refuses it.
    ///
    /// If another publisher has published to the stream, every message is refused with
    /// [`WRONG_LAST_MESSAGE_ID`](crate::jetstream::ErrorCode::WRONG_LAST_MESSAGE_ID): not stored, unless an
    /// earlier attempt may have been.
    pub const fn start_chain(&mut self, number: u64, sequence: u64) {
        self.last_number = number;
        self.chain = Some(Chain { last: None, sequence, expects_sequences: false });
    }

    /// Has every message of the [chain](Self::start_chain) expect the sequence number of the last message, and
    /// no id: for streams with replicas. The window has to be of one message.
    ///
    /// The id of a stream's last message is not compared before the replicas have agreed to store a message,
    /// and where it is another one, nats-server 2.15.1 stops the stream for good (`setWriteErr` in
    /// jetstream_cluster.go). Sequence numbers are compared before. A message that was stored, and is
    /// refused because the stream has forgotten its id, may be stored when its time is over.
    pub const fn expect_sequences(&mut self) {
        if let Some(chain) = &mut self.chain {
            chain.expects_sequences = true;
        }
    }

    /// A reply came to a message of a [chain](Self::start_chain), in place of
    /// [`handle_reply`](Self::handle_reply). `number_of` tells the number of a message of this window from
    /// its id.
    ///
    /// The reply has to be read whole: the storage of its scanner has room for an id and 20 bytes.
    pub fn handle_chain_reply(
        &mut self,
        request_id: RequestId,
        reply: PublishReply<'_>,
        number_of: impl FnOnce(&str) -> Option<u64>,
        now: Instant,
    ) -> Option<Settled<T>> {
        let error = reply.error().filter(|_| self.chain.is_some());
        match error.map(|error| error.code) {
            Some(ErrorCode::WRONG_LAST_MESSAGE_ID) => {
                let last = LastMessage::of(error, number_of);
                self.handle_wrong_message(request_id, last, now)
            }
            Some(
                code @ (ErrorCode::WRONG_LAST_SEQUENCE | ErrorCode::WRONG_LAST_SEQUENCE_CONSTANT),
            ) => {
                // The last message is the one that was expected and an earlier copy of this one, or
                // another publisher's. A message that expects itself is never stored, and answered with
                // what is there.
                let chain = self.chain?;
                let at = self.find(request_id)?;
                let slot = self.slots.get_mut(at).filter(|slot| slot.entry.is_sent())?;
                slot.asks = true;
                // A leader that was just elected may not know of all that is stored.
                let is_foreign = error.and_then(ApiError::last_sequence) > Some(chain.sequence);
                let is_over = chain.expects_sequences && is_foreign && !slot.entry.is_clouded();
                self.conflict(at, !is_over, code, now)
            }
            _ => self.handle_reply(request_id, reply, now),
        }
    }

    /// The message at `at` is sent now: what it expects.
    pub(super) fn expected_before(&self, at: u32) -> ExpectedLast {
        let Some(chain) = self.chain else { return ExpectedLast::Any };
        if chain.expects_sequences {
            return ExpectedLast::Sequence(chain.sequence);
        }
        if let Some(before) = self.slots.before(at) {
            return ExpectedLast::Message(before.number);
        }
        match (chain.last, self.slots.get(at)) {
            (last, Some(slot)) if slot.asks || last > Some(slot.number) => {
                ExpectedLast::Message(slot.number)
            }
            (Some(last), _) => ExpectedLast::Message(last),
            (None, _) => ExpectedLast::Sequence(chain.sequence),
        }
    }

    /// The stream's last message was not the one that was expected, but this one.
    fn handle_wrong_message(
        &mut self,
        request_id: RequestId,
        last: LastMessage,
        now: Instant,
    ) -> Option<Settled<T>> {
        let at = self.find(request_id)?;
        let slot = self.slots.get(at).filter(|slot| slot.entry.is_sent())?;
        let (number, asks) = (slot.number, slot.asks);
        let follows_another = self.slots.before(at).is_some();
        let chain = self.chain.as_mut()?;
        let is_ours = match last {
            _ if follows_another => last != LastMessage::Foreign,
            // One that follows it is stored, so that it was, too.
            _ if chain.last > Some(number) => false,
            // What it expected by sequence number was not the last message either.
            LastMessage::WithoutId if asks => false,
            LastMessage::WithoutId => {
                chain.last = None;
                true
            }
            LastMessage::Own(last) if last < number => {
                chain.last = Some(last);
                true
            }
            LastMessage::Own(_) | LastMessage::Foreign => false,
        };
        self.slots.get_mut(at)?.asks = false;
        self.conflict(at, is_ours, ErrorCode::WRONG_LAST_MESSAGE_ID, now)
    }

    /// The message is sent again in a while, unless that is of no use.
    fn conflict(
        &mut self,
        at: u32,
        is_ours: bool,
        code: ErrorCode,
        now: Instant,
    ) -> Option<Settled<T>> {
        let slot = self.slots.get_mut(at)?;
        let again = now + doubled(20, slot.conflicts, 1_000);
        slot.conflicts = slot.conflicts.saturating_add(1);
        let verdict = slot.entry.conflict(is_ours.then_some(again), code, &self.config, now);
        self.follow(at, true, verdict, now)
    }
}

impl LastMessage {
    /// What the stream says; `number_of` tells an own message by its id.
    fn of(error: Option<ApiError<'_>>, number_of: impl FnOnce(&str) -> Option<u64>) -> Self {
        match error.and_then(ApiError::last_message_id) {
            Some("") => Self::WithoutId,
            Some(id) => number_of(id).map_or(Self::Foreign, Self::Own),
            None => Self::Foreign,
        }
    }
}

/// The ids of the messages of a [chain](PublishWindow::start_chain): `<name>.<session>.<number>`.
///
/// The session is random, so that two publishers of one name, one of which does not know yet that the other
/// has taken over, never have the same ids.
///
/// ```
/// use nats_proto::RngSeed;
/// use nats_proto::jetstream::ChainIds;
/// use nats_proto::wire::ArrayBuf;
///
/// let seed = RngSeed([7; 16]); // from a true source of entropy
/// let ids = ChainIds::<ArrayBuf<32>>::new("billing", seed)?;
/// let mut text = ArrayBuf::<64>::new();
/// let id = ids.put(17, &mut text).unwrap();
/// assert!(id.starts_with("billing.") && id.ends_with(".17"));
/// assert_eq!(ids.number(id), Some(17));
/// // Whatever the session, after a restart:
/// assert_eq!(ChainIds::<ArrayBuf<32>>::number_of("billing", id), Some(17));
/// # Ok::<(), nats_proto::jetstream::NameError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ChainIds<B> {
    /// The name and the session, with a dot behind each.
    prefix: B,
}

/// Eleven characters out of 62 are 65 bits.
const SESSION_LEN: usize = 11;

impl<B: Buffer + Default> ChainIds<B> {
    /// The ids of the publisher of that name, in a session of its own.
    ///
    /// # Errors
    ///
    /// [`NameError`]: the rules are those of [`StreamName`](crate::jetstream::StreamName), and the storage
    /// has to have room for 13 bytes more.
    pub fn new(name: &str, seed: RngSeed) -> Result<Self, NameError> {
        name::check(name)?;
        let unique = inbox::unique(seed);
        let session = unique.get(..SESSION_LEN).unwrap_or_default();
        let mut prefix = B::default();
        let parts = [name.as_bytes(), b".", session, b"."];
        put_all(&parts, &mut prefix).map_err(|_| NameError::TooLong)?;
        Ok(Self { prefix })
    }
}

impl<B: Buffer> ChainIds<B> {
    /// How long an id is at most, in bytes.
    #[must_use]
    pub fn max_len(&self) -> usize {
        self.prefix.as_ref().len() + Decimal::len_of(u64::MAX)
    }

    /// The id of the message of that number, at the end of `text`; `None` if there is no room for it.
    pub fn put<'t, W: Buffer>(&self, number: u64, text: &'t mut W) -> Option<&'t str> {
        text.truncate(0);
        let number = Decimal::new(number);
        put_all(&[self.prefix.as_ref(), number.as_bytes()], text).ok()?;
        let text: &'t W = text;
        core::str::from_utf8(text.as_ref()).ok()
    }

    /// Writes the headers of the message of that number into `block`: `headers`, which have neither of the
    /// two, its id, and what it [expects](super::Transmit::expected).
    ///
    /// # Errors
    ///
    /// [`Full`] if there is no room for [`max_headers_len`](Self::max_headers_len) more bytes.
    pub fn put_headers<'t, W: Buffer>(
        &self,
        headers: Headers<'_>,
        number: u64,
        expected: ExpectedLast,
        block: &'t mut W,
    ) -> Result<Headers<'t>, Full> {
        let own = Decimal::new(number);
        let prefix = self.prefix.as_ref();
        let (name, prefix_of_expected, last) = match expected {
            ExpectedLast::Any => ("", &[][..], None),
            ExpectedLast::Message(last) => (header::EXPECTED_LAST_MESSAGE_ID, prefix, Some(last)),
            ExpectedLast::Sequence(last) => (header::EXPECTED_LAST_SEQUENCE, &[][..], Some(last)),
        };
        let last = last.map(Decimal::new);
        let before = headers.as_bytes().strip_suffix(b"\r\n").unwrap_or(b"NATS/1.0\r\n");
        block.truncate(0);
        let id = [before, header::MESSAGE_ID.as_bytes(), b": ", prefix, own.as_bytes(), b"\r\n"];
        put_all(&id, block)?;
        if let Some(last) = last {
            let last = last.as_bytes();
            put_all(&[name.as_bytes(), b": ", prefix_of_expected, last, b"\r\n"], block)?;
        }
        put_all(&[b"\r\n"], block)?;
        let block: &'t W = block;
        Ok(Headers::from_bytes(block.as_ref()))
    }

    /// How many bytes [`put_headers`](Self::put_headers) adds to a message's headers at most.
    #[must_use]
    pub fn max_headers_len(&self) -> usize {
        // Version, empty line, and two names with what is around values, of which the longer ones.
        let names = header::MESSAGE_ID.len() + header::EXPECTED_LAST_SEQUENCE.len();
        2 * self.max_len() + names + "NATS/1.0\r\n\r\n".len() + 2 * ": \r\n".len()
    }

    /// The number of the message with that id; `None` if it is not of this session.
    #[must_use]
    pub fn number(&self, id: &str) -> Option<u64> {
        parse_number(id.as_bytes().strip_prefix(self.prefix.as_ref())?)
    }

    /// The number of the message with that id, of whatever session of the publisher of that name.
    #[must_use]
    pub fn number_of(name: &str, id: &str) -> Option<u64> {
        let rest = id.strip_prefix(name)?.strip_prefix('.')?;
        let (session, number) = rest.split_at_checked(SESSION_LEN)?;
        let is_session = session.bytes().all(|byte| byte.is_ascii_alphanumeric());
        parse_number(number.strip_prefix('.').filter(|_| is_session)?.as_bytes())
    }
}

fn parse_number(digits: &[u8]) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    if is_number { ascii::parse_decimal(digits) } else { None }
}
