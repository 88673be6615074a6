//! The end of what a bucket had when a watch began.

/// Finds out when a watch has got all that was there when it began.
///
/// A watch reads by a consumer, which delivers what is there, and then what is new. How many messages are
/// still to come changes under it: keys are written, purged and expire meanwhile. So the end is the
/// first of these: the consumer had nothing to deliver when it was created; as many messages came as it
/// said then; the server has nothing more to deliver at present.
///
/// The first two are never too early, since what is written later comes behind all of that. The last one
/// ends it when messages that were counted have been removed.
///
/// ```
/// use nats_proto::jetstream::InitialValues;
///
/// let mut initial = InitialValues::new();
/// assert!(!initial.handle_created(2));
/// assert!(!initial.handle_message());
/// assert!(initial.handle_message(), "that was the last one");
/// assert!(!initial.handle_message(), "it is told once");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct InitialValues {
    /// How many messages are still to come, once that is known.
    left: Option<u64>,
    is_over: bool,
}

impl InitialValues {
    /// A watch that has just begun.
    #[must_use]
    pub const fn new() -> Self {
        Self { left: None, is_over: false }
    }

    /// A consumer was created, which says how many messages it has to deliver. Counting begins anew if it is not the
    /// first one. Returns whether this is the end, as does each of these calls.
    #[must_use]
    pub const fn handle_created(&mut self, pending: u64) -> bool {
        if !self.is_over {
            self.left = Some(pending);
        }
        self.check()
    }

    /// A message came, whatever it is.
    #[must_use]
    pub const fn handle_message(&mut self) -> bool {
        if let (Some(left), false) = (self.left, self.is_over) {
            self.left = Some(left.saturating_sub(1));
        }
        self.check()
    }

    /// The server has nothing more to deliver at present
    /// ([`OrderedConsumer::handle_status`](crate::jetstream::OrderedConsumer::handle_status)).
    #[must_use]
    pub const fn handle_idle(&mut self) -> bool {
        if let (Some(_), false) = (self.left, self.is_over) {
            self.left = Some(0);
        }
        self.check()
    }

    /// Whether the end was told.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.is_over
    }

    const fn check(&mut self) -> bool {
        let is_end = !self.is_over && matches!(self.left, Some(0));
        self.is_over |= is_end;
        is_end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_bucket_ends_at_once() {
        let mut initial = InitialValues::new();
        assert!(initial.handle_created(0));
        assert!(!initial.handle_created(0) && !initial.handle_idle() && initial.is_over());
    }

    #[test]
    fn what_was_removed_is_not_waited_for() {
        let mut initial = InitialValues::new();
        assert!(!initial.handle_idle(), "nothing was created yet");
        assert!(!initial.handle_created(10));
        assert!(!initial.handle_message());
        assert!(initial.handle_idle());
        assert!(!initial.handle_message());
    }

    #[test]
    fn another_consumer_counts_anew() {
        let mut initial = InitialValues::new();
        assert!(!initial.handle_created(10));
        for _ in 0..9 {
            assert!(!initial.handle_message());
        }
        assert!(!initial.handle_created(2));
        assert!(!initial.handle_message() && initial.handle_message());
        // Over is over.
        assert!(!initial.handle_created(5) && initial.is_over());
        assert!(!initial.handle_idle());
    }

    #[test]
    fn messages_before_the_answer_do_not_count() {
        let mut initial = InitialValues::new();
        assert!(!initial.handle_message());
        assert!(!initial.handle_created(1));
        assert!(initial.handle_message());
    }
}
