//! What follows from a change to the control plane, done once its lock is free.
//!
//! A waker may be anybody's: it may poll at once, and what it polls may use the client. So nobody is
//! woken, and no listener told, while a lock is held. Whoever holds the control plane notes what is
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

    /// Wakes whoever waits for something to change.
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
