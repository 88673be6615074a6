//! Subjects, payloads and headers in every form that a program may have.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use bytes::BytesMut;
use nats_tokio::ConnectOptions;
use nats_tokio::Event;
use nats_tokio::Filter;
use nats_tokio::HeaderError;
use nats_tokio::HeaderMap;
use nats_tokio::Headers;
use nats_tokio::Message;
use nats_tokio::PendingLimits;
use nats_tokio::PublishError;
use nats_tokio::QueueGroup;
use nats_tokio::RequestError;
use nats_tokio::Subject;
use nats_tokio::SubjectError;
use nats_tokio::SubscribeError;

use crate::peer::Peer;
use crate::peer::connected;
use crate::peer::pair;

/// Publishes each, and what the server gets.
macro_rules! published {
    ($client:ident, $peer:ident, $($subject:expr, $payload:expr => $line:literal;)*) => {$(
        $client.publish($subject, $payload).await.unwrap();
        $client.publish($subject, $payload).try_send().unwrap();
        $peer.expect(&[$line, $line]).await;
    )*};
}

/// Subscribes with each, and what the server gets.
macro_rules! subscribed {
    ($client:ident, $peer:ident, $($subscribe:expr => $line:literal, $subject:literal, $queue:expr;)*) => {$(
        let subscriber = $subscribe.await.unwrap();
        assert_eq!((subscriber.subject(), subscriber.queue()), ($subject, $queue));
        let handle = subscriber.handle();
        assert_eq!((handle.subject(), handle.queue()), ($subject, $queue));
        assert!($peer.next().await.starts_with($line));
        drop(subscriber);
        assert!($peer.next().await.starts_with("UNSUB"));
    )*};
}

#[tokio::test(start_paused = true)]
async fn subjects_of_messages() {
    let (client, mut peer) = pair().await;
    let text = "a.b".to_owned();
    let borrowed = Cow::Borrowed("a.b");
    let owned: Cow<'_, str> = Cow::Owned(text.clone());
    let shared: Arc<str> = "a.b".into();
    const CHECKED: Subject<'static> = Subject::from_static("a.b");
    published! { client, peer,
        "a.b", "x" => "PUB a.b: x";
        &text, "x" => "PUB a.b: x";
        text.as_str(), "x" => "PUB a.b: x";
        text.clone(), "x" => "PUB a.b: x";
        format!("a.{}", 'b'), "x" => "PUB a.b: x";
        borrowed.clone(), "x" => "PUB a.b: x";
        owned.clone(), "x" => "PUB a.b: x";
        &owned, "x" => "PUB a.b: x";
        &&"a.b", "x" => "PUB a.b: x";
        Box::<str>::from("a.b"), "x" => "PUB a.b: x";
        &shared, "x" => "PUB a.b: x";
        CHECKED, "x" => "PUB a.b: x";
        &CHECKED, "x" => "PUB a.b: x";
    }
    client.publish("a", "x").reply(format!("r.{}", 1)).await.unwrap();
    client.publish("a", "x").reply(CHECKED).await.unwrap();
    client.publish("a", "x").reply(&text).await.unwrap();
    peer.expect(&["PUB a r.1: x", "PUB a a.b: x", "PUB a a.b: x"]).await;
}

#[tokio::test(start_paused = true)]
async fn payloads() {
    let (client, mut peer) = pair().await;
    let bytes = Bytes::from_static(b"xy");
    let vec = b"xy".to_vec();
    let text = "xy".to_owned();
    let array = *b"xy";
    published! { client, peer,
        "a", "xy" => "PUB a: xy";
        "a", &text => "PUB a: xy";
        "a", text.clone() => "PUB a: xy";
        "a", format!("x{}", 'y') => "PUB a: xy";
        "a", Box::<str>::from("xy") => "PUB a: xy";
        "a", b"xy" => "PUB a: xy";
        "a", &b"xy"[..] => "PUB a: xy";
        "a", array => "PUB a: xy";
        "a", &array => "PUB a: xy";
        "a", [b'x', b'y'] => "PUB a: xy";
        "a", u16::from_be_bytes(array).to_be_bytes() => "PUB a: xy";
        "a", &vec => "PUB a: xy";
        "a", vec.clone() => "PUB a: xy";
        "a", vec.clone().into_boxed_slice() => "PUB a: xy";
        "a", bytes.clone() => "PUB a: xy";
        "a", &bytes => "PUB a: xy";
        "a", BytesMut::from(&b"xy"[..]) => "PUB a: xy";
        "a", Cow::Borrowed("xy") => "PUB a: xy";
        "a", Cow::<str>::Owned(text.clone()) => "PUB a: xy";
        "a", Cow::Borrowed(&b"xy"[..]) => "PUB a: xy";
        "a", Cow::<[u8]>::Owned(vec.clone()) => "PUB a: xy";
        "a", () => "PUB a: ";
        "a", "" => "PUB a: ";
    }
}

