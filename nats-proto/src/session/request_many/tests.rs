use std::vec::Vec;

use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

const fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

fn status(code: u16) -> StatusCode {
    let text = std::format!("NATS/1.0 {code}\r\n\r\n");
    crate::Headers::from_bytes(text.as_bytes()).status().unwrap().code()
}

#[test]
fn so_many_and_no_more() {
    let mut request = RequestMany::new(ReplyLimits::within(SECOND).max_messages(2), at(5));
    assert_eq!(request.poll_timeout(), Some(at(1005)));
    assert!(request.handle_reply(false, None, at(10)));
    assert_eq!(request.ended(), None);
    assert!(request.handle_reply(true, None, at(20)), "without a sentinel an empty one is a reply");
    assert_eq!(
        (request.ended(), request.poll_timeout()),
        (Some(RepliesEndReason::MaxReached), None)
    );
    assert!(!request.handle_reply(false, None, at(30)));
    let none = RequestMany::new(ReplyLimits::within(SECOND).max_messages(0), at(5));
    assert_eq!((none.ended(), none.poll_timeout()), (Some(RepliesEndReason::MaxReached), None));
}

#[test]
fn a_stall_counts_from_the_first_reply_on() {
    let limits = ReplyLimits::within(SECOND).stall(Duration::from_millis(100));
    let mut request = RequestMany::new(limits, at(0));
    assert_eq!(request.poll_timeout(), Some(at(1000)));
    request.handle_timeout(at(999));
    assert!(request.handle_reply(false, None, at(500)));
    assert_eq!(request.poll_timeout(), Some(at(600)));
    request.handle_timeout(at(599));
    assert!(request.handle_reply(false, None, at(599)));
    request.handle_timeout(at(698));
    assert_eq!(request.ended(), None);
    request.handle_timeout(at(699));
    assert_eq!(request.ended(), Some(RepliesEndReason::Stalled));
    assert!(!request.handle_reply(false, None, at(699)));
    let mut late = RequestMany::new(limits, at(0));
    assert!(late.handle_reply(false, None, at(950)));
    late.handle_timeout(at(1050));
    assert_eq!(late.ended(), Some(RepliesEndReason::TimedOut), "the whole time was over first");
}

#[test]
fn what_has_no_payload_may_be_the_end() {
    let table = [
        (false, None, None),
        (true, None, Some(RepliesEndReason::Sentinel)),
        (false, Some(503), Some(RepliesEndReason::NoResponders)),
        (true, Some(503), Some(RepliesEndReason::NoResponders)),
        (false, Some(408), Some(RepliesEndReason::Status(status(408)))),
    ];
    for (sentinel, code, expected) in table {
        let limits = ReplyLimits::within(SECOND);
        let mut request =
            RequestMany::new(if sentinel { limits.sentinel() } else { limits }, at(0));
        assert!(
            request.handle_reply(false, code.map(status), at(1)),
            "with a payload it is a reply"
        );
        assert_eq!(request.ended(), None);
        assert_eq!(request.handle_reply(true, code.map(status), at(1)), expected.is_none());
        assert_eq!(request.ended(), expected);
        request.handle_timeout(at(5000));
        assert_eq!(request.ended(), expected.or(Some(RepliesEndReason::TimedOut)));
    }
}

#[test]
fn one_that_waits_for_ever_sets_no_timer() {
    let mut request = RequestMany::new(ReplyLimits::within(Duration::MAX), at(7));
    assert_eq!(request.poll_timeout(), None);
    let limits = ReplyLimits::within(Duration::MAX).stall(Duration::MAX);
    let mut stalls = RequestMany::new(limits, at(7));
    for request in [&mut request, &mut stalls] {
        assert!(request.handle_reply(false, None, at(9)));
        assert_eq!((request.poll_timeout(), request.ended()), (None, None));
    }
}

proptest! {
    /// Against what one would write with all replies at hand.
    #[test]
    fn like_a_list_that_is_cut(
        replies in proptest::collection::vec((0u64..300, any::<bool>()), 0..12),
        max in proptest::option::of(0u64..6),
        stall in proptest::option::of(1u64..200),
        sentinel: bool,
    ) {
        let mut limits = ReplyLimits::within(SECOND);
        (limits.max_messages, limits.sentinel) = (max, sentinel);
        limits.stall = stall.map(Duration::from_millis);
        let mut request = RequestMany::new(limits, at(0));
        let (mut now, mut got) = (0, Vec::new());
        for (pause, is_empty) in &replies {
            now += pause;
            while let Some(due) = request.poll_timeout().filter(|due| *due <= at(now)) {
                request.handle_timeout(due);
            }
            if request.handle_reply(*is_empty, None, at(now)) {
                got.push(now);
            }
        }
        let (mut now, mut expected) = (0, Vec::new());
        for (pause, is_empty) in &replies {
            let is_stalled = stall.is_some_and(|stall| !expected.is_empty() && *pause >= stall);
            now += pause;
            let is_full = max.is_some_and(|max| expected.len() as u64 >= max);
            if is_full || is_stalled || now >= 1000 || (sentinel && *is_empty) {
                break;
            }
            expected.push(now);
        }
        prop_assert_eq!(got, expected);
    }
}
