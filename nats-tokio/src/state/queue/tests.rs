use std::task::Context;
use std::task::Poll;

use nats_proto::Sid;
use nats_proto::wire::Decoded;
use nats_proto::wire::Decoder;
use nats_proto::wire::FromServer;
use nats_proto::wire::ServerOp;

use super::block::SPARSE;
use super::*;

/// A block as the driver makes one, of messages with these payloads.
fn block(payloads: &[&str]) -> (Bytes, Vec<Entry>, usize) {
    let frames: String =
        payloads.iter().map(|text| format!("MSG a 1 {}\r\n{text}\r\n", text.len())).collect();
    let bytes = Bytes::from(frames);
    let mut decoder = Decoder::<FromServer>::default();
    let mut entries = Vec::new();
    let mut at = 0;
    while let Ok(Decoded::Frame { op: ServerOp::Message(message), len }) =
        decoder.decode(&bytes[at..])
    {
        entries.push(Entry { at: u32::try_from(at).unwrap(), layout: message.layout() });
        at += len;
    }
    (bytes, entries, at)
}

fn push(queue: &Queue, payloads: &[&str]) -> Pushed {
    let (bytes, mut entries, len) = block(payloads);
    let pushed = queue.push(&bytes, &mut entries, len);
    assert!(entries.is_empty());
    pushed
}

fn take_all(queue: &Queue, taker: &mut Taker) -> Vec<String> {
    std::iter::from_fn(|| taker.try_next(queue))
        .map(|message| String::from_utf8(message.payload().to_vec()).unwrap())
        .collect()
}

fn pair(limits: PendingLimits) -> (Queue, Taker) {
    (Queue::new(limits, Names::default()), Taker::new(Sid(1)))
}

fn messages(messages: u64) -> PendingLimits {
    PendingLimits::NONE.messages(messages)
}

#[test]
fn messages_come_out_in_order_across_blocks() {
    let (queue, mut taker) = pair(PendingLimits::NONE);
    push(&queue, &["1", "2", "3"]);
    push(&queue, &["4"]);
    assert_eq!(queue.pending(), Pending { messages: 4, bytes: 4 * 14 });
    assert_eq!(taker.try_next(&queue).unwrap().payload(), b"1");
    assert_eq!(queue.pending().messages, 3);
    push(&queue, &["5"]);
    assert_eq!(take_all(&queue, &mut taker), ["2", "3", "4", "5"]);
    assert_eq!(queue.pending(), Pending::default());
}

#[test]
fn only_a_sleeping_subscriber_is_woken() {
    let (queue, mut taker) = pair(PendingLimits::NONE);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(push(&queue, &["1"]).wake.is_none());
    assert!(taker.poll_next(&queue, &mut cx).is_ready());
    assert!(taker.poll_next(&queue, &mut cx).is_pending());
    assert!(push(&queue, &["2"]).wake.is_some());
    assert!(push(&queue, &["3"]).wake.is_none());
    assert!(taker.poll_next(&queue, &mut cx).is_ready());
    assert!(queue.end(EndReason::Unsubscribed).is_none());
    assert!(taker.poll_next(&queue, &mut cx).is_ready());
    assert_eq!(taker.poll_next(&queue, &mut cx), Poll::Ready(None));
    assert!(queue.is_drained());
}

#[test]
fn nothing_is_taken_after_the_end_but_what_was_there() {
    let (queue, mut taker) = pair(PendingLimits::NONE);
    push(&queue, &["1"]);
    queue.end(EndReason::Unsubscribed);
    push(&queue, &["2"]);
    assert_eq!(take_all(&queue, &mut taker), ["1"]);

    let (queue, mut taker) = pair(PendingLimits::NONE);
    push(&queue, &["1"]);
    queue.abandon();
    push(&queue, &["2"]);
    assert_eq!(take_all(&queue, &mut taker), [""; 0]);
    assert!(queue.is_drained());
}

