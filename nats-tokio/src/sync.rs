//! Locks that a panic elsewhere does not spoil.

use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

/// Locks a mutex whose contents are consistent whenever nobody holds it, so that a panic of another
/// thread while it held it is no reason to give up.
#[inline]
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
