//! The driver: does what the session asks for, as any driver has to.

use nats_proto::Headers;
use nats_proto::Message;
use nats_proto::Store;
use nats_proto::Subject;
use nats_proto::session::Auth;
use nats_proto::session::ClientInfo;
use nats_proto::session::DisconnectReason;
use nats_proto::session::EndReason;
use nats_proto::session::Event;
use nats_proto::session::Gate;
use nats_proto::session::Outstanding;
use nats_proto::session::Phase;
use nats_proto::session::Refused;
use nats_proto::session::Timer;
use nats_proto::wire::Control;
use nats_proto::wire::Decoded;
use nats_proto::wire::Decoder;
use nats_proto::wire::Publish;
use nats_proto::wire::PublishLens;
use nats_proto::wire::SendBuf;
use nats_proto::wire::ServerOp;

use super::World;
use super::link::Line;
use crate::app::Recipient;
use crate::body;
use crate::body::Body;
use crate::checks::Invariant;
use crate::flaw::Flaw;

/// How many bytes may wait to be written before publishing has to wait.
const MAX_OUTPUT: usize = 4096;
/// How many messages may wait for a connection.
const MAX_HELD: usize = 16;
/// Room for the longest line there is besides CONNECT, for a driver that has less.
const LINE: usize = 128;

impl<S: Store<Recipient = Recipient>> World<S> {
    /// Lets the timers expire whose time has come.
    pub(super) fn expire(&mut self) -> bool {
        let mut has_expired = false;
        while let Some((deadline, timer)) = self.session.poll_timeout() {
            let hurries = self.is_flawed(Flaw::Hurries) && timer == Timer::Reconnect;
            if self.is_flawed(Flaw::IgnoresTime) || (deadline > self.now && !hurries) {
                break;
            }
            self.say(|| format!("{timer:?} is due"));
            let event = self.session.handle_timeout(deadline.max(self.now));
            if let Some(event) = event {
                self.note(&event, false);
            }
            self.release();
            has_expired = true;
            self.count_turn();
            if self.is_over() {
                break;
            }
        }
        has_expired
    }

    /// Does what the session says.
    pub(super) fn follow(&mut self) -> bool {
        let is_over = self.poll_drained();
        is_over
            | match self.session.phase() {
                Phase::Dial(number) => self.dial(number),
                Phase::Secure => {
                    if self.rng.percent(10) {
                        self.lose(DisconnectReason::Tls);
                    } else if let Some(event) = self.session.handle_secured(0, self.now) {
                        self.note(&event, false);
                    }
                    true
                }
                Phase::Login => self.log_in(),
                Phase::Exchange => false,
                Phase::Closed(stop) => {
                    let is_new = self.stopped.is_none();
                    if is_new {
                        self.stopped = Some(stop);
                        self.say(|| format!("stopped: {stop:?}"));
                        self.check_stop(stop);
                    }
                    self.hang_up();
                    self.release();
                    is_new
                }
                Phase::Wait => {
                    self.hang_up();
                    false
                }
            }
    }

    /// Opens a connection for an attempt.
    fn dial(&mut self, number: u32) -> bool {
        let is_begun = !matches!(self.line, Line::None);
        if is_begun && self.attempt == number {
            match self.opened() {
                Some(Ok(())) => self.begin(),
                Some(Err(cause)) => self.lose(cause),
                None => return false,
            }
            return true;
        }
        self.checks.that(Invariant::TruthfulResult, !is_begun, || {
            format!("attempt {number} without an end of {}", self.attempt)
        });
        self.attempt = number;
        let Some(server) = self.session.target() else { return false };
        let (host, port) = (server.host().to_owned(), server.port());
        self.note_attempt(&host);
        self.open(&host, port);
        true
    }

