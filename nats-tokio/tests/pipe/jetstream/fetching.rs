//! Fetches: their time, and lost connections.

use std::time::Duration;

use nats_tokio::Client;
use nats_tokio::jetstream::Consumer;
use tokio::time::Instant;

use super::server::SECOND;
use super::server::Server;
use super::server::Setup;
use super::server::headers;
use crate::peer::Peer;
use crate::peer::pair;

/// A pull, as it comes to the server.
struct Pull {
    sid: String,
    reply: String,
}

/// What the client sends up to its next pull.
async fn pull(peer: &mut Peer, sids: &mut Vec<(String, String)>) -> Pull {
    loop {
        let line = peer.next().await;
        match line.split(' ').collect::<Vec<_>>().as_slice() {
            ["SUB", filter, sid] => sids.push(((*filter).to_owned(), (*sid).to_owned())),
            ["PUB", "$JS.API.CONSUMER.MSG.NEXT.S.C", reply, ..] => {
                let reply = reply.trim_end_matches(':').to_owned();
                let is_it = |(filter, _): &&(String, String)| {
                    reply.starts_with(filter.trim_end_matches('*'))
                };
                let sid = sids.iter().rev().find(is_it).unwrap().1.clone();
                return Pull { sid, reply };
            }
            ["PING"] => peer.send("PONG").await,
            ["UNSUB", ..] => {}
            other => panic!("{other:?}"),
        }
    }
}

async fn client() -> (Client, Consumer, Peer) {
    let (client, peer) = pair().await;
    let consumer = client.jetstream().stream("S").unwrap().consumer("C").unwrap();
    (client, consumer, peer)
}

/// A fetch waits for its whole time, as an earlier pull that was forgotten gets the next message
/// (nats-io/nats.py#933).
#[tokio::test(start_paused = true)]
async fn the_end_of_a_pull_and_the_time_of_a_fetch_may_come_in_either_order() {
    let max_wait = 5 * SECOND;
    let micros = Duration::from_micros(100);
    for told_after in [max_wait - micros, max_wait, max_wait + micros] {
        let (_client, consumer, mut peer) = client().await;
        let began = Instant::now();
        let serve = async {
            let mut sids = Vec::new();
            let first = pull(&mut peer, &mut sids).await;
            // Heartbeats, so that the end of the pull is all that is missing.
            for _ in 0..3 {
                tokio::time::sleep(SECOND * 3 / 2).await;
                let alive = "NATS/1.0 100 Idle Heartbeat\r\n\r\n";
                peer.send_bytes(&headers(&first.reply, &first.sid, alive, b"")).await;
            }
            tokio::time::sleep_until(began + told_after).await;
            let status = "NATS/1.0 408 Request Timeout\r\nNats-Pending-Messages: 10\r\n\
                          Nats-Pending-Bytes: 0\r\n\r\n";
            peer.send_bytes(&headers(&first.reply, &first.sid, status, b"")).await;
            // Nothing waits now: the next pull is the first that gets a message.
            let second = pull(&mut peer, &mut sids).await;
            let came = Instant::now();
            peer.send(&format!("MSG s.a {} $JS.ACK.S.C.1.1.1.0.0 1|x", second.sid)).await;
            let status = "NATS/1.0 404 No Messages\r\n\r\n";
            peer.send_bytes(&headers(&second.reply, &second.sid, status, b"")).await;
            (peer, came)
        };
        let fetch = async {
            let empty = consumer.fetch(10).max_wait(max_wait).await.unwrap();
            assert!(empty.is_empty());
            let took = began.elapsed();
            assert!(took <= max_wait + Duration::from_millis(2), "{took:?}");
            tokio::time::sleep(Duration::from_millis(1)).await;
            let found = consumer.fetch(10).max_wait(max_wait).await.unwrap();
            assert_eq!(found.len(), 1);
            Instant::now()
        };
        let ((_peer, came), found) = tokio::join!(serve, fetch);
        assert!(found - came <= Duration::from_millis(2), "{:?}", found - came);
    }
}

/// A pull that died with the connection is waited for (nats-io/nats.go#1840).
#[tokio::test(start_paused = true)]
async fn a_fetch_whose_connection_breaks_returns_what_it_has_at_once() {
    for count in [0, 3] {
        let server = Server::new(Setup::default());
        let consumer = server.consumer().await;
        server.state().setup.max_ack_pending = count;
        server.publish(10);
        let began = Instant::now();
        let cut = async {
            tokio::time::sleep(SECOND).await;
            server.cut();
        };
        let (fetched, ()) =
            tokio::join!(async { consumer.fetch(10).max_wait(30 * SECOND).await }, cut);
        let took = began.elapsed();
        if count == 0 {
            assert!(took <= SECOND + SECOND / 10, "{took:?}");
            assert_eq!(fetched.unwrap_err().to_string(), "disconnected");
        } else {
            assert_eq!(fetched.unwrap().len(), count);
        }
        // It is there again.
        server.state().setup.max_ack_pending = 1000;
        assert!(!consumer.fetch(10).max_wait(30 * SECOND).await.unwrap().is_empty());
    }
}

/// A fetch takes the whole time-out and more (nats-io/nats.java#1576).
#[tokio::test(start_paused = true)]
async fn no_fetch_takes_longer_than_its_time() {
    for is_mute in [false, true] {
        for max_wait in [10, 100, 1_000, 5_000, 60_000] {
            let max_wait = Duration::from_millis(max_wait);
            let server = Server::new(Setup::default());
            let consumer = server.consumer().await;
            server.state().is_mute = is_mute;
            let began = Instant::now();
            let fetched = consumer.fetch(10).max_wait(max_wait).await;
            let took = began.elapsed();
            assert!(took <= max_wait + Duration::from_millis(2), "{took:?} of {max_wait:?}");
            if is_mute {
                // A server that says nothing has not said that there is nothing.
                fetched.unwrap_err();
            } else if max_wait > SECOND / 10 {
                assert!(fetched.unwrap().is_empty() && server.num_waiting() == 0);
            }
        }
    }
}
