//! JetStream on the scripted transport.

mod acks;
mod cancel;
mod fetch;
mod link;
mod publish;

use nats_embassy::Client;
use nats_embassy::jetstream::Consumer;
use nats_embassy::jetstream::ConsumerName;
use nats_embassy::jetstream::Oversized;
use nats_embassy::jetstream::PublishAck;
use nats_embassy::jetstream::StreamName;

use crate::Nats;
use crate::peer::Peer;
use crate::peer::Said;

/// A stream's word that it has a message as number 7.
const STORED: Said = Said::Payload(r#"{"stream":"S","seq":7}"#);
/// The same, that it had it before.
const DUPLICATE: Said = Said::Payload(r#"{"stream":"S", "seq":7,"duplicate": true}"#);

/// What an acknowledgement says.
const fn said(ack: PublishAck) -> (u64, bool) {
    (ack.sequence, ack.is_duplicate)
}

/// A consumer with so many slots.
fn consumer<'d>(client: Client<'d, Nats<'d>>, depth: usize) -> Consumer<'d, Nats<'d>> {
    let (stream, name) = (StreamName::from_static("S"), ConsumerName::from_static("C"));
    client.jetstream().consumer(stream, name, depth, Oversized::Leave).unwrap()
}

/// Waits for a pull, and says where it wants its messages.
async fn pull(peer: &Peer) -> String {
    loop {
        let had = peer.pulls_so_far();
        if had > 0 {
            return peer.last_pull();
        }
        embassy_time::Timer::after_millis(1).await;
    }
}

/// What was acknowledged since this was asked last, and how.
fn acks(peer: &Peer) -> Vec<String> {
    let log = peer.log();
    let acks = log.iter().filter_map(|line| line.strip_prefix("PUB $JS.ACK.S.C.1."));
    acks.map(|ack| {
        let (subject, body) = ack.split_once(' ').unwrap();
        format!("{} {body}", subject.split('.').next().unwrap())
    })
    .collect()
}
