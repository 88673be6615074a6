//! The latest message, kept for the next connection.

use nats_embassy::CloseReason;
use nats_embassy::Config;
use nats_embassy::Event;
use nats_embassy::HeaderBuf;
use nats_embassy::Offline;
use nats_embassy::PendingLimits;
use nats_embassy::Publish;
use nats_embassy::PublishError;
use nats_embassy::RequestError;
use nats_embassy::Subject;

use crate::SECOND;
use crate::peer::INFO;
use crate::peer::Peer;
use crate::peer::Script;
use crate::with_config;

const CONFIG: Config<'static> = Config::new("nats://one").offline(Offline::KeepLatest);

fn published(peer: &Peer) -> Vec<String> {
    let mut log = peer.log();
    log.retain(|line| line.starts_with("PUB"));
    log
}

#[test]
fn the_latest_message_is_sent_behind_the_subscriptions() {
    for chunk in [1, 7, 1024] {
        let peer = Peer::new(Script { chunk, listens: false, ..Script::default() });
        with_config(CONFIG, &peer, async |client| {
            // Longer than what is left beside the message.
            let long = format!("a.{}", "x".repeat(40));
            let mut subscriptions = [(); 4]
                .map(|()| client.subscribe(long.as_str(), PendingLimits::drop_newest(1)).unwrap());
            for number in 0..5 {
                client.publish(long.as_str(), format!("{number}").as_bytes()).await.unwrap();
            }
            let fill = |space: &mut [u8]| {
                space[..4].copy_from_slice(b"last");
                4
            };
            let subject = Subject::new(&long).unwrap();
            client.publish_in_place(&Publish::new(subject, &[]), 90, fill).await.unwrap();
            peer.script(|script| script.listens = true);
            client.flush().await.unwrap();
            for subscription in &mut subscriptions {
                assert_eq!(subscription.next().await.unwrap().payload(), b"last");
            }
            assert_eq!(
                (client.statistics().replaced_messages, client.statistics().out_messages),
                (5, 6)
            );
            // From here on nothing is kept.
            client.publish("b", b"now").await.unwrap();
            client.flush().await.unwrap();
        });
        let log = published(&peer);
        assert_eq!(log.len(), 2, "{log:?}");
        assert!(log[0].ends_with("last") && log[1] == "PUB b now", "{log:?}");
    }
}

#[test]
fn it_survives_attempts_and_connections_that_fail() {
    let peer = Peer::new(Script { refusal: Some("Authorization Violation"), ..Script::default() });
    with_config(CONFIG, &peer, async |client| {
        client.publish("a", b"patient").await.unwrap();
        for _ in 0..3 {
            while !matches!(client.next_event().await, Some(Event::ConnectFailed(_))) {}
        }
        peer.script(|script| script.refusal = None);
        client.connected().await.unwrap();
        client.flush().await.unwrap();
        assert_eq!(published(&peer), ["PUB a patient"]);
        peer.hang_up();
        while !matches!(client.next_event().await, Some(Event::Disconnected(_))) {}
        client.publish("a", b"again").await.unwrap();
        client.flush().await.unwrap();
        assert_eq!(published(&peer), ["PUB a again"]);
        assert_eq!(client.statistics().replaced_messages, 0);
    });
}

#[test]
fn what_the_next_server_would_not_take_is_dropped_and_counted() {
    let info = INFO.replace("\"headers\":true", "\"headers\":false");
    for info in [info, INFO.replace("1048576", "10")] {
        let peer = Peer::new(Script { info, ..Script::default() });
        with_config(CONFIG, &peer, async |client| {
            let mut headers = HeaderBuf::<64>::new();
            headers.append("Key", "value").unwrap();
            let headers = headers.as_headers();
            let message = Publish { headers, ..Publish::new(Subject::from_static("a"), b"1") };
            client.publish_message(&message).await.unwrap();
            client.flush().await.unwrap();
            assert_eq!(client.statistics().replaced_messages, 1);
            assert!(matches!(
                client.publish_message(&message).await,
                Err(PublishError::Refused(_))
            ));
        });
        assert!(published(&peer).is_empty());
    }
}

#[test]
fn it_is_bounded_and_requests_are_not_kept() {
    let peer = Peer::new(Script { listens: false, ..Script::default() });
    with_config(CONFIG, &peer, async |client| {
        client.publish("a", b"fits").await.unwrap();
        let too_long = client.publish("a", &[0; 170]).await;
        assert_eq!(too_long, Err(PublishError::TooLong { max: 176 }));
        assert_eq!(
            client.request("a", b"", SECOND).await.unwrap_err(),
            RequestError::Publish(PublishError::Disconnected)
        );
        while !matches!(client.next_event().await, Some(Event::ConnectFailed(_))) {}
        // The one before is still there, and draining waits for it.
        assert_eq!(client.statistics().replaced_messages, 0);
        peer.script(|script| script.listens = true);
        client.drain().await.unwrap();
        assert_eq!(client.connected().await, Err(CloseReason::Drained));
    });
    assert_eq!(published(&peer), ["PUB a fits"]);
}

#[test]
fn what_can_not_be_sent_any_more_counts() {
    let session = Config::SESSION.drain_timeout(SECOND);
    let peer = Peer::new(Script { listens: false, ..Script::default() });
    with_config(CONFIG.session(session), &peer, async |client| {
        client.publish("a", b"").await.unwrap();
        while !matches!(client.next_event().await, Some(Event::ConnectFailed(_))) {}
        assert_eq!(client.drain().await, Err(CloseReason::DrainTimedOut));
        assert_eq!(client.statistics().replaced_messages, 1);
    });
}

#[test]
fn a_subscription_that_needs_its_room_is_worth_more() {
    let peer = Peer::new(Script { listens: false, ..Script::default() });
    let mut resources = crate::Wide::new();
    let network = crate::transport::Network::new(&peer);
    let (client, mut runner) = nats_embassy::new(CONFIG, network, &mut resources, [7; 32]).unwrap();
    let app = async {
        let filter = "x".repeat(100);
        let _subscription =
            client.subscribe(filter.as_str(), PendingLimits::drop_newest(1)).unwrap();
        client.publish("a", &[b'1'; 160]).await.unwrap();
        peer.script(|script| script.listens = true);
        client.flush().await.unwrap();
        assert_eq!(client.statistics().replaced_messages, 1);
    };
    crate::clock::block_on(embassy_futures::select::select(app, runner.run()));
    assert!(published(&peer).is_empty());
}
