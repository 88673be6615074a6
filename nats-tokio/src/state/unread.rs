//! Subscriptions that have ended, and have messages that were not taken.

use std::sync::Arc;

use nats_proto::Sid;

use crate::state::queue::Queue;

/// What draining waits for. Never much longer than what is in it: a queue that has been emptied, or is
/// gone, is forgotten.
#[derive(Default)]
pub(crate) struct Unread {
    queues: Vec<(Sid, Arc<Queue>)>,
    /// With how many to look for those that can be forgotten.
    bound: usize,
}

impl Unread {
    /// With fewer than these, the list is not searched.
    const FEW: usize = 16;

    /// Keeps the queue of a subscription that is over, if there is something in it.
    pub(crate) fn put(&mut self, sid: Sid, queue: Arc<Queue>) {
        if queue.is_drained() {
            return;
        }
        if self.queues.len() >= self.bound.max(Self::FEW) {
            self.queues.retain(|(_, queue)| !queue.is_drained());
            self.bound = 2 * self.queues.len();
        }
        self.queues.push((sid, queue));
    }

    /// Whether everything has been dealt with. Takes no more time in all than there are queues.
    pub(crate) fn is_empty(&mut self) -> bool {
        while self.queues.pop_if(|(_, queue)| queue.is_drained()).is_some() {}
        self.queues.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Sid, &Arc<Queue>)> {
        self.queues.iter().map(|(sid, queue)| (*sid, queue))
    }
}
