//! A subscription that ended is released at once, whatever ended it, in every state of the connection.

use std::time::Duration;

use nats_tokio::Client;
use nats_tokio::ConnectOptions;
use nats_tokio::ConnectionStatus;
use nats_tokio::EndReason;
use nats_tokio::Message;
use nats_tokio::Subscriber;
use nats_tokio::SubscriptionHandle;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio::time::sleep;

use crate::peer::Peer;
use crate::peer::connected;
use crate::servers::Servers;
use crate::servers::cut;
use crate::servers::with_servers;

/// How the connection stands when the subscription ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// The server has read SUB, and is silent.
    Up,
    /// The connection is lost.
    Down,
    /// The server does not read any more, but has read SUB.
    Stalled,
    /// There is no connection, and never was one that it was told to.
    Unsent,
}

const LINES: [Line; 4] = [Line::Up, Line::Down, Line::Stalled, Line::Unsent];

struct World {
    client: Client,
    subscriber: Subscriber,
    peer: Option<Peer>,
    servers: Option<Servers>,
}

impl World {
    async fn new(line: Line) -> Self {
        if line == Line::Stalled {
            let options = ConnectOptions::new().flush_timeout(Duration::from_secs(1));
            let (client, mut peer) = connected(options, 64).await;
            let subscriber = client.subscribe("a").await.unwrap();
            peer.expect(&["SUB a 1"]).await;
            // More than the pipe takes.
            client.publish("filler", vec![0; 200_000]).await.unwrap();
            sleep(Duration::from_millis(5)).await;
            return Self { client, subscriber, peer: Some(peer), servers: None };
        }
        let (client, servers, peer) = with_servers(ConnectOptions::new()).await;
        let mut peer = Some(peer);
        if line == Line::Unsent {
            cut(&client, peer.take().unwrap()).await;
        }
        let subscriber = client.subscribe("a").await.unwrap();
        if let Some(peer) = &mut peer {
            peer.expect(&["SUB a 1"]).await;
        }
        if line == Line::Down {
            cut(&client, peer.take().unwrap()).await;
        }
        Self { client, subscriber, peer, servers: Some(servers) }
    }

    /// A task that waits for a message, and the handle of its subscription.
    async fn wait(
        self,
    ) -> (JoinHandle<(Option<Message>, Option<EndReason>)>, SubscriptionHandle, Rest) {
        let handle = self.subscriber.handle();
        let mut subscriber = self.subscriber;
        let waiting = tokio::spawn(async move {
            let next = subscriber.next().await;
            (next, subscriber.ended())
        });
        sleep(Duration::from_millis(5)).await;
        assert!(!waiting.is_finished());
        (waiting, handle, Rest { client: self.client, peer: self.peer, servers: self.servers })
    }
}

/// What must not be dropped in between.
#[expect(dead_code, reason = "held")]
struct Rest {
    client: Client,
    peer: Option<Peer>,
    servers: Option<Servers>,
}

async fn ends_at_once(
    waiting: JoinHandle<(Option<Message>, Option<EndReason>)>,
    how: EndReason,
    line: Line,
) {
    let start = Instant::now();
    let (next, ended) = waiting.await.unwrap();
    assert!(next.is_none(), "{line:?}");
    assert_eq!(ended, Some(how), "{line:?}");
    assert_eq!(start.elapsed(), Duration::ZERO, "{line:?}");
}

