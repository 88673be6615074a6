use std::vec::Vec;

use super::*;
use crate::jetstream::PullLimit;

const fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

fn outputs(fetch: &mut Fetch, now: u64) -> Vec<FetchOutput> {
    core::iter::from_fn(|| fetch.poll_output(at(now))).collect()
}

fn config(batch: u32, max_wait: u64) -> FetchConfig {
    FetchConfig::new(batch).max_wait(Duration::from_millis(max_wait))
}

/// A fetch that has just begun, and its pull.
fn started(config: FetchConfig) -> (Fetch, Pull) {
    let mut fetch = Fetch::new();
    fetch.handle_connected();
    fetch.start(config, at(0));
    let first = outputs(&mut fetch, 0);
    let [FetchOutput::Subscribe(inbox), FetchOutput::Pull(pull)] = first[..] else {
        panic!("{first:?}")
    };
    assert_eq!(inbox, pull.id.inbox);
    (fetch, pull)
}

fn say(fetch: &mut Fetch, pull: Pull, status: PullStatus<'_>, now: u64) {
    fetch.handle_status(pull.id.inbox, Some(pull.id.number), status, at(now));
}

#[test]
fn a_time_and_a_moment_say_the_same() {
    assert_eq!(FetchConfig::new(2).wait_until(at(5_007), at(7)), config(2, 5_000));
    assert_eq!(FetchConfig::new(2).wait_until(at(7), at(8)), FetchConfig::new(2));
    assert_eq!(FetchConfig::new(2).wait_until(at(u64::MAX), at(0)).max_wait, Millis(u32::MAX));
}

#[test]
fn a_fetch_ends_when_all_is_there() {
    let (mut fetch, pull) = started(config(2, 5_000));
    assert_eq!((pull.batch, pull.no_wait, pull.expires), (2, true, Millis(4_750)));
    assert_eq!(pull.heartbeat, Millis(1_583));
    for now in 1..3 {
        assert_eq!(fetch.handle_message(pull.id.inbox, 9, at(now)), Handling::Deliver);
    }
    assert_eq!(outputs(&mut fetch, 3), [FetchOutput::End(FetchEndReason::Full)]);
    assert_eq!((fetch.received(), fetch.is_active(), fetch.poll_timeout()), (2, false, None));
    // The next one uses the same subscription.
    fetch.start(config(1, 0), at(4));
    let [FetchOutput::Pull(second)] = outputs(&mut fetch, 4)[..] else { panic!() };
    assert_eq!((second.id.inbox, second.expires, second.no_wait), (pull.id.inbox, Millis(0), true));
    // What is said of the first does not concern it.
    say(&mut fetch, pull, PullStatus::BatchCompleted, 5);
    assert!(fetch.is_active() && fetch.received() == 0);
}

#[test]
fn bytes_that_come_out_even_end_a_fetch() {
    let (mut fetch, pull) = started(config(10, 5_000).max_bytes(100));
    assert_eq!(pull.max_bytes, 100);
    for size in [60, 40] {
        assert_eq!(fetch.handle_message(pull.id.inbox, size, at(1)), Handling::Deliver);
    }
    assert_eq!(outputs(&mut fetch, 1), [FetchOutput::End(FetchEndReason::Full)]);
}