#[tokio::test(start_paused = true)]
async fn long_payloads_that_are_owned() {
    let (client, mut peer) = pair().await;
    let long = "x".repeat(10_000);
    published! { client, peer,
        "a", long.clone() => "PUB a: (10000 bytes)";
        "a", long.clone().into_boxed_str() => "PUB a: (10000 bytes)";
        "a", BytesMut::from(long.as_bytes()) => "PUB a: (10000 bytes)";
        "a", Cow::Borrowed(&long[..]) => "PUB a: (10000 bytes)";
        "a", [7; 5000] => "PUB a: (5000 bytes)";
    }
}

#[tokio::test(start_paused = true)]
async fn subjects_and_queues_of_subscriptions() {
    let (client, mut peer) = pair().await;
    let (text, queue) = ("a.*".to_owned(), "q".to_owned());
    const FILTER: Filter<'static> = Filter::from_static("a.*");
    const SUBJECT: Subject<'static> = Subject::from_static("a.b");
    subscribed! { client, peer,
        client.subscribe("a.*") => "SUB a.* ", "a.*", None;
        client.subscribe(&text) => "SUB a.* ", "a.*", None;
        client.subscribe(text.clone()) => "SUB a.* ", "a.*", None;
        client.subscribe(format!("a.{}", '*')) => "SUB a.* ", "a.*", None;
        client.subscribe(Cow::Borrowed("a.*")) => "SUB a.* ", "a.*", None;
        client.subscribe(Box::<str>::from("a.*")) => "SUB a.* ", "a.*", None;
        client.subscribe(FILTER) => "SUB a.* ", "a.*", None;
        client.subscribe(SUBJECT) => "SUB a.b ", "a.b", None;
        client.queue_subscribe(&text, &queue) => "SUB a.* q ", "a.*", Some("q");
        client.queue_subscribe(text.clone(), queue.clone()) => "SUB a.* q ", "a.*", Some("q");
        client.queue_subscribe("a", format!("q{}", 1)) => "SUB a q1 ", "a", Some("q1");
        client.queue_subscribe("a", QueueGroup::from_static("q")) => "SUB a q ", "a", Some("q");
    }
}

/// Publishes with each as headers, and what the server gets.
macro_rules! with_headers {
    ($client:ident, $peer:ident, $($headers:expr => $line:literal;)*) => {$(
        $client.publish("a", "x").headers($headers).await.unwrap();
        $peer.expect(&[$line]).await;
    )*};
}

#[tokio::test(start_paused = true)]
async fn headers() {
    let (client, mut peer) = pair().await;
    let map = HeaderMap::from([("A", "1"), ("B", "2")]);
    let pairs = vec![("A".to_owned(), "1".to_owned()), ("B".to_owned(), "2".to_owned())];
    with_headers! { client, peer,
        &map => "HPUB a A=1 B=2: x";
        map.clone() => "HPUB a A=1 B=2: x";
        map.as_headers() => "HPUB a A=1 B=2: x";
        [("A", "1"), ("B", "2")] => "HPUB a A=1 B=2: x";
        [("A", "1".to_owned()), ("B", format!("{}", 2))] => "HPUB a A=1 B=2: x";
        [("A", b"1")] => "HPUB a A=1: x";
        pairs.iter().map(|(name, value)| (name, value)).collect::<HeaderMap>() => "HPUB a A=1 B=2: x";
        pairs.clone().into_iter().collect::<HeaderMap>() => "HPUB a A=1 B=2: x";
        Headers::NONE => "PUB a: x";
        HeaderMap::new() => "PUB a: x";
    }
    let requesting = tokio::spawn(client.request("a", "x").headers(map).into_owned());
    assert!(peer.next().await.starts_with("SUB _INBOX."));
    assert!(peer.next().await.ends_with(" A=1 B=2: x"));
    requesting.abort();
}

