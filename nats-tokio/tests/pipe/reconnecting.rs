use std::time::Duration;

use nats_tokio::Backoff;
use nats_tokio::Client;
use nats_tokio::CloseReason;
use nats_tokio::ConnectOptions;
use nats_tokio::ConnectionStatus;
use nats_tokio::DisconnectReason;
use nats_tokio::EndReason;
use nats_tokio::Event;
use nats_tokio::Events;
use nats_tokio::FlushError;
use nats_tokio::PublishError;
use nats_tokio::ReconnectBuffer;
use nats_tokio::RequestError;
use tokio::time::Instant;
use tokio::time::sleep;
use tokio::time::timeout;

use crate::peer::INFO;
use crate::peer::Peer;
use crate::servers::Servers;

async fn connected(options: ConnectOptions) -> (Client, Servers, Peer) {
    let (options, mut servers) = Servers::new(options);
    let (client, peer) = tokio::join!(options.connect("a"), servers.accept());
    // Longer than the wait between two attempts.
    sleep(Duration::from_secs(10)).await;
    (client.unwrap(), servers, peer)
}

async fn next(events: &mut Events) -> Event {
    timeout(Duration::from_secs(100), events.next()).await.unwrap().unwrap()
}

#[tokio::test(start_paused = true)]
async fn everything_comes_back_and_subscriptions_come_before_messages() {
    let (client, mut servers, mut peer) = connected(ConnectOptions::new()).await;
    let mut events = client.events();
    let mut status = client.watch_status();
    let mut greetings = client.subscribe("greet.*").await.unwrap();
    let _group = client.queue_subscribe("work", "q").await.unwrap();
    greetings.unsubscribe_after(3);
    peer.expect(&["SUB greet.* 1", "SUB work q 2", "UNSUB 1 3"]).await;
    peer.send("MSG greet.a 1 1|x").await;
    assert_eq!(greetings.next().await.unwrap().payload(), b"x");
    client.publish("sent", "1").await.unwrap();
    peer.expect(&["PUB sent: 1"]).await;
    assert_eq!(client.status(), ConnectionStatus::Connected);
    servers.set_down(true);
    drop(peer);
    status.wait_for(|status| *status == ConnectionStatus::Reconnecting).await.unwrap();
    client.publish("held", "2").await.unwrap();
    let _later = client.subscribe("later").await.unwrap();
    servers.next().await;
    servers.set_down(false);
    let mut peer = servers.accept().await;
    let lines =
        ["SUB greet.* 1", "UNSUB 1 2", "SUB work q 2", "SUB later 3", "PING", "PUB held: 2"];
    peer.expect(&lines).await;
    peer.send("PONG|MSG greet.b 1 1|y").await;
    assert_eq!(greetings.next().await.unwrap().payload(), b"y");
    assert_eq!(client.statistics().connects, 2);
    assert_eq!(client.status(), ConnectionStatus::Connected);

    let server = || "nats://a:4222".to_owned();
    assert_event!(
        next(&mut events).await,
        Disconnected {
            server: server(),
            reason: DisconnectReason::Closed,
            text: None,
            unconfirmed: 1
        }
    );
    assert_event!(next(&mut events).await, Reconnecting { server: server(), attempt: 1 });
    assert_event!(
        next(&mut events).await,
        ConnectFailed {
            server: server(),
            reason: DisconnectReason::Unreachable,
            text: Some("connection refused".into())
        }
    );
    assert_event!(next(&mut events).await, Reconnecting { server: server(), attempt: 2 });
    assert_event!(next(&mut events).await, Reconnected { server: server() });
    assert_eq!(next(&mut events).await, Event::Resubscribed);
}

#[tokio::test(start_paused = true)]
async fn what_is_published_meanwhile_is_limited() {
    let buffer = ReconnectBuffer::DEFAULT.messages(2);
    for waits in [false, true] {
        let mut options = ConnectOptions::new().reconnect_buffer(buffer);
        if waits {
            options = options.wait_for_connection();
        }
        let (client, mut servers, peer) = connected(options).await;
        let mut status = client.watch_status();
        drop(peer);
        status.wait_for(|status| *status == ConnectionStatus::Reconnecting).await.unwrap();
        client.publish("a", "1").await.unwrap();
        client.publish("a", "2").await.unwrap();
        assert_eq!(client.publish("a", "3").try_send(), Err(PublishError::Disconnected));
        if waits {
            let (third, mut peer) = tokio::join!(client.publish("a", "3"), servers.accept());
            third.unwrap();
            peer.expect(&["PUB a: 1", "PUB a: 2", "PUB a: 3"]).await;
        } else {
            assert_eq!(client.publish("a", "3").await, Err(PublishError::Disconnected));
            servers.accept().await.expect(&["PUB a: 1", "PUB a: 2"]).await;
        }
    }
    let (client, _servers, peer) =
        connected(ConnectOptions::new().reconnect_buffer(ReconnectBuffer::OFF)).await;
    drop(peer);
    let mut status = client.watch_status();
    status.wait_for(|status| *status == ConnectionStatus::Reconnecting).await.unwrap();
    assert_eq!(client.publish("a", "").await, Err(PublishError::Disconnected));
}

