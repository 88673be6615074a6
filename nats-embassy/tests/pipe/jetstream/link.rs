//! A link that fetches.

use embassy_futures::join::join;
use embassy_futures::select::Either;
use embassy_futures::select::select;
use embassy_time::Timer;
use nats_embassy::jetstream::AckKind;
use nats_embassy::jetstream::ConsumerName;
use nats_embassy::jetstream::FetchEndReason;
use nats_embassy::jetstream::FetchError;
use nats_embassy::jetstream::StreamName;

use super::acks;
use super::pull;
use crate::SECOND;
use crate::cancel::give_up_after;
use crate::link::with_link;
use crate::peer::Peer;
use crate::peer::Script;

const STREAM: StreamName<'static> = StreamName::from_static("S");
const NAME: ConsumerName<'static> = ConsumerName::from_static("C");

#[test]
fn messages_are_borrowed_and_acknowledged() {
    for chunk in [1, 7, 1024] {
        let peer = Peer::new(Script { chunk, ..Script::default() });
        with_link(&peer, async |mut link, client| {
            let jetstream = client.jetstream();
            let mut jobs = jetstream.link_consumer(STREAM, NAME);
            link.subscribe("other").unwrap();
            for number in 0..3_u8 {
                let serve = async {
                    let inbox = pull(&peer).await;
                    peer.pulls();
                    peer.publish("other", b"x");
                    peer.say_of(&inbox, "100 Idle Heartbeat");
                    peer.deliver_for(&inbox, &[number]);
                    peer.say_of(&inbox, "409 Batch Completed");
                };
                let mut others = 0;
                let fetch = async {
                    let fetched = link.fetch_next(&mut jobs, 5 * SECOND, |_| others += 1).await;
                    let job = fetched.unwrap().unwrap();
                    assert_eq!(job.payload(), [number]);
                    jetstream.try_ack(&job, AckKind::Ack).unwrap();
                };
                join(fetch, serve).await;
                assert_eq!(others, 1);
            }
            link.drive(client.flush(), |_| {}).await.unwrap();
        });
        let log = peer.log();
        let subscribed = log.iter().filter(|line| line.starts_with("SUB _INBOX")).count();
        assert_eq!(subscribed, 1, "{log:?}");
        assert_eq!(log.iter().filter(|line| line.ends_with("+ACK")).count(), 3);
    }
}

#[test]
fn it_ends_when_there_is_none_or_for_a_reason() {
    let peer = Peer::new(Script::default());
    with_link(&peer, async |mut link, client| {
        let mut jobs = client.jetstream().link_consumer(STREAM, NAME);
        for (status, expected) in [
            ("404 No Messages", None),
            ("409 Consumer Deleted", Some(FetchEndReason::ConsumerDeleted)),
        ] {
            let serve = async {
                let inbox = pull(&peer).await;
                peer.pulls();
                peer.say_of(&inbox, status);
            };
            let fetch = async {
                let fetched = link.fetch_next(&mut jobs, 5 * SECOND, |_| {}).await;
                assert_eq!(fetched.map(|job| job.is_some()).err(), expected.map(FetchError::Ended));
            };
            join(fetch, serve).await;
        }
    });
    let peer = Peer::new(Script { forbidden: Some("_INBOX"), ..Script::default() });
    with_link(&peer, async |mut link, client| {
        let mut jobs = client.jetstream().link_consumer(STREAM, NAME);
        let fetched = link.fetch_next(&mut jobs, 5 * SECOND, |_| {}).await;
        assert_eq!(fetched.unwrap_err(), FetchError::Ended(FetchEndReason::NotPermitted));
    });
}

#[test]
fn it_goes_on_over_a_lost_connection_with_another_inbox() {
    let peer = Peer::new(Script::default());
    with_link(&peer, async |mut link, client| {
        let mut jobs = client.jetstream().link_consumer(STREAM, NAME);
        let serve = async {
            let old = pull(&peer).await;
            peer.pulls();
            peer.hang_up();
            let inbox = pull(&peer).await;
            assert_ne!(inbox, old);
            peer.deliver_for(&old, b"no");
            peer.deliver_for(&inbox, b"yes");
        };
        let fetch = async {
            let fetched = link.fetch_next(&mut jobs, 60 * SECOND, |_| {}).await;
            assert_eq!(fetched.unwrap().unwrap().payload(), b"yes");
        };
        join(fetch, serve).await;
        assert_eq!(peer.subscription_count(), 1);
    });
}

#[test]
fn what_comes_too_late_is_given_back() {
    let peer = Peer::new(Script::default());
    with_link(&peer, async |mut link, client| {
        let mut jobs = client.jetstream().link_consumer(STREAM, NAME);
        let ended = link.fetch_next(&mut jobs, SECOND, |_| {}).await.unwrap_err();
        assert_eq!(ended, FetchError::Ended(FetchEndReason::TimedOut));
        let old = peer.last_pull();
        peer.pulls();
        let serve = async {
            let inbox = pull(&peer).await;
            peer.deliver_for(&old, b"late");
            peer.deliver_for(&inbox, b"job");
        };
        let fetch = async {
            let job = link.fetch_next(&mut jobs, 5 * SECOND, |_| {}).await.unwrap().unwrap();
            assert_eq!(job.payload(), b"job");
        };
        join(fetch, serve).await;
        link.drive(client.flush(), |_| {}).await.unwrap();
        assert_eq!(acks(&peer), ["1 -NAK"]);
    });
}

#[test]
fn dropping_it_at_every_await_loses_nothing() {
    for polls in 1..40 {
        let peer = Peer::new(Script { chunk: 16, ..Script::default() });
        with_link(&peer, async |mut link, client| {
            let mut jobs = client.jetstream().link_consumer(STREAM, NAME);
            let serve = async {
                loop {
                    let inbox = pull(&peer).await;
                    peer.pulls();
                    peer.deliver_for(&inbox, b"job");
                }
            };
            let fetch = async {
                let mut got = 0;
                while got < 3 {
                    give_up_after(polls, async {
                        if link.fetch_next(&mut jobs, 60 * SECOND, |_| {}).await.unwrap().is_some()
                        {
                            got += 1;
                        }
                    })
                    .await;
                    Timer::after_millis(1).await;
                }
            };
            match select(fetch, serve).await {
                Either::First(()) => {}
                Either::Second(never) => never,
            }
        });
    }
}
