//! The bytes that wait to be written to one client.

use std::io::Cursor;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use nats_proto::Headers;
use nats_proto::wire::Deliver;
use tokio::sync::Notify;

/// Lines and messages for a client, up to a limit: one that is over it stays so.
#[derive(Debug)]
pub(super) struct Mailbox {
    content: Mutex<Content>,
    limit: usize,
    /// There is something, or the end.
    changed: Notify,
    /// There is too much.
    overflowed: Notify,
}

#[derive(Debug, Default)]
struct Content {
    bytes: Vec<u8>,
    /// How many were taken, and are not written yet.
    taken: usize,
    takes_headers: bool,
    is_over: bool,
    has_ended: bool,
}

/// Whom to wake, once nothing is locked.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wake {
    Nobody,
    Writer,
}

impl Mailbox {
    pub(super) fn new(limit: usize) -> Self {
        Self { content: Mutex::default(), limit, changed: Notify::new(), overflowed: Notify::new() }
    }

    /// Whether the client knows what headers are. Else it gets messages without.
    pub(super) fn takes_headers(&self, takes_headers: bool) {
        self.content().takes_headers = takes_headers;
    }

    /// Puts control lines into the mailbox, and wakes its owner: to be called with nothing locked.
    pub(super) fn put(&self, lines: &[u8]) {
        let wake = self.add(|content| content.bytes.extend_from_slice(lines));
        if wake == Wake::Writer {
            self.wake();
        }
    }

    /// Puts a message into the mailbox.
    pub(super) fn deliver(&self, message: &Deliver<'_>) -> Wake {
        self.add(|content| {
            let headers = if content.takes_headers { message.headers } else { Headers::NONE };
            // A vector takes what fits into memory.
            let _ = Deliver { headers, ..*message }.encode(&mut content.bytes);
        })
    }

    fn add(&self, add: impl FnOnce(&mut Content)) -> Wake {
        let mut content = self.content();
        if content.is_over {
            return Wake::Nobody;
        }
        let was_empty = content.bytes.is_empty();
        add(&mut content);
        content.is_over = content.bytes.len() + content.taken > self.limit;
        if was_empty || content.is_over { Wake::Writer } else { Wake::Nobody }
    }

    /// Wakes the writer: to be called with nothing locked.
    pub(super) fn wake(&self) {
        let is_over = self.content().is_over;
        if is_over {
            self.overflowed.notify_one();
        }
        self.changed.notify_one();
    }

    /// Nothing more comes: what is there is the last.
    pub(super) fn end(&self) {
        self.content().has_ended = true;
        self.changed.notify_one();
    }

    /// Everything that is there, as soon as there is something; `None` behind the end.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub(super) async fn taken(&self) -> Option<Cursor<Vec<u8>>> {
        loop {
            {
                let mut content = self.content();
                if !content.bytes.is_empty() {
                    content.taken = content.bytes.len();
                    return Some(Cursor::new(std::mem::take(&mut content.bytes)));
                }
                if content.has_ended {
                    return None;
                }
            }
            self.changed.notified().await;
        }
    }

    /// So much of it is written.
    pub(super) fn note_written(&self, len: usize) {
        let mut content = self.content();
        content.taken = content.taken.saturating_sub(len);
    }

    /// Waits until there is too much.
    pub(super) async fn overflowed(&self) {
        self.overflowed.notified().await;
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
