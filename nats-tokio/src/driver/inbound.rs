//! The read side: bytes into frames, frames to their recipients.
//!
//! ```text
//!   socket ─▶ buffer ─▶ Decoder ─▶ layouts, noted with each subscription     (one read, one lock)
//!                │
//!                └─ freeze: one block, shared by all the subscriptions it has messages for
//!                               └─▶ Queue::push, once per subscription, and a wake-up if it slept
//! ```

use std::collections::VecDeque;
use std::task::Waker;

use bytes::Buf;
use bytes::Bytes;
use bytes::BytesMut;
use nats_proto::Instant;
use nats_proto::Outcome;
use nats_proto::RequestId;
use nats_proto::Sid;
use nats_proto::session::DisconnectReason;
use nats_proto::session::Phase;
use nats_proto::wire;
use nats_proto::wire::Decoded;
use nats_proto::wire::Decoder;
use nats_proto::wire::FromServer;
use nats_proto::wire::Limits;
use nats_proto::wire::Oversized;
use nats_proto::wire::ServerOp;

use crate::event::Event;
use crate::message::LONGEST_MESSAGE;
use crate::message::Message;
use crate::state::control::Control;
use crate::state::control::Recipient;
use crate::state::extension::Incoming;
use crate::state::queue::Entry;
use crate::state::shared::Shared;
use crate::sync::lock;

/// How much is asked of the socket at once.
const READ: usize = 64 * 1024;
/// With less room than this left in a buffer, the next read gets a new one.
const MIN_READ: usize = 8 * 1024;
/// Control lines of the server may be longer than those of a client by a number or two, and a
/// server may be set to allow longer ones.
const MAX_LINE: usize = 65_000;
/// How long headers and payload may be if neither the application nor the server says.
const DEFAULT_MESSAGE: usize = 64 * 1024 * 1024;
/// Buffers that are longer than this are not kept.
const KEPT: usize = 256 * 1024;

pub(crate) struct Inbound {
    /// The longest message that is taken, if the application has set it.
    max_message: Option<usize>,
    decoder: Decoder<FromServer>,
    buffer: BytesMut,
    /// How much memory `buffer` lies in.
    size: usize,
    used: Used,
    /// How many more bytes make the frame at the end of `buffer` whole, at the least.
    need: usize,
    /// Whether the server has not said yet how long messages may be.
    is_unlimited: bool,
    /// The subscriptions that the read in progress has messages for.
    touched: Vec<Sid>,
    replies: Vec<(RequestId, Sid, Entry)>,
    /// Messages for extensions, in order.
    extended: Vec<Incoming>,
    /// Who is to be woken when the locks are free.
    wake: Vec<Waker>,
}

/// Buffers that were read into, and will be again as soon as no message refers to them any
/// more. Memory that is new has to be cleared by the operating system, page by page, and is in no
/// cache: that takes longer than reading into it.
#[derive(Default)]
struct Used(VecDeque<(BytesMut, usize)>);

impl Used {
    /// How many are kept. If messages are held for longer, new memory is allocated.
    const MAX: usize = 4;

    /// An empty buffer for `len` bytes, and how much memory it lies in.
    fn take(&mut self, len: usize) -> (BytesMut, usize) {
        let is_free = |(buffer, _): &mut (BytesMut, usize)| {
            buffer.clear();
            buffer.try_reclaim(len)
        };
        let free = self.0.iter_mut().position(is_free);
        free.and_then(|at| self.0.remove(at)).unwrap_or_else(|| (BytesMut::with_capacity(len), len))
    }

    fn put(&mut self, buffer: BytesMut, size: usize) {
        if size <= KEPT {
            self.0.truncate(Self::MAX - 1);
            self.0.push_front((buffer, size));
        }
    }
}

/// A decoder in front of a connection.
fn decoder(max_message: Option<usize>) -> Decoder<FromServer> {
    let frame = max_message.unwrap_or(DEFAULT_MESSAGE + MAX_LINE);
    Decoder::new(Limits::DEFAULT.line(MAX_LINE).frame(frame))
}

/// What a read brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Processed {
    /// A subscriber is so far behind that a pause may keep messages from being lost.
    pub(crate) is_behind: bool,
    /// Something of the control plane happened.
    pub(crate) has_control: bool,
    /// The server does not speak the protocol.
    pub(crate) error: Option<DisconnectReason>,
}

