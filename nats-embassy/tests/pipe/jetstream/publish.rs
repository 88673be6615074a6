//! Messages to a stream, and what becomes of them.

use embassy_futures::join::join;
use nats_embassy::Config;
use nats_embassy::HeaderBuf;
use nats_embassy::LinkResources;
use nats_embassy::Offline;
use nats_embassy::Publish;
use nats_embassy::PublishError as Refused;
use nats_embassy::Subject;
use nats_embassy::jetstream::ErrorCode;
use nats_embassy::jetstream::InvalidMessage;
use nats_embassy::jetstream::MayBeStored;
use nats_embassy::jetstream::MessageId;
use nats_embassy::jetstream::NotSent;
use nats_embassy::jetstream::NotStored;
use nats_embassy::jetstream::PublishAck;
use nats_embassy::jetstream::PublishError;
use nats_embassy::jetstream::PublishHeaders;

use super::DUPLICATE;
use super::STORED;
use super::said;
use crate::SECOND;
use crate::clock::now;
use crate::link::with_link;
use crate::peer::Peer;
use crate::peer::Said;
use crate::peer::Script;
use crate::with_client;
use crate::with_config;

type Published = Result<PublishAck, PublishError>;

/// Publishes one message, with an id or without, to a stream that answers like that: the result, and how
/// often it was sent. By a client, and by a link.
fn publish(stream: &[Said], with_id: bool, retries: u8) -> (Published, usize) {
    let script = || Script { stream: stream.to_vec(), ..Script::default() };
    let (of_client, of_link) = (Peer::new(script()), Peer::new(script()));
    let first = with_client(&of_client, async |client| {
        let jetstream = client.jetstream().ack_wait(SECOND);
        let publish = jetstream.publish("js.a", b"x").retries(retries);
        if with_id { publish.message_id("o-1").await } else { publish.await }
    });
    let second = with_link(&of_link, async |mut link, client| {
        let jetstream = client.jetstream().ack_wait(SECOND);
        let publish = jetstream.publish("js.a", b"x").retries(retries);
        let publish = if with_id { publish.message_id("o-1") } else { publish };
        link.drive(publish, |_| {}).await
    });
    assert_eq!(first, second, "a link differs from a client");
    let [sent, again] = [of_client, of_link].map(|peer| {
        let log = peer.log();
        let ids = log.iter().filter(|line| *line == "id o-1").count();
        let sent = log.iter().filter(|line| line.starts_with("PUB js.a")).count();
        assert!(ids == if with_id { sent } else { 0 });
        sent
    });
    assert_eq!(sent, again);
    (first, sent)
}

fn stored(published: Published) -> Option<(u64, bool)> {
    published.ok().map(said)
}

#[test]
fn a_stream_acknowledges() {
    for with_id in [false, true] {
        let (published, sent) = publish(&[STORED], with_id, 0);
        assert_eq!((stored(published), sent), (Some((7, false)), 1));
        let (published, sent) = publish(&[DUPLICATE], with_id, 0);
        assert_eq!((stored(published), sent), (Some((7, true)), 1));
    }
}

#[test]
fn a_refusal_is_final_unless_it_is_for_now() {
    let wrong = r#"{"error":{"code":400,"err_code":10071,"description":"wrong last sequence: 3"},"stream":"S","seq":0}"#;
    let (published, sent) = publish(&[Said::Payload(wrong)], true, 5);
    let rejected = NotStored::Rejected(ErrorCode::WRONG_LAST_SEQUENCE);
    assert_eq!((published, sent), (Err(PublishError::NotStored(rejected)), 1));

    let no_responders = Said::Status("503");
    let (published, sent) = publish(&[no_responders], false, 2);
    assert_eq!((published, sent), (Err(PublishError::NotStored(NotStored::NoResponders)), 3));
    let (published, sent) = publish(&[no_responders, no_responders, STORED], false, 2);
    assert_eq!((stored(published), sent), (Some((7, false)), 3));
    // As often as there is time.
    let (published, sent) = publish(&[no_responders], true, u8::MAX);
    assert_eq!(published, Err(PublishError::NotStored(NotStored::NoResponders)));
    assert!((6..12).contains(&sent), "{sent}");

    let busy = r#"{"error":{"code":429,"err_code":10167,"description":"too many requests"}}"#;
    let (published, sent) = publish(&[Said::Payload(busy), STORED], false, 2);
    assert_eq!((stored(published), sent), (Some((7, false)), 2));
}

#[test]
fn without_an_answer_only_a_message_with_an_id_is_sent_again() {
    let (published, sent) = publish(&[Said::Nothing, DUPLICATE], true, 0);
    assert_eq!((stored(published), sent), (Some((7, true)), 2));
    let (published, sent) = publish(&[Said::Nothing, STORED], false, 5);
    assert_eq!((published, sent), (Err(PublishError::MayBeStored(MayBeStored::TimedOut)), 1));
    let (published, _) = publish(&[Said::Nothing], true, 0);
    assert_eq!(published, Err(PublishError::MayBeStored(MayBeStored::TimedOut)));
    assert!(published.unwrap_err().may_be_stored());
    // An answer that is none says as little.
    let (published, sent) = publish(&[Said::Payload("hello"), STORED], false, 5);
    assert_eq!((published, sent), (Err(PublishError::MayBeStored(MayBeStored::NotAnAck)), 1));
    let (published, sent) = publish(&[Said::Payload("hello"), DUPLICATE], true, 0);
    assert_eq!((stored(published), sent), (Some((7, true)), 2));
}

