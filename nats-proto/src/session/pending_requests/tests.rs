use std::format;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::message::Layout;
use crate::message::Sid;
use crate::rng::RngSeed;
use crate::wire::ServerError;

const SUBJECT: Subject<'static> = Subject::from_static("a.b");
const OTHER: Subject<'static> = Subject::from_static("other");

type Small = FixedRequests<u8, 3>;
type Told = Vec<(u8, Outcome)>;

const fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

fn open(requests: &mut Small, owner: u8, deadline: u64) -> RequestId {
    requests.open(owner, SUBJECT, at(deadline)).unwrap()
}

fn late(requests: &mut Small, now: u64) -> Told {
    let mut told = Told::new();
    requests.handle_time(
        at(now),
        |_, is_sent| Outcome::of_time(is_sent, false),
        |_, owner, outcome| {
            told.push((*owner, outcome));
            Then::Keep
        },
    );
    told
}

fn lost(requests: &mut Small, then: Then) -> Told {
    let mut told = Told::new();
    requests.handle_disconnected(
        |_| true,
        |_, owner, outcome| {
            told.push((*owner, outcome));
            then
        },
    );
    told
}

fn reply(payload: &[u8], is_status: bool) -> Message<Vec<u8>> {
    let headers: &[u8] = if is_status { b"NATS/1.0 503\r\n\r\n" } else { b"" };
    let frame = [b"HMSG a 1 0 0\r\n", headers, payload, b"\r\n"].concat();
    let layout = Layout {
        line: 14,
        headers: headers.len().try_into().unwrap(),
        payload: payload.len().try_into().unwrap(),
        ..Layout::EMPTY
    };
    Message::from_frame(frame, Sid(1), layout)
}

fn inbox() -> Inbox<crate::wire::ArrayBuf<64>> {
    Inbox::new(Inbox::<()>::DEFAULT_PREFIX, RngSeed([1; 16])).unwrap()
}

#[test]
fn the_first_reply_is_the_outcome() {
    for (reply_to_first, expected) in [
        (reply(b"hi", false), Outcome::Answered),
        (reply(b"", false), Outcome::Answered),
        (reply(b"", true), Outcome::NoResponders),
        (reply(b"one's own 503", true), Outcome::Answered),
    ] {
        let mut requests = Small::default();
        let id = open(&mut requests, 1, 10);
        requests.note_sent(id);
        assert_eq!(requests.outcome(id), None);
        assert_eq!(requests.handle_reply(id, &reply_to_first), Some((&mut 1, expected)));
        assert_eq!(requests.handle_reply(id, &reply(b"second", false)), None);
        assert_eq!(requests.end(id, Outcome::ReplyTooLong), None);
        assert!(late(&mut requests, 99).is_empty() && lost(&mut requests, Then::Keep).is_empty());
        assert_eq!(requests.outcome(id), Some(expected));
        assert_eq!((requests.close(id), requests.close(id)), (Some(1), None));
        assert_eq!(requests.handle_reply(id, &reply(b"late", false)), None);
        assert_eq!(requests.outcome(id), None);
    }
}

#[test]
fn a_reply_that_is_too_long_is_an_outcome() {
    let mut requests = Small::default();
    let id = open(&mut requests, 1, 10);
    assert_eq!(requests.end(id, Outcome::ReplyTooLong), Some(&mut 1));
    assert_eq!(requests.handle_reply(id, &reply(b"short", false)), None);
    assert!(late(&mut requests, 99).is_empty());
}

#[test]
fn every_request_is_late_once() {
    let mut requests = Small::default();
    for (owner, deadline) in [(1, 30), (2, 10), (3, 20)] {
        let id = open(&mut requests, owner, deadline);
        if owner == 2 {
            requests.note_sent(id);
        }
    }
    assert_eq!(requests.poll_timeout(), Some(at(10)));
    assert_eq!(late(&mut requests, 9), []);
    let (sent, unsent) = ((2, Outcome::TimedOut), (3, Outcome::NotConnected));
    assert_eq!(late(&mut requests, 20), [sent, unsent]);
    assert_eq!((late(&mut requests, 20), requests.poll_timeout()), (Vec::new(), Some(at(30))));
    assert_eq!(late(&mut requests, 99), [(1, Outcome::NotConnected)]);
    assert_eq!((requests.poll_timeout(), requests.len()), (None, 3));
}

#[test]
fn those_that_wait_for_ever_are_never_late() {
    let mut requests = Small::default();
    requests.open(1, SUBJECT, NEVER).unwrap();
    assert_eq!(requests.poll_timeout(), None);
    assert!(late(&mut requests, u64::MAX - 1).is_empty());
}