impl Inbound {
    pub(crate) fn new(max_message: Option<usize>) -> Self {
        Self {
            max_message,
            decoder: decoder(max_message),
            buffer: BytesMut::new(),
            size: 0,
            used: Used::default(),
            need: 1,
            is_unlimited: true,
            touched: Vec::new(),
            replies: Vec::new(),
            extended: Vec::new(),
            wake: Vec::new(),
        }
    }

    /// Forgets what an earlier connection left behind.
    pub(crate) fn reset(&mut self) {
        self.decoder = decoder(self.max_message);
        self.buffer.clear();
        self.need = 1;
        self.is_unlimited = true;
    }

    /// How many bytes were read and not dealt with.
    pub(crate) fn unread(&self) -> usize {
        self.buffer.len()
    }

    /// The buffer to read into, with room.
    pub(crate) fn buffer(&mut self) -> &mut BytesMut {
        let room = self.buffer.capacity() - self.buffer.len();
        let wanted = self.buffer.len() + self.need.max(READ);
        // What a long message needed is given back as soon as that is dealt with.
        if room < self.need.max(MIN_READ) || (self.size > KEPT && wanted <= KEPT) {
            let (mut next, size) = self.used.take(wanted);
            next.extend_from_slice(&self.buffer);
            let before = std::mem::replace(&mut self.buffer, next);
            self.used.put(before, std::mem::replace(&mut self.size, size));
        }
        &mut self.buffer
    }

    /// Takes messages as long as the server does, unless the application wants it otherwise.
    fn follow(&mut self, max_payload: u32) {
        if self.max_message.is_none() && max_payload > 0 {
            let payload = usize::try_from(max_payload).unwrap_or(usize::MAX).min(LONGEST_MESSAGE);
            // What is longer than a limit that has come down may be on its way.
            let before = self.decoder.limits().frame;
            let is_first = std::mem::take(&mut self.is_unlimited);
            let frame = payload + MAX_LINE;
            self.decoder.set_max_frame(if is_first { frame } else { frame.max(before) });
        }
    }

    /// Deals with everything in the buffer. [`wake`](Self::wake) is to be called after unlocking the
    /// control plane any more.
    pub(crate) fn process(
        &mut self,
        shared: &Shared,
        control: &mut Control,
        now: Instant,
    ) -> Processed {
        let mut processed = Processed::default();
        let (consumed, messages) = self.decode(shared, control, now, &mut processed);
        shared.counters.in_messages.add(messages);
        processed.is_behind = self.deliver(shared, control, consumed, now);
        if processed.has_control {
            if let Some(number) = control.newly_confirmed() {
                lock(&shared.outbound).confirm(number);
            }
            control.later.note_changed();
            shared.poll_pinging_extensions(control);
        }
        processed
    }

    /// Wakes those who were given something, if there are any.
    pub(crate) fn wake(&mut self) -> bool {
        let has_woken = !self.wake.is_empty();
        self.wake.drain(..).for_each(Waker::wake);
        has_woken
    }

    /// Notes messages with their subscriptions, and hands the rest to the session. Returns how many
    /// bytes and how many messages that were.
    fn decode(
        &mut self,
        shared: &Shared,
        control: &mut Control,
        now: Instant,
        processed: &mut Processed,
    ) -> (usize, u64) {
        let mut at = 0;
        let mut messages = 0;
        loop {
            let input = self.buffer.get(at..).unwrap_or_default();
            match self.decoder.decode(input) {
                Ok(Decoded::Frame { op: ServerOp::Message(message), len }) => {
                    messages += 1;
                    let entry = Entry {
                        at: u32::try_from(at).unwrap_or(u32::MAX),
                        layout: message.layout(),
                    };
                    let sid = message.sid();
                    control.session.deliver_with(sid, |recipient| match recipient {
                        Recipient::Subscriber { entries, len: total, .. } => {
                            if entries.is_empty() {
                                self.touched.push(sid);
                            }
                            entries.push(entry);
                            *total += len;
                        }
                        Recipient::Replies => {
                            let id = shared.inbox.request_id(message.subject_bytes());
                            self.replies.extend(id.map(|id| (id, sid, entry)));
                        }
                        Recipient::Extension { id, tag } => {
                            self.extended.push(Incoming { id: *id, tag: *tag, sid, entry });
                        }
                    });
                    at += len;
                }
                Ok(Decoded::Frame { op: ServerOp::Control(op), len }) => {
                    processed.has_control = true;
                    let is_info = matches!(op, wire::Control::Info(_));
                    if is_info {
                        control.note_informant();
                    }
                    if let Some(event) = control.session.handle_control(op, now) {
                        shared.apply(control, &event);
                    }
                    at += len;
                    if is_info {
                        self.follow(control.session.info().max_payload());
                    }
                    if control.session.phase() == Phase::Secure {
                        // What is behind it is not from the server that we are about to trust.
                        return (at, messages);
                    }
                }
                Ok(Decoded::Frame { op: ServerOp::Oversized(message), len }) => {
                    messages += 1;
                    note_oversized(shared, control, &message);
                    at += len;
                }
                Ok(Decoded::Skip { len }) => at += len,
                Ok(Decoded::Frame { len, .. }) => at += len,
                Ok(Decoded::Partial { need }) => {
                    self.need = need.get();
                    return (at, messages);
                }
                Err(error) => {
                    processed.error = Some(DisconnectReason::Protocol(error));
                    return (at, messages);
                }
            }
        }
    }

