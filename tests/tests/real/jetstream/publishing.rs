//! Publishing to streams: acknowledgements, expectations, ids, windows, and what is said of failures.

use std::future::IntoFuture;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use nats_tests::NatsServer;
use nats_tokio::ConnectionStatus;
use nats_tokio::jetstream::ErrorClass;
use nats_tokio::jetstream::MayBeStored;
use nats_tokio::jetstream::NotSent;
use nats_tokio::jetstream::NotStored;
use nats_tokio::jetstream::PublishError;
use nats_tokio::jetstream::Rollup;
use nats_tokio::jetstream::stream::Config;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::start;
use crate::soon;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_message_is_acknowledged() {
    let (_server, _client, jetstream) = start().await;
    let stream = jetstream.create_stream(Config::new("S", ["s.>"])).await.unwrap();
    let ack = jetstream.publish("s.a", "one").headers([("A", "b")]).await.unwrap();
    assert_eq!((&*ack.stream, ack.sequence, ack.is_duplicate), ("S", 1, false));
    let ack = jetstream.publish("s.a", "two").message_id("two").await.unwrap();
    assert_eq!((ack.sequence, ack.is_duplicate), (2, false));
    let ack = jetstream.publish("s.a", "two").message_id("two").await.unwrap();
    assert_eq!((ack.sequence, ack.is_duplicate), (2, true));
    let stored = stream.get(1).await.unwrap();
    assert_eq!((stored.headers.get("A"), &stored.payload[..]), (Some("b"), &b"one"[..]));
    let long = vec![7; 500_000];
    assert_eq!(jetstream.publish("s.a", long.clone()).await.unwrap().sequence, 3);
    assert_eq!(stream.get(3).await.unwrap().payload, long);
}

#[tokio::test]
async fn expectations_hold_or_the_message_is_not_stored() {
    let (_server, _client, jetstream) = start().await;
    let config = Config { allow_rollup: true, ..Config::new("S", ["s.>"]) };
    let stream = jetstream.create_stream(config).await.unwrap();
    jetstream.publish("s.a", "1").message_id("one").expect_last_sequence(0).await.unwrap();
    jetstream.publish("s.b", "2").expect_last_subject_sequence(0).await.unwrap();
    jetstream.publish("s.b", "3").expect_last_subject_sequence(2).await.unwrap();
    jetstream.publish("s.c", "4").expect_stream("S").message_id("four").await.unwrap();
    jetstream.publish("s.c", "5").expect_last_message_id("four").await.unwrap();

    let error = jetstream.publish("s.a", "x").expect_last_sequence(1).await.unwrap_err();
    assert!(!error.may_be_stored());
    let api = error.api_error().unwrap();
    assert_eq!((api.class(), api.last_sequence()), (ErrorClass::Expectation, Some(5)));
    let error = jetstream.publish("s.b", "x").expect_last_subject_sequence(2).await.unwrap_err();
    assert_eq!(error.api_error().unwrap().last_sequence(), Some(3));
    let error = jetstream.publish("s.a", "x").expect_stream("T").await.unwrap_err();
    assert_eq!(error.api_error().unwrap().class(), ErrorClass::Expectation);
    let error = jetstream.publish("s.a", "x").expect_last_message_id("none").await.unwrap_err();
    assert_eq!(error.api_error().unwrap().class(), ErrorClass::Expectation);
    assert_eq!(stream.info().await.unwrap().state.messages, 5);

    jetstream.publish("s.b", "only").rollup(Rollup::Subject).await.unwrap();
    assert_eq!(stream.info().await.unwrap().state.messages, 4);
}

/// nats-io/nats.net#288.
#[tokio::test]
async fn without_a_stream_it_is_not_stored() {
    let (_server, _client, jetstream) = start().await;
    let error = soon(async { jetstream.publish("nowhere", "x").await }).await.unwrap_err();
    let PublishError::NotStored { reason, .. } = &error else { panic!("{error}") };
    assert_eq!(*reason, NotStored::NoResponders);
    assert!(!error.may_be_stored());
    assert_eq!(error.to_string(), "not stored: no responders");
}