#[test]
fn every_status_ends_a_fetch() {
    let table = [
        (PullStatus::NoMessages, FetchEndReason::NoMoreMessages),
        (PullStatus::RequestTimeout, FetchEndReason::NoMoreMessages),
        (PullStatus::BatchCompleted, FetchEndReason::Full),
        (PullStatus::InterestExpired, FetchEndReason::Interrupted),
        (PullStatus::LeadershipChange, FetchEndReason::Interrupted),
        (PullStatus::ServerShutdown, FetchEndReason::Interrupted),
        (PullStatus::MessageTooLarge, FetchEndReason::MessageTooLarge),
        (PullStatus::MaxRequestBatch(5), FetchEndReason::Limited(PullLimit::Batch(5))),
        (PullStatus::MaxRequestBytes(6), FetchEndReason::Limited(PullLimit::Bytes(6))),
        (PullStatus::MaxRequestExpires(7), FetchEndReason::Limited(PullLimit::ExpiresMillis(7))),
        (PullStatus::MaxWaiting, FetchEndReason::MaxWaiting),
        (PullStatus::ConsumerDeleted, FetchEndReason::ConsumerDeleted),
        (PullStatus::PushBased, FetchEndReason::PushBased),
        (PullStatus::BadRequest(""), FetchEndReason::BadRequest),
        (PullStatus::RequiredApiLevel, FetchEndReason::Unsupported),
        (PullStatus::PinIdMismatch, FetchEndReason::NotPinned),
        (PullStatus::NoResponders, FetchEndReason::NoResponders),
    ];
    for (status, end) in table {
        let (mut fetch, pull) = started(config(10, 5_000));
        assert_eq!(fetch.handle_message(pull.id.inbox, 9, at(1)), Handling::Deliver);
        say(&mut fetch, pull, PullStatus::Heartbeat, 2);
        assert_eq!(outputs(&mut fetch, 2), []);
        say(&mut fetch, pull, status, 3);
        say(&mut fetch, pull, status, 3);
        assert_eq!(outputs(&mut fetch, 3), [FetchOutput::End(end)], "{status:?}");
        assert_eq!(fetch.received(), 1);
    }
}

#[test]
fn a_fetch_behind_others_waits_for_its_turn() {
    let (mut fetch, first) = started(config(10, 1_000));
    say(&mut fetch, first, PullStatus::RequestsPending, 100);
    let [FetchOutput::Pull(second)] = outputs(&mut fetch, 100)[..] else { panic!() };
    assert_eq!((second.no_wait, second.expires), (false, Millis(810)));
    say(&mut fetch, second, PullStatus::RequestsPending, 200);
    assert_eq!(outputs(&mut fetch, 200), [FetchOutput::End(FetchEndReason::NoMoreMessages)]);
    // Unless it does not wait, or has something.
    let (mut fetch, first) = started(config(10, 0));
    say(&mut fetch, first, PullStatus::RequestsPending, 100);
    assert_eq!(outputs(&mut fetch, 100), [FetchOutput::End(FetchEndReason::NoMoreMessages)]);
}

/// The server's word and the client's time, in either order and at once.
#[test]
fn time_is_up() {
    for (told, timer) in [(Some(4_900), 5_000), (Some(5_000), 5_000), (None, 5_000)] {
        let (mut fetch, pull) = started(config(10, 5_000));
        assert_eq!(fetch.poll_timeout(), Some(at(3_166)), "two heartbeats are missing");
        if let Some(now) = told {
            say(&mut fetch, pull, PullStatus::RequestTimeout, now);
        }
        fetch.handle_timeout(at(timer));
        let end =
            if told.is_some() { FetchEndReason::NoMoreMessages } else { FetchEndReason::TimedOut };
        assert_eq!(outputs(&mut fetch, timer), [FetchOutput::End(end)]);
        // A message of the first is not one of the next.
        fetch.start(config(1, 5_000), at(timer));
        let next = outputs(&mut fetch, timer);
        let has_new_inbox = matches!(next[..], [FetchOutput::Subscribe(_), FetchOutput::Pull(_)]);
        assert_eq!(has_new_inbox, told.is_none(), "{next:?}");
        if has_new_inbox {
            assert_eq!(fetch.handle_message(pull.id.inbox, 9, at(timer)), Handling::Nak);
            assert!(fetch.is_active());
            // It is listened to until its word comes, or two seconds are over.
            say(&mut fetch, pull, PullStatus::RequestTimeout, timer + 1);
            assert_eq!(outputs(&mut fetch, timer + 1), [FetchOutput::Unsubscribe(pull.id.inbox)]);
        }
    }
}

