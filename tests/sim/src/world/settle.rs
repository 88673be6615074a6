//! The checks of invariants.

use std::collections::BTreeMap;

use nats_proto::Store;
use nats_proto::session::Backoff;
use nats_proto::session::CloseReason;
use nats_proto::session::DisconnectReason;
use nats_proto::session::EndReason;
use nats_proto::session::FlushState;
use nats_proto::session::Phase;
use nats_proto::session::STABLE_AFTER;

use super::Attempts;
use super::World;
use super::link::Line;
use crate::app::Recipient;
use crate::checks::Invariant;
use crate::server::KnownSubscription;

impl<S: Store<Recipient = Recipient>> World<S> {
    /// Whether everything that was begun has come to its end, and there is a connection to stay.
    pub(super) fn is_settled(&self) -> bool {
        self.session.is_ready()
            && !self.session.is_draining()
            && !self.session.has_transmit()
            && self.held.is_empty()
            && self.is_calm()
            && !self.link().is_some_and(|link| link.peer.is_lame)
    }

    /// Nothing more happens at this moment.
    pub(super) fn check_rest(&mut self) {
        self.check_deadline();
        if self.is_settled() {
            self.check_subscriptions();
        }
        if self.is_calm() && self.session.is_connected() {
            let is_silent =
                self.link().is_some_and(|link| link.peer.is_lame && !link.is_lame_known);
            self.checks.that(Invariant::LameDuckTold, !is_silent, || "it was not told".into());
        }
        if self.is_calm() && !self.session.has_transmit() {
            self.check_draining();
        }
        self.note_servers();
    }

    /// Whatever is waited for has a deadline.
    fn check_deadline(&mut self) {
        let is_idle = match self.session.phase() {
            Phase::Closed(_) => true,
            Phase::Wait => !self.has_begun,
            _ => false,
        };
        let has_deadline = self.session.poll_timeout().is_some();
        let session = &self.session;
        self.checks
            .that(Invariant::HasDeadline, is_idle || has_deadline, || format!("{session:?}"));
    }

    /// The application, the session and the server agree about the subscriptions.
    fn check_subscriptions(&mut self) {
        let live = self.app.wanted.iter().filter(|wanted| wanted.is_live());
        let wanted: BTreeMap<_, _> =
            live.map(|wanted| (wanted.sid, (wanted.filter, wanted.queue, wanted.left()))).collect();
        let Line::Open(link) = &self.line else { return };
        // The application was told that some of those are missing.
        let is_missing = |sid| link.peer.refused.contains(sid) && self.maybe_refused.contains(sid);
        let expected: BTreeMap<_, _> = wanted.iter().filter(|(sid, _)| !is_missing(sid)).collect();
        let left =
            |known: &KnownSubscription| known.max.map(|max| max.saturating_sub(known.delivered));
        let known: BTreeMap<_, _> = link
            .peer
            .subscriptions
            .iter()
            .map(|(sid, one)| (*sid, (one.filter.as_str(), one.queue.as_deref(), left(one))))
            .collect();
        let is_same = expected.iter().map(|(sid, one)| (**sid, **one)).eq(known.clone());
        self.checks.that(Invariant::ServerAgrees, is_same, || {
            format!("the application has {wanted:?}, the server {known:?}")
        });
        let number = link.number;
        let missed = self.app.wanted.iter().find(|wanted| {
            let sent = link.peer.sent.get(&wanted.sid).map_or(0, Vec::len);
            wanted.is_live() && wanted.on_link(number) != sent
        });
        self.checks.that(Invariant::DeliveredOnce, missed.is_none(), || {
            format!("not everything came to {missed:?}")
        });
        let registry: BTreeMap<u64, Recipient> =
            self.session.recipients_mut().map(|(sid, recipient)| (sid.0, *recipient)).collect();
        let is_same = registry.keys().eq(wanted.keys())
            && registry.iter().all(|(sid, recipient)| {
                self.app.get(*recipient).is_some_and(|wanted| wanted.sid == *sid)
            });
        self.checks.that(Invariant::RegistryAgrees, is_same, || {
            format!("the application has {wanted:?}, the session {registry:?}")
        });
        let count = self.session.subscriptions();
        self.checks
            .that(Invariant::RegistryAgrees, count == wanted.len(), || format!("{count} in all"));
    }