    /// The connection is open: nothing of an earlier one is left.
    fn begin(&mut self) {
        self.say(|| format!("link {} is open", self.links));
        if !self.is_flawed(Flaw::KeepsHalfReadFrames) {
            self.input.clear();
        }
        if !self.is_flawed(Flaw::KeepsHalfWrittenFrames) {
            self.output.clear();
        }
        self.decoder = Decoder::default();
        self.session.handle_open();
    }

    fn log_in(&mut self) -> bool {
        let room = self.room();
        self.memory.resize(room, 0);
        let client = ClientInfo::DEFAULT.name(Some("sim"));
        let written = self.session.log_in(&client, &Auth::None, &mut self.memory);
        let len = written.unwrap_or_default();
        self.output.extend_from_slice(self.memory.get(..len).unwrap_or_default());
        len > 0
    }

    const fn room(&self) -> usize {
        self.setup.room.saturating_sub(self.output.len())
    }

    /// Writes control lines, and then what was held back.
    pub(super) fn send(&mut self) -> bool {
        if self.session.phase() != Phase::Exchange {
            return false;
        }
        let mut has_sent = self.pump();
        while self.may_publish()
            && let Some(id) = self.held.pop_front()
        {
            self.put(id, true);
            if self.is_flawed(Flaw::SendsHeldTwice) {
                self.put(id, true);
            }
            has_sent = true;
        }
        has_sent
    }