#[test]
fn a_fetch_that_does_not_wait_has_a_timer() {
    let (mut fetch, pull) = started(config(10, 0));
    assert_eq!(fetch.handle_message(pull.id.inbox, 9, at(500)), Handling::Deliver);
    assert_eq!(fetch.poll_timeout(), Some(at(1_000)));
    fetch.handle_timeout(at(1_000));
    assert_eq!(outputs(&mut fetch, 1_000), [FetchOutput::End(FetchEndReason::TimedOut)]);
    assert_eq!(fetch.received(), 1);
}

#[test]
fn a_long_fetch_has_heartbeats() {
    let (mut fetch, pull) = started(config(10, 60_000));
    assert_eq!((pull.expires, pull.heartbeat), (Millis(59_750), Millis(5_000)));
    say(&mut fetch, pull, PullStatus::Heartbeat, 5_000);
    assert_eq!(fetch.poll_timeout(), Some(at(15_000)));
    fetch.handle_timeout(at(14_999));
    assert_eq!(outputs(&mut fetch, 14_999), []);
    fetch.handle_timeout(at(15_000));
    assert_eq!(outputs(&mut fetch, 15_000), [FetchOutput::RequestInfo]);
    assert_eq!(fetch.poll_timeout(), Some(at(17_000)));
    fetch.handle_timeout(at(17_000));
    assert_eq!(outputs(&mut fetch, 17_000), [FetchOutput::End(FetchEndReason::TimedOut)]);
    // With something in hand, nobody is asked.
    let (mut fetch, pull) = started(config(10, 60_000));
    assert_eq!(fetch.handle_message(pull.id.inbox, 9, at(1)), Handling::Deliver);
    fetch.handle_timeout(at(10_001));
    assert_eq!(outputs(&mut fetch, 10_001), [FetchOutput::End(FetchEndReason::TimedOut)]);
}

const EXISTS: ConsumerState = ConsumerState::Exists { reached_max_ack_pending: false };

/// A fetch that nothing is heard of until it asks for the consumer's state.
fn doubting(config: FetchConfig, expected: u64) -> (Fetch, Pull) {
    let (mut fetch, pull) = started(config);
    assert_eq!(fetch.poll_timeout(), Some(at(expected)));
    fetch.handle_timeout(at(expected));
    assert_eq!(outputs(&mut fetch, expected), [FetchOutput::RequestInfo]);
    (fetch, pull)
}

/// Old servers say nothing to a pull of a consumer that is gone (nats-io/nats.net#628).
#[test]
fn silence_is_never_an_empty_success() {
    // How long it waits, and when it begins to doubt.
    for (max_wait, doubts) in [(30_000, 10_000), (5_000, 3_166), (1_000, 950), (100, 95), (0, 500)]
    {
        let (mut fetch, _) = doubting(config(10, max_wait), doubts);
        fetch.handle_info(ConsumerState::NotFound, at(doubts + 1));
        let end = FetchOutput::End(FetchEndReason::ConsumerDeleted);
        assert_eq!(outputs(&mut fetch, doubts + 1), [end], "{max_wait}");

        let (mut fetch, _) = doubting(config(10, max_wait), doubts);
        let mut now = doubts;
        while fetch.is_active() {
            now = fetch.poll_timeout().unwrap().as_millis();
            fetch.handle_timeout(at(now));
            let end = FetchOutput::End(FetchEndReason::TimedOut);
            assert!([&[][..], &[end]].contains(&&outputs(&mut fetch, now)[..]), "{max_wait}");
        }
        assert!(now <= if max_wait > 0 { max_wait } else { 1_000 });
    }
}

#[test]
fn a_consumer_that_waits_for_acknowledgements_says_nothing() {
    let (mut fetch, pull) = doubting(config(10, 0), 500);
    fetch.handle_info(ConsumerState::Exists { reached_max_ack_pending: true }, at(501));
    assert_eq!(outputs(&mut fetch, 501), [FetchOutput::End(FetchEndReason::NoMoreMessages)]);
    // The server keeps the pull, which is listened to until it is unsubscribed from.
    assert_eq!(fetch.handle_message(pull.id.inbox, 9, at(502)), Handling::Nak);
}

