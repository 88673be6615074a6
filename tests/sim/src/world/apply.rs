//! The effects of operations.

use std::num::NonZeroU64;
use std::time::Duration;

use nats_proto::Filter;
use nats_proto::QueueGroup;
use nats_proto::Sid;
use nats_proto::Store;
use nats_proto::session;
use nats_proto::session::Phase;
use nats_proto::session::SubscribeError;

use super::Conditions;
use super::World;
use super::link::Line;
use crate::app::Flush;
use crate::app::Recipient;
use crate::body;
use crate::checks::Invariant;
use crate::cluster::COUNT;
use crate::cluster::Mood;
use crate::operation::Operation;
use crate::operation::Pause;
use crate::wire::Cut;
use crate::wire::Direction;

/// What `-ERR` says, and whether the server closes the link then.
const ERRORS: [(&str, bool); 6] = [
    ("Unknown Error Of Another Year", false),
    ("Invalid Publish Subject", false),
    ("Stale Connection", true),
    ("Slow Consumer", true),
    ("User Authentication Expired", true),
    ("Maximum Connections Exceeded", true),
];

impl<S: Store<Recipient = Recipient>> World<S> {
    /// Does something, and as much of what follows as `pause` says.
    pub(crate) fn apply(&mut self, operation: Operation, pause: Pause) {
        self.counts.operations += 1;
        self.say(|| format!("-- {operation:?}, then {pause:?}"));
        self.perform(operation);
        self.release();
        match pause {
            Pause::None => {}
            Pause::Turn => {
                self.turn();
            }
            Pause::Moment => self.run(Duration::from_millis(2)),
            Pause::Rest => self.run(Duration::from_millis(100)),
        }
    }

    /// The application connects.
    pub fn connect(&mut self) {
        self.has_begun = true;
        self.session.connect(self.now);
    }

    fn perform(&mut self, operation: Operation) {
        match operation {
            Operation::Subscribe { filter, queue } => {
                let queue = usize::from(queue).checked_sub(150);
                let queue = queue.and_then(|queue| pick(&body::QUEUES, queue));
                if let Some(filter) = pick(&body::FILTERS, filter.into()) {
                    self.subscribe(filter, queue);
                }
            }
            Operation::Unsubscribe(number) => self.unsubscribe(number, None),
            Operation::Max(number, more) => self.unsubscribe(number, Some(more)),
            Operation::DrainOne(number) => self.drain_one(number),
            Operation::Publish { subject, count } => {
                for at in 0..=count % 4 {
                    let subject = usize::from(subject) + usize::from(at);
                    self.publish(pick(&body::SUBJECTS, subject).unwrap_or("a"));
                }
            }
            Operation::Arrive { subject, count } => {
                for at in 0..=count % 6 {
                    let number = usize::from(subject) + usize::from(at / 3);
                    self.arrive(self.wanted_subject(number));
                }
            }
            Operation::Flush => self.flush(),
            Operation::Cut { direction, after, is_gentle } => {
                let carried = match direction {
                    Direction::Up => self.carried.0,
                    Direction::Down => self.carried.1,
                };
                self.cut = Some(Cut { direction, after: carried + u64::from(after), is_gentle });
            }
            Operation::Conditions(first, second) => {
                let sizes = [1, 2, 7, 64, 4096];
                self.conditions = Conditions {
                    chunk: pick(&sizes, first.into()).unwrap_or(4096),
                    window: pick(&[16, 100, 8192], second.into()).unwrap_or(8192),
                    delay: pick(&[0, 1, 20, 300], usize::from(second >> 4)).unwrap_or(1),
                };
            }
            Operation::Pass(how_long) => {
                let millis = pick(&[1, 50, 500, 2_000, 6_000, 11_000, 40_000], how_long.into());
                self.run(Duration::from_millis(millis.unwrap_or(1)));
            }
            Operation::Reconnect => {
                self.attempts.clear();
                let event = self.session.force_reconnect(self.now);
                if let Some(event) = event {
                    self.note(&event, false);
                }
            }
            Operation::ReplaceServers(first) => {
                self.attempts.clear();
                self.session.remove_servers();
                self.add_server(usize::from(first) % COUNT);
                self.add_server(usize::from(first >> 4) % COUNT);
            }
            Operation::AddServer(server) => self.add_server(usize::from(server) % COUNT),
            Operation::ChooseServer(number, delay) => self.select_server(number, delay),
            Operation::Drain => {
                self.drain();
            }
            Operation::Finish => self.finish(),
            Operation::Close => self.close(),
            other => self.perform_of_server(other),
        }
    }