#[test]
fn episodes_of_slowness() {
    let (queue, mut taker) = pair(messages(4));
    assert!(!push(&queue, &["1", "2", "3", "4"]).is_newly_slow);
    assert!(push(&queue, &["5"]).is_newly_slow);
    assert!(!push(&queue, &["6", "7"]).is_newly_slow);
    assert_eq!(queue.dropped(), 3);
    taker.try_next(&queue);
    push(&queue, &["8"]);
    assert!(!push(&queue, &["9"]).is_newly_slow, "still the same episode");
    assert_eq!(take_all(&queue, &mut taker), ["2", "3", "4", "8"]);
    push(&queue, &["10"]);
    assert!(push(&queue, &["11", "12", "13", "14"]).is_newly_slow);
    assert_eq!(queue.dropped(), 5);
}

#[test]
fn a_lagging_subscriber_does_not_keep_whole_read_buffers() {
    let (queue, mut taker) = pair(PendingLimits::NONE);
    let (bytes, mut entries, _) = block(&["mine", "another one's"]);
    let mine = entries.remove(0);
    entries.clear();
    // Nothing waits, so this is delivered as it is.
    queue.push(&bytes, &mut vec![mine], 17);
    assert!(!bytes.is_unique());
    // Something waits, so this is copied.
    let (other, mut entries, _) = block(&["mine", "another one's"]);
    entries.truncate(1);
    queue.push(&other, &mut entries, 17);
    assert!(other.is_unique());
    // A block that is mostly its own is not.
    let large = "x".repeat(SPARSE);
    let (block, mut entries, len) = block(&[&large]);
    queue.push(&block, &mut entries, len);
    assert!(!block.is_unique());
    assert_eq!(take_all(&queue, &mut taker), ["mine", "mine", &large]);
}

#[test]
fn entry_vectors_go_back_and_forth() {
    let (queue, mut taker) = pair(PendingLimits::NONE);
    push(&queue, &["1", "2", "3", "4", "5"]);
    take_all(&queue, &mut taker);
    let (bytes, mut entries, len) = block(&["6"]);
    queue.push(&bytes, &mut entries, len);
    assert!(entries.capacity() >= 5, "the driver has the subscriber's empty vector");
}

#[test]
fn the_oldest_can_be_dropped_instead() {
    let limits = messages(3).overflow(Overflow::DropOldest);
    let (queue, mut taker) = pair(limits);
    push(&queue, &["1", "2"]);
    assert_eq!(taker.try_next(&queue).unwrap().payload(), b"1");
    assert!(!push(&queue, &["3", "4"]).is_newly_slow);
    assert!(push(&queue, &["5", "6"]).is_newly_slow);
    assert_eq!((queue.pending().messages, queue.dropped()), (3, 2));
    assert_eq!(take_all(&queue, &mut taker), ["4", "5", "6"]);
    push(&queue, &["7", "8", "9", "10", "11"]);
    assert_eq!(
        (queue.pending(), queue.dropped()),
        (Pending { messages: 3, bytes: 14 + 15 + 15 }, 4)
    );
    assert_eq!(take_all(&queue, &mut taker), ["9", "10", "11"]);
    assert_eq!(queue.pending(), Pending::default());

    let bytes = PendingLimits::NONE.bytes(30).overflow(Overflow::DropOldest);
    let (queue, mut taker) = pair(bytes);
    for text in ["1", "2", "3"] {
        push(&queue, &[text]);
    }
    assert_eq!(take_all(&queue, &mut taker), ["2", "3"]);

    // Others of the block, and of those before, are taken in order when the limits change.
    push(&queue, &["4", "5"]);
    assert_eq!(taker.try_next(&queue).unwrap().payload(), b"4");
    queue.set_pending_limits(PendingLimits::NONE);
    push(&queue, &["6"]);
    assert_eq!(take_all(&queue, &mut taker), ["5", "6"]);
}
