//! The client for a single task.

pub(crate) mod cancel;
mod cut;

use core::pin::pin;

use nats_embassy::Client;
use nats_embassy::CloseReason;
use nats_embassy::Config;
use nats_embassy::EndReason;
use nats_embassy::Event;
use nats_embassy::HeaderBuf;
use nats_embassy::Link;
use nats_embassy::LinkResources;
use nats_embassy::Publish;
use nats_embassy::PublishError;
use nats_embassy::RequestError;
use nats_embassy::Subject;
use nats_embassy::nats_proto::Message;

use crate::SECOND;
use crate::clock::block_on;
use crate::clock::now;
use crate::peer::Peer;
use crate::peer::Script;
use crate::transport::Network;

pub(crate) type Floor<'d> = LinkResources<'d, 512, 512, 4>;

const SUBJECT: Subject<'static> = Subject::from_static("a.b");

/// Runs `app` with a link to `peer`.
pub(crate) fn with_link<T>(
    peer: &Peer,
    app: impl for<'r, 'd> AsyncFnOnce(Link<'r, 'd, Floor<'d>>, Client<'d, Floor<'d>>) -> T,
) -> T {
    let mut resources = Floor::new();
    let config = Config::new("nats://one");
    let made = nats_embassy::new(config, Network::new(peer), &mut resources, [7; 32]);
    let (client, mut runner) = made.unwrap();
    let running = pin!(runner.run());
    block_on(app(Link::new(client, running), client))
}

#[test]
fn everything_in_pieces_of_every_size() {
    for chunk in [1, 2, 3, 7, 64, 1024] {
        let peer = Peer::new(Script { chunk, ..Script::default() });
        with_link(&peer, async |mut link, client| {
            let all = link.subscribe("a.*").unwrap();
            let group = link.queue_subscribe("a.b", "group").unwrap();
            let mut headers = HeaderBuf::<64>::new();
            headers.append("Key", "value").unwrap();
            let message = Publish {
                reply: Some(Subject::from_static("r")),
                headers: headers.as_headers(),
                ..Publish::new(SUBJECT, b"full")
            };
            link.drive(client.publish_message(&message), |_| {}).await.unwrap();
            for sid in [all, group] {
                let full = link.recv().await.unwrap();
                assert_eq!((full.sid(), full.headers().get("Key")), (sid, Some("value")));
                assert_eq!((full.reply(), full.payload()), (Some("r"), &b"full"[..]));
                // While the message is being looked at.
                client.try_respond(&full, b"answer").unwrap();
            }
            assert!(link.unsubscribe(group) && !link.unsubscribe(group));
            client.try_publish(&Publish::new(SUBJECT, b"once")).unwrap();
            let mut others = 0;
            link.drive(client.flush(), |_| others += 1).await.unwrap();
            assert_eq!(others, 1);
        });
        let log = peer.log();
        assert!(log.contains(&"SUB a.b group 2".to_owned()), "{log:?}");
        assert_eq!(log.iter().filter(|line| *line == "PUB r answer").count(), 2, "{log:?}");
    }
}

#[test]
fn requests() {
    for chunk in [1, 1024] {
        let peer = Peer::new(Script { chunk, ..Script::default() });
        with_link(&peer, async |mut link, client| {
            link.subscribe("echo").unwrap();
            let message = Publish::new(Subject::from_static("echo"), b"question");
            for _ in 0..20 {
                // The request itself comes first, to this very link.
                let answer = link.request(&message, SECOND, |request| {
                    assert_eq!(request.payload(), b"question");
                    client.try_respond(&request, b"answer").unwrap();
                });
                assert_eq!(answer.await.unwrap().payload(), b"answer");
            }
            let nobody = Publish::new(Subject::from_static("nobody"), b"");
            let reply = link.request(&nobody, SECOND, |_| {}).await;
            assert_eq!(reply.unwrap_err(), RequestError::NoResponders);

            let start = now();
            let reply = link.request(&message, SECOND, |_| {}).await;
            assert_eq!(reply.unwrap_err(), RequestError::TimedOut);
            assert_eq!(now() - start, 1000);

            // A late reply is nobody's, and a lost connection ends the request.
            let answer = link.request(&message, SECOND, |_| peer.hang_up());
            assert_eq!(answer.await.unwrap_err(), RequestError::Disconnected);
            let too_long = link.request(&message, SECOND, |request| {
                peer.publish(request.reply().unwrap(), &[b'x'; 2000]);
            });
            assert_eq!(too_long.await.unwrap_err(), RequestError::ReplyTooLong);
            assert_eq!(client.statistics().oversized_messages, 1);
        });
    }
}

#[test]
fn subscriptions_end() {
    let peer = Peer::new(Script::default());
    with_link(&peer, async |mut link, client| {
        let two = link.subscribe("a").unwrap();
        assert!(link.unsubscribe_after(two, 2));
        let drained = link.subscribe("b").unwrap();
        for _ in 0..3 {
            link.drive(client.publish("a", b""), |_| {}).await.unwrap();
        }
        let mut count = 0;
        link.drive(client.flush(), |_| count += 1).await.unwrap();
        assert_eq!(count, 2);
        assert!(link.drain_subscription(drained));
        link.drive(client.flush(), |_| {}).await.unwrap();
        let mut ended = Vec::new();
        while ended.len() < 2 {
            if let Some(Event::SubscriptionEnded { sid, reason: how, .. }) =
                client.next_event().await
            {
                ended.push((sid, how));
            }
        }
        assert_eq!(ended, [(two, EndReason::MaxReached), (drained, EndReason::Drained)]);
        // The table is empty again.
        for _ in 0..4 {
            link.subscribe("c").unwrap();
        }
        assert!(link.subscribe("d").is_err());
    });
}

#[test]
fn draining_delivers_everything_first() {
    let peer = Peer::new(Script::default());
    with_link(&peer, async |mut link, client| {
        link.subscribe("a").unwrap();
        link.drive(client.flush(), |_| {}).await.unwrap();
        for _ in 0..3 {
            peer.publish("a", b"");
        }
        let mut count = 0;
        let answer = |message: Message<&[u8]>| {
            assert_eq!(message.subject(), "a");
            client.try_publish(&Publish::new(SUBJECT, b"answer")).unwrap();
            count += 1;
        };
        assert_eq!(link.drive(client.drain(), answer).await, Ok(()));
        assert_eq!(count, 3);
        assert_eq!(link.recv().await.unwrap_err(), CloseReason::Drained);
        assert_eq!(link.recv().await.unwrap_err(), CloseReason::Drained);
        let closed = link.drive(client.publish("a", b""), |_| {}).await;
        assert_eq!(closed, Err(PublishError::Closed));
        assert!(link.subscribe("a").is_err());
    });
    let log = peer.log();
    assert_eq!(log.iter().filter(|line| line.starts_with("PUB a.b")).count(), 3, "{log:?}");
    assert_eq!(log.last().unwrap(), "close");
}

#[test]
fn closing_flushes() {
    let peer = Peer::new(Script { chunk: 1, ..Script::default() });
    with_link(&peer, async |mut link, client| {
        link.subscribe("a").unwrap();
        link.drive(client.connected(), |_| {}).await.unwrap();
        client.try_publish(&Publish::new(Subject::from_static("b"), b"last words")).unwrap();
        let close = link.drive(client.close(), |_| {}).await;
        assert_eq!((close, link.recv().await.unwrap_err()), (Ok(()), CloseReason::Drained));
    });
    let log = peer.log();
    assert!(log.contains(&"PUB b last words".to_owned()), "{log:?}");
    assert_eq!(log.last().unwrap(), "close");
}

#[test]
fn what_was_received_outlives_the_connection() {
    let peer = Peer::new(Script::default());
    with_link(&peer, async |mut link, client| {
        link.subscribe("a").unwrap();
        link.drive(client.flush(), |_| {}).await.unwrap();
        for payload in [b"1", b"2", b"3"] {
            peer.publish("a", payload);
        }
        assert_eq!(link.recv().await.unwrap().payload(), b"1");
        assert_eq!(link.recv().await.unwrap().payload(), b"2");
        peer.hang_up();
        assert_eq!(link.recv().await.unwrap().payload(), b"3");
        while client.statistics().connects < 2 {
            link.drive(embassy_time::Timer::after_millis(10), |_| {}).await;
        }
        peer.publish("a", b"4");
        assert_eq!(link.recv().await.unwrap().payload(), b"4");
        assert_eq!(client.statistics().dropped_messages, 0);
    });
}

#[test]
fn what_nobody_looks_at_does_not_keep_the_runner_from_connecting_again() {
    let peer = Peer::new(Script::default());
    let mut resources = Floor::new();
    let config = Config::new("nats://one");
    let made = nats_embassy::new(config, Network::new(&peer), &mut resources, [7; 32]);
    let (client, mut runner) = made.unwrap();
    // The runner has a task of its own, and the link only reads.
    let nothing = pin!(core::future::pending());
    let mut link = Link::new(client, nothing);
    let app = async {
        link.subscribe("a").unwrap();
        client.flush().await.unwrap();
        peer.publish("a", b"1");
        while client.statistics().in_messages == 0 {
            embassy_futures::yield_now().await;
        }
        peer.script(|script| script.is_mute = true);
        while client.statistics().dropped_messages == 0 {
            embassy_time::Timer::after_secs(1).await;
        }
        peer.script(|script| script.is_mute = false);
        client.connected().await.unwrap();
        client.flush().await.unwrap();
        peer.publish("a", b"2");
        assert_eq!(link.recv().await.unwrap().payload(), b"2");
        assert_eq!(client.statistics().dropped_messages, 1);
    };
    block_on(embassy_futures::select::select(app, runner.run()));
}

#[test]
fn a_server_that_is_gone_is_found_out_about() {
    let peer = Peer::new(Script::default());
    with_link(&peer, async |mut link, client| {
        link.subscribe("a").unwrap();
        link.drive(client.flush(), |_| {}).await.unwrap();
        peer.script(|script| script.is_mute = true);
        let stale = async {
            while client.statistics().connects < 2 {
                embassy_time::Timer::after_secs(1).await;
                if now() > 90_000 {
                    peer.script(|script| script.is_mute = false);
                }
            }
        };
        link.drive(stale, |_| {}).await;
        assert!((90_000..200_000).contains(&now()), "{}", now());
        peer.publish("a", b"again");
        assert_eq!(link.recv().await.unwrap().payload(), b"again");
    });
    assert!(peer.log().contains(&"abort".to_owned()));
}
