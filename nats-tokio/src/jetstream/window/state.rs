//! A window behind its lock: what it sends, and what follows from replies.

use std::sync::Arc;
use std::task::Waker;

use nats_proto::Inbox;
use nats_proto::Instant;
use nats_proto::Sid;
use nats_proto::jetstream::ChainIds;
use nats_proto::jetstream::GrowablePublishWindow;
use nats_proto::jetstream::Outcome as Fate;
use nats_proto::jetstream::PublishReply;
use nats_proto::jetstream::PublishResponse;
use nats_proto::jetstream::PublishScanner;
use nats_proto::jetstream::Settled;
use nats_proto::wire::Publish;

use super::denials::Denials;
use super::kept::Kept;
use crate::Message;
use crate::jetstream::error::ApiError;
use crate::jetstream::outcome::PublishAck;
use crate::jetstream::outcomes::OutcomeQueue;
use crate::jetstream::publish_error::PublishError;
use crate::state::outbound::Outbound;

pub(super) type Machine = GrowablePublishWindow<Kept>;

pub(super) struct State {
    pub(super) machine: Machine,
    pub(super) sid: Option<Sid>,
    pub(super) lost: Option<Sid>,
    pub(super) settling: Settling,
    pub(super) writing: Writing,
    pub(super) denials: Denials,
    /// Whether the server does not permit the subscription to the inbox, on this connection.
    pub(super) is_inbox_denied: bool,
    pub(super) is_dropped: bool,
    pub(super) is_closed: bool,
}

/// What is needed to write messages.
#[derive(Default)]
pub(super) struct Writing {
    /// A reply subject.
    reply: Vec<u8>,
    /// The ids of a chain.
    pub(super) ids: Option<ChainIds<Vec<u8>>>,
    /// A header block.
    block: Vec<u8>,
}

/// What is needed to tell outcomes.
pub(super) struct Settling {
    scanner: PublishScanner<Vec<u8>>,
    /// The stream and the domain that answered last.
    stream: Arc<str>,
    domain: Arc<str>,
    /// For the stream of all outcomes, if the application wants it.
    pub(super) queue: Option<OutcomeQueue>,
}

impl State {
    pub(super) fn new(machine: Machine, ids: Option<ChainIds<Vec<u8>>>, is_closed: bool) -> Self {
        Self {
            machine,
            sid: None,
            lost: None,
            settling: Settling {
                scanner: PublishScanner::default(),
                stream: "".into(),
                domain: "".into(),
                queue: None,
            },
            writing: Writing { ids, ..Writing::default() },
            denials: Denials::default(),
            is_inbox_denied: false,
            is_dropped: false,
            is_closed,
        }
    }

    /// Whether a message that the machine takes would have a place: outcomes that wait for the application
    /// take places, too.
    pub(super) fn has_place(&self, max_messages: u32) -> bool {
        let Some(queue) = &self.settling.queue else { return true };
        self.machine.len() as usize + queue.len() < max_messages as usize
    }

    /// Sends what is to be sent. Returns the connection's driver, if it is to be woken.
    pub(super) fn transmit(
        &mut self,
        inbox: &Inbox<Vec<u8>>,
        outbound: &mut Outbound,
        now: Instant,
        wake: &mut Vec<Waker>,
    ) -> Option<Waker> {
        let Self { machine, writing: Writing { reply, ids, block }, settling, .. } = self;
        let mut driver = None;
        while outbound.takes_frames() {
            let Some(transmit) = machine.poll_transmit(outbound.next_frame(), now) else { break };
            let (request_id, number) = (transmit.request_id, transmit.number);
            let Some((subject, headers, payload)) = transmit.data.parts() else { continue };
            let Ok(reply) = inbox.reply(request_id, reply) else { continue };
            let headers = match ids {
                // A vector has room for all of it.
                Some(ids) => ids.put_headers(headers, number, transmit.expected, block),
                None => Ok(headers),
            };
            let Ok(headers) = headers else { continue };
            let bytes = payload.as_bytes();
            let publish = Publish { subject, reply: Some(reply), headers, payload: bytes };
            match outbound.put_frame(&publish, &payload) {
                Some((_, wake)) => driver = driver.or(wake),
                None => {
                    let settled = machine.handle_too_large(request_id);
                    settled.into_iter().for_each(|one| settling.settle_late(one, wake));
                }
            }
        }
        driver
    }

    pub(super) fn reply(
        &mut self,
        message: &Message,
        inbox: &Inbox<Vec<u8>>,
        now: Instant,
        wake: &mut Vec<Waker>,
    ) {
        let Some(request_id) = inbox.request_id(message.subject_bytes()) else { return };
        let Self { machine, settling, writing, .. } = self;
        let Settling { scanner, stream, domain, queue } = settling;
        let reply = PublishReply::read(message.as_proto(), scanner);
        let settled = match &writing.ids {
            Some(ids) => machine.handle_chain_reply(request_id, reply, |id| ids.number(id), now),
            None => machine.handle_reply(request_id, reply, now),
        };
        let Some(settled) = settled else { return };
        if let PublishReply::Response(PublishResponse::Stored(ack)) = reply {
            for (known, name) in [(&mut *stream, ack.stream), (&mut *domain, ack.domain)] {
                if **known != *name {
                    *known = name.into();
                }
            }
        }
        let error = reply.error().map(ApiError::from);
        let ack = |sequence, is_duplicate| PublishAck {
            stream: Arc::clone(stream),
            sequence,
            is_duplicate,
            domain: Arc::clone(domain),
        };
        settle(settled, ack, error, queue.as_mut(), wake);
    }

    /// Settles messages of which it is certain that the server did not permit them.
    pub(super) fn settle_denied(&mut self, wake: &mut Vec<Waker>) {
        let Self { machine, denials, settling, .. } = self;
        denials.settle(machine, |one| settling.settle_late(one, wake));
    }
}

impl Settling {
    /// Tells the outcome of a message that is settled by time, or by the end of a connection.
    pub(super) fn settle_late(&mut self, settled: Settled<Kept>, wake: &mut Vec<Waker>) {
        let ack = |sequence, is_duplicate| PublishAck {
            stream: "".into(),
            sequence,
            is_duplicate,
            domain: "".into(),
        };
        settle(settled, ack, None, self.queue.as_mut(), wake);
    }
}

/// Tells the outcome of a message.
fn settle(
    settled: Settled<Kept>,
    ack: impl FnOnce(u64, bool) -> PublishAck,
    error: Option<ApiError>,
    queue: Option<&mut OutcomeQueue>,
    wake: &mut Vec<Waker>,
) {
    let outcome = match settled.outcome {
        Fate::Stored { sequence, is_duplicate } => Ok(ack(sequence, is_duplicate)),
        Fate::NotStored(reason) => Err(PublishError::NotStored { reason, error }),
        Fate::NotSent(reason) => Err(PublishError::NotSent(reason)),
        Fate::MayBeStored(reason) => Err(PublishError::MayBeStored { reason, error }),
    };
    if let Some(queue) = queue {
        wake.extend(queue.push(settled.number, &outcome));
    }
    wake.extend(settled.data.teller.and_then(|teller| teller.tell(outcome)));
}
