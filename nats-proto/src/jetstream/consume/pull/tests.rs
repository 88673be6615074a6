use core::time::Duration;
use std::vec::Vec;

use super::*;
use crate::jetstream::consume::status::PullStatus;
use crate::storage::ArrayBuf;

const fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

fn outputs<const SLOTS: usize>(consumer: &mut PullConsumer<SLOTS>, now: u64) -> Vec<PullOutput> {
    core::iter::from_fn(|| consumer.poll_output(at(now))).collect()
}

/// The pulls among the outputs.
fn pulls<const SLOTS: usize>(consumer: &mut PullConsumer<SLOTS>, now: u64) -> Vec<Pull> {
    let pull = |output| match output {
        PullOutput::Pull(pull) => Some(pull),
        _ => None,
    };
    outputs(consumer, now).into_iter().filter_map(pull).collect()
}

/// A consumer that is connected, and its first pull, at zero.
fn connected<const SLOTS: usize>(config: PullConfig) -> (PullConsumer<SLOTS>, Pull) {
    let mut consumer = PullConsumer::new(config).unwrap();
    assert_eq!(outputs(&mut consumer, 0), []);
    assert_eq!(consumer.poll_timeout(), None);
    consumer.handle_connected();
    let first = outputs(&mut consumer, 0);
    let [PullOutput::Subscribe(inbox), PullOutput::Pull(pull)] = first[..] else {
        panic!("{first:?}")
    };
    assert_eq!(pull.id.inbox, inbox);
    (consumer, pull)
}

fn deliver<const SLOTS: usize>(
    consumer: &mut PullConsumer<SLOTS>,
    pull: Pull,
    count: u32,
    now: u64,
) {
    for _ in 0..count {
        let handling = consumer.handle_message(pull.id.inbox, 10, at(now));
        assert_eq!(handling, Handling::Deliver);
    }
}

fn say<const SLOTS: usize>(
    consumer: &mut PullConsumer<SLOTS>,
    pull: Pull,
    status: PullStatus<'_>,
    now: u64,
) {
    consumer.handle_status(pull.id.inbox, Some(pull.id.number), status, at(now));
}

#[test]
fn more_is_asked_for_when_half_is_free() {
    // The maximum, and how many have to be released after all came.
    for (max, threshold) in [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (500, 250)] {
        let (mut consumer, first) = connected::<2>(PullConfig::new(max));
        assert_eq!(first.batch, max);
        // The first pull is not over as long as one is missing.
        deliver(&mut consumer, first, max - 1, 1);
        consumer.release(threshold.min(max - 1), 10);
        let more = pulls(&mut consumer, 2);
        let asked: u32 = more.iter().map(|pull| pull.batch).sum();
        assert_eq!(asked, if max > 1 && threshold < max { threshold } else { 0 }, "{max}");
        deliver(&mut consumer, first, 1, 3);
        assert_eq!(consumer.buffered() + consumer.outstanding(), max, "{max}");
        consumer.release(consumer.buffered(), 0);
        let _ = pulls(&mut consumer, 4);
        let free = max - consumer.outstanding();
        assert!(free < threshold, "{max}: {free} are free");
    }
}

#[test]
fn a_full_batch_ends_a_pull_in_silence() {
    let (mut consumer, first) = connected::<1>(PullConfig::new(2));
    deliver(&mut consumer, first, 2, 1);
    assert_eq!((consumer.outstanding(), consumer.poll_timeout()), (0, None));
    // Its end may be told afterwards, when the next pull is out.
    consumer.release(2, 20);
    let [second] = pulls(&mut consumer, 2)[..] else { panic!() };
    assert_ne!(second.id.number, first.id.number);
    say(&mut consumer, first, PullStatus::BatchCompleted, 3);
    assert_eq!(consumer.outstanding(), 2);
    assert_eq!(consumer.handle_message(first.id.inbox, 10, at(4)), Handling::Deliver);
    assert_eq!(consumer.outstanding(), 1);
}

