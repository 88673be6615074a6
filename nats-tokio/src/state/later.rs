//! The effects of a change to the control plane, done after unlocking it.
//!
//! A waker may poll at once, and the task may use the client. So no task is
//! woken, and no event emitted, while a lock is held. The holder of the control plane notes what is
//! to be done, and letting go of it does it.

use std::task::Waker;

use crate::event::Event;

/// What is to be done behind the lock.
#[derive(Debug, Default)]
pub(crate) struct Later {
    /// Who is to be woken.
    pub(crate) wake: Vec<Waker>,
    pub(crate) events: Vec<Event>,
    pub(crate) has_changed: bool,
    pub(crate) has_new_status: bool,
}

impl Later {
    /// Tells listeners of an event.
    pub(crate) fn tell(&mut self, event: Event) {
        self.events.push(event);
    }

    /// Wakes tasks that wait for a change.
    pub(crate) const fn note_changed(&mut self) {
        self.has_changed = true;
    }

    /// Shows how the connection stands now.
    pub(crate) const fn note_status(&mut self) {
        self.has_new_status = true;
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.wake.is_empty() && self.events.is_empty() && !self.has_changed && !self.has_new_status
    }
}
