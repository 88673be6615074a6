//! What comes to a consumer's inbox: messages go to slots, and statuses are dealt with at once, so that they
//! take none.

use nats_proto::Message;
use nats_proto::Sid;
use nats_proto::jetstream::PullStatus;

/// No subscription: none has this number.
pub(crate) const NO_SID: Sid = Sid(0);

/// A status, and the number of the pull that it is about.
pub(crate) type NumberedStatus = (Option<u32>, PullStatus<'static>);

/// What a consumer's queue has beside its slots. That of any other queue is all zeros, and takes no room in
/// a device's flash.
pub(crate) struct Pulled {
    /// Reads a status, if it is one; of a consumer's queue. A function, so that nothing of this is linked
    /// where nothing is fetched.
    pub(crate) read: Option<fn(&Message<&[u8]>) -> Option<NumberedStatus>>,
    /// The inbox before, of a pull that was given up; or [`NO_SID`].
    pub(crate) former: Sid,
    /// The number of the pull that is open.
    pub(crate) number: u32,
    /// How it ended, if it has and that was not dealt with yet; or a heartbeat.
    pub(crate) status: PullStatus<'static>,
    /// Whether a heartbeat came that was not dealt with yet.
    pub(crate) has_heartbeat: bool,
    /// Whether messages that are too long are terminated.
    pub(crate) terminates: bool,
    /// How many were too long that were not dealt with yet.
    pub(crate) skipped: u32,
}

impl Pulled {
    pub(crate) const NONE: Self = Self {
        read: None,
        former: NO_SID,
        number: 0,
        status: PullStatus::Heartbeat,
        has_heartbeat: false,
        terminates: false,
        skipped: 0,
    };

    /// Whether the queue is a consumer's.
    pub(crate) const fn is_used(&self) -> bool {
        self.read.is_some()
    }

    /// Another pull is open.
    pub(crate) const fn begin(&mut self, number: u32) {
        self.number = number;
        self.forget_news();
    }

    pub(crate) const fn forget_news(&mut self) {
        self.status = PullStatus::Heartbeat;
        self.has_heartbeat = false;
    }

    /// Takes a status of the open pull; of any other, it is of no account. Returns whether there is news.
    pub(crate) fn handle_status(&mut self, (number, status): NumberedStatus) -> bool {
        if number != Some(self.number) {
            return false;
        }
        if status == PullStatus::Heartbeat {
            self.has_heartbeat = true;
        } else {
            self.status = status;
        }
        true
    }
}
