use bytes::Bytes;
use nats_proto::Layout;
use nats_proto::Sid;

use super::*;

const A: Subject<'static> = Subject::from_static("a");

fn refusal(subject: &[u8]) -> Refusal {
    Refusal::Subject(fingerprint(subject.iter().copied()))
}

fn reply() -> Message {
    Message::new(Bytes::new(), Sid(1), Layout::default())
}

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

fn open(table: &mut RequestTable, deadline: u64) -> Result<RequestId, Full> {
    table.open(A, at(deadline), Waker::noop().clone())
}

fn poll(table: &mut RequestTable, request_id: RequestId) -> Poll<Result<Message, RequestError>> {
    table.poll(request_id, &Context::from_waker(Waker::noop()))
}

#[test]
fn the_first_reply_counts() {
    let mut table = RequestTable::new(1);
    let request_id = open(&mut table, 10).unwrap();
    assert_eq!(open(&mut table, 10), Err(Full));
    assert!(poll(&mut table, request_id).is_pending());
    assert!(table.answer(request_id, reply()).is_some());
    assert!(table.answer(request_id, reply()).is_none());
    assert!(matches!(poll(&mut table, request_id), Poll::Ready(Ok(_))));
    assert!(table.answer(request_id, reply()).is_none(), "nobody waits any more");
    assert_eq!(table.len(), 0);
}

#[test]
fn a_reply_in_the_last_moment_beats_the_clock_or_does_not() {
    let mut table = RequestTable::new(2);
    let (first, second) = (open(&mut table, 10).unwrap(), open(&mut table, 10).unwrap());
    table.answer(first, reply());
    table.expire(at(10), None, &mut Vec::new());
    table.answer(second, reply());
    assert!(matches!(poll(&mut table, first), Poll::Ready(Ok(_))));
    assert_eq!(poll(&mut table, second), Poll::Ready(Err(RequestError::TimedOut)));
}

#[test]
fn all_fail_when_the_connection_is_lost() {
    let mut table = RequestTable::new(3);
    let request_ids = [5, 10, 15].map(|deadline| open(&mut table, deadline).unwrap());
    for request_id in request_ids {
        assert!(poll(&mut table, request_id).is_pending());
    }
    let mut woken = Vec::new();
    table.expire(at(5), None, &mut woken);
    table.end_all(Outcome::Disconnected, &mut woken);
    assert_eq!(woken.len(), 3);
    let outcomes = request_ids.map(|request_id| poll(&mut table, request_id));
    assert_eq!(outcomes[0], Poll::Ready(Err(RequestError::TimedOut)));
    assert_eq!(outcomes[1], Poll::Ready(Err(RequestError::Disconnected)));
    assert_eq!(outcomes[2], Poll::Ready(Err(RequestError::Disconnected)));
}

#[test]
fn refusals_find_their_requests_and_nothing_is_kept_for_them() {
    let mut table = RequestTable::new(10_000);
    let open = |table: &mut RequestTable, subject: &str| {
        table.open(Subject::new(subject).unwrap(), at(10), Waker::noop().clone()).unwrap()
    };
    let mut woken = Vec::new();
    let a = [0; 3].map(|_| open(&mut table, "a"));
    let b = open(&mut table, "b");
    table.handle_refused(refusal(b"nobody"), &mut woken);
    assert!(woken.is_empty());
    // One that comes later is found, too.
    let later = open(&mut table, "a");
    table.handle_refused(refusal(b"a"), &mut woken);
    assert_eq!(woken.len(), 4);
    for request_id in a.into_iter().chain([later]) {
        assert_eq!(poll(&mut table, request_id), Poll::Ready(Err(RequestError::NotPermitted)));
    }
    assert!(poll(&mut table, b).is_pending());
    // Requests that come and go do not make it grow.
    for _ in 0..10_000 {
        let request_id = open(&mut table, "c");
        table.answer(request_id, reply());
        assert!(poll(&mut table, request_id).is_ready());
        assert!(table.index.as_ref().is_none_or(|index| index.len <= Index::FEW));
    }
    table.handle_refused(refusal(b"b"), &mut woken);
    assert_eq!(poll(&mut table, b), Poll::Ready(Err(RequestError::NotPermitted)));
    assert!(table.index.is_none(), "nobody waits");
}