    fn perform_of_server(&mut self, operation: Operation) {
        match operation {
            Operation::LameDuckMode { server, after } => {
                let index = self.server_or(server);
                let at = self.now + Duration::from_secs(u64::from(after) % 20 + 1);
                if let Some(server) = self.cluster.get_mut(index) {
                    server.is_lame = true;
                    server.shuts_down = Some(at);
                }
                self.inform(index);
            }
            Operation::Info { server, tells_of } => {
                let index = self.server_or(server);
                if let Some(server) = self.cluster.get_mut(index) {
                    server.tells_of = tells_of & 31;
                }
                self.inform(index);
            }
            Operation::Mood { server, mood } => {
                let moods = [Mood::Accepts, Mood::Refuses, Mood::Ignores, Mood::Locks];
                if let Some(server) = self.cluster.get_mut(usize::from(server) % COUNT) {
                    server.mood = pick(&moods, mood.into()).unwrap_or_default();
                }
            }
            _ => self.perform_of_peer(operation),
        }
    }

    fn perform_of_peer(&mut self, operation: Operation) {
        let Line::Open(link) = &mut self.line else { return };
        match operation {
            Operation::ServerPing if link.peer.may_speak() => link.peer.ping(),
            Operation::ServerError(number) if link.peer.is_logged_in && !link.peer.is_done => {
                match pick(&ERRORS, number.into()) {
                    Some((text, true)) => link.peer.leave(Some(text)),
                    Some((text, false)) => link.peer.say(&format!("-ERR '{text}'")),
                    None => {}
                }
            }
            Operation::Silence => {
                link.is_silent = !link.up.is_closed();
                link.down.clear();
                link.up.clear();
            }
            Operation::Revoke(number) if !link.peer.is_done => {
                let count = link.peer.subscriptions.len();
                let index = usize::from(number).checked_rem(count).unwrap_or_default();
                let Some(sid) = link.peer.subscriptions.keys().nth(index).copied() else { return };
                link.peer.revoke(sid);
                let recipient = self.app.recipient_of(sid);
                if let Some(wanted) = recipient.and_then(|recipient| self.app.get_mut(recipient)) {
                    wanted.is_revoked = true;
                }
            }
            Operation::Die { silently } => {
                if let Some(server) = self.cluster.get_mut(link.server) {
                    server.mood = if silently { Mood::Ignores } else { Mood::Refuses };
                }
                link.is_silent |= silently && !link.up.is_closed();
                link.peer.leave(None);
            }
            _ => {}
        }
    }

    /// The server connected to, most of the time.
    fn server_or(&self, server: u8) -> usize {
        let linked = self.link().map(|link| link.server).filter(|_| server < 200);
        linked.unwrap_or_else(|| usize::from(server) % COUNT)
    }

    /// A server tells those who are connected that something changed.
    fn inform(&mut self, index: usize) {
        if let Line::Open(link) = &mut self.line
            && link.server == index
            && link.peer.may_speak()
        {
            self.cluster.inform(index, &mut link.peer);
        }
    }

    pub(crate) fn subscribe(&mut self, filter: &'static str, queue: Option<&'static str>) {
        let recipient = self.app.next_recipient();
        let group = queue.and_then(|queue| QueueGroup::new(queue).ok());
        match self.session.subscribe(Filter::from_static(filter), group, recipient) {
            Ok(sid) => self.app.subscribed(sid.0, filter, queue, &mut self.checks),
            Err(error) => {
                let is_true = match error {
                    SubscribeError::Full => self.session.subscriptions() >= crate::SUBSCRIPTIONS,
                    SubscribeError::Draining => self.session.is_draining(),
                    SubscribeError::Closed => self.stop().is_some(),
                    _ => false,
                };
                self.checks.that(Invariant::TruthfulResult, is_true, || format!("{error:?}"));
            }
        }
    }

