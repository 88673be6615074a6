//! Messages that were taken while the connection drains: it goes on until they are dealt with.

use std::fmt;
use std::sync::Arc;
use std::sync::Weak;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::AcqRel;
use std::sync::atomic::Ordering::Acquire;

use bytes::Bytes;

/// Who is told that the last message which was taken is dealt with.
pub(crate) trait OnDealt: Send + Sync {
    fn on_dealt(&self);
}

/// The messages of one subscription that were taken since draining began, and not yet dropped.
pub(super) struct Taken {
    count: AtomicU64,
    dealt: Weak<dyn OnDealt>,
}

impl Taken {
    pub(super) fn new(dealt: Weak<dyn OnDealt>) -> Self {
        Self { count: AtomicU64::new(0), dealt }
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
            && let Some(dealt) = self.taken.dealt.upgrade()
        {
            dealt.on_dealt();
        }
    }
}

impl fmt::Debug for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Taken").field("count", &self.count()).finish_non_exhaustive()
    }
}