    /// Nothing is on its way, so nothing is waited for: unless a lame duck is being left.
    fn check_draining(&mut self) {
        let is_lame = self.link().is_some_and(|link| link.peer.is_lame);
        let is_waiting = self.session.is_connected()
            && self.session.is_draining()
            && self.held.is_empty()
            && !is_lame;
        self.checks.that(Invariant::DrainedWholly, !is_waiting, || {
            "all subscriptions are drained, and the session waits".into()
        });
    }

    /// What is confirmed is with the server.
    pub(super) fn check_confirmed(&mut self) {
        let confirmed = self.confirmations.confirmed(&self.session);
        let (number, handed) = (confirmed >> 32, confirmed & u64::from(u32::MAX));
        let link = u32::try_from(number).ok().and_then(|number| self.link_of(number));
        let is_true = link.is_none_or(|link| link.peer.processed as u64 >= handed);
        self.checks.that(Invariant::FlushDone, is_true, || format!("{handed} are not processed"));
    }

    /// How the flushes stand. Returns whether one was begun.
    pub(super) fn check_flushes(&mut self) -> bool {
        let current = self.link().map(|link| (link.number, link.handed, link.peer.is_lame));
        let is_calm = self.is_settled();
        let is_unsent = !self.held.is_empty();
        let mut has_begun = false;
        for mut flush in std::mem::take(&mut self.app.flushes) {
            let was_begun = flush.flush.has_begun();
            let state = self.session.poll_flush(&mut flush.flush, is_unsent);
            if let (false, true, Some((link, handed, is_lame))) =
                (was_begun, flush.flush.has_begun(), current)
            {
                (flush.link, flush.handed) = (link, handed);
                if is_lame {
                    flush.sids.clear();
                }
                has_begun = true;
            }
            let is_current =
                current.is_some_and(|(link, ..)| link == flush.link) && self.stopped.is_none();
            match state {
                FlushState::Done => {
                    let link = self.link_of(flush.link);
                    let processed = link.map_or(0, |link| link.peer.processed);
                    let missing = flush.sids.iter().copied().find(|sid| {
                        link.is_none_or(|link| !link.peer.seen.contains(sid) && !link.peer.is_lame)
                            && self.app.by_sid(*sid).is_some_and(|wanted| wanted.is_live())
                    });
                    let is_true = processed >= flush.handed && missing.is_none();
                    self.checks.that(Invariant::FlushDone, is_true, || {
                        format!("{processed} messages processed, {missing:?}, {flush:?}")
                    });
                }
                FlushState::Lost => {
                    let is_alive = (is_current || !was_begun) && self.stop().is_none();
                    self.checks.that(Invariant::FlushLost, !is_alive, || format!("{flush:?}"));
                }
                FlushState::Pending => {
                    // When a link is gone, the session knows at the same moment.
                    let is_waiting = !flush.flush.has_begun() && self.stop().is_none();
                    self.checks.that(Invariant::FlushLost, is_current || is_waiting, || {
                        format!("{flush:?} is pending without its link")
                    });
                    self.checks.that(Invariant::FlushDone, !(is_calm && was_begun), || {
                        format!("{flush:?} is pending, and nothing is on its way")
                    });
                    self.app.flushes.push(flush);
                }
            }
        }
        has_begun
    }

    /// The session says that it is connected.
    pub(super) fn check_login(&mut self) {
        let is_in = self.link().is_some_and(|link| link.peer.is_logged_in);
        let is_ready = self.session.is_connected();
        self.checks
            .that(Invariant::ReadyIsLoggedIn, is_in && is_ready, || format!("{:?}", self.session));
    }

    /// The session says that the server knows of everything.
    pub(super) fn check_resubscribed(&mut self) {
        let sids = std::mem::take(&mut self.resubscribing);
        let Line::Open(link) = &self.line else { return };
        let missing = sids.iter().find(|sid| {
            !link.peer.seen.contains(sid)
                && !link.peer.is_lame
                && self.app.by_sid(**sid).is_some_and(|wanted| wanted.is_live())
        });
        self.checks
            .that(Invariant::Resubscribed, missing.is_none(), || format!("all but {missing:?}"));
    }

    /// A subscription is said to be drained.
    pub(super) fn check_drained(&mut self, recipient: Recipient) {
        let Some(wanted) = self.app.get(recipient) else { return };
        let Some(link) = wanted.drained_on.and_then(|number| self.link_of(number)) else { return };
        let sent = link.peer.sent.get(&wanted.sid).map_or(0, Vec::len);
        let got = wanted.on_link(link.number);
        self.checks.that(Invariant::DrainedWholly, got == sent, || {
            format!("{got} of {sent} messages came to {wanted:?}")
        });
    }

