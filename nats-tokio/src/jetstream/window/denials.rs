//! Messages that the server did not permit.
//!
//! It says `-ERR` once for each, with the subject and nothing else. Permissions may change while messages are
//! under way, so that some to a subject are stored and some not permitted. It is certain which when as many
//! were not permitted as are not answered.

use nats_proto::jetstream::Settled;

use super::kept::Kept;
use super::kept::Machine;

/// For how many subjects at once the server's words are remembered; messages to others run into their
/// time-outs.
const MAX: usize = 64;

/// What the server did not permit on this connection, until it is known which messages it was about.
#[derive(Debug, Default)]
pub(super) struct Denials(Vec<Denial>);

#[derive(Debug)]
struct Denial {
    subject: Vec<u8>,
    /// How many messages were not permitted.
    count: u32,
    /// How many were not answered when that was last counted.
    unanswered: u32,
}

impl Denials {
    /// A message to `subject` was not permitted.
    pub(super) fn note(&mut self, subject: impl Iterator<Item = u8>) {
        let subject: Vec<u8> = subject.collect();
        if let Some(known) = self.0.iter_mut().find(|one| one.subject == subject) {
            known.count = known.count.saturating_add(1);
        } else if self.0.len() < MAX {
            self.0.push(Denial { subject, count: 1, unanswered: 0 });
        }
    }

    /// Nothing is known of a new connection.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Settles messages of which it is certain that they were not permitted.
    ///
    /// Takes time in proportion to the window, but not for each of many that were not permitted.
    pub(super) fn settle(&mut self, machine: &mut Machine, mut settle: impl FnMut(Settled<Kept>)) {
        self.0.retain_mut(|one| {
            if one.count < one.unanswered {
                return true;
            }
            let is_it = |kept: &Kept| kept.is_to(&one.subject);
            one.unanswered = machine.count_sent(is_it);
            if one.count < one.unanswered {
                return true;
            }
            machine.handle_not_permitted(is_it, &mut settle);
            false
        });
    }

    /// Messages were answered, so that fewer are not.
    pub(super) fn handle_answers(&mut self) {
        self.0.iter_mut().for_each(|one| one.unanswered = 0);
    }
}
