//! JetStream on the scripted transport.

mod cancel;
mod publish;

use nats_embassy::jetstream::PublishAck;

use crate::peer::Said;

/// A stream's word that it has a message as number 7.
const STORED: Said = Said::Payload(r#"{"stream":"S","seq":7}"#);
/// The same, that it had it before.
const DUPLICATE: Said = Said::Payload(r#"{"stream":"S", "seq":7,"duplicate": true}"#);

/// What an acknowledgement says.
fn said(ack: PublishAck) -> (u64, bool) {
    (ack.sequence, ack.is_duplicate)
}
