//! Connections that are lost, and made again.

use embassy_time::Instant;
use embassy_time::Timer;
use nats_embassy::CloseReason;
use nats_embassy::Config;
use nats_embassy::ConfigError;
use nats_embassy::DisconnectReason;
use nats_embassy::Event;
use nats_embassy::FlushError;
use nats_embassy::Offline;
use nats_embassy::PendingLimits;
use nats_embassy::PublishError;
use nats_embassy::RequestError;

use crate::Nats;
use crate::SECOND;
use crate::clock::block_on;
use crate::clock::now;
use crate::clock::pass;
use crate::peer::INFO;
use crate::peer::Peer;
use crate::peer::Script;
use crate::transport::Network;
use crate::with_client;
use crate::with_config;

#[test]
fn subscriptions_are_made_again() {
    let peer = Peer::new(Script::default());
    with_client(&peer, async |client| {
        let mut all = client.subscribe("a.*", PendingLimits::drop_newest(2)).unwrap();
        let mut three = client.subscribe("a.b", PendingLimits::drop_newest(3)).unwrap();
        three.unsubscribe_after(3);
        client.publish("a.b", b"1").await.unwrap();
        client.flush().await.unwrap();
        peer.log();
        peer.hang_up();
        while client.next_event().await != Some(Event::Resubscribed) {}
        let mut log = peer.log();
        log.retain(|line| line.contains("SUB"));
        assert_eq!(log, ["SUB a.*  1", "SUB a.b  2", "UNSUB 2 2"]);
        client.publish("a.b", b"2").await.unwrap();
        client.flush().await.unwrap();
        assert_eq!(all.next().await.unwrap().payload(), b"1");
        assert_eq!(all.next().await.unwrap().payload(), b"2");
        assert_eq!(three.next().await.unwrap().payload(), b"1");
    });
}

#[test]
fn a_server_that_is_not_there_yet_is_waited_for() {
    let peer = Peer::new(Script { listens: false, ..Script::default() });
    with_client(&peer, async |client| {
        let attempts = async {
            for _ in 0..50 {
                while !matches!(client.next_event().await, Some(Event::Reconnecting { .. })) {}
            }
            // Half a minute at most between two attempts, once it has been gone for long.
            assert!((600_000..1_500_000).contains(&now()), "{}", now());
            peer.script(|script| script.listens = true);
        };
        let publishing = client.publish("a", b"patient");
        let ((), published) = embassy_futures::join::join(attempts, publishing).await;
        published.unwrap();
        client.flush().await.unwrap();
    });
    assert!(peer.log().contains(&"PUB a patient".to_owned()));
}

#[test]
fn publishing_fails_at_once_where_that_is_wanted() {
    let peer = Peer::new(Script { listens: false, ..Script::default() });
    let config = Config::new("nats://one").offline(Offline::Fail);
    with_config(config, &peer, async |client| {
        assert_eq!(client.publish("a", b"").await, Err(PublishError::Disconnected));
        assert_eq!(client.flush().await, Err(FlushError::Disconnected));
        assert_eq!(
            client.request("a", b"", SECOND).await.unwrap_err(),
            RequestError::Publish(PublishError::Disconnected)
        );
    });
}

#[test]
fn a_server_that_says_nothing_is_left() {
    let peer = Peer::new(Script::default());
    with_client(&peer, async |client| {
        client.connected().await.unwrap();
        let silent = client.subscribe("silent", PendingLimits::drop_newest(1)).unwrap();
        client.flush().await.unwrap();
        peer.script(|script| script.is_mute = true);
        let minutes = core::time::Duration::from_secs(600);
        let asking = client.request("silent", b"", minutes);
        let watching = async {
            while client.next_event().await != Some(Event::Disconnected(DisconnectReason::Stale)) {}
            assert!((60_000..=90_000).contains(&now()), "{}", now());
            peer.script(|script| script.is_mute = false);
        };
        let (reply, ()) = embassy_futures::join::join(asking, watching).await;
        assert_eq!(reply.unwrap_err(), RequestError::Disconnected);
        while client.next_event().await != Some(Event::Resubscribed) {}
        drop(silent);
    });
    assert!(peer.log().contains(&"abort".to_owned()));
}