#[test]
fn an_expectation_that_fails_at_a_second_attempt_proves_nothing() {
    let wrong = r#"{"error":{"code":400,"err_code":10071,"description":"wrong last sequence: 3"}}"#;
    let (published, sent) = publish(&[Said::Nothing, Said::Payload(wrong)], true, 0);
    let reason = MayBeStored::Rejected(ErrorCode::WRONG_LAST_SEQUENCE);
    assert_eq!((published, sent), (Err(PublishError::MayBeStored(reason)), 2));
}

#[test]
fn over_a_lost_connection() {
    let (published, sent) = publish(&[Said::HangUp, DUPLICATE], true, 0);
    assert_eq!((stored(published), sent), (Some((7, true)), 2));
    let (published, sent) = publish(&[Said::HangUp, STORED], false, 5);
    assert_eq!((published, sent), (Err(PublishError::MayBeStored(MayBeStored::Disconnected)), 1));
}

#[test]
fn a_message_that_never_left_is_sent_on_the_next_connection_without_an_id_too() {
    let peer = Peer::new(Script { stream: vec![STORED], ..Script::default() });
    with_client(&peer, async |client| {
        client.connected().await.unwrap();
        client.flush().await.unwrap();
        // What was read is dealt with.
        embassy_time::Timer::after_millis(1).await;
        let jetstream = client.jetstream();
        let publish = jetstream.publish("js.a", b"x");
        // Lost between the moment that it is put into the buffer, and that at which it is written.
        peer.hang_up();
        let ack = publish.await.unwrap();
        assert_eq!(said(ack), (7, false));
        assert_eq!(client.statistics().connects, 2);
    });
}

#[test]
fn it_waits_for_a_connection_whatever_else_is_done_without_one() {
    for offline in [Offline::Wait, Offline::Fail, Offline::KeepLatest] {
        let script = Script { stream: vec![STORED], listens: false, ..Script::default() };
        let peer = Peer::new(script);
        with_config(Config::new("nats://one").offline(offline), &peer, async |client| {
            let jetstream = client.jetstream().timeout(60 * SECOND);
            let listen = async {
                embassy_time::Timer::after_secs(20).await;
                peer.script(|script| script.listens = true);
            };
            let (published, ()) = join(jetstream.publish("js.a", b"x"), listen).await;
            assert_eq!(stored(published), Some((7, false)));
        });
    }
    let peer = Peer::new(Script { listens: false, ..Script::default() });
    with_client(&peer, async |client| {
        let start = now();
        let published = client.jetstream().publish("js.a", b"x").await;
        assert_eq!(published, Err(PublishError::NotSent(NotSent::TimedOut)));
        assert_eq!(now() - start, 5_000);
    });
}

#[test]
fn what_is_wrong_is_said_before_anything_is_sent() {
    let peer = Peer::new(Script { stream: vec![STORED], ..Script::default() });
    with_client(&peer, async |client| {
        let jetstream = client.jetstream();
        let published = jetstream.publish("a b", b"").await;
        assert!(matches!(published, Err(PublishError::Invalid(InvalidMessage::Subject(_)))));
        for id in ["", " a", "a\r\nb"] {
            let published = jetstream.publish("js.a", b"").message_id(id).await;
            assert!(matches!(published, Err(PublishError::Invalid(InvalidMessage::MessageId(_)))));
        }
        let long = "x".repeat(256);
        let published = jetstream.publish("js.a", b"").message_id(long.as_str()).await;
        assert!(matches!(published, Err(PublishError::Invalid(InvalidMessage::MessageId(_)))));
        let published = jetstream.publish("js.a", &[0; 256]).await;
        let Err(PublishError::Invalid(InvalidMessage::Publish(error))) = published else {
            panic!("{published:?}")
        };
        assert_eq!(error, Refused::TooLong { max: 256 });
        assert!(!peer.log().iter().any(|line| line.starts_with("PUB")));
        // Its place is free again.
        for _ in 0..3 {
            jetstream.publish("js.a", b"").await.unwrap();
        }
    });
}

