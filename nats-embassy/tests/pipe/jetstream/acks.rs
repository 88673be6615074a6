//! Acknowledgements of messages.

use core::time::Duration;

use embassy_futures::join::join;
use nats_embassy::Config;
use nats_embassy::Offline;
use nats_embassy::PublishError;
use nats_embassy::RequestError;
use nats_embassy::jetstream::AckKind;

use super::acks;
use super::consumer;
use super::pull;
use crate::SECOND;
use crate::peer::Peer;
use crate::peer::Script;
use crate::with_client;
use crate::with_config;

#[test]
fn of_every_kind() {
    let peer = Peer::new(Script::default());
    with_client(&peer, async |client| {
        let mut jobs = consumer(client, 1);
        let serve = async {
            let inbox = pull(&peer).await;
            peer.deliver_for(&inbox, b"job");
        };
        let (job, ()) = join(jobs.next(5 * SECOND), serve).await;
        let job = job.unwrap().unwrap();
        job.in_progress().await.unwrap();
        job.nak().await.unwrap();
        job.nak_with_delay(Duration::from_millis(700)).await.unwrap();
        job.term().await.unwrap();
        job.ack_with(AckKind::TermWithReason("why")).await.unwrap();
        job.ack().await.unwrap();
        client.jetstream().try_ack(&job, AckKind::Ack).unwrap();
        let long = "x".repeat(59);
        let refused = job.ack_with(AckKind::TermWithReason(&long)).await;
        assert_eq!(refused, Err(PublishError::TooLong { max: 64 }));
        client.flush().await.unwrap();
        let expected = [
            "+WPI",
            "-NAK",
            "-NAK {\\\"delay\\\":700000000}",
            "+TERM",
            "+TERM why",
            "+ACK",
            "+ACK",
        ];
        assert_eq!(acks(&peer), expected.map(|body| format!("1 {body}")));
    });
}

#[test]
fn one_that_is_confirmed_waits_for_the_server() {
    let peer = Peer::new(Script::default());
    with_client(&peer, async |client| {
        let mut jobs = consumer(client, 1);
        let serve = async {
            let inbox = pull(&peer).await;
            peer.deliver_for(&inbox, b"job");
        };
        let (job, ()) = join(jobs.next(5 * SECOND), serve).await;
        let job = job.unwrap().unwrap();
        // Nobody is there.
        assert_eq!(job.ack_confirmed(SECOND).await, Err(RequestError::NoResponders));
        peer.script(|script| script.is_silent = true);
        assert_eq!(job.ack_confirmed(SECOND).await, Err(RequestError::TimedOut));
        let confirm = async {
            embassy_time::Timer::after_millis(10).await;
            peer.publish(&peer.inbox(), b"");
        };
        let (confirmed, ()) = join(job.ack_confirmed(SECOND), confirm).await;
        assert_eq!(confirmed, Ok(()));
        let lose = async {
            embassy_time::Timer::after_millis(10).await;
            peer.hang_up();
        };
        let (confirmed, ()) = join(job.ack_confirmed(SECOND), lose).await;
        assert_eq!(confirmed, Err(RequestError::Disconnected));
        assert_eq!(acks(&peer), ["1 +ACK"; 4]);
    });
}

#[test]
fn one_is_never_kept_in_place_of_a_message() {
    let peer = Peer::new(Script::default());
    let config = Config::new("nats://one").offline(Offline::KeepLatest);
    with_config(config, &peer, async |client| {
        let mut jobs = consumer(client, 1);
        let serve = async {
            let inbox = pull(&peer).await;
            peer.deliver_for(&inbox, b"job");
        };
        let (job, ()) = join(jobs.next(5 * SECOND), serve).await;
        let job = job.unwrap().unwrap();
        peer.script(|script| script.listens = false);
        peer.hang_up();
        while client.is_connected() {
            embassy_time::Timer::after_millis(1).await;
        }
        client.publish("a", b"latest").await.unwrap();
        assert_eq!(job.ack().await, Err(PublishError::Disconnected));
        peer.script(|script| script.listens = true);
        client.connected().await.unwrap();
        client.flush().await.unwrap();
        let log = peer.log();
        assert!(log.contains(&"PUB a latest".to_owned()), "{log:?}");
    });
}
