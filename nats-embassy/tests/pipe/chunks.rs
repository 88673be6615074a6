//! Messages that are too long, piece by piece.

use core::pin::pin;
use std::sync::Mutex;

use nats_embassy::Chunk;
use nats_embassy::Config;
use nats_embassy::Link;
use nats_embassy::LinkResources;
use nats_embassy::PendingLimits;
use nats_embassy::Publish;
use nats_embassy::RequestError;
use nats_embassy::Sid;
use nats_embassy::Subject;

use crate::Nats;
use crate::SECOND;
use crate::clock::block_on;
use crate::peer::Peer;
use crate::peer::Script;
use crate::transport::Network;

/// A message, put together again.
#[derive(Debug, Default, PartialEq, Eq)]
struct Whole {
    sid: Sid,
    subject: Vec<u8>,
    size: usize,
    headers: usize,
    bytes: Vec<u8>,
}

fn collect(messages: &mut Vec<Whole>, chunk: Chunk<'_>) {
    if chunk.offset == 0 && chunk.bytes.is_empty() {
        let Chunk { sid, size, headers, .. } = chunk;
        messages.push(Whole { sid, subject: chunk.subject.to_vec(), size, headers, bytes: vec![] });
        return;
    }
    let message = messages.last_mut().unwrap();
    assert_eq!(
        (chunk.sid, chunk.size, chunk.offset),
        (message.sid, message.size, message.bytes.len())
    );
    message.bytes.extend_from_slice(chunk.bytes);
}

fn payload(len: usize) -> Vec<u8> {
    (0..len).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

#[test]
fn messages_longer_than_a_place_or_than_rx() {
    for chunk in [1, 7, 1024] {
        let peer = Peer::new(Script { chunk, ..Script::default() });
        let messages = Mutex::new(Vec::new());
        let mut taker = |chunk: Chunk<'_>| collect(&mut messages.lock().unwrap(), chunk);
        let mut resources = Nats::new();
        let config = Config::new("nats://one");
        let made = nats_embassy::new(config, Network::new(&peer), &mut resources, [7; 32]);
        let (client, runner) = made.unwrap();
        let mut runner = runner.on_chunk(&mut taker);
        let app = async {
            let mut subscription = client.subscribe("a", PendingLimits::drop_newest(2)).unwrap();
            client.flush().await.unwrap();
            for len in [200, 3000, 0] {
                peer.publish("a", &payload(len));
            }
            let headers = format!("NATS/1.0\r\nKey: {}\r\n\r\n", "v".repeat(600));
            let line = format!("HMSG a 1 {} {}\r\n", headers.len(), headers.len() + 500);
            peer.send(line.as_bytes());
            peer.send(headers.as_bytes());
            peer.send(&payload(500));
            peer.send(b"\r\n");
            // Even a subject that is too long.
            peer.send(format!("MSG {} 1 5\r\nhello\r\n", "s".repeat(700)).as_bytes());
            peer.publish("a", b"short");
            assert_eq!(subscription.next().await.unwrap().payload(), b"");
            assert_eq!(subscription.next().await.unwrap().payload(), b"short");
            let statistics = client.statistics();
            assert_eq!((statistics.streamed_messages, statistics.oversized_messages), (4, 0));
            assert_eq!(subscription.oversized(), 0);
            headers
        };
        let app = embassy_futures::select::select(app, runner.run());
        let embassy_futures::select::Either::First(headers) = block_on(app) else {
            panic!("it goes on for ever");
        };
        let whole = |subject: &[u8], headers, bytes: Vec<u8>| {
            let (sid, subject) = (Sid(1), subject.to_vec());
            Whole { sid, subject, size: bytes.len(), headers, bytes }
        };
        let with_headers = [headers.as_bytes(), &payload(500)].concat();
        assert_eq!(
            *messages.lock().unwrap(),
            [
                whole(b"a", 0, payload(200)),
                whole(b"a", 0, payload(3000)),
                whole(b"a", headers.len(), with_headers),
                whole(b"", 0, b"hello".to_vec()),
            ]
        );
    }
}

#[test]
fn a_message_that_is_cut_off_is_followed_by_another_one() {
    let peer = Peer::new(Script::default());
    let messages = Mutex::new(Vec::new());
    let mut taker = |chunk: Chunk<'_>| collect(&mut messages.lock().unwrap(), chunk);
    let mut resources = LinkResources::<512, 512, 4>::new();
    let config = Config::new("nats://one");
    let made = nats_embassy::new(config, Network::new(&peer), &mut resources, [7; 32]);
    let (client, runner) = made.unwrap();
    let mut runner = runner.on_chunk(&mut taker);
    let running = pin!(runner.run());
    block_on(async {
        let mut link = Link::new(client, running);
        link.subscribe("a").unwrap();
        link.drive(client.flush(), |_| {}).await.unwrap();
        peer.send(b"MSG a 1 2000\r\nthe beginning");
        peer.hang_up();
        while client.statistics().connects < 2 {
            link.drive(embassy_time::Timer::after_millis(10), |_| {}).await;
        }
        peer.publish("a", &payload(1000));
        peer.publish("a", b"short");
        assert_eq!(link.recv().await.unwrap().payload(), b"short");
        // Replies are not for whoever takes pieces.
        let message = Publish::new(Subject::from_static("a"), b"");
        let reply = link.request(&message, SECOND, |request| {
            peer.publish(request.reply().unwrap(), &payload(1000));
        });
        assert_eq!(reply.await.unwrap_err(), RequestError::ReplyTooLong);
        let statistics = client.statistics();
        assert_eq!((statistics.streamed_messages, statistics.oversized_messages), (2, 1));
        drop(link);
    });
    let messages = messages.lock().unwrap();
    let lengths: Vec<_> = messages.iter().map(|message| message.bytes.len()).collect();
    assert_eq!((lengths, &messages[1].bytes), (vec![13, 1000], &payload(1000)));
}
