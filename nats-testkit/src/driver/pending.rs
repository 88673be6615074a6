//! Outcomes that are not known yet.

use std::sync::Arc;
use std::sync::Mutex;

use crate::sync::lock;

/// The outcome of an operation, once it is known.
#[derive(Debug)]
pub struct Pending<T>(Arc<Mutex<State<T>>>);

/// Says the outcome of an operation. Dropping it without that is noticed: nobody will ever say it.
#[derive(Debug)]
pub struct Resolver<T>(Arc<Mutex<State<T>>>);

#[derive(Debug)]
enum State<T> {
    Waiting,
    Known(T),
    /// It was taken, or nobody will say it.
    Over {
        is_forgotten: bool,
    },
}

impl<T> Pending<T> {
    /// An outcome and who says it.
    #[must_use]
    pub fn new() -> (Resolver<T>, Self) {
        let state = Arc::new(Mutex::new(State::Waiting));
        (Resolver(Arc::clone(&state)), Self(state))
    }

    /// An outcome that is known already.
    #[must_use]
    pub fn resolved(value: T) -> Self {
        Self(Arc::new(Mutex::new(State::Known(value))))
    }

    /// Takes the outcome, once.
    pub fn take(&self) -> Option<T> {
        let mut state = lock(&self.0);
        match std::mem::replace(&mut *state, State::Over { is_forgotten: false }) {
            State::Known(value) => Some(value),
            other => {
                *state = other;
                None
            }
        }
    }

    /// Whether the outcome is known, and was not taken.
    #[must_use]
    pub fn is_known(&self) -> bool {
        matches!(*lock(&self.0), State::Known(_))
    }

    /// Whether nobody will ever say the outcome.
    pub(crate) fn is_forgotten(&self) -> bool {
        matches!(*lock(&self.0), State::Over { is_forgotten: true })
    }
}

impl<T> Resolver<T> {
    /// Says the outcome.
    pub fn resolve(self, value: T) {
        *lock(&self.0) = State::Known(value);
    }
}

impl<T> Drop for Resolver<T> {
    fn drop(&mut self) {
        let mut state = lock(&self.0);
        if matches!(*state, State::Waiting) {
            *state = State::Over { is_forgotten: true };
        }
    }
}
