//! The lock of the control plane, and what is done once it is free.

use std::ops::Deref;
use std::ops::DerefMut;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::task::Waker;

use tokio::sync::Notify;
use tokio::sync::broadcast;

use crate::event::Event;
use crate::state::control::Control;
use crate::state::later::Later;
use crate::state::log::Log;
use crate::state::status::Board;
use crate::sync::Lock;
use crate::sync::lock;

/// The control plane, and those who want to know of its changes.
pub(crate) struct ControlLock {
    control: Mutex<Control>,
    changed: Arc<Notify>,
    events: broadcast::Sender<Event>,
    status: Arc<Board>,
    pub(crate) log: Log,
}

impl ControlLock {
    pub(crate) const fn new(
        control: Control,
        changed: Arc<Notify>,
        events: broadcast::Sender<Event>,
        status: Arc<Board>,
        log: Log,
    ) -> Self {
        Self { control: Mutex::new(control), changed, events, status, log }
    }

    #[cold]
    fn run(&self, later: Later) {
        if later.has_new_status {
            // Not what was true when it was noted: another thread may be faster with a later status.
            self.status.show(|| lock(&self.control).status());
        }
        for event in later.events {
            self.log.tell(&event);
            // Most of the time there is no listener.
            let _ = self.events.send(event);
        }
        if later.has_changed {
            self.changed.notify_waiters();
        }
        later.wake.into_iter().for_each(Waker::wake);
    }
}

impl Lock for ControlLock {
    type Guard<'l> = Locked<'l>;

    #[inline]
    fn hold(&self) -> Locked<'_> {
        Locked {
            control: lock(&self.control),
            behind: Behind { lock: self, later: Later::default() },
        }
    }
}

/// The control plane, held. Its fields are dropped in order: first the lock, then what is behind it.
pub(crate) struct Locked<'l> {
    control: MutexGuard<'l, Control>,
    behind: Behind<'l>,
}

/// Does what is to be done when it is dropped.
struct Behind<'l> {
    lock: &'l ControlLock,
    later: Later,
}

impl Deref for Locked<'_> {
    type Target = Control;

    #[inline]
    fn deref(&self) -> &Control {
        &self.control
    }
}

impl DerefMut for Locked<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Control {
        &mut self.control
    }
}

impl Drop for Locked<'_> {
    #[inline]
    fn drop(&mut self) {
        if !self.control.later.is_empty() {
            self.behind.later = std::mem::take(&mut self.control.later);
        }
    }
}

impl Drop for Behind<'_> {
    #[inline]
    fn drop(&mut self) {
        if !self.later.is_empty() {
            self.lock.run(std::mem::take(&mut self.later));
        }
    }
}
