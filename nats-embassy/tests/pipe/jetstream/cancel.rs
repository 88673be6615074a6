//! Every future of JetStream, dropped at every await.

use std::cell::Cell;

use embassy_futures::join::join;
use embassy_futures::select::Either;
use embassy_futures::select::select;
use embassy_futures::yield_now;
use embassy_time::Timer;
use nats_embassy::PendingLimits;
use nats_embassy::RequestError;

use super::DUPLICATE;
use super::STORED;
use super::consumer;
use super::pull;
use crate::SECOND;
use crate::cancel::dropped_everywhere_with;
use crate::cancel::give_up_after;
use crate::clock;
use crate::link::cancel::link_dropped_everywhere;
use crate::peer::Peer;
use crate::peer::Said;
use crate::peer::Script;
use crate::with_client;

fn script(stream: &[Said]) -> Script {
    Script { stream: stream.to_vec(), chunk: 16, ..Script::default() }
}

/// A task that is never without work does not wait for the clock.
async fn while_time_passes<F: Future>(future: F) -> F::Output {
    let pass = async {
        loop {
            clock::pass(20);
            yield_now().await;
        }
    };
    match select(future, pass).await {
        Either::First(value) => value,
        Either::Second(never) => never,
    }
}

#[test]
fn publishing() {
    let refused = [Said::Status("503"), STORED];
    let lost = [Said::HangUp, DUPLICATE];
    for stream in [&[STORED][..], &refused, &lost] {
        dropped_everywhere_with(&script(stream), async |client| {
            let jetstream = client.jetstream();
            for _ in 0..2 {
                let publish = jetstream.publish("js.a", &[1; 150]).message_id("a");
                while_time_passes(publish).await.unwrap();
            }
        });
        link_dropped_everywhere(&script(stream), async |link, client| {
            let jetstream = client.jetstream();
            for _ in 0..2 {
                let publish = jetstream.publish("js.a", &[1; 150]).message_id("a");
                while_time_passes(link.drive(publish, |_| {})).await.unwrap();
            }
        });
    }
}

/// A consumer of which a message comes for each pull, or which loses the connection first.
fn fetching(loses: bool) {
    for polls in 1..40 {
        let peer = Peer::new(Script { chunk: 16, ..Script::default() });
        with_client(&peer, async |client| {
            let mut jobs = consumer(client, 2);
            let serve = async {
                let mut has_lost = !loses;
                loop {
                    let inbox = pull(&peer).await;
                    peer.pulls();
                    if !has_lost {
                        has_lost = true;
                        peer.hang_up();
                        continue;
                    }
                    peer.deliver_for(&inbox, b"job");
                    peer.say_of(&inbox, "404 No Messages");
                }
            };
            let got = Cell::new(0_u64);
            let fetch = async {
                while got.get() < 3 {
                    give_up_after(polls, async {
                        let job = jobs.next(60 * SECOND).await.unwrap();
                        if let Some(job) = job {
                            // In order, and each of them once.
                            got.set(got.get() + 1);
                            assert_eq!(job.info().unwrap().stream_sequence, got.get());
                            job.ack().await.unwrap();
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
            drop(jobs);
            assert_eq!(client.statistics().dropped_messages, 0);
            assert!(client.subscribe("a", PendingLimits::drop_newest(6)).is_ok());
        });
    }
}

#[test]
fn fetching_loses_nothing() {
    fetching(false);
    fetching(true);
}

#[test]
fn acknowledging() {
    dropped_everywhere_with(&script(&[]), async |client| {
        let mut jobs = consumer(client, 2);
        // There is nothing, and nobody: all that it has is free again.
        let _ = while_time_passes(jobs.next(SECOND)).await;
    });
    for polls in 0..40 {
        let peer = Peer::new(Script { chunk: 16, ..Script::default() });
        with_client(&peer, async |client| {
            let mut jobs = consumer(client, 1);
            let serve = async {
                let inbox = pull(&peer).await;
                peer.deliver_for(&inbox, b"job");
            };
            let (job, ()) = join(jobs.next(60 * SECOND), serve).await;
            let job = job.unwrap().unwrap();
            give_up_after(polls, job.ack()).await;
            give_up_after(polls, job.ack_confirmed(SECOND)).await;
            give_up_after(polls, job.nak_with_delay(SECOND)).await;
            assert_eq!(job.ack_confirmed(SECOND).await, Err(RequestError::NoResponders));
        });
    }
}