    /// A server is tried.
    pub(super) fn note_attempt(&mut self, host: &str) {
        let now = self.now;
        self.note_servers();
        self.say(|| format!("dialling {host}"));
        self.dialled = (host.to_owned(), None);
        let last = self.attempts.get(host).copied();
        let setbacks = last.map_or(0, |last| last.setbacks);
        let pause = match self.setup.config.backoff {
            Backoff::Fixed { wait, .. } => wait,
            Backoff::Exponential { min, max } => (min * (1 << setbacks.min(16))).min(max) / 2,
            _ => return,
        };
        self.attempts.insert(host.to_owned(), Attempts { not_before: now + pause, setbacks });
        if let Some(last) = last {
            self.checks.that(Invariant::NoHammering, now >= last.not_before, || {
                format!("{host} before {:?}", last.not_before)
            });
        }
    }

    /// The server that was tried last is lost: only a connection that lasted makes up for others.
    pub(super) fn note_loss(&mut self, reason: DisconnectReason) {
        let (host, ready) = std::mem::take(&mut self.dialled);
        let has_lasted = ready.is_some_and(|ready| self.now >= ready + STABLE_AFTER);
        if let Some(last) = self.attempts.get_mut(&host) {
            match reason {
                _ if has_lasted => last.setbacks = 0,
                DisconnectReason::Requested | DisconnectReason::LameDuckMode => {}
                // At first each is tried once, and that does not count.
                _ if self.session.tries_once() => {}
                _ => last.setbacks += 1,
            }
        }
    }

    /// Forgets when servers were tried that the session may have forgotten.
    fn note_servers(&mut self) {
        let changes = self.session.server_pool_changes();
        if changes != self.known_changes {
            self.known_changes = changes;
            let kept: Vec<_> = self
                .session
                .server_pool()
                .filter(|known| !known.is_discovered)
                .map(|known| known.url.host().to_owned())
                .collect();
            self.attempts.retain(|host, _| kept.contains(host));
        }
    }

    /// The session is over.
    pub(super) fn check_stop(&mut self, stop: CloseReason) {
        let app = &self.app;
        let config = &self.setup.config;
        let ends_itself = app.has_drained || app.has_finished;
        let is_true = match stop {
            CloseReason::Closed => app.has_closed,
            CloseReason::Drained => {
                let link = self.link();
                ends_itself
                    && self.held.is_empty()
                    && link.is_none_or(|link| link.peer.processed == link.handed)
            }
            CloseReason::DrainTimedOut => ends_itself,
            CloseReason::NoServers => self.links == 0,
            CloseReason::Disconnected(reason) => {
                ends_itself
                    || (!config.reconnect
                        && !matches!(
                            reason,
                            DisconnectReason::Requested | DisconnectReason::LameDuckMode
                        ))
                    || self.session.server_pool().count() == 0
                    || !(self.session.was_connected() || config.retry_on_initial_connect)
            }
            _ => false,
        };
        let session = &self.session;
        self.checks.that(Invariant::StopsRightly, is_true, || format!("{stop:?} of {session:?}"));
    }

    /// After the end.
    pub(super) fn check_end(&mut self) {
        let left = self.app.wanted.iter().find(|wanted| wanted.released.is_none());
        let count = self.session.subscriptions();
        self.checks.that(Invariant::AllReleased, left.is_none() && count == 0, || {
            format!("{left:?} and {count} in the session")
        });
        let is_unsent = !self.held.is_empty();
        for mut flush in std::mem::take(&mut self.app.flushes) {
            let state = self.session.poll_flush(&mut flush.flush, is_unsent);
            self.checks.that(Invariant::FlushLost, state != FlushState::Pending, || {
                format!("{flush:?} at the end")
            });
        }
        let is_quiet = self.session.poll_timeout().is_none() && !self.session.has_transmit();
        self.checks.that(Invariant::HasDeadline, is_quiet, || "something is due at the end".into());
        let stopped = self.app.wanted.iter().filter(|one| one.released == Some(EndReason::Closed));
        let is_drained = self.stopped == Some(CloseReason::Drained) && self.app.has_drained;
        let count = stopped.count();
        self.checks.that(Invariant::DrainedWholly, !is_drained || count == 0, || {
            format!("{count} subscriptions were not drained")
        });
    }
}