#[test]
fn a_pull_that_was_forgotten_is_made_anew() {
    let (mut fetch, first) = doubting(config(10, 30_000), 10_000);
    fetch.handle_info(EXISTS, at(10_001));
    let found = outputs(&mut fetch, 10_001);
    let [FetchOutput::Subscribe(_), FetchOutput::Pull(second)] = found[..] else {
        panic!("{found:?}")
    };
    assert_ne!(first.id.inbox, second.id.inbox);
    assert_eq!(second.expires, Millis(19_749));
    say(&mut fetch, second, PullStatus::NoMessages, 10_002);
    assert_eq!(outputs(&mut fetch, 10_002), [FetchOutput::End(FetchEndReason::NoMoreMessages)]);
}

#[test]
fn heartbeats_are_an_answer() {
    let (mut fetch, pull) = started(config(10, 5_000));
    for now in [1_583, 3_166] {
        say(&mut fetch, pull, PullStatus::Heartbeat, now);
    }
    // The end of the pull is lost.
    fetch.handle_timeout(at(5_000));
    assert_eq!(outputs(&mut fetch, 5_000), [FetchOutput::End(FetchEndReason::NoMoreMessages)]);
}

#[test]
fn an_election_is_waited_for() {
    let (mut fetch, mut pull) = started(config(10, 5_000));
    let mut now = 0;
    for pause in [250, 500, 1_000, 1_000] {
        say(&mut fetch, pull, PullStatus::NoResponders, now);
        assert_eq!(outputs(&mut fetch, now), [FetchOutput::RequestInfo]);
        fetch.handle_info(EXISTS, at(now));
        assert_eq!(fetch.poll_timeout(), Some(at(now + pause)));
        now += pause;
        let [FetchOutput::Pull(next)] = outputs(&mut fetch, now)[..] else { panic!() };
        pull = next;
    }
    assert_eq!(fetch.handle_message(pull.id.inbox, 9, at(now)), Handling::Deliver);
    say(&mut fetch, pull, PullStatus::NoMessages, now);
    assert_eq!(outputs(&mut fetch, now), [FetchOutput::End(FetchEndReason::NoMoreMessages)]);
    // Who does not wait is told at once.
    let (mut fetch, pull) = started(config(10, 0));
    say(&mut fetch, pull, PullStatus::NoResponders, 1);
    assert_eq!(outputs(&mut fetch, 1), [FetchOutput::RequestInfo]);
    fetch.handle_info(EXISTS, at(2));
    assert_eq!(outputs(&mut fetch, 2), [FetchOutput::End(FetchEndReason::NoResponders)]);
}

#[test]
fn nobody_answers_for_a_consumer_that_is_gone() {
    for (state, end) in [
        (ConsumerState::NotFound, FetchEndReason::ConsumerDeleted),
        (ConsumerState::Unknown, FetchEndReason::NoResponders),
        (ConsumerState::NotPermitted, FetchEndReason::NoResponders),
    ] {
        for max_wait in [0, 5_000] {
            let (mut fetch, pull) = started(config(10, max_wait));
            say(&mut fetch, pull, PullStatus::NoResponders, 1);
            assert_eq!(outputs(&mut fetch, 1), [FetchOutput::RequestInfo]);
            fetch.handle_info(state, at(2));
            assert_eq!(outputs(&mut fetch, 2), [FetchOutput::End(end)], "{state:?}");
            fetch.start(config(10, max_wait), at(3));
            let [FetchOutput::Pull(pull)] = outputs(&mut fetch, 3)[..] else { panic!() };
            say(&mut fetch, pull, PullStatus::NoResponders, 4);
            let asks = outputs(&mut fetch, 4) == [FetchOutput::RequestInfo];
            assert_eq!(asks, state != ConsumerState::NotPermitted);
        }
    }
    // The connection goes while it waits for the next attempt.
    let (mut fetch, pull) = started(config(10, 5_000));
    say(&mut fetch, pull, PullStatus::NoResponders, 1);
    fetch.handle_disconnected();
    assert_eq!(outputs(&mut fetch, 2), [FetchOutput::End(FetchEndReason::Disconnected)]);
}