#[test]
fn what_came_while_somebody_was_busy_came_in_time() {
    let peer = Peer::new(Script::default());
    with_client(&peer, async |client| {
        client.connected().await.unwrap();
        peer.script(|script| script.is_mute = true);
        // Two PINGs are out, and the next one would be one too many.
        Timer::at(Instant::from_secs(89)).await;
        peer.send(b"PONG\r\nPONG\r\n");
        pass(5_000);
        Timer::after_secs(1).await;
        assert!(client.is_connected());
        assert_eq!(client.statistics().connects, 1);
    });
}

#[test]
fn a_server_that_only_listens_is_given_up() {
    let peer = Peer::new(Script { info: String::new(), is_mute: true, ..Script::default() });
    with_client(&peer, async |client| {
        while client.next_event().await != Some(Event::ConnectFailed(DisconnectReason::TimedOut)) {}
        assert_eq!(now(), 5_000);
        peer.script(|script| *script = Script::default());
        client.connected().await.unwrap();
    });
}

#[test]
fn a_lame_duck_is_left_for_another_server() {
    let peer = Peer::new(Script::default());
    let config = Config::new("nats://one,nats://two");
    with_config(config, &peer, async |client| {
        client.connected().await.unwrap();
        let _subscription = client.subscribe("a", PendingLimits::drop_newest(1)).unwrap();
        peer.log();
        peer.send(INFO.replace("\"proto\"", "\"ldm\":true,\"proto\"").as_bytes());
        peer.send(b"\r\n");
        while client.next_event().await != Some(Event::LameDuckMode) {}
        while client.next_event().await != Some(Event::Reconnected) {}
    });
    assert_eq!(peer.log().iter().filter(|line| line.starts_with("dial")).count(), 1);
}

#[test]
fn reconnecting_on_demand() {
    let peer = Peer::new(Script::default());
    with_client(&peer, async |client| {
        client.connected().await.unwrap();
        client.force_reconnect();
        while client.next_event().await != Some(Event::Reconnected) {}
        assert_eq!(client.statistics().connects, 2);
        // Giving up the old connection takes its time, and no more.
        assert_eq!(now(), 200);
    });
}

#[test]
fn addresses_are_checked() {
    let check = |servers| {
        let (mut resources, peer) = (Nats::new(), Peer::new(Script::default()));
        let made =
            nats_embassy::new(Config::new(servers), Network::new(&peer), &mut resources, [1; 32]);
        made.map(|_| ()).unwrap_err()
    };
    assert!(matches!(check("http://a"), ConfigError::Url(_)));
    assert_eq!(check("nats://user:word@a"), ConfigError::CredentialsInUrl);
    assert_eq!(check("a,b,c"), ConfigError::TooManyServers);
}

#[test]
fn servers_that_a_server_tells_of_are_connected_to() {
    let peer = Peer::new(Script::default());
    with_client(&peer, async |client| {
        client.connected().await.unwrap();
        let list = r#""connect_urls":["10.0.0.2:4222"],"proto""#;
        peer.send(INFO.replace("\"proto\"", list).as_bytes());
        peer.send(b"\r\n");
        while client.next_event().await != Some(Event::InfoChanged) {}
        peer.log();
        peer.hang_up();
        while client.next_event().await != Some(Event::Reconnected) {}
    });
    let log = peer.log();
    assert_eq!(log.iter().find(|line| line.starts_with("dial")).unwrap(), "dial 10.0.0.2");
}

#[test]
fn a_connection_that_does_not_close_is_dropped() {
    let peer = Peer::new(Script { hangs_on_close: true, ..Script::default() });
    let mut resources = Nats::new();
    let config = Config::new("nats://one");
    let made = nats_embassy::new(config, Network::new(&peer), &mut resources, [7; 32]);
    let (client, mut runner) = made.unwrap();
    let app = async {
        client.connected().await.unwrap();
        client.close().await.unwrap();
        now()
    };
    let (begun, stop) = block_on(embassy_futures::join::join(app, runner.run()));
    assert_eq!((stop, now() - begun), (CloseReason::Drained, 1000));
}
