//! Connections that end at every byte.

use embassy_time::Duration;
use embassy_time::with_timeout;
use nats_embassy::Client;
use nats_embassy::Link;

use super::Floor;
use super::with_link;
use crate::clock::now;
use crate::peer::Peer;
use crate::peer::Script;

/// Publishes until the message is back: whatever happens in between, it has to come to that.
fn converges(peer: &Peer) {
    with_link(peer, async |mut link, client| {
        link.subscribe("a.b").unwrap();
        let start = now();
        while !comes_back(&mut link, client).await {
            assert!(now() - start < 60_000, "it takes too long");
        }
        if link.drive(client.flush(), |_| {}).await.is_err() {
            link.drive(client.flush(), |_| {}).await.unwrap();
        }
    });
}

async fn comes_back<'d>(link: &mut Link<'_, 'd, Floor<'d>>, client: Client<'d, Floor<'d>>) -> bool {
    link.drive(client.publish("a.b", b"hello"), |_| {}).await.unwrap();
    match with_timeout(Duration::from_secs(1), link.recv()).await {
        Ok(message) => message.unwrap().payload() == b"hello",
        Err(_) => false,
    }
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