#[test]
fn an_id_and_expectations_are_headers() {
    let peer = Peer::new(Script { stream: vec![STORED], ..Script::default() });
    with_client(&peer, async |client| {
        let jetstream = client.jetstream();
        jetstream.publish("js.a", b"").message_id(MessageId::numbered("s-", 42)).await.unwrap();
        let mut headers = HeaderBuf::<96>::new();
        PublishHeaders::NONE
            .message_id("in")
            .expected_last_sequence(3)
            .write(&mut headers)
            .unwrap();
        let message = Publish::new(Subject::from_static("js.a"), b"");
        let message = Publish { headers: headers.as_headers(), ..message };
        jetstream.publish_message(&message).await.unwrap();
        jetstream.publish_message(&message).message_id("instead").await.unwrap();
        let log = peer.log();
        let ids: Vec<_> = log.iter().filter_map(|line| line.strip_prefix("id ")).collect();
        assert_eq!(ids, ["s-42", "in", "instead"]);
        // An id among the headers counts as one.
        peer.script(|script| script.stream = vec![Said::HangUp, DUPLICATE]);
        let ack = jetstream.publish_message(&message).await.unwrap();
        assert!(ack.is_duplicate);
    });
}

#[test]
fn there_is_one_for_each_request_that_there_is_room_for() {
    let peer = Peer::new(Script { stream: vec![STORED], ..Script::default() });
    with_client(&peer, async |client| {
        let jetstream = client.jetstream();
        let [a, b, c] = ["js.a", "js.b", "js.c"].map(|subject| jetstream.publish(subject, b""));
        let (first, (second, third)) = join(a, join(b, c)).await;
        assert!(first.is_ok() && second.is_ok());
        assert_eq!(third, Err(PublishError::TooMany));
    });
    let peer = Peer::new(Script { stream: vec![STORED], ..Script::default() });
    with_link(&peer, async |mut link, client| {
        let jetstream = client.jetstream();
        let [a, b] = ["js.a", "js.b"].map(|subject| jetstream.publish(subject, b""));
        let (first, second) = link.drive(join(a, b), |_| {}).await;
        assert!(first.is_ok());
        assert_eq!(second, Err(PublishError::TooMany));
    });
}

#[test]
fn what_is_not_permitted_is_not_waited_for() {
    let script = Script { forbidden: Some("js."), ..Script::default() };
    let peer = Peer::new(script);
    with_client(&peer, async |client| {
        let start = now();
        let published = client.jetstream().publish("js.a", b"").message_id("a").await;
        assert_eq!(published, Err(PublishError::NotStored(NotStored::NotPermitted)));
        assert!(now() - start < 1_000);
    });
    // No acknowledgement can come.
    let peer = Peer::new(Script { forbidden: Some("_INBOX"), ..Script::default() });
    with_client(&peer, async |client| {
        client.connected().await.unwrap();
        let published = client.jetstream().publish("js.a", b"").await;
        assert_eq!(published, Err(PublishError::MayBeStored(MayBeStored::InboxNotPermitted)));
    });
}

#[test]
fn a_client_that_ends_says_what_became_of_it() {
    let peer = Peer::new(Script { stream: vec![Said::Nothing], ..Script::default() });
    with_client(&peer, async |client| {
        client.connected().await.unwrap();
        let close = async {
            client.flush().await.unwrap();
            let _ = client.close().await;
        };
        let (published, ()) = join(client.jetstream().publish("js.a", b""), close).await;
        assert_eq!(published, Err(PublishError::MayBeStored(MayBeStored::Closed)));
        let published = client.jetstream().publish("js.a", b"").await;
        assert_eq!(published, Err(PublishError::NotSent(NotSent::Closed)));
    });
    let peer = Peer::new(Script { listens: false, ..Script::default() });
    with_client(&peer, async |client| {
        let close = async {
            embassy_futures::yield_now().await;
            let _ = client.close().await;
        };
        let (published, ()) = join(client.jetstream().publish("js.a", b""), close).await;
        assert_eq!(published, Err(PublishError::NotSent(NotSent::Closed)));
    });
}

#[test]
fn it_takes_its_turn_where_others_wait_for_room() {
    let peer = Peer::new(Script { stream: vec![STORED], chunk: 16, ..Script::default() });
    with_client(&peer, async |client| {
        let jetstream = client.jetstream();
        let others = async {
            for _ in 0..20 {
                client.publish("other", [0; 180]).await.unwrap();
            }
        };
        let own = async {
            for number in 0..20 {
                let id = MessageId::numbered("a", number);
                jetstream.publish("js.a", &[0; 100]).message_id(id).await.unwrap();
            }
        };
        join(others, own).await;
    });
}

#[test]
fn an_acknowledgement_longer_than_the_memory_is_none() {
    let long = format!(r#"{{"stream":"{}","seq":7}}"#, "S".repeat(600));
    let script = Script { stream: vec![Said::Payload(long.leak())], ..Script::default() };
    let peer = Peer::new(script);
    with_link(&peer, async |mut link, client| {
        let jetstream = client.jetstream();
        let published = link.drive(jetstream.publish("js.a", b""), |_| {}).await;
        assert_eq!(published, Err(PublishError::MayBeStored(MayBeStored::NotAnAck)));
    });
}

/// How much memory it takes is part of what it is.
#[test]
fn sizes() {
    assert!(size_of::<LinkResources<'_, 512, 512, 2>>() < 4096);
}
