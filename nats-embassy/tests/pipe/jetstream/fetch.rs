//! Messages that are fetched from a consumer.

use core::time::Duration;
use std::pin::pin;

use embassy_futures::join::join;
use embassy_futures::select::Either;
use embassy_futures::select::select;
use embassy_time::Timer;
use nats_embassy::Subject;
use nats_embassy::SubscribeError;
use nats_embassy::jetstream::ConsumerName;
use nats_embassy::jetstream::FetchEndReason;
use nats_embassy::jetstream::FetchError;
use nats_embassy::jetstream::Oversized;
use nats_embassy::jetstream::StreamName;

use super::acks;
use super::consumer;
use super::pull;
use crate::SECOND;
use crate::clock::now;
use crate::peer::Peer;
use crate::peer::Script;
use crate::with_client;

#[test]
fn a_batch_ends_when_it_is_full() {
    for chunk in [1, 3, 16, 1024] {
        let peer = Peer::new(Script { chunk, ..Script::default() });
        with_client(&peer, async |client| {
            let mut jobs = consumer(client, 3);
            let serve = async {
                let inbox = pull(&peer).await;
                for number in 0..3 {
                    peer.deliver_for(&inbox, &[number]);
                }
                peer.say_of(&inbox, "409 Batch Completed");
            };
            let fetch = async {
                let mut batch = jobs.fetch(3, 5 * SECOND);
                let mut got = Vec::new();
                while let Some(job) = batch.next().await.unwrap() {
                    let info = job.info().unwrap();
                    assert_eq!((info.stream, info.consumer), ("S", "C"));
                    got.push(job.payload()[0]);
                    job.ack().await.unwrap();
                }
                got
            };
            let (got, ()) = join(fetch, serve).await;
            assert_eq!(got, [0, 1, 2]);
            client.flush().await.unwrap();
            assert_eq!(acks(&peer), ["1 +ACK", "2 +ACK", "3 +ACK"]);
            assert_eq!(
                peer.pulls(),
                [r#"{"batch":3,"expires":4750000000,"idle_heartbeat":1583000000,"no_wait":true}"#]
            );
        });
    }
}

#[test]
fn it_ends_when_there_is_no_more_and_the_next_one_has_the_same_inbox() {
    let peer = Peer::new(Script::default());
    with_client(&peer, async |client| {
        let mut jobs = consumer(client, 4);
        for status in ["404 No Messages", "408 Request Timeout"] {
            let serve = async {
                let inbox = pull(&peer).await;
                peer.deliver_for(&inbox, b"one");
                peer.say_of(&inbox, "100 Idle Heartbeat");
                peer.say_of(&inbox, status);
                peer.pulls();
            };
            let fetch = async {
                let mut batch = jobs.fetch(4, 5 * SECOND);
                assert_eq!(batch.next().await.unwrap().unwrap().payload(), b"one");
                assert!(batch.next().await.unwrap().is_none());
                assert!(batch.next().await.unwrap().is_none(), "or it asks again");
            };
            join(fetch, serve).await;
        }
        let log = peer.log();
        assert_eq!(log.iter().filter(|line| line.starts_with("SUB")).count(), 1, "{log:?}");
    });
}

#[test]
fn no_more_is_asked_for_than_there_are_free_slots() {
    let peer = Peer::new(Script::default());
    with_client(&peer, async |client| {
        let mut jobs = consumer(client, 2);
        let serve = async {
            for expected in [2, 1, 2] {
                let inbox = pull(&peer).await;
                let asked = peer.pulls();
                assert!(asked[0].starts_with(&format!("{{\"batch\":{expected},")), "{asked:?}");
                for _ in 0..expected {
                    peer.deliver_for(&inbox, b"job");
                }
            }
        };
        let fetch = async {
            let mut batch = jobs.fetch(5, 5 * SECOND);
            let first = batch.next().await.unwrap().unwrap();
            drop(batch.next().await.unwrap().unwrap());
            // One slot is free.
            let third = batch.next().await.unwrap().unwrap();
            // None is.
            assert_eq!(batch.next().await.unwrap_err(), FetchError::NoSlots);
            drop((first, third));
            for _ in 0..2 {
                drop(batch.next().await.unwrap().unwrap());
            }
            assert!(batch.next().await.unwrap().is_none());
        };
        join(fetch, serve).await;
        assert_eq!(client.statistics().dropped_messages, 0);
    });
}

#[test]
fn what_comes_for_another_pull_or_beyond_it_is_given_back() {
    let peer = Peer::new(Script::default());
    with_client(&peer, async |client| {
        let mut jobs = consumer(client, 1);
        let serve = async {
            let inbox = pull(&peer).await;
            for _ in 0..3 {
                peer.deliver_for(&inbox, b"job");
            }
        };
        let fetch = async {
            let job = jobs.next(5 * SECOND).await.unwrap().unwrap();
            client.flush().await.unwrap();
            client.flush().await.unwrap();
            drop(job);
        };
        join(fetch, serve).await;
        assert_eq!(acks(&peer), ["2 -NAK", "3 -NAK"]);
        drop(jobs);
        assert_eq!(client.statistics().dropped_messages, 0);
    });
}

#[test]
fn what_was_asked_for_and_not_taken_is_the_next_calls() {
    let peer = Peer::new(Script::default());
    with_client(&peer, async |client| {
        let mut jobs = consumer(client, 3);
        // Given up before anything comes.
        let given_up = select(jobs.next(20 * SECOND), Timer::after_millis(100)).await;
        assert!(matches!(given_up, Either::Second(())));
        let inbox = pull(&peer).await;
        peer.deliver_for(&inbox, b"one");
        client.flush().await.unwrap();
        let job = jobs.next(5 * SECOND).await.unwrap().unwrap();
        assert_eq!(job.payload(), b"one");
        assert_eq!(peer.pulls().len(), 1, "nothing else was asked for");
        // Of a batch, one is taken.
        {
            let mut batch = jobs.fetch(2, 5 * SECOND);
            let mut next = pin!(batch.next());
            assert!(matches!(
                select(next.as_mut(), Timer::after_millis(1)).await,
                Either::Second(())
            ));
            let inbox = peer.last_pull();
            peer.deliver_for(&inbox, b"two");
            peer.deliver_for(&inbox, b"three");
            assert_eq!(next.await.unwrap().unwrap().payload(), b"two");
        }
        assert_eq!(jobs.next(5 * SECOND).await.unwrap().unwrap().payload(), b"three");
        assert_eq!(peer.pulls().len(), 1);
    });
}

#[test]
fn a_fetch_goes_on_over_a_lost_connection_with_another_inbox() {
    let peer = Peer::new(Script::default());
    with_client(&peer, async |client| {
        let mut jobs = consumer(client, 2);
        let serve = async {
            let old = pull(&peer).await;
            peer.deliver_for(&old, b"one");
            client.flush().await.unwrap();
            peer.pulls();
            peer.hang_up();
            let inbox = pull(&peer).await;
            assert_ne!(inbox, old);
            // No subscription to the old one is left, so nothing of its pull comes here.
            peer.deliver_for(&old, b"no");
            peer.deliver_for(&inbox, b"two");
        };
        let fetch = async {
            let mut batch = jobs.fetch(2, 60 * SECOND);
            let first = batch.next().await.unwrap().unwrap();
            assert_eq!(first.payload(), b"one");
            let second = batch.next().await.unwrap().unwrap();
            assert_eq!(second.payload(), b"two");
            second.ack().await.unwrap();
            // By the new connection.
            first.ack().await.unwrap();
            assert!(batch.next().await.unwrap().is_none());
        };
        join(fetch, serve).await;
        client.flush().await.unwrap();
        assert_eq!(acks(&peer), ["3 +ACK", "1 +ACK"]);
        assert_eq!(client.statistics().connects, 2);
    });
}

#[test]
fn without_a_connection_it_waits_for_one_and_no_longer_than_it_may() {
    let peer = Peer::new(Script { listens: false, ..Script::default() });
    with_client(&peer, async |client| {
        let mut jobs = consumer(client, 1);
        let start = now();
        let ended = jobs.next(3 * SECOND).await.unwrap_err();
        assert_eq!(ended, FetchError::Ended(FetchEndReason::Disconnected));
        assert_eq!(now() - start, 3_000);
    });
}

#[test]
fn silence_is_not_taken_for_an_empty_consumer() {
    let peer = Peer::new(Script::default());
    with_client(&peer, async |client| {
        let mut jobs = consumer(client, 1);
        for max_wait in [Duration::ZERO, 3 * SECOND, 60 * SECOND] {
            let start = now();
            let ended = jobs.next(max_wait).await.unwrap_err();
            assert_eq!(ended, FetchError::Ended(FetchEndReason::TimedOut));
            assert!(now() - start <= 60_000);
        }
        // Each has given up its inbox; no more than two are subscribed to.
        client.flush().await.unwrap();
        assert!(peer.subscription_count() <= 2);
    });
}

#[test]
fn what_ends_a_pull_ends_a_fetch() {
    let peer = Peer::new(Script::default());
    with_client(&peer, async |client| {
        let mut jobs = consumer(client, 1);
        for (status, expected) in [
            ("409 Consumer Deleted", FetchEndReason::ConsumerDeleted),
            ("409 Exceeded MaxWaiting", FetchEndReason::MaxWaiting),
            ("400 Bad Request", FetchEndReason::BadRequest),
            ("999 What", FetchEndReason::Other),
        ] {
            let serve = async {
                let inbox = pull(&peer).await;
                peer.pulls();
                peer.say_of(&inbox, status);
            };
            let (ended, ()) = join(jobs.next(5 * SECOND), serve).await;
            assert_eq!(ended.unwrap_err(), FetchError::Ended(expected));
        }
        // A new leader does not know the pull.
        let serve = async {
            let inbox = pull(&peer).await;
            peer.pulls();
            peer.say_of(&inbox, "409 Leadership Change");
            let inbox = pull(&peer).await;
            peer.deliver_for(&inbox, b"job");
        };
        let (job, ()) = join(jobs.next(5 * SECOND), serve).await;
        assert_eq!(job.unwrap().unwrap().payload(), b"job");
    });
}

#[test]
fn a_status_of_an_earlier_pull_is_of_no_account() {
    let peer = Peer::new(Script::default());
    with_client(&peer, async |client| {
        let mut jobs = consumer(client, 1);
        let mut last = None;
        for number in 0..3_u8 {
            let serve = async {
                let inbox = pull(&peer).await;
                peer.pulls();
                if let Some(last) = last.replace(inbox.clone()) {
                    peer.say_of(&last, "409 Batch Completed");
                    peer.say_of(&last, "409 Consumer Deleted");
                    client.flush().await.unwrap();
                }
                peer.deliver_for(&inbox, &[number]);
            };
            let (job, ()) = join(jobs.next(5 * SECOND), serve).await;
            assert_eq!(job.unwrap().unwrap().payload(), [number]);
        }
    });
}

#[test]
fn a_message_longer_than_a_slot_is_counted_and_left_or_terminated() {
    for (oversized, expected) in
        [(Oversized::Leave, vec!["3 +ACK"]), (Oversized::Terminate, vec!["1 +TERM", "3 +ACK"])]
    {
        let peer = Peer::new(Script::default());
        with_client(&peer, async |client| {
            let (stream, name) = (StreamName::from_static("S"), ConsumerName::from_static("C"));
            let made = client.jetstream().consumer(stream, name, 3, oversized);
            let mut jobs = made.unwrap();
            let serve = async {
                let inbox = pull(&peer).await;
                peer.deliver_for(&inbox, &[0; 200]);
                // Longer than all the memory: there is nothing to be answered to.
                peer.deliver_for(&inbox, &[0; 2000]);
                peer.deliver_for(&inbox, b"job");
            };
            let fetch = async {
                let mut batch = jobs.fetch(3, 5 * SECOND);
                let job = batch.next().await.unwrap().unwrap();
                job.ack().await.unwrap();
                drop(job);
                client.flush().await.unwrap();
                assert_eq!(jobs.oversized(), 2);
            };
            join(fetch, serve).await;
            assert_eq!(acks(&peer), expected);
            assert_eq!(client.statistics().oversized_messages, 2);
        });
    }
}

#[test]
fn a_consumer_that_is_dropped_gives_back_what_waits() {
    let peer = Peer::new(Script::default());
    with_client(&peer, async |client| {
        let mut jobs = consumer(client, 3);
        let serve = async {
            let inbox = pull(&peer).await;
            for _ in 0..3 {
                peer.deliver_for(&inbox, b"job");
            }
            client.flush().await.unwrap();
        };
        let fetch = async {
            let mut batch = jobs.fetch(3, 5 * SECOND);
            batch.next().await.unwrap().unwrap()
        };
        let (job, ()) = join(fetch, serve).await;
        drop(jobs);
        client.flush().await.unwrap();
        assert_eq!(acks(&peer), ["2 -NAK", "3 -NAK"]);
        assert_eq!(peer.subscription_count(), 0);
        // Also a message outlives its consumer.
        job.ack().await.unwrap();
        drop(job);
        client.flush().await.unwrap();
        assert_eq!(acks(&peer), ["1 +ACK"]);
        // Everything is free again.
        drop(consumer(client, 6));
        assert!(client.subscribe("a", nats_embassy::PendingLimits::drop_newest(6)).is_ok());
    });
}

#[test]
fn there_have_to_be_slots() {
    let peer = Peer::new(Script::default());
    with_client(&peer, async |client| {
        let (stream, name) = (StreamName::from_static("S"), ConsumerName::from_static("C"));
        let jetstream = client.jetstream();
        let refused = jetstream.consumer(stream, name, 7, Oversized::Leave).unwrap_err();
        assert_eq!(refused, SubscribeError::NoSlots);
        let _first = consumer(client, 3);
        let _second = consumer(client, 3);
        let refused = jetstream.consumer(stream, name, 1, Oversized::Leave).unwrap_err();
        assert_eq!(refused, SubscribeError::NoSlots);
    });
}

#[test]
fn an_inbox_that_is_not_permitted_ends_it() {
    let peer = Peer::new(Script { forbidden: Some("_INBOX"), ..Script::default() });
    with_client(&peer, async |client| {
        let mut jobs = consumer(client, 1);
        let start = now();
        let ended = jobs.next(5 * SECOND).await.unwrap_err();
        assert_eq!(ended, FetchError::Ended(FetchEndReason::NotPermitted));
        assert!(now() - start < 1_000);
    });
}

#[test]
fn a_client_that_ends_ends_it() {
    for drains in [false, true] {
        let peer = Peer::new(Script::default());
        with_client(&peer, async |client| {
            let mut jobs = consumer(client, 1);
            let end = async {
                pull(&peer).await;
                let _ = if drains { client.drain().await } else { client.close().await };
            };
            let (ended, ()) = join(jobs.next(60 * SECOND), end).await;
            assert_eq!(ended.unwrap_err(), FetchError::Closed);
        });
    }
}

#[test]
fn a_domain_and_a_prefix_are_in_the_subject_of_a_pull() {
    let peer = Peer::new(Script::default());
    with_client(&peer, async |client| {
        let (stream, name) = (StreamName::from_static("S"), ConsumerName::from_static("C"));
        let jetstream = client.jetstream();
        let prefix = Subject::from_static("$JS.acc");
        for (jetstream, expected) in [
            (jetstream, "$JS.API.CONSUMER.MSG.NEXT.S.C"),
            (jetstream.domain("hub").unwrap(), "$JS.hub.API.CONSUMER.MSG.NEXT.S.C"),
            (jetstream.prefix(prefix), "$JS.acc.CONSUMER.MSG.NEXT.S.C"),
        ] {
            let mut jobs = jetstream.consumer(stream, name, 1, Oversized::Leave).unwrap();
            let serve = async {
                let inbox = pull(&peer).await;
                peer.pulls();
                peer.deliver_for(&inbox, b"job");
            };
            let (job, ()) = join(jobs.next(5 * SECOND), serve).await;
            job.unwrap().unwrap();
            assert!(peer.log().iter().any(|line| line.starts_with(&format!("PUB {expected} "))));
        }
        assert!(jetstream.domain("a.b").is_err());
    });
}
