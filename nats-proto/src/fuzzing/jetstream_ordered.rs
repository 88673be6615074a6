//! The reader of a stream in its order, called in any order with anything.

use std::format;

use super::jetstream_machines::Input;
use super::jetstream_machines::STATUSES;
use crate::jetstream::CreateFailure;
use crate::jetstream::DeliverPolicy;
use crate::jetstream::DeliveryInfo;
use crate::jetstream::Heartbeat;
use crate::jetstream::InboxId;
use crate::jetstream::OrderedConsumer;
use crate::jetstream::OrderedHandling;
use crate::jetstream::OrderedInfo;
use crate::jetstream::OrderedOutput;
use crate::jetstream::PullConfig;
use crate::jetstream::PullOutput;
use crate::jetstream::SequenceInfo;
use crate::time::Instant;

const POLICIES: [DeliverPolicy; 5] = [
    DeliverPolicy::All,
    DeliverPolicy::Last,
    DeliverPolicy::LastPerSubject,
    DeliverPolicy::New,
    DeliverPolicy::ByStartSequence(u64::MAX),
];
const FAILURES: [CreateFailure; 4] = [
    CreateFailure::StreamNotFound,
    CreateFailure::Unavailable,
    CreateFailure::Refused,
    CreateFailure::NotPermitted,
];

/// Whatever happens, what is handed out grows, no name is used twice, and nothing waits without a timer.
pub fn jetstream_ordered(data: &[u8]) {
    let mut input = Input(data);
    let policy = POLICIES[usize::from(input.byte()) % POLICIES.len()];
    let config = PullConfig::new(1 + input.number() % 20).seed(input.number());
    let mut ordered = OrderedConsumer::new(config, policy).expect("valid");
    let (mut now, mut last, mut serial, mut ends) = (0, None, 0, 0);
    let mut is_connected = false;
    while !input.0.is_empty() {
        let kind = input.byte();
        now += u64::from(input.number()) << (kind >> 5);
        let time = Instant::from_millis(now);
        let (inbox, number) = last.unwrap_or_else(|| (InboxId(input.number()), 0));
        let delivered = SequenceInfo::new(input.sequence(), input.sequence());
        match kind & 0xF {
            0 => {
                ordered.handle_connected();
                is_connected = true;
            }
            1 => {
                ordered.handle_disconnected();
                is_connected = false;
            }
            2..=5 => {
                let SequenceInfo { consumer_sequence, stream_sequence, .. } = delivered;
                let reply = format!("$JS.ACK.S.C.1.{stream_sequence}.{consumer_sequence}.0.0");
                let Some(delivery) = DeliveryInfo::parse(reply.as_bytes()) else { continue };
                let before = ordered.cursor();
                let handling = ordered.handle_message(inbox, input.number(), &delivery, time);
                if handling == OrderedHandling::Deliver {
                    assert!(before < Some(stream_sequence));
                }
            }
            6 | 7 => {
                let status = STATUSES[usize::from(input.byte()) % STATUSES.len()];
                let at = (input.byte() & 1 == 1).then(|| Heartbeat::new(input.sequence(), 0));
                let _is_idle = ordered.handle_status(inbox, Some(number), status, at, time);
            }
            8 => ordered.release(input.number(), input.number()),
            9 => ordered.handle_timeout(time),
            10 | 11 => ordered.handle_created(serial, delivered, time),
            12 => {
                let failure = FAILURES[usize::from(input.byte()) % FAILURES.len()];
                ordered.handle_create_failed(serial, failure, time);
            }
            13 => ordered.handle_info(serial, OrderedInfo::Exists(delivered), time),
            14 => ordered.handle_info(serial, OrderedInfo::NotFound, time),
            _ if input.byte() > 200 => ordered.stop(),
            _ => ordered.handle_info(serial, OrderedInfo::NotPermitted, time),
        }
        if input.byte() & 3 == 0 {
            continue;
        }
        let mut outputs = 0;
        while let Some(output) = ordered.poll_output(time) {
            outputs += 1;
            assert!(outputs < 30, "outputs do not end");
            match output {
                OrderedOutput::Create { serial: next, .. } => {
                    assert!(is_connected && ends == 0 && next > serial);
                    serial = next;
                }
                OrderedOutput::Delete { serial: old } => assert!(is_connected && old <= serial),
                OrderedOutput::Pull(PullOutput::Pull(pull)) => {
                    last = Some((pull.id.inbox, pull.id.number));
                }
                OrderedOutput::End(_) => ends += 1,
                _ => {}
            }
        }
        assert!(ends <= 1 && (ends == 1) == ordered.is_over());
        // It waits for room, or for a timer.
        let waits = ordered.poll_timeout().is_some() || ordered.buffered() > 0;
        assert!(!is_connected || ends == 1 || waits, "nothing is waited for");
    }
}