#[test]
fn a_lost_connection_ends_what_was_sent_to_it() {
    for then in [Then::Keep, Then::Remove] {
        let mut requests = Small::default();
        let [sent, unsent, answered] = [1, 2, 3].map(|owner| open(&mut requests, owner, 10));
        requests.note_sent(sent);
        requests.note_sent(answered);
        requests.handle_reply(answered, &reply(b"", false));
        assert_eq!(lost(&mut requests, then), [(1, Outcome::Disconnected)]);
        assert!(requests.is_unsent(unsent) && !requests.is_unsent(sent));
        assert_eq!(requests.len(), if then == Then::Keep { 3 } else { 2 });
        // It goes to the next one.
        requests.note_sent(unsent);
        assert_eq!(lost(&mut requests, then), [(2, Outcome::Disconnected)]);
    }
    // A driver may know better which of them were written.
    let mut requests = Small::default();
    for owner in 1..=3 {
        let id = open(&mut requests, owner, 10);
        requests.note_sent(id);
    }
    let mut told = Vec::new();
    requests.handle_disconnected(
        |owner| *owner <= 2,
        |_, owner, _| {
            told.push(*owner);
            Then::Remove
        },
    );
    assert_eq!((told, requests.len()), (Vec::from([1, 2]), 1));
}

#[test]
fn a_refusal_ends_those_that_are_meant() {
    let inbox = inbox();
    let mut requests = Small::default();
    let first = open(&mut requests, 1, 10);
    let other = requests.open(2, OTHER, at(10)).unwrap();
    let unsent = open(&mut requests, 3, 10);
    requests.note_sent(first);
    requests.note_sent(other);
    let refuse = |requests: &mut Small, text: &str| {
        let violation = ServerError::from_bytes(text.as_bytes()).violation().unwrap();
        let mut told = Told::new();
        requests.handle_refused(&violation, &inbox, |_, owner, outcome| {
            told.push((*owner, outcome));
            Then::Keep
        });
        told
    };
    let publish = "'Permissions Violation for Publish to \"a.b\"'";
    let refused = |owner| [(owner, Outcome::NotPermitted)];
    assert_eq!(refuse(&mut requests, publish), refused(1));
    assert_eq!(refuse(&mut requests, publish), []);
    assert!(requests.is_unsent(unsent));
    let mut text = crate::wire::ArrayBuf::<64>::new();
    let subject = inbox.reply(other, &mut text).unwrap();
    let reply_to = format!("'Permissions Violation for Publish with Reply of \"{subject}\"'");
    assert_eq!(refuse(&mut requests, &reply_to), refused(2));
    assert_eq!(refuse(&mut requests, &reply_to), []);
    let foreign = "'Permissions Violation for Publish with Reply of \"foreign\"'";
    assert_eq!(refuse(&mut requests, foreign), []);
    assert_eq!(refuse(&mut requests, "'Permissions Violation for Subscription to \"a.b\"'"), []);
}

#[test]
fn the_end_of_the_inbox_spares_those_that_have_their_own() {
    for (how, expected) in [
        (EndReason::NotPermitted, Outcome::NoInbox),
        (EndReason::Refused, Outcome::NoInbox),
        (EndReason::Unsubscribed, Outcome::NoInbox),
        (EndReason::Drained, Outcome::Draining),
        (EndReason::Closed, Outcome::Closed),
    ] {
        let mut requests = Small::default();
        open(&mut requests, 1, 10);
        let many = requests.open_many(2, SUBJECT, at(10)).unwrap();
        assert_eq!(requests.handle_reply(many, &reply(b"", false)), None, "not for the table");
        let mut told = Told::new();
        requests.handle_inbox_ended(how, |_, owner, outcome| {
            told.push((*owner, outcome));
            Then::Remove
        });
        assert_eq!(told, [(1, expected)]);
        assert_eq!(requests.outcome(many), None);
        requests.handle_closed(|_, owner, outcome| {
            told.push((*owner, outcome));
            Then::Keep
        });
        assert_eq!(told, [(1, expected), (2, Outcome::Closed)]);
    }
}

#[test]
fn the_table_is_bounded_and_places_are_used_again() {
    let mut requests = Small::default();
    for round in 0..100_000 {
        let id = open(&mut requests, 0, round);
        assert_eq!(requests.close(id), Some(0));
    }
    for _ in 0..3 {
        open(&mut requests, 1, 5);
    }
    assert_eq!(requests.open(1, SUBJECT, at(5)), Err(Full));
    lost(&mut requests, Then::Remove);
    assert_eq!(requests.open(1, SUBJECT, at(5)), Err(Full), "none was sent");
    requests.handle_closed(|_, _, _| Then::Remove);
    assert!(requests.is_empty());
    open(&mut requests, 1, 5);
}