#[test]
fn bytes_that_come_out_even_end_a_pull_in_silence() {
    let (mut consumer, first) = connected::<1>(PullConfig::of_bytes(100));
    assert_eq!((first.batch, first.max_bytes), (1_000_000, 100));
    deliver(&mut consumer, first, 9, 1);
    assert_eq!(pulls(&mut consumer, 1), []);
    deliver(&mut consumer, first, 1, 2);
    assert_eq!((consumer.outstanding(), pulls(&mut consumer, 2)), (0, Vec::new()));
    // Idle, it asks for whatever there is.
    consumer.release(1, 10);
    let [second] = pulls(&mut consumer, 3)[..] else { panic!() };
    assert_eq!((second.batch, second.max_bytes), (999_991, 10));
    say(&mut consumer, second, PullStatus::MessageTooLarge, 4);
    consumer.release(1, 10);
    let [third] = pulls(&mut consumer, 5)[..] else { panic!() };
    assert_eq!(third.max_bytes, 20);
}

#[test]
fn what_ends_a_pull_is_followed_by_another() {
    for status in [
        PullStatus::RequestTimeout,
        PullStatus::InterestExpired,
        PullStatus::ServerShutdown,
        PullStatus::BatchCompleted,
        PullStatus::LeadershipChange,
    ] {
        let (mut consumer, first) = connected::<1>(PullConfig::new(10));
        deliver(&mut consumer, first, 4, 1_000);
        say(&mut consumer, first, status, 2_000);
        // Told twice, in other words even.
        say(&mut consumer, first, PullStatus::LeadershipChange, 2_000);
        let [second] = pulls(&mut consumer, 2_000)[..] else { panic!("{status:?}") };
        assert_eq!(second.batch, 6);
        say(&mut consumer, first, PullStatus::ServerShutdown, 2_001);
        assert_eq!((consumer.outstanding(), pulls(&mut consumer, 2_001)), (6, Vec::new()));
    }
}

#[test]
fn what_ends_everything() {
    let table = [
        (PullStatus::ConsumerDeleted, PullEndReason::ConsumerDeleted),
        (PullStatus::PushBased, PullEndReason::PushBased),
        (PullStatus::BadRequest("Bad Request"), PullEndReason::BadRequest),
        (PullStatus::RequiredApiLevel, PullEndReason::Unsupported),
    ];
    for (status, end) in table {
        let (mut consumer, first) = connected::<1>(PullConfig::new(10));
        deliver(&mut consumer, first, 4, 1);
        say(&mut consumer, first, status, 2);
        let inbox = first.id.inbox;
        let expected = [PullOutput::Unsubscribe(inbox), PullOutput::End(end)];
        assert_eq!(outputs(&mut consumer, 2), expected, "{status:?}");
        assert!(consumer.is_over() && consumer.poll_timeout().is_none());
        // What came is still good, and nothing else happens.
        consumer.release(4, 40);
        consumer.handle_disconnected();
        consumer.handle_connected();
        consumer.stop(at(3));
        consumer.handle_timeout(at(99_999));
        assert_eq!(outputs(&mut consumer, 99_999), []);
        assert_eq!(consumer.handle_message(inbox, 1, at(99_999)), Handling::Nak);
    }
}

