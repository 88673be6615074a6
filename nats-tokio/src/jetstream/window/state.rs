//! A window behind its lock: what it sends, and what follows from replies.

use std::task::Waker;

use nats_proto::Inbox;
use nats_proto::Instant;
use nats_proto::Message;
use nats_proto::Sid;
use nats_proto::jetstream::ChainIds;
use nats_proto::jetstream::Outcome as Fate;
use nats_proto::jetstream::PublishReply;
use nats_proto::jetstream::PublishResponse;
use nats_proto::jetstream::PublishScanner;
use nats_proto::jetstream::Settled;

use super::denials::Denials;
use super::kept::Kept;
use super::kept::Machine;
use super::kept::Parts;
use super::kept::Spare;
use super::outcome_queue::OutcomeQueue;
use crate::jetstream::error::ApiError;
use crate::jetstream::outcome::Outcome;
use crate::jetstream::outcome::OutcomeCells;
use crate::jetstream::outcome::PublishAck;
use crate::jetstream::publish_error::PublishError;
use crate::state::outbound::Outbound;

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
    pub(super) cells: OutcomeCells,
    /// Memory for messages to come.
    pub(super) spare: Spare,
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
                cells: OutcomeCells::new(),
                spare: Spare::default(),
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
    ///
    /// `new` is a message that was taken just now, by its number. Most of the time it is that one which is
    /// sent, and need not be put together again.
    pub(super) fn transmit(
        &mut self,
        inbox: &Inbox<Vec<u8>>,
        outbound: &mut Outbound,
        now: Instant,
        new: Option<(u64, Parts<'_>)>,
        wake: &mut Vec<Waker>,
    ) -> Option<Waker> {
        let Self { machine, writing: Writing { reply, ids, block }, settling, .. } = self;
        let mut driver = None;
        while outbound.takes_frames() {
            let Some(transmit) = machine.poll_transmit(outbound.next_frame(), now) else { break };
            let (request_id, number) = (transmit.request_id, transmit.number);
            let Ok(reply) = inbox.reply(request_id, reply) else { continue };
            let put = match new {
                Some((new, parts)) if new == number && ids.is_none() => {
                    outbound.put_frame(&parts.publish(reply), parts.payload)
                }
                _ => {
                    let Some((subject, headers, payload)) = transmit.data.parts() else { continue };
                    let headers = match ids {
                        // A vector has room for all of it.
                        Some(ids) => ids.put_headers(headers, number, transmit.expected, block),
                        None => Ok(headers),
                    };
                    let Ok(headers) = headers else { continue };
                    let parts = Parts { subject, headers, payload: &payload };
                    outbound.put_frame(&parts.publish(reply), &payload)
                }
            };
            match put {
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
        message: &Message<&[u8]>,
        inbox: &Inbox<Vec<u8>>,
        now: Instant,
        wake: &mut Vec<Waker>,
    ) {
        let Some(request_id) = inbox.request_id(message.subject_bytes()) else { return };
        let Self { machine, settling, writing, .. } = self;
        let Settling { scanner, cells, spare, queue } = settling;
        let reply = PublishReply::read(message, scanner);
        let settled = match &writing.ids {
            Some(ids) => machine.handle_chain_reply(request_id, reply, |id| ids.number(id), now),
            None => machine.handle_reply(request_id, reply, now),
        };
        let Some(Settled { number, data, outcome, .. }) = settled else { return };
        let teller = data.release(spare);
        match (outcome, reply) {
            (
                Fate::Stored { sequence, is_duplicate },
                PublishReply::Response(PublishResponse::Stored(ack)),
            ) => {
                cells.set_names(ack.stream, ack.domain);
                if let Some(queue) = queue {
                    wake.extend(queue.push(number, &Ok(cells.ack(sequence, is_duplicate))));
                }
                wake.extend(cells.tell_stored(teller, sequence, is_duplicate));
            }
            (fate, _) => {
                let outcome = told(fate, reply.error().map(ApiError::from));
                wake.extend(queue.as_mut().and_then(|queue| queue.push(number, &outcome)));
                wake.extend(cells.tell(teller, outcome));
            }
        }
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
        let Settled { number, data, outcome, .. } = settled;
        let outcome = told(outcome, None);
        wake.extend(self.queue.as_mut().and_then(|queue| queue.push(number, &outcome)));
        let teller = data.release(&mut self.spare);
        wake.extend(self.cells.tell(teller, outcome));
    }
}

/// What became of a message, as the application gets it.
fn told(fate: Fate, error: Option<ApiError>) -> Outcome {
    match fate {
        // Without the acknowledgement, nothing else is known.
        Fate::Stored { sequence, is_duplicate } => {
            Ok(PublishAck { stream: "".into(), sequence, is_duplicate, domain: "".into() })
        }
        Fate::NotStored(reason) => Err(PublishError::NotStored { reason, error }),
        Fate::NotSent(reason) => Err(PublishError::NotSent(reason)),
        Fate::MayBeStored(reason) => Err(PublishError::MayBeStored { reason, error }),
    }
}