#[cfg(feature = "alloc")]
#[test]
fn one_that_grows_has_a_maximum() {
    let mut requests = GrowableRequests::<u8>::with_max(2);
    let first = requests.open(1, SUBJECT, at(1)).unwrap();
    requests.open(2, SUBJECT, at(1)).unwrap();
    assert_eq!(requests.open(3, SUBJECT, at(1)), Err(Full));
    requests.close(first);
    assert!(requests.open(3, SUBJECT, at(1)).is_ok());
    assert_eq!(requests.open(4, SUBJECT, at(1)), Err(Full));
}

#[derive(Clone, Debug)]
enum Step {
    Open { millis: u8, is_many: bool },
    Sent(usize),
    Reply(usize),
    TooLong(usize),
    Refuse,
    Lost,
    Time(u8),
    InboxEnded,
    Close(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (any::<u8>(), any::<bool>()).prop_map(|(millis, is_many)| Step::Open { millis, is_many }),
        (0usize..8).prop_map(Step::Sent),
        (0usize..8).prop_map(Step::Reply),
        (0usize..8).prop_map(Step::TooLong),
        Just(Step::Refuse),
        Just(Step::Lost),
        any::<u8>().prop_map(Step::Time),
        Just(Step::InboxEnded),
        (0usize..8).prop_map(Step::Close),
    ]
}

proptest! {
    /// Whatever happens, and in whatever order: no request has two outcomes, each that was not
    /// closed before has one in the end, and no place is lost.
    #[test]
    fn each_request_has_one_outcome(
        steps in prop::collection::vec(step(), 0..60),
        keeps in any::<bool>(),
    ) {
        let inbox = inbox();
        let then = if keeps { Then::Keep } else { Then::Remove };
        let mut requests = FixedRequests::<usize, 5>::default();
        let mut ids = Vec::new();
        let mut outcomes = Vec::<Vec<Outcome>>::new();
        let mut closed = Vec::new();
        let mut now = 0;
        for step in steps.into_iter().chain([Step::Time(255), Step::Time(1)]) {
            let mut told = Vec::new();
            let mut tell = |_: RequestId, owner: &mut usize, outcome| {
                told.push((*owner, outcome));
                then
            };
            match step {
                Step::Open { millis, is_many } => {
                    let deadline = at(now + u64::from(millis));
                    let opened = if is_many {
                        requests.open_many(ids.len(), SUBJECT, deadline)
                    } else {
                        requests.open(ids.len(), SUBJECT, deadline)
                    };
                    if let Ok(id) = opened {
                        ids.push(id);
                        outcomes.push(Vec::new());
                        closed.push(false);
                    }
                }
                Step::Sent(pick) => {
                    if let Some(id) = ids.get(pick) {
                        requests.note_sent(*id);
                    }
                }
                Step::Reply(pick) => {
                    if let Some(id) = ids.get(pick)
                        && let Some((owner, outcome)) = requests.handle_reply(*id, &reply(b"", true))
                    {
                        told.push((*owner, outcome));
                        if !keeps {
                            requests.close(*id);
                        }
                    }
                }
                Step::TooLong(pick) => {
                    if let Some(id) = ids.get(pick)
                        && let Some(owner) = requests.end(*id, Outcome::ReplyTooLong)
                    {
                        told.push((*owner, Outcome::ReplyTooLong));
                        if !keeps {
                            requests.close(*id);
                        }
                    }
                }
                Step::Refuse => {
                    let text = b"'Permissions Violation for Publish to \"a.b\"'";
                    let violation = ServerError::from_bytes(text).violation().unwrap();
                    requests.handle_refused(&violation, &inbox, tell);
                }
                Step::Lost => requests.handle_disconnected(|_| true, tell),
                Step::Time(millis) => {
                    now += u64::from(millis);
                    requests.handle_time(at(now), |_, _| Outcome::TimedOut, &mut tell);
                    prop_assert!(requests.poll_timeout().is_none_or(|next| next > at(now)));
                }
                Step::InboxEnded => requests.handle_inbox_ended(EndReason::Refused, tell),
                Step::Close(pick) => {
                    if let Some(id) = ids.get(pick) {
                        closed[pick] |= requests.close(*id).is_some();
                    }
                }
            }
            for (owner, outcome) in told {
                outcomes[owner].push(outcome);
                prop_assert_eq!(outcomes[owner].len(), 1, "{} has {:?}", owner, outcomes[owner]);
                if keeps {
                    prop_assert_eq!(requests.outcome(ids[owner]), Some(outcome));
                }
            }
        }
        for (outcomes, closed) in outcomes.iter().zip(&closed) {
            prop_assert!(outcomes.len() == 1 || *closed);
        }
        if !keeps {
            prop_assert!(requests.is_empty());
        }
    }
}
