//! State machines that stand above core NATS: subscriptions and frames that belong to one of them.
//!
//! Core NATS knows of them what stands here: they get the messages of their subscriptions, are told of
//! connections, and are asked what they have to send. Their frames belong to the connection that they are
//! made for: what is left of them when it is lost is dropped.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::task::Waker;

use bytes::Bytes;
use nats_proto::Filter;
use nats_proto::Instant;
use nats_proto::Sid;
use nats_proto::session::Flush;
use nats_proto::wire::Publish;
use nats_proto::wire::Violation;

use crate::message::payload::Payload;
use crate::state::queue::Entry;

/// A message for an extension.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Incoming {
    /// Which extension it is for.
    pub(crate) id: ExtensionId,
    /// What the extension has subscribed with.
    pub(crate) tag: u32,
    pub(crate) sid: Sid,
    /// Where it is in the block.
    pub(crate) entry: Entry,
}

/// A state machine above core NATS. All of it is called with the control plane locked, so none of it may
/// lock that, wake anybody, or take long.
pub(crate) trait Extension: Send + Sync {
    /// Messages came to its subscriptions, in this order.
    fn handle_messages(
        &self,
        incoming: &[Incoming],
        block: &Bytes,
        now: Instant,
        wake: &mut Vec<Waker>,
    );

    /// There is a connection, and nothing of an earlier one is left.
    fn handle_connected(&self);

    /// The connection is lost. The frames up to the one of number `position` may have reached the server,
    /// the others never left and will not. Its subscriptions are over.
    fn handle_disconnected(&self, position: u64, now: Instant, wake: &mut Vec<Waker>);

    /// The server does not permit something, which may be its doing.
    fn handle_violation(&self, violation: &Violation<'_>, wake: &mut Vec<Waker>);

    /// The client is closed: nothing will happen any more.
    fn handle_closed(&self, wake: &mut Vec<Waker>);

    /// Does what is due, and sends what is to be sent.
    fn poll(&self, io: &mut dyn Io, now: Instant) -> Next;
}

/// When an extension is to be polled again, if nothing else happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    At(Option<Instant>),
    /// Never: it is over, and has no subscription any more.
    Over,
}

/// Which extension. None is used twice.
pub(crate) type ExtensionId = u64;

/// The extensions of a client.
#[derive(Default)]
pub(crate) struct Extensions {
    all: BTreeMap<ExtensionId, Registered>,
    /// Those that are to be polled at some time, the first in front: most have nothing to do in a turn of
    /// the driver, and cost it nothing.
    by_time: BTreeSet<(Instant, ExtensionId)>,
    /// Those that wait for a PONG.
    pinging: BTreeSet<ExtensionId>,
    last: ExtensionId,
    /// Whether all are to be polled, as there is room again.
    wants_all: bool,
}

struct Registered {
    extension: Arc<dyn Extension>,
    due: Option<Instant>,
}

impl Extensions {
    pub(crate) fn add(&mut self, extension: Arc<dyn Extension>) -> ExtensionId {
        self.last += 1;
        let registered = Registered { extension, due: None };
        self.all.insert(self.last, registered);
        self.last
    }

    pub(crate) fn get(&self, id: ExtensionId) -> Option<Arc<dyn Extension>> {
        self.all.get(&id).map(|one| Arc::clone(&one.extension))
    }

    /// Has all of them polled soon. Returns whether there is one.
    pub(crate) fn want_all(&mut self) -> bool {
        self.wants_all = !self.all.is_empty();
        self.wants_all
    }

    pub(crate) fn remove(&mut self, id: ExtensionId) {
        let due = self.all.remove(&id).and_then(|one| one.due);
        due.map(|due| self.by_time.remove(&(due, id)));
        self.pinging.remove(&id);
    }

    pub(crate) fn clear(&mut self) {
        self.all.clear();
        self.by_time.clear();
        self.pinging.clear();
    }

    /// The extension is to be polled then, or before: a time that is still to come stays if it is earlier,
    /// as most are put off again and again, with each message.
    pub(crate) fn set_due(&mut self, id: ExtensionId, due: Option<Instant>, now: Instant) {
        let Some(one) = self.all.get_mut(&id) else { return };
        let is_early = |before| now < before && due.is_none_or(|due| before <= due);
        if one.due == due || one.due.is_some_and(is_early) {
            return;
        }
        if let Some(before) = std::mem::replace(&mut one.due, due) {
            self.by_time.remove(&(before, id));
        }
        self.by_time.extend(due.map(|due| (due, id)));
    }

    /// Whether the extension waits for a PONG.
    pub(crate) fn set_ping(&mut self, id: ExtensionId, has_ping: bool) {
        if has_ping && self.all.contains_key(&id) {
            self.pinging.insert(id);
        } else {
            self.pinging.remove(&id);
        }
    }

    /// Takes whether all of them are to be polled.
    pub(crate) const fn take_wants_all(&mut self) -> bool {
        std::mem::replace(&mut self.wants_all, false)
    }

    pub(crate) fn pinging(&self) -> Vec<ExtensionId> {
        self.pinging.iter().copied().collect()
    }

    pub(crate) fn due_until(&self, now: Instant) -> Vec<ExtensionId> {
        self.by_time.range(..=(now, ExtensionId::MAX)).map(|(_, id)| *id).collect()
    }

    /// When the first of them is to be polled.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.by_time.first().map(|(due, _)| *due)
    }

    pub(crate) fn every(&self) -> Vec<(ExtensionId, Arc<dyn Extension>)> {
        self.all.iter().map(|(id, one)| (*id, Arc::clone(&one.extension))).collect()
    }
}

/// What an extension may do while it is polled.
pub(crate) trait Io {
    /// Whom to wake when the locks are free.
    fn wake(&mut self) -> &mut Vec<Waker>;

    fn is_connected(&self) -> bool;

    /// Whether frames can be sent now, and whatever was asked for before goes in front of them.
    fn is_ready(&mut self) -> bool;

    /// Subscribes, and has messages come with `tag`.
    fn subscribe(&mut self, filter: Filter<'_>, tag: u32) -> Option<Sid>;

    /// Unsubscribes, and has what is under way come all the same.
    fn drain(&mut self, sid: Sid);

    /// Unsubscribes from what is over with its connection.
    fn unsubscribe(&mut self, sid: Sid);

    /// Sends a frame on this connection, and returns its number; `None` if it cannot be sent.
    fn send(&mut self, publish: &Publish<'_>, payload: &Payload<'_>) -> Option<u64>;

    /// Has the connection taken for lost unless its server answers soon.
    fn probe(&mut self, now: Instant);

    /// Sends PING if it was not sent yet, and says whether its PONG has come, or will not. The extension is
    /// polled when it comes.
    fn poll_ping(&mut self, ping: &mut Flush) -> bool;
}
