//! Messages both ways.

use nats_embassy::CloseReason;
use nats_embassy::EndReason;
use nats_embassy::HeaderBuf;
use nats_embassy::PendingLimits;
use nats_embassy::Publish;
use nats_embassy::PublishError;
use nats_embassy::RequestError;
use nats_embassy::Subject;

use crate::SECOND;
use crate::clock;
use crate::peer::Peer;
use crate::peer::Script;
use crate::with_client;

const SUBJECT: Subject<'static> = Subject::from_static("a.b");

#[test]
fn everything_in_pieces_of_every_size() {
    for chunk in [1, 2, 3, 7, 64, 1024] {
        let peer = Peer::new(Script { chunk, ..Script::default() });
        with_client(&peer, async |client| {
            let mut subscription = client.subscribe("a.*", PendingLimits::drop_newest(3)).unwrap();
            client.publish("a.b", b"plain").await.unwrap();
            let mut headers = HeaderBuf::<64>::new();
            headers.append("Key", "value").unwrap();
            let message = Publish {
                reply: Some(Subject::from_static("r")),
                headers: headers.as_headers(),
                ..Publish::new(SUBJECT, b"full")
            };
            client.publish_message(&message).await.unwrap();
            let fill = |space: &mut [u8]| {
                space[..4].copy_from_slice(b"made");
                4
            };
            client.publish_in_place(&Publish::new(SUBJECT, &[]), 20, fill).await.unwrap();
            client.flush().await.unwrap();

            let plain = subscription.next().await.unwrap();
            assert_eq!((plain.subject(), plain.payload()), ("a.b", &b"plain"[..]));
            let full = subscription.next().await.unwrap();
            assert_eq!(full.headers().get("Key"), Some("value"));
            assert_eq!((full.reply(), full.payload()), (Some("r"), &b"full"[..]));
            let made = subscription.try_next().unwrap();
            assert_eq!((made.payload(), made.frame().len()), (&b"made"[..], made.wire_len()));
            assert!(subscription.try_next().is_none());
        });
    }
}

#[test]
fn requests() {
    let peer = Peer::new(Script::default());
    with_client(&peer, async |client| {
        let mut service = client.subscribe("echo", PendingLimits::drop_newest(1)).unwrap();
        let serve = async {
            while let Some(request) = service.next().await {
                client.respond(&request, request.payload()).await.unwrap();
            }
        };
        let ask = async {
            for number in 0..20_u8 {
                let reply = client.request("echo", &[number], SECOND).await.unwrap();
                assert_eq!(reply.payload(), [number]);
            }
            let nobody = client.request("nobody", b"", SECOND).await;
            assert_eq!(nobody.unwrap_err(), RequestError::NoResponders);
        };
        embassy_futures::select::select(serve, ask).await;
        drop(service);

        let silent = client.subscribe("silent", PendingLimits::drop_oldest(1)).unwrap();
        let start = clock::now();
        let late = client.request("silent", b"", SECOND).await;
        assert_eq!(late.unwrap_err(), RequestError::TimedOut);
        assert_eq!(clock::now() - start, 1000);
        // Two at once is the most; the places are free again.
        let ask = || client.request("silent", b"", SECOND);
        let (one, two, three) = embassy_futures::join::join3(ask(), ask(), ask()).await;
        assert_eq!(one.unwrap_err(), RequestError::TimedOut);
        assert_eq!(two.unwrap_err(), RequestError::TimedOut);
        assert_eq!(three.unwrap_err(), RequestError::TooMany);
        drop(silent);
    });
}