    /// Delivers what was noted. Returns whether a subscriber is behind.
    fn deliver(
        &mut self,
        shared: &Shared,
        control: &mut Control,
        consumed: usize,
        now: Instant,
    ) -> bool {
        if self.touched.is_empty() && self.replies.is_empty() && self.extended.is_empty() {
            self.buffer.advance(consumed);
            return false;
        }
        let mut is_behind = false;
        let block = self.buffer.split_to(consumed).freeze();
        for sid in self.touched.drain(..) {
            let recipient = control.session.recipient_and_end_mut(sid);
            let Some((Recipient::Subscriber { queue, entries, len }, ended)) = recipient else {
                continue;
            };
            let dropped_before = queue.dropped();
            let pushed = queue.push(&block, entries, std::mem::take(len));
            self.wake.extend(pushed.wake);
            // The server may have to be told first before it is handed back.
            self.wake.extend(ended.and_then(|how| queue.end(how)));
            is_behind |= pushed.is_behind;
            let dropped = queue.dropped();
            shared.counters.dropped_messages.add(dropped - dropped_before);
            if pushed.is_newly_slow {
                let subject = queue.names.subject().to_owned();
                let group = queue.names.queue().map(str::to_owned);
                control.later.tell(Event::SlowConsumer { sid, subject, queue: group, dropped });
            }
        }
        if !self.replies.is_empty() {
            let mut requests = lock(&shared.requests);
            for (request_id, sid, entry) in self.replies.drain(..) {
                let at = entry.at as usize;
                let frame = block.slice(at..at + entry.layout.wire_len());
                let reply = Message::new(frame, sid, entry.layout);
                self.wake.extend(requests.answer(request_id, reply));
            }
        }
        if !self.extended.is_empty() {
            self.deliver_extended(shared, control, &block, now);
        }
        is_behind
    }
}

impl Inbound {
    /// Hands messages to the extensions that they are for: each has all of its own at once, in order.
    fn deliver_extended(
        &mut self,
        shared: &Shared,
        control: &mut Control,
        block: &Bytes,
        now: Instant,
    ) {
        if !self.extended.is_sorted_by_key(|incoming| incoming.id) {
            self.extended.sort_by_key(|incoming| incoming.id);
        }
        for run in self.extended.chunk_by(|one, other| one.id == other.id) {
            let Some(id) = run.first().map(|incoming| incoming.id) else { continue };
            if let Some(extension) = control.extensions.get(id) {
                extension.handle_messages(run, block, now, &mut self.wake);
                shared.poll_extension(control, id);
            }
        }
        self.extended.clear();
    }
}

/// Counts a skipped message as delivered, as the server does, and emits an event.
fn note_oversized(shared: &Shared, control: &mut Control, message: &Oversized<'_>) {
    shared.counters.oversized_messages.add(1);
    match control.session.deliver(message.sid) {
        Some(Recipient::Subscriber { .. }) => control.end_if_over(message.sid),
        Some(Recipient::Replies) => {
            let request_id = shared.inbox.request_id(message.subject);
            let failed = request_id.and_then(|request_id| {
                lock(&shared.requests).end(request_id, Outcome::ReplyTooLong)
            });
            control.later.wake.extend(failed);
        }
        Some(Recipient::Extension { .. }) | None => {}
    }
    control.later.tell(Event::Oversized {
        sid: message.sid,
        subject: String::from_utf8_lossy(message.subject).into_owned(),
        size: message.size,
    });
}
