//! Mistakes are noticed: every one that a driver is made to make, and soon.

use nats_jetstream_sim::Flaw;
use nats_jetstream_sim::Invariant;
use nats_jetstream_sim::Kind;
use nats_jetstream_sim::bytes_of;
use nats_jetstream_sim::live;

/// In how many histories a mistake has to show.
const SEEDS: u64 = 3000;

#[test]
fn every_mistake_is_noticed() {
    for &flaw in Flaw::ALL {
        let (kind, expected) = expected(flaw);
        let mut others = Vec::new();
        let found_by = (0..SEEDS).find(|seed| {
            let history = live(kind, &bytes_of(*seed), Some(flaw), false);
            let found = history.checks.violation().map(|violation| violation.invariant);
            others.extend(found.filter(|found| *found != expected && !others.contains(found)));
            found == Some(expected)
        });
        assert!(found_by.is_some(), "{flaw:?} does not violate {expected:?}, but {others:?}");
        println!("{flaw:?}: {found_by:?}, {others:?}");
    }
}

const fn expected(flaw: Flaw) -> (Kind, Invariant) {
    match flaw {
        Flaw::KeepsInboxes => (Kind::Pull, Invariant::OpenWithinMaximum),
        Flaw::MiscountsBytes => (Kind::Pull, Invariant::StalledRightly),
        Flaw::TakesLateStatuses => (Kind::Pull, Invariant::OpenWithinMaximum),
        Flaw::IgnoresTime => (Kind::Pull, Invariant::TimeMovesOn),
        Flaw::NoPauseForLargeMessages => (Kind::Pull, Invariant::TooLargeIsRare),
        Flaw::LeavesYoungPulls => (Kind::Pull, Invariant::NothingWasted),
        Flaw::DeliversLateMessages => (Kind::Pull, Invariant::LeavesNothing),
        Flaw::KeepsLateMessages => (Kind::Pull, Invariant::LeavesNothing),
        Flaw::LosesNumbers => (Kind::Pull, Invariant::StalledRightly),
        Flaw::ForgetsToRelease => (Kind::Pull, Invariant::AllDelivered),
        Flaw::ForgetsToUnsubscribe => (Kind::Pull, Invariant::OpenWithinMaximum),
        Flaw::MistakesAbsence => (Kind::Fetch, Invariant::NoEmptySuccess),
        Flaw::WaitsForTheServer => (Kind::Pull, Invariant::SoonAskedFor),
        Flaw::SettlesTheOldest => (Kind::Publish, Invariant::StoredIsStored),
        Flaw::ResendsWithoutId => (Kind::Publish, Invariant::StoredOnce),
        Flaw::TakesAnythingForNoResponders => (Kind::Publish, Invariant::NotStoredIsNot),
        Flaw::ForgetsWhatWasSent => (Kind::Publish, Invariant::NotStoredIsNot),
        Flaw::TrustsTheWindowTooLong => (Kind::Publish, Invariant::StoredOnce),
        Flaw::ReusesReplySubjects => (Kind::Publish, Invariant::StoredOnce),
        Flaw::ForgetsThePredecessor => (Kind::Publish, Invariant::ChainIsOrdered),
        Flaw::ForgetsTheSequence => (Kind::Publish, Invariant::ChainEnds),
        Flaw::LosesHeartbeats => (Kind::Ordered, Invariant::OrderedDelivers),
        Flaw::StartsAnew => (Kind::Ordered, Invariant::OrderedInOrder),
        Flaw::ForgetsToDelete => (Kind::Ordered, Invariant::OrderedCleansUp),
        Flaw::NoTimeForOrdered => (Kind::Ordered, Invariant::TimeMovesOn),
        Flaw::NoReleaseForOrdered => (Kind::Ordered, Invariant::OrderedDelivers),
    }
}