#[tokio::test(start_paused = true)]
async fn requests_that_were_sent_fail_at_once_and_others_wait() {
    let (client, mut servers, mut peer) = connected(ConnectOptions::new()).await;
    let start = Instant::now();
    let server = async {
        assert!(peer.next().await.starts_with("SUB _INBOX."));
        assert!(peer.next().await.starts_with("PUB a "));
        drop(peer);
        let (_, mut peer) = servers.next().await;
        sleep(Duration::from_millis(500)).await;
        peer.accept().await;
        assert!(peer.next().await.starts_with("SUB _INBOX."));
        peer.expect(&["PING"]).await;
        let request = peer.next().await;
        let reply = request.split([' ', ':']).nth(2).unwrap().to_owned();
        peer.send(&format!("MSG {reply} 1 2|ok")).await;
        peer
    };
    let requests = async {
        let first = client.request("a", "").await;
        assert_eq!(first.unwrap_err(), RequestError::Disconnected);
        assert_eq!(start.elapsed(), Duration::ZERO);
        client.request("b", "").await.unwrap()
    };
    let (_peer, reply) = tokio::join!(server, requests);
    assert_eq!(reply.payload(), b"ok");
}

#[tokio::test(start_paused = true)]
async fn requests_may_wait_for_the_next_connection() {
    let options = ConnectOptions::new().keep_requests_on_disconnect();
    let (client, mut servers, mut peer) = connected(options).await;
    let server = async {
        peer.next().await;
        let request = peer.next().await;
        let reply = request.split([' ', ':']).nth(2).unwrap().to_owned();
        drop(peer);
        let mut peer = servers.accept().await;
        peer.next().await;
        peer.send(&format!("MSG {reply} 1 2|ok")).await;
        peer
    };
    let (_peer, reply) = tokio::join!(server, client.request("a", ""));
    assert_eq!(reply.unwrap().payload(), b"ok");
}

