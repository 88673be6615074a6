//! The handle that keeps a connection open.

use std::sync::Arc;

use crate::state::shared::Shared;

/// One of the things that keep a connection: a client and its clones, or a subscriber.
#[derive(Debug)]
pub(crate) struct Handle {
    pub(crate) shared: Arc<Shared>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.finish();
    }
}