#[test]
fn who_may_not_fetch_is_told() {
    let (mut fetch, _) = started(config(10, 5_000));
    fetch.handle_not_permitted(at(1));
    assert_eq!(outputs(&mut fetch, 1), [FetchOutput::End(FetchEndReason::NotPermitted)]);
    fetch.handle_not_permitted(at(2));
    assert_eq!(outputs(&mut fetch, 2), []);
}

#[test]
fn what_is_given_up_is_given_back() {
    let (mut fetch, first) = started(config(2, 5_000).unlimited_deliveries());
    fetch.cancel(at(100));
    assert_eq!((outputs(&mut fetch, 100), fetch.is_active()), (Vec::new(), false));
    assert_eq!(fetch.poll_timeout(), Some(at(600)));
    for left in [0, 1] {
        assert_eq!(outputs(&mut fetch, 200), [], "{left} came");
        assert_eq!(fetch.handle_message(first.id.inbox, 9, at(200)), Handling::Nak);
    }
    assert_eq!(outputs(&mut fetch, 200), [FetchOutput::Unsubscribe(first.id.inbox)]);
    assert_eq!(fetch.poll_timeout(), None);
    // The time a message is delivered only so many times.
    fetch.start(config(2, 5_000), at(1_000));
    assert_eq!(outputs(&mut fetch, 1_000).len(), 2);
    fetch.cancel(at(1_000));
    assert_eq!(fetch.poll_timeout(), Some(at(3_000)));
    assert_eq!(outputs(&mut fetch, 3_000).len(), 1);
}

#[test]
fn many_that_are_given_up_are_bounded() {
    let mut fetch = Fetch::new();
    fetch.handle_connected();
    let (mut subscribed, mut left) = (0_usize, 0_usize);
    for now in 0..1_000 {
        // Starting gives up what is under way.
        fetch.start(config(1, 5_000), at(now));
        for output in outputs(&mut fetch, now) {
            match output {
                FetchOutput::Subscribe(_) => subscribed += 1,
                FetchOutput::Unsubscribe(_) => left += 1,
                _ => {}
            }
        }
        assert!(subscribed - left <= 1 + LINGERING, "{subscribed} {left}");
    }
    assert_eq!(subscribed, 1_000);
}

#[test]
fn connections_come_and_go() {
    let mut fetch = Fetch::default();
    fetch.start(config(1, 5_000), at(0));
    assert_eq!((outputs(&mut fetch, 0), fetch.poll_timeout()), (Vec::new(), Some(at(5_000))));
    fetch.handle_connected();
    let found = outputs(&mut fetch, 4_000);
    let [FetchOutput::Subscribe(_), FetchOutput::Pull(pull)] = found[..] else { panic!() };
    assert_eq!(pull.expires, Millis(900), "what is left of the time");
    fetch.handle_disconnected();
    assert_eq!(outputs(&mut fetch, 4_100), [FetchOutput::End(FetchEndReason::Disconnected)]);
    fetch.start(config(1, 1_000), at(5_000));
    fetch.handle_timeout(at(6_000));
    assert_eq!(outputs(&mut fetch, 6_000), [FetchOutput::End(FetchEndReason::Disconnected)]);
    fetch.handle_connected();
    fetch.start(config(1, 1_000), at(7_000));
    let found = outputs(&mut fetch, 7_000);
    let [FetchOutput::Subscribe(inbox), FetchOutput::Pull(_)] = found[..] else { panic!() };
    assert_ne!(inbox, pull.id.inbox);
}

#[test]
fn a_fetch_is_small() {
    assert!(size_of::<Fetch>() <= 240, "{}", size_of::<Fetch>());
}
