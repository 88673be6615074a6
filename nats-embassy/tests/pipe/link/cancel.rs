//! Every future of a link, dropped at every await.

use core::cell::Cell;

use nats_embassy::Client;
use nats_embassy::Link;
use nats_embassy::Publish;
use nats_embassy::RequestError;
use nats_embassy::Subject;

use super::Floor;
use super::with_link;
use crate::SECOND;
use crate::cancel::give_up_after;
use crate::peer::Peer;
use crate::peer::Script;

#[test]
fn receiving_loses_nothing() {
    for polls in 1..40 {
        let peer = Peer::new(Script { chunk: 5, ..Script::default() });
        with_link(&peer, async |mut link, client| {
            link.subscribe("a").unwrap();
            link.drive(client.flush(), |_| {}).await.unwrap();
            for number in 0..10_u8 {
                peer.publish("a", &[number]);
            }
            let mut received = Vec::new();
            while received.len() < 10 {
                give_up_after(polls, async {
                    received.extend_from_slice(link.recv().await.unwrap().payload());
                })
                .await;
            }
            assert_eq!(received, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
            assert_eq!(client.statistics().in_messages, 10);
        });
    }
}

#[test]
fn connecting_goes_on_where_it_was() {
    for polls in 1..40 {
        let peer = Peer::new(Script { chunk: 16, ..Script::default() });
        with_link(&peer, async |mut link, client| {
            link.subscribe("a").unwrap();
            while !client.is_connected() {
                give_up_after(polls, link.recv()).await;
            }
            link.drive(client.flush(), |_| {}).await.unwrap();
        });
        // One attempt, whatever was dropped in between.
        assert_eq!(peer.log().iter().filter(|line| line.starts_with("dial")).count(), 1);
    }
}

#[test]
fn driving_and_requesting() {
    dropped_everywhere(async |link, client| {
        link.drive(client.publish("a", &[1; 200]), |_| {}).await.unwrap();
        link.drive(client.publish("a", &[1; 200]), |_| {}).await.unwrap();
    });
    dropped_everywhere(async |link, client| {
        link.drive(client.flush(), |_| {}).await.unwrap();
    });
    dropped_everywhere(async |link, client| {
        link.subscribe("echo").unwrap();
        let message = Publish::new(Subject::from_static("echo"), b"question");
        let reply = link.request(&message, SECOND, |request| {
            client.try_respond(&request, b"answer").unwrap();
        });
        assert_eq!(reply.await.unwrap().payload(), b"answer");
    });
    dropped_everywhere(async |link, _| {
        let message = Publish::new(Subject::from_static("nobody"), b"");
        let reply = link.request(&message, SECOND, |_| {}).await;
        assert_eq!(reply.unwrap_err(), RequestError::NoResponders);
    });
}

/// Drops what `make` makes after every number of polls, and sees whether the link still works.
fn dropped_everywhere(
    make: impl for<'r, 'd, 'l> AsyncFn(&'l mut Link<'r, 'd, Floor<'d>>, Client<'d, Floor<'d>>),
) {
    link_dropped_everywhere(&Script { chunk: 16, ..Script::default() }, make);
}

/// The same, with a server that behaves like that.
pub(crate) fn link_dropped_everywhere(
    script: &Script,
    make: impl for<'r, 'd, 'l> AsyncFn(&'l mut Link<'r, 'd, Floor<'d>>, Client<'d, Floor<'d>>),
) {
    for polls in 0.. {
        let is_done = Cell::new(false);
        let peer = Peer::new(script.clone());
        with_link(&peer, async |mut link, client| {
            is_done.set(give_up_after(polls, make(&mut link, client)).await);
            // The server may be about to close the connection, also after a PONG.
            for _ in 0..2 {
                let _ = link.drive(client.flush(), |_| {}).await;
            }
            works(&mut link, client).await;
        });
        if is_done.get() {
            assert!(polls > 0);
            return;
        }
        assert!(polls < 10_000, "it takes for ever");
    }
}

async fn works<'d>(link: &mut Link<'_, 'd, Floor<'d>>, client: Client<'d, Floor<'d>>) {
    link.drive(client.flush(), |_| {}).await.unwrap();
    link.subscribe("works").unwrap();
    link.drive(client.publish("works", b"yes"), |_| {}).await.unwrap();
    while link.recv().await.unwrap().payload() != b"yes" {}
    let message = Publish::new(Subject::from_static("nobody"), b"");
    let reply = link.request(&message, SECOND, |_| {}).await;
    assert_eq!(reply.unwrap_err(), RequestError::NoResponders);
}
