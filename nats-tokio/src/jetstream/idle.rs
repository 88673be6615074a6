//! Fetches that wait for the next one.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;

use super::pulling::Pulling;
use crate::sync::lock;

/// Fetches that are not in use: each has a subscription that the next one uses.
#[derive(Debug, Default)]
pub(super) struct Idle(Mutex<Vec<Arc<Pulling>>>);

impl Idle {
    pub(super) fn take(&self) -> Option<Arc<Pulling>> {
        lock(&self.0).pop()
    }

    pub(super) fn put(&self, pulling: Arc<Pulling>) {
        lock(&self.0).push(pulling);
    }
}

impl Drop for Idle {
    fn drop(&mut self) {
        for pulling in lock(&self.0).drain(..) {
            pulling.stop(&mut VecDeque::new(), true);
        }
    }
}