#[test]
fn a_map_of_headers() {
    let mut map = HeaderMap::new();
    assert!(map.is_empty());
    assert_eq!((map.len(), map.get("A"), map.iter().count()), (0, None, 0));
    map.append("A", "1").unwrap();
    map.extend([("B", "2"), ("A", "3")]);
    map.extend([("C".to_owned(), b"4".to_vec())]);
    assert!(!map.is_empty());
    assert_eq!((map.len(), map.get("A"), map.get("a")), (4, Some("1"), None));
    assert_eq!(map.get_all("A").collect::<Vec<_>>(), ["1", "3"]);
    let all = [("A", "1"), ("B", "2"), ("A", "3"), ("C", "4")];
    assert_eq!(map.iter().collect::<Vec<_>>(), all);
    assert_eq!((&map).into_iter().collect::<Vec<_>>(), all);
    assert_eq!(map.as_headers().into_iter().collect::<Vec<_>>(), all);
    assert_eq!(HeaderMap::from(all), map);
    assert_eq!(HeaderMap::from(map.as_headers()), map);
    assert_eq!(all.into_iter().collect::<HeaderMap>(), map);
    assert_eq!(map.clone().checked(), Ok(map.clone()));
    assert!(map.remove("A") && map.remove("B") && map.remove("C"));
    assert_eq!((map.len(), map.is_empty()), (0, true));
}

