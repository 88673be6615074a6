//! What a client knows of its server, and tells it.

use embassy_futures::select::select;
use embassy_time::Duration;
use nats_embassy::Auth;
use nats_embassy::Config;
use nats_embassy::Credentials;
use nats_embassy::DisconnectReason;
use nats_embassy::Event;
use nats_embassy::PendingLimits;
use nats_embassy::ResolvedAuth;
use nats_embassy::SignError;

use crate::Nats;
use crate::clock::block_on;
use crate::peer::INFO;
use crate::peer::Peer;
use crate::peer::Script;
use crate::transport::Network;
use crate::with_client;
use crate::with_config;

#[test]
fn its_limits_are_known_while_there_is_a_connection() {
    let info = INFO.replace("\"proto\"", "\"client_id\":42,\"jetstream\":true,\"proto\"");
    let peer = Peer::new(Script { info, ..Script::default() });
    with_client(&peer, async |client| {
        assert!(client.server_info().is_none());
        client.connected().await.unwrap();
        let server = client.server_info().unwrap();
        assert_eq!((server.max_payload, server.client_id), (1_048_576, 42));
        assert!(server.headers && server.jetstream && !server.lame_duck && !server.tls_required);
        peer.script(|script| script.listens = false);
        peer.hang_up();
        while !matches!(client.next_event().await, Some(Event::Disconnected(_))) {}
        assert!(client.server_info().is_none());
    });
}

#[test]
fn how_far_it_is() {
    let peer = Peer::new(Script::default());
    with_client(&peer, async |client| {
        // The connection does not count.
        assert_eq!(client.rtt().await.unwrap(), Duration::from_ticks(0));
        peer.script(|script| script.is_mute = true);
        let answer = async {
            embassy_time::Timer::after_millis(70).await;
            peer.send(b"PONG\r\n");
            core::future::pending::<()>().await;
        };
        let ended = select(client.rtt(), answer).await;
        let embassy_futures::select::Either::First(rtt) = ended else { unreachable!() };
        assert_eq!(rtt.unwrap(), Duration::from_millis(70));
    });
}

#[test]
fn bytes_are_counted() {
    let peer = Peer::new(Script { chunk: 7, ..Script::default() });
    with_client(&peer, async |client| {
        let mut subscription = client.subscribe("a", PendingLimits::drop_newest(1)).unwrap();
        client.publish("a", [0; 100]).await.unwrap();
        subscription.next().await.unwrap();
        client.flush().await.unwrap();
        let (read, written) = peer.counts();
        let statistics = client.statistics();
        assert_eq!((statistics.in_bytes, statistics.out_bytes), (read as u64, written as u64));
        client.force_reconnect();
        while client.next_event().await != Some(Event::Resubscribed) {}
        let (again_read, again_written) = peer.counts();
        let statistics = client.statistics();
        assert_eq!(statistics.in_bytes, (read + again_read) as u64);
        assert_eq!(statistics.out_bytes, (written + again_written) as u64);
    });
}

#[test]
fn it_is_told_not_to_echo() {
    for (config, expected) in [
        (Config::new("nats://one"), "\"echo\":true"),
        (Config::new("nats://one").no_echo(), "\"echo\":false"),
    ] {
        let peer = Peer::new(Script::default());
        with_config(config, &peer, async |client| client.connected().await.unwrap());
        let log = peer.log();
        assert!(log.iter().any(|line| line.contains(expected)), "{log:?}");
    }
}

/// A token that is renewed, or what a secure element says.
struct Renewed {
    attempts: u8,
    text: String,
    is_signed: bool,
}

impl Credentials for Renewed {
    async fn log_in(&mut self, nonce: &[u8]) -> Result<ResolvedAuth<'_>, SignError> {
        embassy_time::Timer::after_millis(5).await;
        self.attempts += 1;
        if self.attempts == 2 {
            return Err(SignError);
        }
        self.text = format!("token-{}", self.attempts);
        if !self.is_signed {
            return Ok(ResolvedAuth::new(Auth::Token(&self.text)));
        }
        assert_eq!(nonce, b"abc");
        Ok(ResolvedAuth::signed(Auth::Jwt(&self.text), [self.attempts; 64]))
    }
}

#[test]
fn credentials_are_asked_for_at_every_attempt() {
    for is_signed in [false, true] {
        let peer = Peer::new(Script { chunk: 9, ..Script::default() });
        let mut resources = Nats::new();
        let config = Config::new("nats://one").auth(Auth::Token("not this one"));
        let made = nats_embassy::new(config, Network::new(&peer), &mut resources, [7; 32]);
        let (client, runner) = made.unwrap();
        let renewed = Renewed { attempts: 0, text: String::new(), is_signed };
        let mut runner = runner.with_credentials(renewed);
        let app = async {
            client.connected().await.unwrap();
            client.force_reconnect();
            while client.next_event().await != Some(Event::ConnectFailed(DisconnectReason::Auth)) {}
            while client.next_event().await != Some(Event::Reconnected) {}
        };
        block_on(select(app, runner.run()));
        let mut log = peer.log();
        log.retain(|line| line.starts_with("CONNECT"));
        let expected = if is_signed {
            [("\"jwt\":\"token-1\"", "\"sig\":\"AQEB"), ("\"jwt\":\"token-3\"", "\"sig\":\"AwMD")]
        } else {
            ["token-1", "token-3"].map(|token| (token, "\"auth_token\""))
        };
        assert_eq!(log.len(), 2, "{log:?}");
        for (line, (first, second)) in log.iter().zip(expected) {
            assert!(line.contains(first) && line.contains(second), "{line}");
        }
    }
}

#[test]
fn a_message_is_forwarded_with_its_headers() {
    let peer = Peer::new(Script::default());
    with_client(&peer, async |client| {
        let mut from = client.subscribe("from", PendingLimits::drop_newest(1)).unwrap();
        let mut to = client.subscribe("to", PendingLimits::drop_newest(1)).unwrap();
        client.flush().await.unwrap();
        let headers = "NATS/1.0\r\nKey: value\r\n\r\n";
        let (head, all) = (headers.len(), headers.len() + 4);
        let sid = from.sid();
        peer.send(format!("HMSG from {sid} reply {head} {all}\r\n{headers}text\r\n").as_bytes());
        let message = from.next().await.unwrap();
        client.forward(&message, "to").await.unwrap();
        let forwarded = to.next().await.unwrap();
        assert_eq!(forwarded.headers().get("Key"), Some("value"));
        assert_eq!((forwarded.payload(), forwarded.reply()), (&b"text"[..], None));
    });
}