    /// Ends a subscription, or sets its maximum to `more` than it got so far.
    pub(crate) fn unsubscribe(&mut self, number: u8, more: Option<u8>) {
        let Some(recipient) = self.app.pick(number) else { return };
        let Some(wanted) = self.app.get_mut(recipient) else { return };
        let max = more.map(|more| wanted.delivered + u64::from(more % 6));
        let max = max.and_then(NonZeroU64::new);
        let was_live = wanted.is_live() && !wanted.is_refusable();
        let was_over = wanted.is_over();
        let is_going = self.session.unsubscribe(Sid(wanted.sid), max);
        let is_true = if is_going { !was_over } else { !was_live };
        self.checks
            .that(Invariant::TruthfulResult, is_true, || format!("{is_going} for {wanted:?}"));
        match max {
            _ if was_over => {}
            Some(max) => wanted.max = Some(wanted.max.unwrap_or(u64::MAX).min(max.get())),
            None => wanted.is_unsubscribed = true,
        }
    }

    pub(crate) fn drain_one(&mut self, number: u8) {
        let link = self.link().map_or(0, |link| link.number);
        let Some(recipient) = self.app.pick(number) else { return };
        let Some(wanted) = self.app.get_mut(recipient) else { return };
        let was_over = wanted.is_over();
        let was_live = wanted.is_live() && !wanted.is_refusable();
        let is_going = self.session.drain_subscription(Sid(wanted.sid));
        let is_true = if is_going { !was_over } else { !was_live };
        self.checks
            .that(Invariant::TruthfulResult, is_true, || format!("{is_going} for {wanted:?}"));
        wanted.begin_to_drain(link);
    }

    /// A subject with a subscription, most of the time.
    fn wanted_subject(&self, number: usize) -> &'static str {
        let subjects = body::SUBJECTS.into_iter().filter(|subject| {
            let live = self.app.wanted.iter().filter(|wanted| !wanted.is_over());
            live.into_iter().any(|wanted| body::matches(wanted.filter, subject))
        });
        let wanted: Vec<_> = subjects.filter(|_| number < 200).collect();
        let index = number.checked_rem(wanted.len()).unwrap_or_default();
        let any = pick(&body::SUBJECTS, number).unwrap_or("a");
        wanted.get(index).copied().unwrap_or(any)
    }

    /// Another client publishes.
    pub(crate) fn arrive(&mut self, subject: &'static str) {
        let is_open = self.link().is_some_and(|link| !link.peer.is_done && !link.is_silent);
        if is_open && body::is_permitted(subject) {
            let id = self.messages.add(subject);
            let (mut around, Line::Open(link)) = self.around() else { return };
            link.peer.deliver(id, subject, &mut around);
        }
    }

    pub(crate) fn flush(&mut self) {
        let sids = self.app.live_sids();
        self.app.flushes.push(Flush { flush: session::Flush::new(), link: 0, handed: 0, sids });
        self.check_flushes();
    }

    fn select_server(&mut self, number: u8, delay: u8) {
        let is_waiting = self.session.phase() == Phase::Wait;
        let count = self.session.server_pool().count();
        let number = usize::from(number >> 1) % 4;
        let delay = Duration::from_millis(u64::from(delay) * 10);
        let is_chosen = self.session.select_server(number, delay, self.now);
        self.attempts.clear();
        let is_true = !is_chosen || (is_waiting && number < count);
        self.checks.that(Invariant::TruthfulResult, is_true, || format!("chose {number}"));
    }

    /// The application drains the connection.
    pub fn drain(&mut self) {
        let link = self.link().map_or(0, |link| link.number);
        self.app.has_drained |= !self.app.has_finished && self.stop().is_none();
        // Before the application connects, that is the end.
        self.app.has_closed |= !self.has_begun;
        self.session.drain(self.now);
        self.app.begin_to_drain(link);
    }

    /// The application ends the connection once all is sent.
    pub fn finish(&mut self) {
        let link = self.link().map_or(0, |link| link.number);
        let outstanding = self.outstanding();
        self.app.has_finished = true;
        // Subscriptions are not waited for any more.
        self.app.has_drained = false;
        let has_something = self.session.is_connected() || outstanding.unsent;
        self.app.has_closed |= !(self.has_begun && has_something);
        self.app.begin_to_drain(link);
        self.session.close(outstanding, self.now);
    }

    /// The application gives up.
    pub fn close(&mut self) {
        self.app.has_closed = true;
        self.session.abort();
        self.release();
    }
}

fn pick<T: Copy, const N: usize>(from: &[T; N], number: usize) -> Option<T> {
    from.get(number % N).copied()
}