#[test]
fn subscriptions_end() {
    let peer = Peer::new(Script::default());
    with_client(&peer, async |client| {
        let mut two = client.subscribe("a", PendingLimits::drop_newest(3)).unwrap();
        two.unsubscribe_after(2);
        for _ in 0..3 {
            client.publish("a", b"").await.unwrap();
        }
        client.flush().await.unwrap();
        assert_eq!(two.ended(), Some(EndReason::MaxReached));
        assert!(two.next().await.is_some() && two.next().await.is_some());
        assert!(two.next().await.is_none());
        drop(two);

        let mut drained =
            client.queue_subscribe("b", "group", PendingLimits::drop_newest(2)).unwrap();
        client.publish("b", b"last").await.unwrap();
        drained.drain();
        client.publish("b", b"too late").await.unwrap();
        assert_eq!(drained.next().await.unwrap().payload(), b"last");
        assert!(drained.next().await.is_none());
        assert_eq!(drained.ended(), Some(EndReason::Drained));
        drop(drained);

        // The table has four places; all are free again.
        for _ in 0..20 {
            let all =
                [(); 4].map(|()| client.subscribe("c", PendingLimits::drop_newest(1)).unwrap());
            assert!(client.subscribe("d", PendingLimits::drop_newest(1)).is_err());
            drop(all);
            client.flush().await.unwrap();
        }
    });
    assert!(
        peer.log().iter().any(|line| line == "SUB b group 2" || line.starts_with("SUB b group"))
    );
}

#[test]
fn draining_delivers_everything_first() {
    let peer = Peer::new(Script::default());
    with_client(&peer, async |client| {
        let mut subscription = client.subscribe("a", PendingLimits::drop_newest(4)).unwrap();
        for _ in 0..3 {
            client.publish("a", b"").await.unwrap();
        }
        let receive = async {
            let mut count = 0;
            while let Some(message) = subscription.next().await {
                embassy_time::Timer::after_millis(100).await;
                client.publish("answer", message.payload()).await.unwrap();
                count += 1;
            }
            count
        };
        let (drained, count) = embassy_futures::join::join(client.drain(), receive).await;
        assert_eq!((drained, count), (Ok(()), 3));
        assert_eq!(client.publish("a", b"").await, Err(PublishError::Closed));
        assert!(client.subscribe("a", PendingLimits::drop_newest(1)).is_err());
        assert_eq!(client.connected().await, Err(CloseReason::Drained));
        assert_eq!(client.next_event().await.map(|_| ()), Some(()));
    });
    let log = peer.log();
    assert_eq!(log.iter().filter(|line| line.starts_with("PUB answer")).count(), 3, "{log:?}");
}

#[test]
fn closing_flushes() {
    let peer = Peer::new(Script { chunk: 1, ..Script::default() });
    with_client(&peer, async |client| {
        client.publish("a", b"last words").await.unwrap();
        client.close().await.unwrap();
    });
    let log = peer.log();
    assert!(log.contains(&"PUB a last words".to_owned()), "{log:?}");
}

#[test]
fn headers_go_with_requests_and_with_answers() {
    for chunk in [1, 1024] {
        let peer = Peer::new(Script { chunk, ..Script::default() });
        with_client(&peer, async |client| {
            let mut headers = HeaderBuf::<64>::new();
            headers.append("Key", "value").unwrap();
            let headers = headers.as_headers();
            let mut service = client.subscribe("echo", PendingLimits::drop_newest(1)).unwrap();
            let serve = async {
                let request = service.next().await.unwrap();
                assert_eq!(request.headers().get("Key"), Some("value"));
                let subject = request.reply_subject().unwrap();
                let answer = Publish { headers, ..Publish::new(subject, request.payload()) };
                client.publish_message(&answer).await.unwrap();
            };
            let message = Publish {
                // It does not count.
                reply: Some(Subject::from_static("elsewhere")),
                headers,
                ..Publish::new(Subject::from_static("echo"), b"question")
            };
            let ask = client.request_message(&message, SECOND);
            let ((), reply) = embassy_futures::join::join(serve, ask).await;
            let reply = reply.unwrap();
            assert_eq!(reply.headers().get("Key"), Some("value"));
            assert_eq!((reply.payload(), reply.status()), (&b"question"[..], None));
        });
    }
}
