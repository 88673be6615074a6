//! Many messages of a stream by direct get, in pages where the server knows of them.

use std::collections::BTreeMap;

use nats_tokio::jetstream::Error;
use nats_tokio::jetstream::Stream;
use nats_tokio::jetstream::stream;
use nats_tokio::jetstream::stream::DirectBatch;
use nats_tokio::jetstream::stream::DirectLast;

use super::is_recent;
use super::start;
use crate::soon;

/// Reads all of it.
macro_rules! all {
    ($messages:expr) => {{
        let mut messages = $messages;
        let mut found = Vec::new();
        while let Some(message) = soon(messages.next()).await {
            found.push(message.unwrap());
        }
        found
    }};
}

async fn sequences(messages: DirectBatch) -> Vec<u64> {
    all!(messages).iter().map(|message| message.sequence).collect()
}

/// Subjects, and the sequence number of the last message of each.
async fn lasts(messages: DirectLast) -> BTreeMap<String, u64> {
    let found = all!(messages);
    let lasts: BTreeMap<_, _> =
        found.iter().map(|message| (message.subject.clone(), message.sequence)).collect();
    assert_eq!(lasts.len(), found.len(), "each once");
    lasts
}

async fn filled(jetstream: &nats_tokio::jetstream::Context, subjects: u64, count: u64) -> Stream {
    let config = stream::Config {
        allow_direct: true,
        storage: stream::StorageType::Memory,
        ..stream::Config::new("S", ["s.>"])
    };
    let stream = jetstream.create_stream(config).await.unwrap();
    let publisher = jetstream.publisher().window(1_000).build();
    let mut last = None;
    for at in 1..=count {
        let publish = publisher.publish(format!("s.{}", at % subjects), at.to_string());
        last = Some(publish.headers([("At", at.to_string())]).await.unwrap());
    }
    last.unwrap().await.unwrap();
    publisher.flush().await;
    stream
}

#[tokio::test]
async fn all_messages_are_got_in_pages() {
    let (_server, client, jetstream) = start().await;
    // More than two pages.
    let stream = filled(&jetstream, 3, 2_100).await;
    stream.delete_message(7).await.unwrap();
    stream.delete_message_fast(2_099).await.unwrap();
    let there: Vec<u64> = (1..=2_100).filter(|at| ![7, 2_099].contains(at)).collect();

    let found = all!(stream.direct_get_batch());
    assert_eq!(found.iter().map(|message| message.sequence).collect::<Vec<_>>(), there);
    for message in &found {
        let at = message.sequence.to_string();
        assert_eq!(message.subject, format!("s.{}", message.sequence % 3));
        assert_eq!((&message.payload[..], message.headers.len()), (at.as_bytes(), 1));
        assert_eq!(message.headers.get("At"), Some(at.as_str()));
    }
    let of_subject: Vec<u64> = there.iter().copied().filter(|at| at % 3 == 1).collect();
    assert_eq!(sequences(stream.direct_get_batch().subject("s.1")).await, of_subject);
    let some = stream.direct_get_batch().from_sequence(7).max_messages(3);
    assert_eq!(sequences(some).await, [8, 9, 10]);
    let some = stream.direct_get_batch().from_sequence(2_090).subject("s.*").max_messages(100);
    assert_eq!(sequences(some).await.len(), 10);
    assert!(sequences(stream.direct_get_batch().subject("s.4")).await.is_empty());
    assert!(sequences(stream.direct_get_batch().from_sequence(9_999)).await.is_empty());

    let time = found[1_500].time;
    let mut later = stream.direct_get_batch().from_time(time);
    if is_recent(&client) {
        let found = all!(later);
        assert!(found.len() >= 598 && found.iter().all(|message| message.time >= time));
    } else {
        let error = soon(later.next()).await.unwrap().unwrap_err();
        assert!(matches!(error, Error::Unsupported { .. }), "{error}");
        assert!(soon(later.next()).await.is_none());
    }
}

#[tokio::test]
async fn long_messages_are_got_a_few_at_a_time() {
    let (_server, client, jetstream) = start().await;
    let config = stream::Config { allow_direct: true, ..stream::Config::new("S", ["s.>"]) };
    let stream = jetstream.create_stream(config).await.unwrap();
    let long = vec![b'x'; 700_000];
    for _ in 0..9 {
        client.request("s.a", &long).await.unwrap();
    }
    let mut messages = stream.direct_get_batch();
    for sequence in 1..=9 {
        let message = soon(messages.next()).await.unwrap().unwrap();
        assert_eq!((message.sequence, message.payload.len()), (sequence, long.len()));
    }
    assert!(soon(messages.next()).await.is_none());
}

#[tokio::test]
async fn the_last_message_of_each_subject_is_got() {
    let (_server, client, jetstream) = start().await;
    let stream = filled(&jetstream, 10, 100).await;
    let expected = |of: &[u64]| {
        let entry = |at: &u64| (format!("s.{at}"), if *at == 0 { 100 } else { 90 + at });
        of.iter().map(entry).collect::<BTreeMap<_, _>>()
    };
    let every: Vec<u64> = (0..10).collect();
    assert_eq!(lasts(stream.direct_get_last_for(["s.>"])).await, expected(&every));
    let some = stream.direct_get_last_for(["s.3", "s.5", "s.none"]);
    assert_eq!(lasts(some).await, expected(&[3, 5]));
    let overlapping = stream.direct_get_last_for(["s.3", "s.*", "s.5"]);
    assert_eq!(lasts(overlapping).await, expected(&every));
    assert!(lasts(stream.direct_get_last_for(["t.>"])).await.is_empty());

    let mut then = stream.direct_get_last_for(["s.3", "s.5"]).up_to_sequence(94);
    if is_recent(&client) {
        let expected = [("s.3".to_owned(), 93), ("s.5".to_owned(), 85)];
        assert_eq!(lasts(then).await, BTreeMap::from(expected));
    } else {
        assert!(soon(then.next()).await.unwrap().is_err());
    }
}

#[tokio::test]
async fn more_subjects_than_a_server_finds_at_once_are_got_one_by_one() {
    let (_server, _client, jetstream) = start().await;
    let stream = filled(&jetstream, 1_100, 2_200).await;
    let found = lasts(stream.direct_get_last_for(["s.*"])).await;
    assert_eq!(found.len(), 1_100);
    assert!(found.iter().all(|(subject, sequence)| {
        *sequence > 1_100 && *subject == format!("s.{}", sequence % 1_100)
    }));
}

#[tokio::test]
async fn a_stream_that_does_not_allow_direct_gets_says_so() {
    let (_server, client, jetstream) = start().await;
    jetstream.create_stream(stream::Config::new("S", ["s.>"])).await.unwrap();
    let jetstream = jetstream.timeout(std::time::Duration::from_secs(1));
    let stream = jetstream.stream("S").unwrap();
    let error = soon(stream.direct_get_batch().next()).await.unwrap().unwrap_err();
    let expected = if is_recent(&client) { "NoResponders" } else { "TimedOut" };
    assert_eq!(format!("{error:?}"), expected);
}
