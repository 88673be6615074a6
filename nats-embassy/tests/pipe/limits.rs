//! What happens where something is full, or too long.

use nats_embassy::Config;
use nats_embassy::ConfigError;
use nats_embassy::Event;
use nats_embassy::PendingLimits;
use nats_embassy::Publish;
use nats_embassy::PublishError;
use nats_embassy::RequestError;
use nats_embassy::Subject;
use nats_embassy::SubscribeError;

use crate::Nats;
use crate::SECOND;
use crate::peer::Peer;
use crate::peer::Script;
use crate::run;
use crate::transport::Network;
use crate::with_client;

#[test]
fn a_prefix_leaves_room_for_all_replies_to_come() {
    for (len, fits) in [(13, true), (14, false)] {
        let prefix = "x".repeat(len);
        let prefix = Subject::new(&prefix).unwrap();
        let peer = Peer::new(Script::default());
        let mut resources = Nats::new();
        let config = Config::new("nats://one").inbox_prefix(prefix);
        let made = nats_embassy::new(config, Network::new(&peer), &mut resources, [7; 32]);
        match made {
            Err(error) => assert_eq!((error, fits), (ConfigError::InboxTooLong, false)),
            Ok((client, runner)) => {
                run(runner, async {
                    for _ in 0..100 {
                        let reply = client.request("nobody", b"", SECOND).await;
                        assert_eq!(reply.unwrap_err(), RequestError::NoResponders);
                    }
                });
                assert!(fits);
            }
        }
    }
}

#[test]
fn messages_beyond_the_queue_are_dropped_and_counted() {
    for (pending_limits, expected) in
        [(PendingLimits::drop_newest(3), [0, 1, 2]), (PendingLimits::drop_oldest(3), [7, 8, 9])]
    {
        let peer = Peer::new(Script::default());
        with_client(&peer, async |client| {
            let mut subscription = client.subscribe("a", pending_limits).unwrap();
            for _ in 0..2 {
                for number in 0..10_u8 {
                    client.publish("a", &[number]).await.unwrap();
                }
                client.flush().await.unwrap();
                for number in expected {
                    assert_eq!(subscription.next().await.unwrap().payload(), [number]);
                }
                assert!(subscription.try_next().is_none());
            }
            assert_eq!((subscription.dropped(), client.statistics().dropped_messages), (14, 14));
            let sid = subscription.sid();
            assert_eq!(client.next_event().await, Some(Event::Connected));
            // Once for every time that it fell behind.
            for _ in 0..2 {
                let event = client.next_event().await;
                let Some(Event::SlowConsumer { sid: slow, .. }) = event else {
                    panic!("{event:?}")
                };
                assert_eq!(slow, sid);
            }
        });
    }
}

#[test]
fn a_message_on_loan_keeps_its_place() {
    let peer = Peer::new(Script::default());
    with_client(&peer, async |client| {
        let mut subscription = client.subscribe("a", PendingLimits::drop_oldest(1)).unwrap();
        client.publish("a", b"1").await.unwrap();
        let first = subscription.next().await.unwrap();
        client.publish("a", b"2").await.unwrap();
        client.flush().await.unwrap();
        assert_eq!((first.payload(), subscription.dropped()), (&b"1"[..], 1));
        drop(subscription);
        // The place is not to be had yet, but the other five are.
        let five = client.subscribe("b", PendingLimits::drop_newest(5)).unwrap();
        let none = client.subscribe("c", PendingLimits::drop_newest(1));
        assert_eq!(none.unwrap_err(), SubscribeError::NoSlots);
        drop(first);
        assert!(client.subscribe("c", PendingLimits::drop_newest(1)).is_ok());
        drop(five);
    });
}

#[test]
fn messages_that_are_too_long_are_passed_over() {
    for chunk in [1, 50, 1024] {
        let peer = Peer::new(Script { chunk, ..Script::default() });
        with_client(&peer, async |client| {
            let mut subscription = client.subscribe("a", PendingLimits::drop_newest(2)).unwrap();
            client.flush().await.unwrap();
            // Longer than a place, and longer than what is received at once.
            for len in [200, 3000] {
                peer.publish("a", &vec![b'x'; len]);
                peer.publish("a", b"short");
                assert_eq!(subscription.next().await.unwrap().payload(), b"short");
            }
            assert_eq!((subscription.oversized(), client.statistics().oversized_messages), (2, 2));
            assert_eq!(client.next_event().await, Some(Event::Connected));
            for size in [200, 3000] {
                let sid = subscription.sid();
                let event = client.next_event().await;
                let Some(Event::Oversized { sid: found, size: len, .. }) = event else {
                    panic!("{event:?}")
                };
                assert_eq!((found, len), (sid, size));
            }
            // A reply, too.
            let answer = async {
                let request = loop {
                    let log = peer.log();
                    if let Some(line) = log.iter().find(|line| line.starts_with("SUB _INBOX")) {
                        break line.clone();
                    }
                    embassy_futures::yield_now().await;
                };
                let inbox = request.split(' ').nth(1).unwrap();
                client.flush().await.unwrap();
                peer.publish(&inbox.replace('*', "1"), &[b'x'; 200]);
            };
            let silent = client.subscribe("silent", PendingLimits::drop_newest(1)).unwrap();
            let ask = client.request("silent", b"", SECOND);
            let (reply, ()) = embassy_futures::join::join(ask, answer).await;
            assert!(matches!(
                reply.unwrap_err(),
                RequestError::ReplyTooLong | RequestError::TimedOut
            ));
            drop(silent);
        });
    }
}

#[test]
fn what_cannot_be_published_is_an_error() {
    let peer = Peer::new(Script::default());
    with_client(&peer, async |client| {
        client.connected().await.unwrap();
        assert!(matches!(client.publish("a b", b"").await, Err(PublishError::Subject(_))));
        let message = Publish::new(Subject::from_static("a"), &[0; 300]);
        assert_eq!(client.try_publish(&message), Err(PublishError::TooLong { max: 256 }));
        let half = Publish::new(Subject::from_static("a"), &[0; 200]);
        assert_eq!(client.try_publish(&half), Ok(()));
        assert_eq!(client.try_publish(&half), Err(PublishError::Full));
        // It waits for room.
        client.publish_message(&half).await.unwrap();
        client.flush().await.unwrap();
    });
}

#[test]
fn events_that_nobody_asks_for_are_counted() {
    let peer = Peer::new(Script::default());
    with_client(&peer, async |client| {
        client.connected().await.unwrap();
        for _ in 0..10 {
            peer.send(b"-ERR 'Invalid Subject'\r\n");
        }
        client.flush().await.unwrap();
        assert_eq!(client.next_event().await, Some(Event::Missed(5)));
        for _ in 0..6 {
            assert!(matches!(client.next_event().await, Some(Event::ServerError(_))));
        }
    });
}
