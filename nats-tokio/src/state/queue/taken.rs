//! Messages that were taken while the connection drains: it goes on until they are dealt with.

use std::sync::Arc;
use std::sync::Weak;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::AcqRel;
use std::sync::atomic::Ordering::Acquire;

use bytes::Bytes;

use crate::state::shared::Shared;

/// The messages of one subscription that were taken since draining began, and not yet dropped.
#[derive(Debug)]
pub(super) struct Taken {
    count: AtomicU64,
    shared: Weak<Shared>,
}

impl Taken {
    pub(super) const fn new(shared: Weak<Shared>) -> Self {
        Self { count: AtomicU64::new(0), shared }
    }

    pub(super) fn count(&self) -> u64 {
        self.count.load(Acquire)
    }

    /// Counts a message until the last copy of it is dropped.
    pub(super) fn watch(self: &Arc<Self>, frame: Bytes) -> Bytes {
        self.count.fetch_add(1, AcqRel);
        Bytes::from_owner(Watched { frame, taken: Arc::clone(self) })
    }
}

/// The bytes of a message that is counted.
struct Watched {
    frame: Bytes,
    taken: Arc<Taken>,
}

impl AsRef<[u8]> for Watched {
    fn as_ref(&self) -> &[u8] {
        &self.frame
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if self.taken.count.fetch_sub(1, AcqRel) == 1
            && let Some(shared) = self.taken.shared.upgrade()
        {
            shared.note_done();
        }
    }
}