#[test]
fn silence_is_noticed() {
    let (mut consumer, first) = connected::<2>(PullConfig::new(10));
    assert_eq!(consumer.poll_timeout(), Some(at(10_000)));
    say(&mut consumer, first, PullStatus::Heartbeat, 5_000);
    assert_eq!(consumer.poll_timeout(), Some(at(15_000)));
    deliver(&mut consumer, first, 1, 6_000);
    consumer.handle_timeout(at(15_999));
    assert_eq!(outputs(&mut consumer, 15_999), []);
    consumer.handle_timeout(at(16_000));
    let found = outputs(&mut consumer, 16_000);
    let [
        PullOutput::Unsubscribe(old),
        PullOutput::Probe,
        PullOutput::RequestInfo,
        PullOutput::Subscribe(new),
        PullOutput::Pull(second),
    ] = found[..]
    else {
        panic!("{found:?}")
    };
    assert_eq!((old, new, second.batch), (first.id.inbox, second.id.inbox, 9));
    assert_ne!(old, new);
    // What was under way still comes, and counts; no answer to INFO is fine.
    assert_eq!(consumer.handle_message(old, 10, at(16_001)), Handling::Deliver);
    assert_eq!((consumer.buffered(), consumer.outstanding()), (2, 9));
    assert_eq!(consumer.poll_timeout(), Some(at(18_000)));
    consumer.handle_timeout(at(18_000));
    // A message has come, so it is not said to be stalled.
    assert_eq!(outputs(&mut consumer, 18_000), []);
    assert_eq!(consumer.poll_timeout(), Some(at(26_001)));
    consumer.handle_timeout(at(26_001));
    assert_eq!(outputs(&mut consumer, 26_001).len(), 5);
    consumer.handle_timeout(at(28_001));
    assert_eq!(outputs(&mut consumer, 28_001), [PullOutput::Event(PullEvent::Stalled)]);
}

#[test]
fn pauses_grow_as_long_as_nothing_comes() {
    let (mut consumer, _) = connected::<1>(PullConfig::new(10));
    let (mut now, mut last, mut gaps, mut stalls) = (0, 0, Vec::new(), 0);
    while gaps.len() < 6 {
        now = consumer.poll_timeout().unwrap().as_millis();
        consumer.handle_timeout(at(now));
        for output in outputs(&mut consumer, now) {
            match output {
                PullOutput::Pull(_) => {
                    gaps.push(now - last);
                    last = now;
                }
                PullOutput::Event(PullEvent::Stalled) => stalls += 1,
                _ => {}
            }
        }
    }
    assert_eq!(gaps, [10_000, 20_000, 30_000, 40_000, 40_000, 40_000]);
    assert_eq!(stalls, 1, "told once");
    // A new connection is asked at once.
    consumer.handle_disconnected();
    consumer.handle_connected();
    assert_eq!(pulls(&mut consumer, now).len(), 1);
}

#[test]
fn an_election_is_waited_out_without_pauses() {
    let config = PullConfig::new(10).heartbeat(Duration::from_secs(1));
    let (mut consumer, _) = connected::<1>(config);
    let mut asked = Vec::new();
    while asked.len() < 8 {
        let now = consumer.poll_timeout().unwrap().as_millis();
        consumer.handle_timeout(at(now));
        asked.extend(pulls(&mut consumer, now).iter().map(|_| now));
    }
    // Whenever the server has a leader again, it is asked within twice the heartbeat.
    assert_eq!(asked, [2_000, 4_000, 6_000, 8_000, 10_000, 14_000, 20_000, 30_000]);
}

#[test]
fn an_end_that_is_not_told_is_noticed() {
    let (mut consumer, first) = connected::<1>(PullConfig::new(10));
    for now in (5_000..=30_000).step_by(5_000) {
        say(&mut consumer, first, PullStatus::Heartbeat, now);
        consumer.handle_timeout(at(now));
    }
    assert_eq!(consumer.poll_timeout(), Some(at(31_000)));
    consumer.handle_timeout(at(31_000));
    let found = outputs(&mut consumer, 31_000);
    let is_it = matches!(
        found[..],
        [PullOutput::Unsubscribe(_), PullOutput::Subscribe(_), PullOutput::Pull(_)]
    );
    assert!(is_it, "{found:?}");
}

#[test]
fn a_lost_connection_takes_its_pulls_with_it() {
    let (mut consumer, first) = connected::<2>(PullConfig::new(100));
    deliver(&mut consumer, first, 10, 1);
    consumer.handle_disconnected();
    assert_eq!((consumer.outstanding(), consumer.poll_timeout()), (0, None));
    assert_eq!(outputs(&mut consumer, 50_000), []);
    consumer.release(2, 20);
    consumer.handle_connected();
    let found = outputs(&mut consumer, 60_000);
    let [PullOutput::Subscribe(inbox), PullOutput::Pull(second)] = found[..] else {
        panic!("{found:?}")
    };
    assert_eq!(second.batch, 92);
    assert_ne!(inbox, first.id.inbox);
    // Whatever is said about the first one is not about the second.
    say(&mut consumer, first, PullStatus::RequestTimeout, 60_001);
    assert_eq!(consumer.outstanding(), 92);
}