#[tokio::test(start_paused = true)]
async fn flushing_tells_the_truth() {
    let (client, mut servers, mut peer) = connected(ConnectOptions::new()).await;
    let cut = async {
        peer.expect(&["PING"]).await;
        drop(peer);
    };
    let (flushed, ()) = tokio::join!(client.flush(), cut);
    assert_eq!(flushed, Err(FlushError::Disconnected));
    // Begun without a connection, it waits for one, and for what was held.
    client.publish("a", "1").await.unwrap();
    let server = async {
        let mut peer = servers.accept().await;
        peer.expect(&["PUB a: 1", "PING"]).await;
        peer.send("PONG").await;
        peer
    };
    let (flushed, _peer) = tokio::join!(client.flush(), server);
    assert_eq!(flushed, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn confirmed_messages_are_not_reported_as_lost() {
    let (client, _servers, mut peer) = connected(ConnectOptions::new()).await;
    let mut events = client.events();
    client.publish("a", "1").await.unwrap();
    let server = async {
        peer.expect(&["PUB a: 1", "PING"]).await;
        peer.send("PONG").await;
    };
    let (flushed, ()) = tokio::join!(client.flush(), server);
    flushed.unwrap();
    client.publish("a", "2").await.unwrap();
    client.publish("a", "3").await.unwrap();
    peer.expect(&["PUB a: 2", "PUB a: 3"]).await;
    drop(peer);
    assert_event!(
        next(&mut events).await,
        Disconnected {
            server: "nats://a:4222".into(),
            reason: DisconnectReason::Closed,
            text: None,
            unconfirmed: 2,
        }
    );
    assert_eq!(client.statistics().unconfirmed_messages, 2);
}

#[tokio::test(start_paused = true)]
async fn a_drain_without_a_connection_delivers_what_was_held() {
    let (client, mut servers, peer) = connected(ConnectOptions::new()).await;
    drop(peer);
    let mut status = client.watch_status();
    status.wait_for(|status| *status == ConnectionStatus::Reconnecting).await.unwrap();
    client.publish("a", "1").await.unwrap();
    let server = async {
        let mut peer = servers.accept().await;
        peer.expect(&["PUB a: 1", "PING"]).await;
        peer.send("PONG").await;
        peer.expect(&["closed"]).await;
    };
    let (drained, ()) = tokio::join!(client.drain(), server);
    assert_eq!(drained, Ok(()));

    let (client, servers, peer) = connected(ConnectOptions::new()).await;
    servers.set_down(true);
    drop(peer);
    let mut status = client.watch_status();
    status.wait_for(|status| *status == ConnectionStatus::Reconnecting).await.unwrap();
    assert_eq!(client.drain().await, Ok(()), "there is nothing to send");
}

#[tokio::test(start_paused = true)]
async fn closing_without_a_connection_takes_no_longer_than_allowed() {
    for holds in [false, true] {
        let (client, servers, peer) = connected(ConnectOptions::new()).await;
        let mut events = client.events();
        servers.set_down(true);
        drop(peer);
        let mut status = client.watch_status();
        status.wait_for(|status| *status == ConnectionStatus::Reconnecting).await.unwrap();
        if holds {
            client.publish("a", "1").await.unwrap();
        }
        let start = Instant::now();
        client.close().await;
        let most = if holds { Duration::from_secs(10) } else { Duration::ZERO };
        assert_eq!(start.elapsed(), most);
        let closed = loop {
            if let Event::Closed { unsent, .. } = next(&mut events).await {
                break unsent;
            }
        };
        assert_eq!(closed, u64::from(holds));
        assert_eq!(client.status(), ConnectionStatus::Closed);
    }
}

#[tokio::test(start_paused = true)]
async fn giving_up() {
    let options = ConnectOptions::new().max_reconnects(Some(3));
    let (client, servers, peer) = connected(options).await;
    let mut subscriber = client.subscribe("a").await.unwrap();
    servers.set_down(true);
    drop(peer);
    assert_eq!(client.closed().await, CloseReason::Disconnected(DisconnectReason::Unreachable));
    assert!(subscriber.next().await.is_none());
    assert_eq!(subscriber.ended(), Some(EndReason::Closed));
    assert_eq!(client.publish("a", "").await, Err(PublishError::Closed));

    let (client, mut servers, peer) = connected(ConnectOptions::new().no_reconnect()).await;
    drop(peer);
    assert_eq!(client.closed().await, CloseReason::Disconnected(DisconnectReason::Closed));
    assert!(servers.dialled.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn the_first_connection_may_come_later() {
    let (options, mut servers) = Servers::new(ConnectOptions::new().retry_on_initial_connect());
    servers.set_down(true);
    let client = options.connect("a").await.unwrap();
    assert_eq!(client.status(), ConnectionStatus::Connecting);
    client.publish("a", "1").await.unwrap();
    servers.set_down(false);
    servers.next().await;
    servers.accept().await.expect(&["PUB a: 1"]).await;
    assert_eq!(client.status(), ConnectionStatus::Connected);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_hangs_does_not_hold_up_the_next() {
    let (options, mut servers) = Servers::new(ConnectOptions::new().retain_servers_order());
    let start = Instant::now();
    let server = async {
        let (host, silent) = servers.next().await;
        assert_eq!(host, "a");
        let (host, mut peer) = servers.next().await;
        assert_eq!(host, "b");
        peer.accept().await;
        (silent, peer)
    };
    let (client, _peers) = tokio::join!(options.connect("a,b"), server);
    assert_eq!(client.unwrap().status(), ConnectionStatus::Connected);
    assert_eq!(start.elapsed(), Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn a_dial_that_hangs_does_not_hold_up_the_next() {
    let options = ConnectOptions::new().retain_servers_order().connector(|target| async move {
        if target.host == "a" {
            std::future::pending::<()>().await;
        }
        let (ours, theirs) = tokio::io::duplex(4096);
        tokio::spawn(async move {
            let mut peer = Peer::new(theirs);
            peer.accept().await;
            peer.serve().await;
        });
        Ok(ours)
    });
    let start = Instant::now();
    assert_eq!(options.connect("a,b").await.unwrap().status(), ConnectionStatus::Connected);
    assert_eq!(start.elapsed(), Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn the_application_has_a_say() {
    let options = ConnectOptions::new()
        .reconnect_delay_callback(|failures| Duration::from_secs(u64::from(failures) * 7))
        .reconnect_to_server_callback(|candidates, info| {
            assert_eq!(info.server_name, "peer");
            let b = candidates.iter().position(|one| one.server == "nats://b:4222")?;
            (candidates[b].failures == 0).then_some((b, Duration::from_secs(1)))
        });
    let (client, mut servers, peer) = connected(options).await;
    client.set_server_pool("b").unwrap();
    let start = Instant::now();
    servers.set_down(true);
    drop(peer);
    let mut times = Vec::new();
    for _ in 0..4 {
        let (host, _) = servers.next().await;
        times.push((host, start.elapsed().as_secs()));
    }
    let expected = [1, 8, 22, 43].map(|time| ("b".to_owned(), time));
    assert_eq!(times, expected);
}

#[tokio::test(start_paused = true)]
async fn another_connection_on_request_and_exponential_back_off() {
    let backoff = Backoff::Exponential { min: Duration::from_secs(1), max: Duration::from_secs(4) };
    let (client, mut servers, mut peer) =
        connected(ConnectOptions::new().backoff(backoff).retain_servers_order()).await;
    client.force_reconnect();
    peer.expect(&["closed"]).await;
    let start = Instant::now();
    let mut peer = servers.accept().await;
    assert_eq!(start.elapsed(), Duration::ZERO);
    peer.send(&INFO.replace('}', r#","connect_urls":["b:1"]}"#)).await;
    let mut events = client.events();
    let is_new = |event: &Event| matches!(event, Event::ServersChanged { added, removed, .. } if *added == ["nats://b:1"] && removed.is_empty());
    while !is_new(&next(&mut events).await) {}
    assert_eq!(client.server_pool().len(), 2);
    sleep(Duration::from_secs(10)).await;
    servers.set_down(true);
    drop(peer);
    let start = Instant::now();
    for host in ["b", "a"] {
        assert_eq!(servers.next().await.0, host, "each once");
    }
    assert_eq!(start.elapsed(), Duration::ZERO, "at once");
    servers.next().await;
    assert!(start.elapsed() >= Duration::from_millis(500), "after the first failure");
}

#[tokio::test(start_paused = true)]
async fn moving_away_from_a_lame_duck_loses_nothing() {
    let (client, mut servers, mut peer) = connected(ConnectOptions::new()).await;
    let mut events = client.events();
    let mut subscriber = client.subscribe("a").await.unwrap();
    client.publish("p", "1").await.unwrap();
    peer.expect(&["SUB a 1", "PUB p: 1"]).await;
    peer.send(&INFO.replace('}', r#","ldm":true,"connect_urls":["b:1"]}"#)).await;
    peer.expect(&["UNSUB 1", "PING"]).await;
    peer.send("MSG a 1 1|x").await;
    client.publish("p", "2").await.unwrap();
    peer.expect_silence().await;
    peer.send("PONG").await;
    let (host, mut other) = servers.next().await;
    assert_eq!(host, "b");
    peer.expect(&["closed"]).await;
    other.accept().await;
    other.expect(&["SUB a 1", "PING", "PUB p: 2"]).await;
    assert_eq!(subscriber.next().await.unwrap().payload(), b"x");
    let mut told = Vec::new();
    while !matches!(told.last(), Some(Event::Reconnected { .. })) {
        told.push(next(&mut events).await);
    }
    assert!(told.contains(&Event::LameDuckMode));
    let has_left = |event: &Event| {
        matches!(
            event,
            Event::Disconnected { server, reason: DisconnectReason::LameDuckMode, text: None, unconfirmed: 0, .. }
                if server == "nats://a:4222"
        )
    };
    assert!(told.iter().any(has_left), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_permitted_fails_alone() {
    let (client, _servers, mut peer) = connected(ConnectOptions::new()).await;
    let mut denied = client.subscribe("secret").await.unwrap();
    let mut allowed = client.subscribe("open").await.unwrap();
    peer.send("-ERR 'Permissions Violation for Subscription to \"secret\"'|MSG open 2 1|x").await;
    assert!(denied.next().await.is_none());
    assert_eq!(denied.ended(), Some(EndReason::NotPermitted));
    assert_eq!(allowed.next().await.unwrap().payload(), b"x");
    assert_eq!(allowed.ended(), None);
    let server = async {
        peer.expect(&["SUB secret 1", "SUB open 2"]).await;
        while !peer.next().await.starts_with("PUB forbidden") {}
        peer.send("-ERR 'Permissions Violation for Publish to \"forbidden\"'").await;
    };
    let start = Instant::now();
    let (reply, ()) = tokio::join!(client.request("forbidden", ""), server);
    assert_eq!(reply.unwrap_err(), RequestError::NotPermitted);
    assert_eq!(start.elapsed(), Duration::ZERO);
}
