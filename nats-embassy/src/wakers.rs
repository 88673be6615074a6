//! Which tasks to wake: noted while the state is locked, done when it is not. A waker may run any
//! code, and use the client, too.

use core::task::Waker;

/// A task that waits for something. Whether that has come is noted beside it, where that takes no
/// memory.
pub(crate) struct WakerSlot(Option<Waker>);

impl WakerSlot {
    pub(crate) const fn new() -> Self {
        Self(None)
    }

    /// The task waits, instead of whichever did before.
    pub(crate) fn register(&mut self, waker: &Waker) {
        if !self.0.as_ref().is_some_and(|known| known.will_wake(waker)) {
            self.0 = Some(waker.clone());
        }
    }

    /// The task, if it is to be woken, which it is only once.
    pub(crate) fn take_if(&mut self, is_due: &mut bool) -> Option<Waker> {
        if core::mem::take(is_due) { self.0.take() } else { None }
    }
}

/// How many tasks are woken as soon as something changes. Those beyond look again every 100 ms.
const SLOTS: usize = 8;

/// The tasks that wait for what concerns them all. However many futures of a task wait, it takes
/// one slot.
pub(crate) struct Waiters {
    wakers: [Option<Waker>; SLOTS],
    /// Which of them are to be woken, a bit for each.
    due: u8,
}

impl Waiters {
    pub(crate) const fn new() -> Self {
        Self { wakers: [const { None }; SLOTS], due: 0 }
    }

    /// Returns whether there is a slot for the task.
    pub(crate) fn register(&mut self, waker: &Waker) -> bool {
        let mut free = None;
        for slot in &mut self.wakers {
            match slot {
                Some(known) if known.will_wake(waker) => return true,
                Some(_) => {}
                None => free = Some(slot),
            }
        }
        let is_free = free.is_some();
        if let Some(slot) = free {
            *slot = Some(waker.clone());
        }
        is_free
    }

    /// Has all of them woken.
    pub(crate) fn wake(&mut self) {
        for (bit, slot) in self.wakers.iter().enumerate() {
            self.due |= u8::from(slot.is_some()) << bit;
        }
    }

    /// A task to be woken. One that registers again meanwhile is not.
    pub(crate) fn take_due(&mut self) -> Option<Waker> {
        for (bit, slot) in self.wakers.iter_mut().enumerate() {
            if self.due & 1 << bit != 0 {
                self.due &= !(1 << bit);
                return slot.take();
            }
        }
        None
    }
}

/// Publishers that wait for space, in turn: one that comes while others wait has to wait until all of
/// these are done. So a message that is longer than others gets its space, and none starves.
///
/// Two counters do, whatever the number of publishers: the order within a turn does not matter.
pub(crate) struct FairQueue {
    waiting: [u16; 2],
    current: Turn,
}

/// The turn of a publisher that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Even,
    Odd,
}

impl FairQueue {
    pub(crate) const fn new() -> Self {
        Self { waiting: [0; 2], current: Turn::Even }
    }

    /// Whether it is this turn; without one, whether none waits.
    pub(crate) fn is_next(&self, turn: Option<Turn>) -> bool {
        turn.map_or(self.waiting == [0; 2], |turn| turn == self.current)
    }

    /// A publisher has to wait.
    pub(crate) const fn join(&mut self) -> Turn {
        let turn = if *self.count(self.current) == 0 { self.current } else { self.current.other() };
        let count = self.count(turn);
        *count = count.saturating_add(1);
        turn
    }

    /// A publisher waits no more. Returns whether others have their turn now.
    pub(crate) const fn leave(&mut self, turn: Turn) -> bool {
        let count = self.count(turn);
        *count = count.saturating_sub(1);
        let is_over = *self.count(self.current) == 0;
        if is_over {
            self.current = self.current.other();
        }
        is_over && *self.count(self.current) > 0
    }

    const fn count(&mut self, turn: Turn) -> &mut u16 {
        let [even, odd] = &mut self.waiting;
        match turn {
            Turn::Even => even,
            Turn::Odd => odd,
        }
    }
}

impl Turn {
    const fn other(self) -> Self {
        match self {
            Self::Even => Self::Odd,
            Self::Odd => Self::Even,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::Wake;

    use super::*;

    struct Nobody;

    impl Wake for Nobody {
        fn wake(self: Arc<Self>) {}
    }

    #[test]
    fn who_comes_later_waits_for_those_who_wait() {
        let mut line = FairQueue::new();
        assert!(line.is_next(None));
        let first = line.join();
        assert!(line.is_next(Some(first)) && !line.is_next(None));
        let (second, third) = (line.join(), line.join());
        assert!(line.is_next(Some(first)) && !line.is_next(Some(second)));
        assert!(line.leave(first));
        assert!(line.is_next(Some(second)) && line.is_next(Some(third)) && !line.is_next(None));
        let fourth = line.join();
        assert!(!line.is_next(Some(fourth)) && !line.leave(second));
        // One that gives up before its turn.
        assert!(!line.leave(fourth) && line.is_next(Some(third)));
        assert!(!line.leave(third) && line.is_next(None));
        let again = line.join();
        assert!(line.is_next(Some(again)));
    }

    #[test]
    fn who_is_woken_and_waits_again_is_not_woken_again() {
        let (mut waiters, waker) = (Waiters::new(), Waker::from(Arc::new(Nobody)));
        assert!(waiters.register(&waker) && waiters.register(&waker));
        assert!(waiters.take_due().is_none());
        waiters.wake();
        assert!(waiters.take_due().is_some());
        assert!(waiters.register(&waker));
        assert!(waiters.take_due().is_none());
    }
}
