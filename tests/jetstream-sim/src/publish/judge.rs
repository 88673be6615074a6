//! What has to be true of a publisher's history.

use std::collections::HashMap;

use nats_proto::jetstream::Outcome;

use super::World;
use super::server::FOREIGN;
use crate::checks::Invariant;

impl World<'_> {
    /// When everything has come that may still come.
    pub(super) fn judge(&mut self) {
        let mut copies = HashMap::<u64, u32>::new();
        for number in &self.stream.stored {
            *copies.entry(*number).or_default() += 1;
        }
        let is_calm = self.setup.is_calm();
        let mut accepted: Vec<_> = self.accepted.iter().collect();
        accepted.sort_unstable_by_key(|(number, _)| **number);
        for (number, accepted) in accepted {
            let stored = copies.get(number).copied().unwrap_or_default();
            let Some(outcome) = accepted.outcome else {
                self.checks.that(Invariant::OneOutcome, accepted.is_abandoned, || {
                    format!("{number} has none")
                });
                continue;
            };
            let has_id = accepted.has_id;
            self.checks.that(Invariant::StoredOnce, stored <= 1, || {
                format!("{number} is stored {stored} times, id: {has_id}")
            });
            self.checks.that(Invariant::StoredIsStored, stored > 0 || !outcome.is_stored(), || {
                format!("{number} is not")
            });
            let is_not = matches!(outcome, Outcome::NotStored(_) | Outcome::NotSent(_));
            self.checks.that(Invariant::NotStoredIsNot, !is_not || stored == 0, || {
                format!("{number} is stored, and told: {outcome}")
            });
            self.checks.that(Invariant::AllStored, !is_calm || outcome.is_stored(), || {
                format!("{number}: {outcome}")
            });
        }
        let own: Vec<_> = self.stream.stored.iter().filter(|number| **number != FOREIGN).collect();
        let is_kept = self.setup.is_chained || (is_calm && self.setup.is_ordered);
        self.checks.that(Invariant::ChainIsOrdered, own.is_sorted() || !is_kept, || {
            format!("{:?}", self.stream.stored)
        });
        if self.setup.is_chained {
            let last_foreign = self.stream.stored.iter().rposition(|number| *number == FOREIGN);
            let last_own = self.stream.stored.iter().rposition(|number| *number != FOREIGN);
            let is_ended = last_foreign.is_none() || last_own < last_foreign;
            self.checks
                .that(Invariant::ChainEnds, is_ended, || format!("{:?}", self.stream.stored));
        }
    }
}
