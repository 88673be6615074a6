//! Locks that a panic elsewhere does not spoil, and wakers that are kept.

use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::task::Waker;

/// Something to lock.
pub(crate) trait Lock {
    /// What holds it.
    type Guard<'l>
    where
        Self: 'l;

    fn hold(&self) -> Self::Guard<'_>;
}

impl<T> Lock for Mutex<T> {
    type Guard<'l>
        = MutexGuard<'l, T>
    where
        T: 'l;

    #[inline]
    fn hold(&self) -> MutexGuard<'_, T> {
        self.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Locks something whose contents are consistent whenever the lock is free, so that a panic of another
/// thread while it held it is no reason to give up.
#[inline]
pub(crate) fn lock<L: Lock>(what: &L) -> L::Guard<'_> {
    what.hold()
}

/// Remembers whom to wake, without a copy of a waker that is known.
pub(crate) fn remember(known: &mut Option<Waker>, waker: &Waker) {
    match known {
        Some(known) => known.clone_from(waker),
        None => *known = Some(waker.clone()),
    }
}
