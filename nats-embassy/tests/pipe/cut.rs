//! Connections that end at every byte.

use embassy_time::with_timeout;
use nats_embassy::PendingLimits;

use crate::clock::now;
use crate::peer::Peer;
use crate::peer::Script;
use crate::with_client;

/// Publishes until the message is back: whatever happens in between, it has to come to that.
fn converges(peer: &Peer) {
    with_client(peer, async |client| {
        let mut subscription = client.subscribe("a.b", PendingLimits::drop_oldest(2)).unwrap();
        let start = now();
        loop {
            client.publish("a.b", b"hello").await.unwrap();
            let second = embassy_time::Duration::from_secs(1);
            match with_timeout(second, subscription.next()).await {
                Ok(message) => break assert_eq!(message.unwrap().payload(), b"hello"),
                Err(_) => assert!(now() - start < 60_000, "it takes too long"),
            }
        }
        if client.flush().await.is_err() {
            client.flush().await.unwrap();
        }
    });
}

#[test]
fn at_every_byte_that_is_read() {
    let peer = Peer::new(Script::default());
    converges(&peer);
    let (read, _) = peer.counts();
    for cut in 0..read {
        for chunk in [1, 1024] {
            let cut_reading = Some(cut);
            converges(&Peer::new(Script { chunk, cut_reading, ..Script::default() }));
        }
    }
}

#[test]
fn at_every_byte_that_is_written() {
    let peer = Peer::new(Script::default());
    converges(&peer);
    let (_, written) = peer.counts();
    for cut in 0..written {
        for chunk in [1, 1024] {
            let cut_writing = Some(cut);
            converges(&Peer::new(Script { chunk, cut_writing, ..Script::default() }));
        }
    }
}