/// nats-io/nats.go#1781, nats-io/nats-server#8038.
#[tokio::test]
async fn a_plain_subscriber_on_the_subject_is_no_stream() {
    let (server, _client, jetstream) = start().await;
    let other = crate::connect(&server).await;
    let mut plain = other.subscribe("orders.new").await.unwrap();
    other.flush().await.unwrap();
    let publish = jetstream.publish("orders.new", "x").timeout(SECOND / 2);
    let error = soon(publish.into_future()).await.unwrap_err();
    let PublishError::MayBeStored { reason, .. } = &error else { panic!("{error}") };
    assert_eq!(*reason, MayBeStored::TimedOut);
    soon(plain.next()).await.unwrap();

    for answer in ["hello", "{}", r#"{"stream":7}"#, &"[".repeat(1_000_000)] {
        let answering = async {
            let request = soon(plain.next()).await.unwrap();
            other.respond(&request, answer.to_owned()).await.unwrap();
        };
        let publish = async { jetstream.publish("orders.new", "x").timeout(5 * SECOND).await };
        let (result, ()) = soon(async { tokio::join!(publish, answering) }).await;
        let error = result.unwrap_err();
        let PublishError::MayBeStored { reason, .. } = &error else { panic!("{error}") };
        assert_eq!(*reason, MayBeStored::NotAnAck, "{}", answer.len());
    }
    assert_eq!(other.status(), ConnectionStatus::Connected);
}

#[tokio::test]
async fn many_are_under_way_and_each_has_its_outcome_in_order() {
    let (_server, _client, jetstream) = start().await;
    let stream = jetstream.create_stream(Config::new("S", ["s.>"])).await.unwrap();
    let publisher = jetstream.publisher().window(64).build();
    let mut sent = Vec::new();
    for at in 1..=2_000_u64 {
        let one = publisher.publish("s.a", at.to_string()).await.unwrap();
        assert_eq!(one.number(), at);
        sent.push(one);
    }
    publisher.flush().await;
    assert_eq!(publisher.in_flight(), 0);
    for (at, sent) in (1..).zip(sent) {
        assert_eq!(soon(sent).await.unwrap().sequence, at);
    }
    assert_eq!(stream.get(1_999).await.unwrap().payload, "1999");
    // Some are stored and some are not, each told of itself.
    let good = publisher.publish("s.a", "x").await.unwrap();
    let bad = publisher.publish("s.a", "x").expect_last_sequence(7).await.unwrap();
    let also_good = publisher.publish("s.a", "x").await.unwrap();
    assert_eq!(soon(good).await.unwrap().sequence, 2_001);
    assert!(!soon(bad).await.unwrap_err().may_be_stored());
    assert_eq!(soon(also_good).await.unwrap().sequence, 2_002);
}

/// nats-io/nats.go#1819.
#[tokio::test]
async fn a_restart_of_the_server_loses_nothing_that_has_an_id() {
    let config = "jetstream { store_dir: $STORE }";
    let mut server = NatsServer::start(config);
    let client = crate::connect(&server).await;
    let jetstream = client.jetstream();
    let stream = jetstream.create_stream(Config::new("S", ["s"])).await.unwrap();
    let publisher = jetstream.publisher().window(32).build();
    let mut sent = Vec::new();
    for at in 0..600 {
        let id = format!("id-{at}");
        sent.push(
            soon(publisher.publish("s", at.to_string()).message_id(&id).into_future())
                .await
                .unwrap(),
        );
        if at % 200 == 100 {
            server.restart(config);
        }
    }
    for sent in sent {
        soon(sent).await.unwrap();
    }
    let info = soon(async {
        loop {
            if let Ok(info) = stream.info().await {
                break info;
            }
        }
    })
    .await;
    assert_eq!(info.state.messages, 600, "each is stored, and once");
}

/// A link to a server that can lose what the server says, and break.
struct Link {
    url: String,
    is_deaf: Arc<AtomicBool>,
    cut: Arc<Notify>,
}

impl Link {
    async fn to(server: &NatsServer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("nats://{}", listener.local_addr().unwrap());
        let (is_deaf, cut) = (Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()));
        let (deaf, broken, port) = (Arc::clone(&is_deaf), Arc::clone(&cut), server.port());
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let (mut from_client, mut to_client) = client.into_split();
                let (mut from_server, mut to_server) = server.into_split();
                let hearing = async {
                    let mut bytes = [0; 4096];
                    while let Ok(count @ 1..) = from_server.read(&mut bytes).await {
                        if !deaf.load(SeqCst) && to_client.write_all(&bytes[..count]).await.is_err()
                        {
                            return;
                        }
                    }
                };
                tokio::select! {
                    () = hearing => {}
                    _ = tokio::io::copy(&mut from_client, &mut to_server) => {}
                    () = broken.notified() => {}
                }
            }
        });
        Self { url, is_deaf, cut }
    }
}

