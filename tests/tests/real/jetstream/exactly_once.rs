//! Publishers that are the only ones of their streams: each message is stored once, and in order.

use std::future::IntoFuture;

use nats_tests::NatsServer;
use nats_tokio::jetstream::ErrorCode;
use nats_tokio::jetstream::InvalidMessage;
use nats_tokio::jetstream::NotStored;
use nats_tokio::jetstream::PublishError;
use nats_tokio::jetstream::Publisher;
use nats_tokio::jetstream::Stream;
use nats_tokio::jetstream::stream::Config;

use super::start;
use crate::soon;

const CONFIG: &str = "jetstream { store_dir: $STORE }";

/// The payloads that a stream has, in order.
async fn stored(stream: &Stream) -> Vec<String> {
    let state = soon(async {
        loop {
            if let Ok(info) = stream.info().await {
                break info.state;
            }
        }
    })
    .await;
    let mut payloads = Vec::new();
    for sequence in state.first_sequence..=state.last_sequence {
        let message = soon(stream.get(sequence)).await.unwrap();
        payloads.push(String::from_utf8(message.payload.to_vec()).unwrap());
    }
    payloads
}

async fn publish(publisher: &Publisher, payload: &str) -> Result<u64, PublishError> {
    let sent = soon(publisher.publish("s.a", payload.to_owned()).into_future()).await?;
    Ok(soon(sent).await?.sequence)
}

fn is_refused(error: &PublishError) -> bool {
    let code = ErrorCode::WRONG_LAST_MESSAGE_ID;
    matches!(error, PublishError::NotStored { reason, .. } if *reason == NotStored::Rejected(code))
}

#[tokio::test]
async fn a_server_that_is_killed_under_load_has_each_message_once_and_in_order() {
    let mut server = NatsServer::start(CONFIG);
    let client = crate::connect(&server).await;
    let jetstream = client.jetstream();
    let stream = jetstream.create_stream(Config::new("S", ["s.>"])).await.unwrap();
    let publisher = jetstream.publisher().window(64).exactly_once("S", "importer").await.unwrap();
    assert_eq!(publisher.last_number(), 0);
    let mut sent = Vec::new();
    for at in 1..=300 {
        let message = publisher.publish("s.a", at.to_string()).headers([("A", "b")]);
        sent.push(soon(message.into_future()).await.unwrap());
        if at % 100 == 50 {
            server.restart(CONFIG);
        }
    }
    for (number, sent) in (1..).zip(sent) {
        assert_eq!(sent.number(), number);
        assert_eq!(soon(sent).await.unwrap().sequence, number);
    }
    let expected: Vec<_> = (1..=300).map(|at| at.to_string()).collect();
    assert_eq!(stored(&stream).await, expected);
    assert_eq!(stream.get(7).await.unwrap().headers.get("A"), Some("b"));
    // The program is started again, and goes on where it was.
    drop(publisher);
    let publisher = jetstream.publisher().exactly_once("S", "importer").await.unwrap();
    assert_eq!(publisher.last_number(), 300);
    assert_eq!(publish(&publisher, "301").await.unwrap(), 301);
    assert_eq!(publisher.last_number(), 301);
}

#[tokio::test]
async fn what_another_publisher_stores_ends_it() {
    let (_server, _client, jetstream) = start().await;
    let stream = jetstream.create_stream(Config::new("S", ["s.>"])).await.unwrap();
    let first = jetstream.publisher().exactly_once("S", "importer").await.unwrap();
    assert_eq!(publish(&first, "1").await.unwrap(), 1);
    // A second process of the same name, while the first one does not know of it.
    let second = jetstream.publisher().exactly_once("S", "importer").await.unwrap();
    assert_eq!(second.last_number(), 1);
    assert_eq!(publish(&second, "2").await.unwrap(), 2);
    for _ in 0..2 {
        let error = publish(&first, "2 of the first").await.unwrap_err();
        assert!(is_refused(&error), "{error}");
        assert!(!error.may_be_stored());
    }
    assert_eq!(publish(&second, "3").await.unwrap(), 3);
    // Somebody who knows nothing of it, without an id.
    jetstream.publish("s.b", "foreign").await.unwrap();
    for _ in 0..2 {
        let error = publish(&second, "4").await.unwrap_err();
        assert!(is_refused(&error), "{error}");
    }
    assert_eq!(stored(&stream).await, ["1", "2", "3", "foreign"]);
    // Behind that, the number is not known any more.
    let third = jetstream.publisher().exactly_once("S", "importer").await.unwrap();
    assert_eq!(third.last_number(), 0);
    assert_eq!(publish(&third, "5").await.unwrap(), 5);
    let other = jetstream.publisher().exactly_once("S", "other").await.unwrap();
    assert_eq!(other.last_number(), 0);
}

#[tokio::test]
async fn a_purge_and_a_restart_that_forget_all_ids_do_not_end_it() {
    let mut server = NatsServer::start(CONFIG);
    let client = crate::connect(&server).await;
    let jetstream = client.jetstream();
    let stream = jetstream.create_stream(Config::new("S", ["s.>"])).await.unwrap();
    let publisher = jetstream.publisher().exactly_once("S", "importer").await.unwrap();
    for sequence in 1..=2 {
        assert_eq!(publish(&publisher, "x").await.unwrap(), sequence);
    }
    stream.purge().await.unwrap();
    assert_eq!(publish(&publisher, "x").await.unwrap(), 3);
    stream.purge().await.unwrap();
    server.restart(CONFIG);
    for sequence in 4..=5 {
        assert_eq!(publish(&publisher, "x").await.unwrap(), sequence);
    }
    assert_eq!(stored(&stream).await, ["x", "x"]);
}

#[tokio::test]
async fn what_it_cannot_do_is_an_error_before_anything_is_sent() {
    let (_server, _client, jetstream) = start().await;
    let stream = jetstream.create_stream(Config::new("S", ["s.>"])).await.unwrap();
    let error = jetstream.publisher().exactly_once("S", "a.b").await.unwrap_err();
    assert!(matches!(error, nats_tokio::jetstream::Error::InvalidName(_)), "{error}");
    let error = jetstream.publisher().exactly_once("NONE", "a").await.unwrap_err();
    assert!(error.is_not_found(), "{error}");
    let publisher = jetstream.publisher().exactly_once("S", "a").await.unwrap();
    let message = || publisher.publish("s.a", "x");
    for message in [
        message().message_id("m"),
        message().expect_last_sequence(0),
        message().expect_last_subject_sequence(0),
        message().expect_last_message_id("m"),
        message().headers([("Nats-Msg-Id", "m")]),
    ] {
        let error = message.await.unwrap_err();
        assert_eq!(error, PublishError::Invalid(InvalidMessage::Numbered));
    }
    assert_eq!(stream.info().await.unwrap().state.messages, 0);
    soon(soon(message().expect_stream("S").into_future()).await.unwrap()).await.unwrap();
}
