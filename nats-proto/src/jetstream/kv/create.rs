//! Creating a key that must have no value: the steps that it may take.

use super::operation::KeyOperation;

/// How often a removal may come in between.
const ATTEMPTS: u8 = 5;

/// Creates a key, if it has no value: one of several that try has it then.
///
/// The server compares sequence numbers, and does not know that a key was deleted. So a first attempt expects
/// that there is no message at all. If there is one, it is looked at: a value is somebody's, and over a
/// removal the next attempt expects just that. That may fail as well, and is tried again, five times
/// at most.
///
/// ```
/// use nats_proto::jetstream::{KeyCreate, KeyCreateStep, KeyOperation};
///
/// let mut create = KeyCreate::new();
/// assert_eq!(create.step(), KeyCreateStep::Publish { expected: 0 });
/// // The server says that it is not so: the key was deleted by message 7.
/// assert_eq!(create.handle_conflict(), KeyCreateStep::Get);
/// let next = create.handle_entry(Some((7, KeyOperation::Delete)));
/// assert_eq!(next, KeyCreateStep::Publish { expected: 7 });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct KeyCreate {
    step: KeyCreateStep,
    attempts: u8,
}

/// What comes next.
///
/// Exhaustive on purpose: a driver has to act on each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum KeyCreateStep {
    /// Publish the value, and expect this to be the sequence number of the key's last message
    /// (`Nats-Expected-Last-Subject-Sequence`).
    Publish {
        /// Zero if there must be none.
        expected: u64,
    },
    /// Get the key's last message.
    Get,
    /// The key has a value.
    Exists {
        /// Its revision.
        revision: u64,
    },
    /// Others create and remove the key all the time.
    GiveUp,
}

impl KeyCreate {
    /// Nothing was tried yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { step: KeyCreateStep::Publish { expected: 0 }, attempts: 0 }
    }

    /// What comes next.
    #[must_use]
    pub const fn step(&self) -> KeyCreateStep {
        self.step
    }

    /// The message was not stored, as the sequence number is not the expected one
    /// ([`WRONG_LAST_SEQUENCE`](crate::jetstream::ErrorCode::WRONG_LAST_SEQUENCE) or
    /// [`WRONG_LAST_SEQUENCE_CONSTANT`](crate::jetstream::ErrorCode::WRONG_LAST_SEQUENCE_CONSTANT)).
    pub const fn handle_conflict(&mut self) -> KeyCreateStep {
        self.attempts = self.attempts.saturating_add(1);
        let is_enough = self.attempts > ATTEMPTS;
        self.step = if is_enough { KeyCreateStep::GiveUp } else { KeyCreateStep::Get };
        self.step
    }

    /// The key's last message, by its sequence number; none if there is none.
    pub const fn handle_entry(&mut self, last: Option<(u64, KeyOperation)>) -> KeyCreateStep {
        self.step = match last {
            Some((revision, operation)) if !operation.is_removal() => {
                KeyCreateStep::Exists { revision }
            }
            Some((revision, _)) => KeyCreateStep::Publish { expected: revision },
            None => KeyCreateStep::Publish { expected: 0 },
        };
        self.step
    }
}

impl Default for KeyCreate {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_somebodys() {
        let mut create = KeyCreate::default();
        assert_eq!(create.handle_conflict(), KeyCreateStep::Get);
        let last = Some((9, KeyOperation::Put));
        assert_eq!(create.handle_entry(last), KeyCreateStep::Exists { revision: 9 });
        assert_eq!(create.step(), KeyCreateStep::Exists { revision: 9 });
    }

    #[test]
    fn a_key_that_is_gone_by_now_is_tried_again() {
        let mut create = KeyCreate::new();
        create.handle_conflict();
        assert_eq!(create.handle_entry(None), KeyCreateStep::Publish { expected: 0 });
    }

    #[test]
    fn a_key_that_others_fight_for_is_given_up() {
        let mut create = KeyCreate::new();
        for revision in 1..=5 {
            assert_eq!(create.handle_conflict(), KeyCreateStep::Get);
            let last = Some((revision, KeyOperation::Purge));
            assert_eq!(create.handle_entry(last), KeyCreateStep::Publish { expected: revision });
        }
        assert_eq!(create.handle_conflict(), KeyCreateStep::GiveUp);
    }
}