/// nats-io/nats.node#628.
#[tokio::test]
async fn a_lost_acknowledgement_is_a_duplicate_with_an_id_and_an_honest_error_without_one() {
    let (server, _client, jetstream) = start().await;
    let stream = jetstream.create_stream(Config::new("S", ["s.>"])).await.unwrap();
    let link = Link::to(&server).await;
    let client = nats_tokio::connect(&link.url).await.unwrap();
    let publisher = client.jetstream().publisher().build();
    link.is_deaf.store(true, SeqCst);
    let with_id = publisher.publish("s.a", "x").message_id("one").await.unwrap();
    let without = publisher.publish("s.b", "x").await.unwrap();
    soon(async { while stream.info().await.unwrap().state.messages < 2 {} }).await;
    link.is_deaf.store(false, SeqCst);
    link.cut.notify_one();
    let ack = soon(with_id).await.unwrap();
    assert_eq!((ack.sequence, ack.is_duplicate), (1, true));
    let error = soon(without).await.unwrap_err();
    assert!(error.may_be_stored());
    assert_eq!(error.to_string(), "may be stored: disconnected before the acknowledgement");
    soon(publisher.flush()).await;
    assert_eq!(stream.info().await.unwrap().state.messages, 2, "each once");
}

#[tokio::test]
async fn what_the_user_may_not_do_is_told_of_at_once() {
    let server = NatsServer::start(
        "jetstream { store_dir: $STORE }
         authorization { users = [
             { user: all, password: x }
             { user: some, password: x, permissions: {
                 publish: { deny: \"s.no\" }, subscribe: { deny: \"secret.>\" }
             } }
         ] }",
    );
    let port = server.port();
    let all = nats_tokio::connect(format!("nats://all:x@127.0.0.1:{port}")).await.unwrap();
    all.jetstream().create_stream(Config::new("S", ["s.>"])).await.unwrap();
    let url = format!("nats://some:x@127.0.0.1:{port}");
    let some = nats_tokio::connect(&url).await.unwrap();
    // Longer than this test waits.
    let publisher = some.jetstream().publisher().timeout(600 * SECOND).build();
    let (yes, no) = (publisher.publish("s.yes", "x"), publisher.publish("s.no", "x"));
    let (yes, no) = (yes.await.unwrap(), no.await.unwrap());
    let error = soon(no).await.unwrap_err();
    assert_eq!(error.to_string(), "not stored: not permitted");
    assert_eq!(soon(yes).await.unwrap().sequence, 1);
    let options = nats_tokio::ConnectOptions::new().inbox_prefix("secret");
    let without_inbox = options.connect(&url).await.unwrap();
    let jetstream = without_inbox.jetstream();
    let publish = jetstream.publish("s.yes", "x").timeout(600 * SECOND);
    let error = soon(publish.into_future()).await.unwrap_err();
    assert!(
        error.to_string().ends_with("the subscription to the inbox is not permitted"),
        "{error}"
    );
}

#[tokio::test]
async fn without_a_connection_it_is_not_sent_in_time() {
    let (server, client, jetstream) = start().await;
    jetstream.create_stream(Config::new("S", ["s"])).await.unwrap();
    drop(server);
    let gone = async {
        while client.status() == ConnectionStatus::Connected {
            tokio::task::yield_now().await
        }
    };
    soon(gone).await;
    let error =
        soon(jetstream.publish("s", "x").timeout(SECOND / 2).into_future()).await.unwrap_err();
    let PublishError::NotSent(reason) = &error else { panic!("{error}") };
    assert_eq!(*reason, NotSent::TimedOut);
    let waiting = jetstream.publish("s", "x").timeout(20 * SECOND).into_future();
    let (error, _) = tokio::join!(waiting, client.close());
    let PublishError::NotSent(reason) = error.as_ref().unwrap_err() else { panic!("{error:?}") };
    assert_eq!(*reason, NotSent::Closed);
}

#[tokio::test]
async fn what_is_invalid_is_not_sent() {
    let (_server, _client, jetstream) = start().await;
    jetstream.create_stream(Config::new("S", ["s"])).await.unwrap();
    for subject in ["", "s.", "a b", "s.*"] {
        let error = jetstream.publish(subject, "x").await.unwrap_err();
        assert!(matches!(error, PublishError::Invalid(_)), "{subject}");
    }
    let error = jetstream.publish("s", "x").message_id("a\r\nb").await.unwrap_err();
    assert!(matches!(error, PublishError::Invalid(_)));
    let error = jetstream.publish("s", vec![0; 2_000_000]).await.unwrap_err();
    assert!(matches!(error, PublishError::Invalid(_)));
    let error = jetstream.publish("s", "x").expect_stream("a.b").await.unwrap_err();
    assert!(matches!(error, PublishError::Invalid(_)));
    let small = jetstream.publisher().window_bytes(100).build();
    let error = small.publish("s", vec![0; 200]).await.unwrap_err();
    assert!(matches!(error, PublishError::Invalid(_)));
}