#[test]
fn what_came_may_be_more_than_headers() {
    let block = b"NATS/1.0 503\r\nA: 1\r\nnot a header\r\nB: half\na break\r\nC: \xff\r\n\r\n";
    let map = HeaderMap::from(Headers::from_bytes(block));
    assert_eq!(map.as_headers().as_bytes(), b"NATS/1.0\r\nA: 1\r\nC: \xff\r\n\r\n");
    assert_eq!((map.len(), map.iter().count()), (2, 1), "one is not UTF-8");
    assert!(map.checked().is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_is_invalid_is_told_before_anything_is_sent() {
    let (client, mut peer) = pair().await;
    let wildcard = SubjectError::Wildcard { at: 2 };
    for subject in ["a.*".to_owned(), format!("a.{}", '>')] {
        let expected = PublishError::InvalidSubject(wildcard);
        assert_eq!(client.publish(&subject, "x").await, Err(expected));
        assert_eq!(client.publish(subject.clone(), "x").await, Err(expected));
        assert_eq!(client.publish(subject.clone(), "x").try_send(), Err(expected));
        assert_eq!(client.publish(subject.clone(), "x").into_owned().await, Err(expected));
        assert_eq!(client.publish("a", "x").reply(subject.clone()).await, Err(expected));
        let refused = client.request(subject, "x").await;
        assert_eq!(refused.unwrap_err(), RequestError::Publish(expected));
    }
    let error = client.subscribe(String::new()).await.unwrap_err();
    assert_eq!(error, SubscribeError::InvalidSubject(SubjectError::Empty));
    let error = client.queue_subscribe("a", "q q".to_owned()).await.unwrap_err();
    assert_eq!(error, SubscribeError::InvalidQueue(SubjectError::Forbidden { at: 1 }));
    for (headers, error) in [
        ([("A", "1"), ("B", "2\r\nC: 3"), ("", "4")], HeaderError::Value),
        ([("A:", "1"), ("B", "2\n"), ("C", "3")], HeaderError::Name),
    ] {
        let headers = HeaderMap::from(headers);
        assert_eq!(headers.len(), 1, "the others are left out");
        let expected = PublishError::InvalidHeader(error);
        assert_eq!(client.publish("a", "x").headers(&headers).await, Err(expected));
        assert_eq!(client.publish("a", "x").headers(headers.clone()).await, Err(expected));
        let owned = client.publish("a", "x").headers(headers.clone()).into_owned();
        assert_eq!(owned.await, Err(expected));
        let refused = client.request("a", "x").headers(headers.clone()).await;
        assert_eq!(refused.unwrap_err(), RequestError::Publish(expected));
        assert_eq!(headers.checked(), Err(error));
    }
    assert_eq!(
        client.publish("a", "x").headers([("A", "\n")]).await,
        Err(PublishError::InvalidHeader(HeaderError::Value))
    );
    client.publish("a", "last").await.unwrap();
    peer.expect(&["PUB a: last"]).await;
}

#[tokio::test(start_paused = true)]
async fn futures_that_borrow_nothing() {
    let (client, mut peer) = pair().await;
    let sending = {
        let (subject, reply, payload) = ("a".to_owned(), "r".to_owned(), "x".to_owned());
        let headers = HeaderMap::from([("A", "1")]);
        let message = client.publish(&subject, &payload).reply(&reply).headers(&headers);
        tokio::spawn(message.into_owned())
    };
    sending.await.unwrap().unwrap();
    peer.expect(&["HPUB a r A=1: x"]).await;
    let subscribing = {
        let (subject, queue) = ("b.*".to_owned(), "q".to_owned());
        tokio::spawn(client.queue_subscribe(&subject, &queue).max_messages(1).into_owned())
    };
    let mut subscriber = subscribing.await.unwrap().unwrap();
    peer.expect(&["SUB b.* q 1", "UNSUB 1 1"]).await;
    let requesting = {
        let subject = "service".to_owned();
        tokio::spawn(client.request(&subject, "x").into_owned())
    };
    assert!(peer.next().await.starts_with("SUB _INBOX."));
    let line = peer.next().await;
    let reply = line.split(' ').nth(2).unwrap().trim_end_matches(':');
    peer.send(&format!("MSG {reply} 2 2|ok|MSG b.1 1 1|y")).await;
    assert_eq!(requesting.await.unwrap().unwrap().payload(), b"ok");
    assert_eq!(subscriber.next().await.unwrap().payload(), b"y");
    // The last of them keeps the connection until it is done.
    let last = client.publish("last", "x").into_owned();
    drop(subscriber);
    drop(client);
    peer.expect_silence().await;
    last.await.unwrap();
    peer.expect(&["PUB last: x"]).await;
}

async fn received(lines: &str) -> (nats_tokio::Client, Peer, Message) {
    let (client, mut peer) = pair().await;
    let mut subscriber = client.subscribe(">").await.unwrap();
    peer.expect(&["SUB > 1"]).await;
    peer.send(lines).await;
    let message = subscriber.next().await.unwrap();
    std::mem::forget(subscriber);
    (client, peer, message)
}

#[tokio::test(start_paused = true)]
async fn a_message_is_forwarded_as_it_came() {
    let block = "NATS/1.0\r\nA: 1\r\nA: 2\r\n\r\n";
    let lines = format!("HMSG a 1 r {} {}|{block}x", block.len(), block.len() + 1);
    let (client, mut peer, message) = received(&lines).await;
    client.forward(&message, "b").await.unwrap();
    client.forward(&message, format!("to.{}", message.subject())).await.unwrap();
    client.forward(&message, "c").reply("elsewhere").await.unwrap();
    tokio::spawn(client.forward(&message, "d").into_owned()).await.unwrap().unwrap();
    peer.expect(&["HPUB b r A=1 A=2: x", "HPUB to.a r A=1 A=2: x"]).await;
    peer.expect(&["HPUB c elsewhere A=1 A=2: x", "HPUB d r A=1 A=2: x"]).await;
    assert!(matches!(client.forward(&message, "b.*").await, Err(PublishError::InvalidSubject(_))));
    let (client, mut peer, message) = received("MSG a 1 1|x").await;
    client.forward(&message, "b").await.unwrap();
    peer.expect(&["PUB b: x"]).await;
}

#[tokio::test(start_paused = true)]
async fn messages_as_text() {
    for (lines, expected) in [
        ("MSG a.b 1 5|hello", "a.b: hello"),
        ("MSG a.b 1 0|", "a.b:"),
        ("MSG a.b 1 r 9|x\ty\u{1b}[1mé", "a.b: x\ty\\u{1b}[1mé"),
        ("HMSG a 1 16 16|NATS/1.0 503\r\n\r\n", "a: 503 no responders"),
    ] {
        let (_client, _peer, message) = received(lines).await;
        assert_eq!(message.to_string(), expected);
    }
    let (_client, _peer, message) = received(&format!("MSG a 1 1030|{}", "x".repeat(1030))).await;
    assert_eq!(message.to_string(), format!("a: {}… and 6 bytes", "x".repeat(1024)));
}

#[tokio::test(start_paused = true)]
async fn events_are_a_stream() {
    use futures_core::Stream;
    async fn next(stream: &mut (impl Stream<Item = Event> + Unpin)) -> Option<Event> {
        std::future::poll_fn(|cx| std::pin::Pin::new(&mut *stream).poll_next(cx)).await
    }
    let limits = PendingLimits::DEFAULT.messages(1);
    let (client, mut peer) = connected(ConnectOptions::new(), 64 * 1024).await;
    let mut events = client.events();
    let subscriber = client.queue_subscribe("a.>", "q").pending_limits(limits).await.unwrap();
    peer.expect(&["SUB a.> q 1"]).await;
    peer.send("MSG a.b 1 1|x|MSG a.b 1 1|x").await;
    assert_event!(
        next(&mut events).await.unwrap(),
        SlowConsumer {
            sid: subscriber.sid(),
            subject: "a.>".to_owned(),
            queue: Some("q".to_owned()),
            dropped: 1,
        }
    );
    client.close().await;
    assert!(matches!(next(&mut events).await, Some(Event::Closed { .. })));
    assert_eq!(next(&mut events).await, None);
    assert_eq!(events.next().await, None);
}