    /// Writes the control lines that are due, as far as there is room.
    fn pump(&mut self) -> bool {
        if !self.session.has_transmit() {
            return false;
        }
        // With less room than a line takes, a driver has to make some once all is written.
        let room = if self.output.is_empty() { self.room().max(LINE) } else { self.room() };
        self.memory.resize(room, 0);
        let mark = self.mark();
        let mut out = SendBuf::new(&mut self.memory);
        let is_all = self.session.poll_transmit(&mut out).is_ok();
        self.confirmations.note_transmit(&self.session, mark);
        let lines = out.as_ref();
        let has_sent = !lines.is_empty();
        let has_more = self.session.has_transmit();
        self.checks.that(Invariant::TruthfulResult, is_all != has_more, || {
            format!("all is written: {is_all}, more is due: {has_more}")
        });
        if self.setup.trace && has_sent {
            let text = String::from_utf8_lossy(lines).replace("\r\n", " | ");
            eprintln!("{:>8} ms  > {text}", self.now.as_millis());
        }
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            let times = match self.setup.flaw {
                Some(Flaw::ForgetsToResubscribe) if line.starts_with(b"SUB") && self.links > 1 => 0,
                Some(Flaw::RepeatsSubscriptions) if line.starts_with(b"SUB") => 2,
                Some(Flaw::AnswersTwice) if line.starts_with(b"PONG") => 2,
                _ => 1,
            };
            (0..times).for_each(|_| self.output.extend_from_slice(line));
        }
        self.release();
        has_sent
    }

    /// Whether a message may be encoded now, behind the lines that were due.
    fn may_publish(&self) -> bool {
        let is_due = self.session.has_transmit() && !self.is_flawed(Flaw::OvertakesSubscriptions);
        let is_ready = self.session.is_ready() || self.is_flawed(Flaw::PublishesTooEarly);
        is_ready && !is_due && self.output.len() < MAX_OUTPUT && self.link().is_some()
    }

    /// The application publishes.
    pub(crate) fn publish(&mut self, subject: &'static str) {
        if self.session.publish_gate() == Gate::Closed {
            return;
        }
        if !self.is_flawed(Flaw::OvertakesSubscriptions) {
            self.send();
        }
        if self.held.len() < MAX_HELD {
            let id = self.messages.add(subject);
            if self.held.is_empty() && self.may_publish() {
                self.put(id, false);
            } else {
                self.held.push_back(id);
            }
        }
    }

    /// Publishes a message, which may have been kept for a connection.
    fn put(&mut self, id: u64, is_kept: bool) {
        let Some(subject) = self.messages.subject(id) else { return };
        let body = Body::new(id);
        let headers = body.headers();
        let publish = Publish {
            reply: body.reply.as_deref().and_then(|reply| Subject::new(reply).ok()),
            headers: Headers::from_bytes(&headers),
            ..Publish::new(Subject::from_static(subject), &body.payload)
        };
        let result = match self.setup.flaw {
            Some(Flaw::PublishesTooEarly | Flaw::OvertakesSubscriptions | Flaw::IgnoresLimits) => {
                self.put_unasked(&publish)
            }
            _ if is_kept => {
                let mut frame = Vec::new();
                let _ = publish.encode(&mut frame);
                let lens = PublishLens::of(&publish);
                self.session.publish_encoded(&frame, lens, &mut self.output)
            }
            _ => self.session.publish(&publish, &mut self.output),
        };
        let is_true = matches!(result, Ok(()) | Err(Refused::Limits(_)));
        self.checks
            .that(Invariant::TruthfulResult, is_true, || format!("message {id}: {result:?}"));
        if result.is_err() {
            return;
        }
        self.say(|| format!("> message {id} to {subject}"));
        let is_lame = self.link().is_some_and(|link| link.peer.is_lame);
        let behind = if is_lame { Vec::new() } else { self.app.live_sids() };
        self.messages.put_behind(id, behind);
        if let Some(link) = self.link_mut() {
            link.handed += 1;
        }
    }

    /// Encodes a message without asking the session.
    fn put_unasked(&mut self, publish: &Publish<'_>) -> Result<(), Refused> {
        if !self.is_flawed(Flaw::IgnoresLimits) {
            self.session.publish_limits().check(publish)?;
        }
        Ok(publish.encode(&mut self.output)?)
    }

    /// Goes on with draining, or closing.
    fn poll_drained(&mut self) -> bool {
        let was_over = self.session.publish_gate() == Gate::Closed;
        let is_over = self.session.poll_drained(self.outstanding());
        let is_truly = self.session.publish_gate() == Gate::Closed;
        self.checks.that(Invariant::TruthfulResult, is_over == is_truly, || {
            format!("publishing is over: {is_over}, and {is_truly}")
        });
        is_over && !was_over
    }

    /// What arrives is dealt with at once.
    pub(super) fn outstanding(&self) -> Outstanding {
        Outstanding { undelivered: false, unsent: !self.held.is_empty() }
    }

    /// The number of the last message that was handed over, on any link.
    fn mark(&self) -> u64 {
        self.link().map_or(0, |link| (u64::from(link.number) << 32) | link.handed as u64)
    }

    /// Reads.
    pub(super) fn receive(&mut self, bytes: &[u8]) {
        let mut input = std::mem::take(&mut self.input);
        input.extend_from_slice(bytes);
        let mut rest = input.as_slice();
        let number = self.links;
        loop {
            match self.decoder.decode(rest) {
                Ok(Decoded::Frame { op, len }) => {
                    rest = rest.get(len..).unwrap_or_default();
                    match op {
                        ServerOp::Message(message) => self.deliver(&message),
                        ServerOp::Control(Control::Info(_))
                            if self.is_flawed(Flaw::IgnoresInfo) && self.session.is_connected() => {
                        }
                        ServerOp::Control(op) => {
                            if self.setup.trace {
                                eprintln!("{:>8} ms  < {op:?}", self.now.as_millis());
                            }
                            let event = self.session.handle_control(op, self.now);
                            if let Some(event) = event {
                                self.note(&event, true);
                            }
                        }
                        other => {
                            self.checks.fail(Invariant::DeliveredOnce, || format!("{other:?}"));
                        }
                    }
                    self.release();
                }
                Ok(Decoded::Skip { len }) => rest = rest.get(len..).unwrap_or_default(),
                Ok(Decoded::Partial { .. }) => break,
                Err(error) => {
                    self.checks.fail(Invariant::DeliveredOnce, || format!("{error:?}"));
                    self.lose(DisconnectReason::Protocol(error));
                }
            }
            // What is left belonged to a link that is no more.
            if self.link().is_none_or(|link| link.number != number) || self.is_over() {
                rest = &[];
                break;
            }
        }
        self.input = rest.to_vec();
    }

    fn deliver(&mut self, message: &Message<&[u8]>) {
        let sid = message.sid();
        let id = body::id_of(message.payload()).unwrap_or_default();
        let body = Body::new(id);
        let is_it = self.messages.subject(id) == Some(message.subject())
            && message.reply() == body.reply.as_deref()
            && message.headers().as_bytes() == body.headers()
            && message.payload() == body.payload;
        self.checks.that(Invariant::DeliveredOnce, is_it, || format!("{message:?}"));
        self.say(|| format!("< message {id} for {sid}"));
        let number = self.links;
        let link = self.link();
        let sent = link.and_then(|link| link.peer.sent.get(&sid.0)).cloned().unwrap_or_default();
        let mut recipient = self.session.deliver(sid).copied();
        if self.is_flawed(Flaw::IgnoresEnds) {
            recipient = recipient.or_else(|| self.app.recipient_of(sid.0));
        }
        match recipient {
            Some(_) if self.is_flawed(Flaw::DropsMessages) && id.is_multiple_of(7) => {}
            Some(recipient) => {
                let times =
                    if self.is_flawed(Flaw::DeliversTwice) && id.is_multiple_of(7) { 2 } else { 1 };
                for _ in 0..times {
                    self.app.delivered(recipient, sid.0, (number, id), &sent, &mut self.checks);
                }
            }
            None => self.app.dropped(sid.0, &mut self.checks),
        }
    }

    /// The connection, or the attempt to make one, failed.
    pub(super) fn lose(&mut self, reason: DisconnectReason) {
        let event = self.session.handle_disconnected(reason, self.now);
        match event {
            Some(event) => self.note(&event, false),
            None => self.hang_up(),
        }
        self.release();
    }

    /// The session told something; in answer to the server, or not.
    pub(super) fn note(&mut self, event: &Event<'_>, is_answer: bool) {
        self.say(|| format!("{event:?}"));
        match event {
            Event::Connected | Event::Reconnected => {
                self.check_login();
                self.dialled.1 = Some(self.now);
                self.resubscribing = self.app.live_sids();
                let is_known = self.session.info().lame_duck();
                if let Some(link) = self.link_mut() {
                    link.is_lame_known = is_known;
                }
            }
            Event::Resubscribed => self.check_resubscribed(),
            Event::ServerError(_) => {
                self.maybe_refused.extend(self.session.maybe_refused().map(|(sid, _)| sid.0));
            }
            Event::LameDuckMode => {
                if let Some(link) = self.link_mut() {
                    link.is_lame_known = true;
                }
            }
            Event::ConnectFailed { reason, .. } | Event::Disconnected { reason, .. } => {
                if *reason == DisconnectReason::LameDuckMode && is_answer {
                    self.check_left();
                }
                self.note_loss(*reason);
                self.maybe_refused.clear();
                self.hang_up();
            }
            _ => {}
        }
    }

    /// Collects the routes of what is over.
    pub(super) fn release(&mut self) {
        if self.is_flawed(Flaw::KeepsRoutes) && self.links > 1 {
            return;
        }
        while let Some(released) = self.session.poll_released() {
            let (sid, recipient) = (released.sid.0, released.recipient);
            self.say(|| format!("{sid} is over: {:?}", released.ended));
            if released.ended == EndReason::Drained {
                self.check_drained(recipient);
            }
            let is_true = match released.ended {
                EndReason::Closed => self.stop().is_some(),
                EndReason::Refused => {
                    self.link().is_some_and(|link| link.peer.refused.contains(&sid))
                }
                _ => true,
            };
            self.app.released(recipient, sid, released.ended, is_true, &mut self.checks);
        }
    }

    pub(super) fn is_flawed(&self, flaw: Flaw) -> bool {
        self.setup.flaw == Some(flaw)
    }
}
