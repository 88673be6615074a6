//! What ends, at once and for everybody who waits.

use std::pin::pin;

use embassy_futures::join::join;
use embassy_futures::poll_once;
use embassy_time::Timer;
use nats_embassy::CloseReason;
use nats_embassy::Config;
use nats_embassy::EndReason;
use nats_embassy::Event;
use nats_embassy::Offline;
use nats_embassy::PendingLimits;
use nats_embassy::PublishError;

use crate::clock::now;
use crate::peer::Peer;
use crate::peer::Script;
use crate::with_client;
use crate::with_config;

#[test]
fn closing_without_a_connection_waits_for_nobody() {
    for is_lent in [false, true] {
        let peer = Peer::new(Script::default());
        with_client(&peer, async |client| {
            let mut subscription = client.subscribe("a", PendingLimits::drop_newest(2)).unwrap();
            client.flush().await.unwrap();
            peer.publish("a", b"1");
            client.flush().await.unwrap();
            let lent = if is_lent { subscription.try_next() } else { None };
            assert_eq!(lent.is_some(), is_lent);
            peer.script(|script| script.listens = false);
            peer.hang_up();
            while !matches!(client.next_event().await, Some(Event::Disconnected(_))) {}
            let start = now();
            client.close().await.unwrap();
            assert_eq!(now(), start);
            drop(lent);
            drop(subscription);
        });
    }
}

#[test]
fn draining_without_a_connection_waits_for_subscribers() {
    let peer = Peer::new(Script::default());
    with_client(&peer, async |client| {
        let mut subscription = client.subscribe("a", PendingLimits::drop_newest(2)).unwrap();
        client.flush().await.unwrap();
        peer.publish("a", b"1");
        client.flush().await.unwrap();
        peer.script(|script| script.listens = false);
        peer.hang_up();
        while !matches!(client.next_event().await, Some(Event::Disconnected(_))) {}
        let start = now();
        let take = async {
            Timer::after_millis(300).await;
            assert_eq!(subscription.next().await.unwrap().payload(), b"1");
            assert!(subscription.next().await.is_none());
        };
        let (drained, ()) = join(client.drain(), take).await;
        assert_eq!((drained, now() - start), (Ok(()), 300));
    });
}

#[test]
fn draining_does_not_wait_for_a_subscriber_with_nothing_left_to_take() {
    for listens in [true, false] {
        let peer = Peer::new(Script { listens, ..Script::default() });
        with_client(&peer, async |client| {
            let subscription = client.subscribe("a", PendingLimits::drop_newest(2)).unwrap();
            if listens {
                client.flush().await.unwrap();
            }
            let start = now();
            client.drain().await.unwrap();
            assert_eq!(now(), start);
            drop(subscription);
        });
    }
}

#[test]
fn whoever_waits_learns_of_the_end() {
    for listens in [true, false] {
        let peer = Peer::new(Script { listens, ..Script::default() });
        with_client(&peer, async |client| {
            if listens {
                client.connected().await.unwrap();
            } else {
                let mut publishing = pin!(client.publish("a", ""));
                let mut connecting = pin!(client.connected());
                let mut flushing = pin!(client.flush());
                assert!(poll_once(publishing.as_mut()).is_pending());
                assert!(poll_once(connecting.as_mut()).is_pending());
                assert!(poll_once(flushing.as_mut()).is_pending());
                let waiting = embassy_futures::join::join3(publishing, connecting, flushing);
                let (waited, closed) = join(waiting, client.close()).await;
                assert_eq!(waited.0, Err(PublishError::Closed));
                assert!(waited.1.is_err() && waited.2.is_err());
                assert_eq!(closed, Ok(()));
                return;
            }
            let mut subscription = client.subscribe("a", PendingLimits::drop_newest(1)).unwrap();
            let events = async { while client.next_event().await.is_some() {} };
            let waiting = join(subscription.next(), events);
            let ((message, ()), closed) = join(waiting, client.close()).await;
            assert!(message.is_none() && closed.is_ok());
        });
    }
}

#[test]
fn a_subscription_ends_without_the_server() {
    // Connected, behind a server that does not read, and without any.
    for (listens, is_stalled) in [(true, false), (true, true), (false, false)] {
        let peer = Peer::new(Script { listens, ..Script::default() });
        with_client(&peer, async |client| {
            let mut all =
                [(); 3].map(|()| client.subscribe("a", PendingLimits::drop_newest(2)).unwrap());
            if listens {
                client.flush().await.unwrap();
                client.publish("a", "1").await.unwrap();
                client.flush().await.unwrap();
            }
            if is_stalled {
                peer.script(|script| script.stalls = true);
                Timer::after_millis(10).await;
                for _ in 0..3 {
                    let full = poll_once(client.publish("b", [0; 200]));
                    Timer::after_millis(10).await;
                    let _ = full;
                }
            }
            let start = now();
            let [first, second, third] = &mut all;
            first.unsubscribe_after(1);
            if listens {
                assert!(first.next().await.is_some());
                assert!(first.next().await.is_none());
                assert_eq!(first.ended(), Some(EndReason::MaxReached));
            }
            second.unsubscribe_after(0);
            let kept = u32::from(listens);
            let mut taken = 0;
            while second.next().await.is_some() {
                taken += 1;
            }
            assert_eq!((taken, second.ended().is_some()), (kept, true));
            if !listens {
                third.drain();
                assert!(third.next().await.is_none());
            }
            assert_eq!(now(), start);
        });
    }
}

#[test]
fn places_are_free_again_when_a_subscription_is_over() {
    // 10,000 without a connection, and as many behind one.
    for listens in [false, true] {
        let peer = Peer::new(Script { listens, ..Script::default() });
        with_client(&peer, async |client| {
            if listens {
                client.connected().await.unwrap();
            }
            for _ in 0..10_000 {
                drop(client.subscribe("a", PendingLimits::drop_newest(6)).unwrap());
                if listens {
                    client.flush().await.unwrap();
                }
            }
        });
    }
}

#[test]
fn what_was_kept_is_waited_for_until_it_is_sent() {
    let config = Config::new("nats://one").offline(Offline::KeepLatest);
    let peer = Peer::new(Script { listens: false, ..Script::default() });
    with_config(config, &peer, async |client| {
        while !matches!(client.next_event().await, Some(Event::ConnectFailed(_))) {}
        client.publish("a", "last").await.unwrap();
        let connect = async {
            Timer::after_secs(1).await;
            peer.script(|script| script.listens = true);
        };
        let (closed, ()) = join(client.close(), connect).await;
        assert_eq!((closed, client.connected().await), (Ok(()), Err(CloseReason::Drained)));
    });
    assert!(peer.log().contains(&"PUB a last".to_owned()));
}
