//! The one message that is looked at, where it was received.

use core::task::Waker;

use nats_proto::Message;
use nats_proto::Token;
use nats_proto::session::Ended;

use crate::state::delivery::Delivery;
use crate::state::delivery::Kept;
use crate::state::delivery::Lent;
use crate::state::delivery::Letter;
use crate::state::delivery::Owner;
use crate::state::delivery::ReplyState;
use crate::wakers::Sleeper;

/// The message for the one reader of a link, and the reply that it waits for.
#[expect(unnameable_types, reason = "part of a sealed trait")]
pub struct Letterbox<'d> {
    content: Content<'d>,
    /// The number of the last request.
    token: Token,
    /// That request, if somebody waits for the reply.
    pub(crate) asking: Option<Asking>,
    pub(crate) reader: Sleeper,
    is_reader_due: bool,
    /// Whether anybody is to be woken.
    has_due: bool,
}

enum Content<'d> {
    Nothing,
    Unread(Letter<'d>),
    Reading,
    Read(&'d mut [u8]),
}

/// A request that waits for its reply.
pub(crate) struct Asking {
    pub(crate) state: ReplyState,
    pub(crate) is_sent: bool,
    /// What its subject is known by.
    subject: u32,
}

impl<'d> Letterbox<'d> {
    pub(crate) const fn new() -> Self {
        Self {
            content: Content::Nothing,
            token: Token(0),
            asking: None,
            reader: Sleeper::new(),
            is_reader_due: false,
            has_due: false,
        }
    }

    /// Takes the message out, if it is a reply, or is not.
    pub(crate) fn read(&mut self, is_reply: bool) -> Option<Letter<'d>> {
        let next = |letter: &Letter<'_>| letter.message.is_reply == is_reply;
        if !matches!(&self.content, Content::Unread(letter) if next(letter)) {
            return None;
        }
        match core::mem::replace(&mut self.content, Content::Reading) {
            Content::Unread(letter) => Some(letter),
            _ => None,
        }
    }

    /// The message was read.
    pub(crate) const fn put_back(&mut self, memory: &'d mut [u8]) {
        self.content = Content::Read(memory);
    }

    const fn wake(&mut self) {
        (self.is_reader_due, self.has_due) = (true, true);
    }

    /// The number of the next request.
    pub(crate) const fn next_token(&self) -> Token {
        Token(self.token.0.wrapping_add(1))
    }

    /// Begins a request to a subject with this fingerprint.
    pub(crate) const fn ask(&mut self, subject: u32) -> Token {
        self.token = self.next_token();
        self.asking = Some(Asking { state: ReplyState::Waiting, is_sent: false, subject });
        self.token
    }

    /// Nobody waits for the reply any more.
    pub(crate) fn end_request(&mut self) {
        self.asking = None;
        if let Some(letter) = self.read(true) {
            self.put_back(letter.memory);
        }
    }

    fn asking(&mut self, token: Token) -> Option<&mut Asking> {
        let is_it = self.token == token;
        self.asking.as_mut().filter(|asking| is_it && asking.state == ReplyState::Waiting)
    }
}

impl<'d> Delivery<'d> for Letterbox<'d> {
    const LENDS: bool = true;

    fn keep(&mut self, _: Owner, message: &Message<&[u8]>) -> Kept {
        let (sid, layout) = (message.sid(), message.layout());
        Kept::Lent(Lent { sid, layout, is_reply: false })
    }

    fn keep_reply(&mut self, token: Token, message: &Message<&[u8]>) -> Kept {
        let Some(asking) = self.asking(token) else { return Kept::Unwanted };
        if message.is_no_responders() {
            asking.state = ReplyState::NoResponders;
            self.wake();
            return Kept::Yes;
        }
        asking.state = ReplyState::Answered;
        let (sid, layout) = (message.sid(), message.layout());
        Kept::Lent(Lent { sid, layout, is_reply: true })
    }

    fn note_too_long(&mut self, _: Owner) {}

    fn note_sent(&mut self, token: Token) {
        if let Some(asking) = self.asking(token) {
            asking.is_sent = true;
        }
    }

    fn end_reply(&mut self, token: Token, state: ReplyState) {
        if let Some(asking) = self.asking(token) {
            asking.state = state;
            self.wake();
        }
    }

    fn refuse(&mut self, subject: u32) {
        let is_it = |asking: &Asking| asking.is_sent && asking.subject == subject;
        if self.asking.as_ref().is_some_and(is_it) {
            self.end_reply(self.token, ReplyState::NotPermitted);
        }
    }

    fn begins_dropping(&mut self, _: Owner) -> bool {
        false
    }

    fn end_replies(&mut self, state: ReplyState, is_over: impl Fn(bool) -> bool) {
        let token = self.token;
        if self.asking(token).is_some_and(|asking| is_over(asking.is_sent)) {
            self.end_reply(token, state);
        }
    }

    fn end(&mut self, _: Owner, how: Ended) -> bool {
        matches!(how, Ended::Unsubscribed | Ended::Stopped)
    }

    fn has_due(&mut self) -> &mut bool {
        &mut self.has_due
    }

    fn take_due(&mut self) -> Option<Waker> {
        self.reader.take_if(&mut self.is_reader_due)
    }

    fn is_dealt_with(&self) -> bool {
        matches!(self.content, Content::Nothing | Content::Read(_))
    }

    fn lend(&mut self, letter: Letter<'d>) {
        self.content = Content::Unread(letter);
        self.wake();
    }

    fn take_back(&mut self) -> Option<&'d mut [u8]> {
        if !matches!(self.content, Content::Read(_)) {
            return None;
        }
        match core::mem::replace(&mut self.content, Content::Nothing) {
            Content::Read(memory) => Some(memory),
            _ => None,
        }
    }

    fn reclaim(&mut self) -> Option<(&'d mut [u8], bool)> {
        match core::mem::replace(&mut self.content, Content::Nothing) {
            Content::Read(memory) => Some((memory, true)),
            Content::Unread(letter) => Some((letter.memory, false)),
            content => {
                self.content = content;
                None
            }
        }
    }
}
