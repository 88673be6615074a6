//! Mistakes are noticed: every one that a driver or a server is made to make, and soon.

use nats_sim::Flaw;
use nats_sim::Invariant;
use nats_sim::bytes_of;
use nats_sim::live;

/// In how many histories a mistake has to show.
const SEEDS: u64 = 400;

#[test]
fn every_mistake_is_noticed() {
    for &flaw in Flaw::ALL {
        let expected = expected(flaw);
        let mut others = Vec::new();
        let is_found = (0..SEEDS).any(|seed| {
            let life = live(&bytes_of(seed), Some(flaw), false);
            let found = life.checks.violation().map(|violation| violation.invariant);
            others.extend(found.filter(|found| *found != expected));
            found == Some(expected)
        });
        assert!(is_found, "{flaw:?} does not violate {expected:?}, but {others:?}");
    }
}

const fn expected(flaw: Flaw) -> Invariant {
    match flaw {
        Flaw::ForgetsToResubscribe => Invariant::Resubscribed,
        Flaw::KeepsHalfWrittenFrames => Invariant::WholeFrames,
        Flaw::DeliversTwice => Invariant::AtMostMax,
        Flaw::DropsMessages => Invariant::DrainedWholly,
        Flaw::KeepsRoutes => Invariant::RegistryAgrees,
        Flaw::PublishesTooEarly => Invariant::ConnectFirst,
        Flaw::OvertakesSubscriptions => Invariant::SubscribedBefore,
        Flaw::SendsHeldTwice => Invariant::PublishedOnce,
        Flaw::IgnoresTime => Invariant::Converges,
        Flaw::KeepsHalfReadFrames => Invariant::DeliveredOnce,
        Flaw::Hurries => Invariant::NoHammering,
        Flaw::RepeatsSubscriptions => Invariant::FreshSid,
        Flaw::AnswersTwice => Invariant::PongForPing,
        Flaw::IgnoresLimits => Invariant::WithinLimits,
        Flaw::IgnoresEnds => Invariant::DeliveredWhileLive,
        Flaw::IgnoresInfo => Invariant::LameDuckTold,
        Flaw::IgnoresLoss => Invariant::FlushLost,
        Flaw::ServerForgetsMaxima => Invariant::ServerAgrees,
        Flaw::ServerLosesMessages => Invariant::FlushDone,
        Flaw::ServerSendsTwice => Invariant::DeliveredOnce,
        Flaw::ServerRefusesLate => Invariant::ServerAgrees,
    }
}
