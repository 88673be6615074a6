//! What comes to a consumer's inbox: messages go to slots, and statuses are dealt with at once, so that they
//! take none.

use nats_proto::Message;
use nats_proto::Sid;
use nats_proto::jetstream::PullStatus;

/// No subscription: none has this number.
pub(crate) const NO_SID: Sid = Sid(0);

/// A status, and the number of the pull that it is about.
pub(crate) type NumberedStatus = (Option<u32>, PullStatus<'static>);

/// What a consumer's queue has beside its slots.
pub(crate) struct Pulled {
    /// Reads a status, if it is one. A function, so that nothing of this is linked where nothing is
    /// fetched.
    pub(crate) read: fn(&Message<&[u8]>) -> Option<NumberedStatus>,
    /// The inbox before, of a pull that was given up; or [`NO_SID`].
    pub(crate) former: Sid,
    /// The number of the pull that is open.
    pub(crate) number: u32,
    /// How it ended, if it has and that was not dealt with yet.
    pub(crate) status: Option<PullStatus<'static>>,
    /// Whether a heartbeat came that was not dealt with yet.
    pub(crate) has_heartbeat: bool,
    /// How many messages were too long that were not dealt with yet.
    pub(crate) skipped: u32,
    /// Whether those are terminated.
    pub(crate) terminates: bool,
}

impl Pulled {
    pub(crate) const fn new(
        read: fn(&Message<&[u8]>) -> Option<NumberedStatus>,
        terminates: bool,
    ) -> Self {
        Self {
            read,
            former: NO_SID,
            number: 0,
            status: None,
            has_heartbeat: false,
            skipped: 0,
            terminates,
        }
    }

    /// Takes a status of the open pull; of any other, it is of no account. Returns whether there is news.
    pub(crate) fn handle_status(&mut self, (number, status): NumberedStatus) -> bool {
        if number != Some(self.number) {
            return false;
        }
        if status == PullStatus::Heartbeat {
            self.has_heartbeat = true;
        } else {
            self.status = Some(status);
        }
        true
    }
}