#[tokio::test(start_paused = true)]
async fn unsubscribed() {
    for line in LINES {
        let (waiting, handle, _rest) = World::new(line).await.wait().await;
        handle.unsubscribe();
        ends_at_once(waiting, EndReason::Unsubscribed, line).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_maximum_that_is_reached_already() {
    for line in LINES {
        for max in [0, 1] {
            let mut world = World::new(line).await;
            match (&mut world.peer, max) {
                (_, 0) => {}
                (Some(peer), _) if line != Line::Unsent => {
                    peer.send("MSG a 1 1|x").await;
                    assert!(world.subscriber.next().await.is_some());
                }
                _ => continue,
            }
            let (waiting, handle, _rest) = world.wait().await;
            handle.unsubscribe_after(max);
            ends_at_once(waiting, EndReason::MaxReached, line).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_maximum_that_the_server_was_not_told() {
    let mut world = World::new(Line::Stalled).await;
    world.subscriber.unsubscribe_after(2);
    let peer = world.peer.as_mut().unwrap();
    peer.send("MSG a 1 1|x|MSG a 1 1|y|MSG a 1 1|z").await;
    assert!(world.subscriber.next().await.is_some());
    assert!(world.subscriber.next().await.is_some());
    assert!(world.subscriber.next().await.is_none());
    assert_eq!(world.subscriber.ended(), Some(EndReason::MaxReached));
}

#[tokio::test(start_paused = true)]
async fn drained() {
    // Where nothing can be on its way, or the last of it has come.
    for line in [Line::Up, Line::Down, Line::Unsent] {
        let mut world = World::new(line).await;
        let mut peer = world.peer.take();
        let (waiting, handle, _rest) = world.wait().await;
        handle.drain();
        if let (Some(peer), Line::Up) = (&mut peer, line) {
            peer.expect(&["UNSUB 1", "PING"]).await;
            assert!(!waiting.is_finished());
            peer.send("PONG").await;
            sleep(Duration::from_millis(1)).await;
            assert!(waiting.is_finished());
        }
        ends_at_once(waiting, EndReason::Drained, line).await;
    }
}

#[tokio::test(start_paused = true)]
async fn refused() {
    for line in [Line::Up, Line::Stalled] {
        let (waiting, _handle, mut rest) = World::new(line).await.wait().await;
        let start = Instant::now();
        let peer = rest.peer.as_mut().unwrap();
        peer.send("-ERR 'Permissions Violation for Subscription to \"a\"'").await;
        let (next, ended) = waiting.await.unwrap();
        assert_eq!((next, ended), (None, Some(EndReason::NotPermitted)), "{line:?}");
        assert_eq!(start.elapsed(), Duration::ZERO, "{line:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn closed() {
    for line in LINES {
        let (waiting, _handle, rest) = World::new(line).await.wait().await;
        let client = rest.client.clone();
        let closing = tokio::spawn(async move { client.close().await });
        ends_at_once(waiting, EndReason::Closed, line).await;
        closing.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_came_before_the_end_is_still_there() {
    let (client, mut peer) = connected(ConnectOptions::new(), 4096).await;
    let mut subscriber = client.subscribe("a").await.unwrap();
    peer.expect(&["SUB a 1"]).await;
    peer.send("MSG a 1 1|x").await;
    sleep(Duration::from_millis(5)).await;
    let closing = tokio::spawn({
        let client = client.clone();
        async move { client.close().await }
    });
    peer.expect(&["PING"]).await;
    peer.send("MSG a 1 1|y").await;
    sleep(Duration::from_millis(5)).await;
    assert_eq!(subscriber.next().await.unwrap().payload(), b"x");
    assert!(subscriber.next().await.is_none());
    peer.send("PONG").await;
    closing.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_maximum_of_zero_ends_at_once() {
    let (client, mut peer) = connected(ConnectOptions::new(), 4096).await;
    let mut none = client.subscribe("none").max_messages(0).await.unwrap();
    assert!(none.next().await.is_none());
    assert_eq!(none.ended(), Some(EndReason::MaxReached));
    let mut some = client.subscribe("some").max_messages(1).await.unwrap();
    let line = peer.next().await;
    assert!(line.starts_with("SUB some "), "the server need not know of the other: {line}");
    peer.expect(&[&format!("UNSUB {} 1", some.sid())]).await;
    peer.send(&format!("MSG some {} 1|x", some.sid())).await;
    assert!(some.next().await.is_some());
    assert!(some.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn the_status_ends_behind_closed() {
    let (client, _peer) = connected(ConnectOptions::new(), 4096).await;
    let mut status = client.watch_status();
    let waiting = tokio::spawn({
        let mut status = client.watch_status();
        async move {
            status.mark_unchanged();
            status.wait_for(|status| *status == ConnectionStatus::Reconnecting).await.is_err()
        }
    });
    client.close().await;
    assert!(waiting.await.unwrap());
    let closed = status.wait_for(|status| *status == ConnectionStatus::Closed).await;
    assert_eq!(*closed.unwrap(), ConnectionStatus::Closed);
    let again = status.wait_for(|status| *status == ConnectionStatus::Connected).await;
    assert!(again.is_err());
    drop(again);
    let mut late = client.watch_status();
    assert_eq!(*late.borrow(), ConnectionStatus::Closed);
    assert!(late.wait_for(|status| *status == ConnectionStatus::Connected).await.is_err());
}