#[test]
fn refusals_are_answered_with_pauses() {
    // What is said each time, and how long after the refusal the next pull goes out.
    let table: [(PullStatus<'_>, [u64; 4]); 4] = [
        (PullStatus::NoResponders, [250, 500, 1_000, 1_000]),
        (PullStatus::MaxRequestBatch(10), [1_000, 2_000, 4_000, 8_000]),
        (PullStatus::RequestTimeout, [0, 0, 248, 496]),
        (PullStatus::PinIdMismatch, [250, 500, 1_000, 1_000]),
    ];
    for (status, pauses) in table {
        let (mut consumer, mut pull) = connected::<1>(PullConfig::new(10));
        let mut now = 100;
        for pause in pauses {
            say(&mut consumer, pull, status, now);
            let mut next = pulls(&mut consumer, now);
            if pause > 0 {
                assert_eq!(next, [], "{status:?}");
                now += pause;
                // INFO is asked for and not answered.
                let due = consumer.poll_timeout().unwrap();
                assert!(due <= at(now), "{status:?}: {due:?} instead of {now}");
                consumer.handle_timeout(at(now - 1));
                assert_eq!(pulls(&mut consumer, now - 1), [], "{status:?}");
                consumer.handle_timeout(at(now));
                next = pulls(&mut consumer, now);
            }
            let [again] = next[..] else { panic!("{status:?} at {now}: {next:?}") };
            pull = again;
            now += 1;
        }
    }
}

#[test]
fn too_many_pulls_are_waited_out() {
    let (mut consumer, mut pull) = connected::<1>(PullConfig::new(10));
    let mut now = 0;
    for most in [500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000] {
        say(&mut consumer, pull, PullStatus::MaxWaiting, now);
        assert_eq!(pulls(&mut consumer, now), []);
        let due = consumer.poll_timeout().unwrap().as_millis();
        assert!((now + most / 2..=now + most).contains(&due), "{due} after {now}");
        now = due;
        pull = pulls(&mut consumer, now)[0];
    }
}

#[test]
fn limits_are_kept_to_and_told() {
    let (mut consumer, first) = connected::<1>(PullConfig::new(100).max_bytes(1_000));
    say(&mut consumer, first, PullStatus::MaxRequestBatch(5), 1);
    let limited = |limit| PullOutput::Event(PullEvent::Limited(limit));
    let found = outputs(&mut consumer, 1);
    let [event, PullOutput::Pull(second)] = found[..] else { panic!("{found:?}") };
    assert_eq!((event, second.batch), (limited(PullLimit::Batch(5)), 5));
    say(&mut consumer, second, PullStatus::MaxRequestBytes(300), 2);
    let found = outputs(&mut consumer, 2);
    let [event, PullOutput::Pull(third)] = found[..] else { panic!("{found:?}") };
    assert_eq!((event, third.batch, third.max_bytes), (limited(PullLimit::Bytes(300)), 5, 300));
    say(&mut consumer, third, PullStatus::MaxRequestExpires(3_000), 3);
    let found = outputs(&mut consumer, 3);
    let [event, PullOutput::Pull(fourth)] = found[..] else { panic!("{found:?}") };
    assert_eq!(event, limited(PullLimit::ExpiresMillis(3_000)));
    assert_eq!((fourth.expires, fourth.heartbeat), (Millis(3_000), Millis(1_500)));
    let mut body = ArrayBuf::<128>::new();
    fourth.request().encode(&mut body).unwrap();
    let expected =
        br#"{"batch":5,"max_bytes":300,"expires":3000000000,"idle_heartbeat":1500000000}"#;
    assert_eq!(&body[..], expected);
}

#[test]
fn a_message_that_is_too_large_is_asked_for_now_and_then() {
    let (mut consumer, _) = connected::<2>(PullConfig::of_bytes(100));
    // The pulls are answered at once, for a minute.
    let (mut now, mut count, mut told) = (0, 0, 0);
    let (mut consumer2, first) = connected::<2>(PullConfig::of_bytes(100));
    core::mem::swap(&mut consumer, &mut consumer2);
    let mut pull = Some(first);
    while now < 60_000 {
        if let Some(pull) = pull.take() {
            count += 1;
            say(&mut consumer, pull, PullStatus::MessageTooLarge, now);
        }
        for output in outputs(&mut consumer, now) {
            match output {
                PullOutput::Pull(next) => pull = Some(next),
                PullOutput::Event(PullEvent::MessageTooLarge { max_bytes: 100 }) => told += 1,
                other => panic!("{other:?}"),
            }
        }
        if pull.is_none() {
            now = consumer.poll_timeout().unwrap().as_millis();
            consumer.handle_timeout(at(now));
        }
    }
    assert_eq!((count, told), (15, 1));
    // When it is gone, the next one comes.
    let Some(PullOutput::Pull(pull)) = consumer.poll_output(at(now)) else { panic!() };
    deliver(&mut consumer, pull, 1, now);
    say(&mut consumer, pull, PullStatus::MessageTooLarge, now);
    assert_eq!(pulls(&mut consumer, now).len(), 1, "something had come");
}

#[test]
fn pins_come_and_go() {
    let (mut consumer, first) = connected::<1>(PullConfig::new(1));
    assert!(!first.is_pinned);
    consumer.handle_pin();
    deliver(&mut consumer, first, 1, 1);
    consumer.release(1, 10);
    let [second] = pulls(&mut consumer, 2)[..] else { panic!() };
    assert!(second.is_pinned);
    say(&mut consumer, second, PullStatus::PinIdMismatch, 3);
    let [third] = pulls(&mut consumer, 3)[..] else { panic!() };
    assert!(!third.is_pinned, "and at once");
}

#[test]
fn info_tells_what_a_503_means() {
    let (mut consumer, first) = connected::<1>(PullConfig::new(10));
    say(&mut consumer, first, PullStatus::NoResponders, 0);
    assert_eq!(outputs(&mut consumer, 0), [PullOutput::RequestInfo]);
    consumer.handle_info(ConsumerState::Exists { reached_max_ack_pending: true }, at(10));
    assert_eq!(outputs(&mut consumer, 10), [PullOutput::Event(PullEvent::MaxAckPending)]);
    assert_eq!(consumer.poll_timeout(), Some(at(250)), "the pause is kept");
    let [second] = pulls(&mut consumer, 250)[..] else { panic!() };
    say(&mut consumer, second, PullStatus::NoResponders, 260);
    assert_eq!(outputs(&mut consumer, 260), [PullOutput::RequestInfo]);
    consumer.handle_info(ConsumerState::NotFound, at(270));
    let end = PullOutput::End(PullEndReason::ConsumerDeleted);
    assert_eq!(outputs(&mut consumer, 270), [PullOutput::Unsubscribe(second.id.inbox), end]);
}

#[test]
fn a_consumer_that_is_deleted_is_waited_for() {
    let (mut consumer, first) = connected::<1>(PullConfig::new(10).await_consumer());
    say(&mut consumer, first, PullStatus::ConsumerDeleted, 0);
    let mut now = 0;
    assert_eq!(outputs(&mut consumer, now), [PullOutput::Event(PullEvent::ConsumerDeleted)]);
    for _ in 0..100 {
        assert_eq!(outputs(&mut consumer, now), []);
        let due = consumer.poll_timeout().unwrap().as_millis();
        assert!(due >= now + 1_000 || now == 0, "{due} after {now}");
        now = due;
        consumer.handle_timeout(at(now));
        assert_eq!(outputs(&mut consumer, now), [PullOutput::RequestInfo]);
        consumer.handle_info(ConsumerState::NotFound, at(now));
    }
    // No answer is as good as a bad one.
    now = consumer.poll_timeout().unwrap().as_millis();
    consumer.handle_timeout(at(now));
    assert_eq!(outputs(&mut consumer, now), [PullOutput::RequestInfo]);
    now = consumer.poll_timeout().unwrap().as_millis();
    consumer.handle_timeout(at(now));
    assert_eq!(outputs(&mut consumer, now), [PullOutput::RequestInfo]);
    consumer.handle_info(ConsumerState::Exists { reached_max_ack_pending: false }, at(now));
    assert_eq!(pulls(&mut consumer, now).len(), 1);
}

#[test]
fn who_may_not_ask_is_not_asked_to() {
    let (mut consumer, first) = connected::<1>(PullConfig::new(10).await_consumer());
    say(&mut consumer, first, PullStatus::NoResponders, 0);
    assert_eq!(outputs(&mut consumer, 0), [PullOutput::RequestInfo]);
    consumer.handle_info(ConsumerState::NotPermitted, at(1));
    let [second] = pulls(&mut consumer, 250)[..] else { panic!() };
    // Only pulls can find out now.
    say(&mut consumer, second, PullStatus::ConsumerDeleted, 300);
    assert_eq!(outputs(&mut consumer, 300), [PullOutput::Event(PullEvent::ConsumerDeleted)]);
    assert_eq!(consumer.poll_timeout(), Some(at(1_300)));
    assert_eq!(pulls(&mut consumer, 1_300).len(), 1);
    consumer.handle_not_permitted();
    let found = outputs(&mut consumer, 1_400);
    assert_eq!(found.last(), Some(&PullOutput::End(PullEndReason::NotPermitted)));
}

#[test]
fn what_is_stopped_gives_everything_back() {
    let (mut consumer, first) = connected::<1>(PullConfig::new(100).unlimited_deliveries());
    deliver(&mut consumer, first, 20, 5_000);
    consumer.release(5, 50);
    consumer.stop(at(5_000));
    assert_eq!(outputs(&mut consumer, 5_000), [PullOutput::Ping]);
    assert_eq!(consumer.handle_message(first.id.inbox, 10, at(5_001)), Handling::Nak);
    // A round trip with a message in it is not enough.
    consumer.handle_pong();
    assert_eq!(outputs(&mut consumer, 5_002), [PullOutput::Ping]);
    consumer.handle_pong();
    let end = PullOutput::End(PullEndReason::Stopped);
    assert_eq!(outputs(&mut consumer, 5_004), [PullOutput::Unsubscribe(first.id.inbox), end]);
    assert_eq!(consumer.handle_message(first.id.inbox, 10, at(5_005)), Handling::Nak);
    assert_eq!(consumer.buffered(), 15, "which the caller gives back");
}

#[test]
fn stopping_has_an_end() {
    // Four round trips with messages.
    let (mut consumer, first) = connected::<1>(PullConfig::new(100).unlimited_deliveries());
    consumer.drain(at(0));
    for now in 0..4 {
        assert_eq!(outputs(&mut consumer, now), [PullOutput::Ping]);
        assert_eq!(consumer.handle_message(first.id.inbox, 10, at(now)), Handling::Deliver);
        consumer.handle_pong();
    }
    assert_eq!(outputs(&mut consumer, 4).last(), Some(&PullOutput::End(PullEndReason::Drained)));

    // No PONG.
    let (mut consumer, _) = connected::<1>(PullConfig::new(100).unlimited_deliveries());
    consumer.stop(at(0));
    assert_eq!(outputs(&mut consumer, 0), [PullOutput::Ping]);
    assert_eq!(consumer.poll_timeout(), Some(at(500)));
    consumer.handle_timeout(at(500));
    assert_eq!(outputs(&mut consumer, 500).last(), Some(&PullOutput::End(PullEndReason::Stopped)));

    // A lost connection takes the pulls with it.
    let (mut consumer, _) = connected::<1>(PullConfig::new(100));
    consumer.stop(at(0));
    consumer.handle_disconnected();
    assert_eq!(outputs(&mut consumer, 1), [PullOutput::End(PullEndReason::Stopped)]);

    // There was none.
    let mut consumer = PullConsumer::<1>::new(PullConfig::new(1)).unwrap();
    consumer.drain(at(0));
    assert_eq!(outputs(&mut consumer, 0), [PullOutput::End(PullEndReason::Drained)]);

    // The last messages come.
    let (mut consumer, first) = connected::<1>(PullConfig::new(1));
    consumer.drain(at(0));
    assert_eq!(outputs(&mut consumer, 0), [PullOutput::Ping]);
    deliver(&mut consumer, first, 1, 1);
    assert_eq!(outputs(&mut consumer, 1).last(), Some(&PullOutput::End(PullEndReason::Drained)));
}

#[test]
fn a_pull_that_is_young_is_not_left_alone() {
    let (mut consumer, first) = connected::<1>(PullConfig::new(10));
    consumer.stop(at(300));
    assert_eq!(outputs(&mut consumer, 300), [PullOutput::Ping]);
    consumer.handle_pong();
    assert_eq!(outputs(&mut consumer, 301), []);
    assert_eq!(consumer.poll_timeout(), Some(at(2_000)));
    assert_eq!(consumer.handle_message(first.id.inbox, 10, at(1_000)), Handling::Nak);
    consumer.handle_timeout(at(2_000));
    assert_eq!(outputs(&mut consumer, 2_000).len(), 2);
    // Its end ends that, too.
    let (mut consumer, first) = connected::<1>(PullConfig::new(10));
    consumer.stop(at(300));
    assert_eq!(outputs(&mut consumer, 300), [PullOutput::Ping]);
    say(&mut consumer, first, PullStatus::LeadershipChange, 310);
    assert_eq!(outputs(&mut consumer, 310).len(), 2);
}

#[test]
fn stopping_may_follow_draining() {
    let (mut consumer, first) = connected::<1>(PullConfig::new(10));
    consumer.drain(at(0));
    assert_eq!(consumer.handle_message(first.id.inbox, 1, at(1)), Handling::Deliver);
    consumer.stop(at(2));
    assert_eq!(consumer.handle_message(first.id.inbox, 1, at(3)), Handling::Nak);
    consumer.drain(at(4));
    consumer.handle_disconnected();
    assert_eq!(outputs(&mut consumer, 5), [PullOutput::End(PullEndReason::Stopped)]);
}

#[test]
fn what_is_one_too_many_is_given_back() {
    let (mut consumer, first) = connected::<1>(PullConfig::new(2));
    deliver(&mut consumer, first, 2, 1);
    assert_eq!(consumer.handle_message(first.id.inbox, 1, at(2)), Handling::Nak);
    assert_eq!(consumer.handle_message(InboxId(77), 1, at(2)), Handling::Nak);
    consumer.release(9, 900);
    assert_eq!(consumer.buffered(), 0);
}

#[test]
fn configurations_are_checked() {
    use core::time::Duration;
    let seconds = Duration::from_secs;
    let table = [
        (PullConfig::DEFAULT, Ok(())),
        (PullConfig::new(0), Err(PullConfigError::NoMessages)),
        (PullConfig::new(1).expires(Duration::ZERO), Err(PullConfigError::ExpiresTooSoon)),
        (PullConfig::new(1).heartbeat(Duration::ZERO), Err(PullConfigError::Heartbeat)),
        (PullConfig::new(1).heartbeat(seconds(15)), Ok(())),
        (PullConfig::new(1).heartbeat(seconds(16)), Err(PullConfigError::Heartbeat)),
        (PullConfig::new(1).expires(Duration::MAX), Ok(())),
    ];
    for (config, expected) in table {
        assert_eq!(config.check(), expected, "{config:?}");
        assert_eq!(PullConsumer::<1>::new(config).map(|_| ()), expected);
    }
}

#[test]
fn a_consumer_is_small() {
    assert!(size_of::<PullConsumer<1>>() <= 232, "{}", size_of::<PullConsumer<1>>());
    assert!(size_of::<Slot>() <= 72, "{}", size_of::<Slot>());
}
