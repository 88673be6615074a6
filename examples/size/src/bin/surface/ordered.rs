//! Streams that are read in their order.

use nats_proto::jetstream::CreateFailure;
use nats_proto::jetstream::DeliverPolicy;
use nats_proto::jetstream::DeliveryInfo;
use nats_proto::jetstream::Heartbeat;
use nats_proto::jetstream::InboxId;
use nats_proto::jetstream::OrderedConsumer;
use nats_proto::jetstream::OrderedInfo;
use nats_proto::jetstream::OrderedOutput;
use nats_proto::jetstream::PullConfig;
use nats_proto::jetstream::PullStatus;
use nats_proto::jetstream::SequenceInfo;

use super::bytes;
use super::count_long;
use super::flag;
use super::jetstream::status;
use super::jetstream::time;
use super::jetstream::with_message;
use super::long;
use super::now;
use super::tell;
use size::input;
use size::output;

pub(super) fn ordered() {
    let config = PullConfig::new(input()).expires(time()).heartbeat(time());
    let policy = match input() {
        0 => DeliverPolicy::All,
        1 => DeliverPolicy::Last,
        2 => DeliverPolicy::LastPerSubject,
        3 => DeliverPolicy::New,
        _ => DeliverPolicy::ByStartSequence(long()),
    };
    let Ok(ordered) = OrderedConsumer::new(config, policy) else { return };
    let mut ordered = if flag() { ordered.end_without_stream() } else { ordered };
    loop {
        let at = SequenceInfo::new(long(), long());
        match input() {
            0 => ordered.handle_connected(),
            1 => ordered.handle_disconnected(),
            2 => {
                if let Some(delivery) = DeliveryInfo::parse(bytes(&mut [0; 64])) {
                    let inbox = InboxId(input());
                    let handling = ordered.handle_message(inbox, input(), &delivery, now());
                    output(handling as u32);
                }
            }
            3 => with_message(|message| {
                if let Some(said) = PullStatus::read(message) {
                    let beat = Heartbeat::read(message.headers());
                    tell(ordered.handle_status(InboxId(input()), status(), said, beat, now()));
                }
            }),
            4 => ordered.release(input(), input()),
            5 => ordered.handle_created(input(), at, now()),
            6 => ordered.handle_create_failed(input(), CreateFailure::Unavailable, now()),
            7 => ordered.handle_create_failed(input(), CreateFailure::StreamNotFound, now()),
            8 => ordered.handle_info(input(), OrderedInfo::Exists(at), now()),
            9 => ordered.handle_info(input(), OrderedInfo::NotFound, now()),
            10 => ordered.handle_timeout(now()),
            11 => ordered.stop(),
            12 => ordered.handle_not_permitted(),
            _ => break,
        }
        match ordered.poll_output(now()) {
            Some(OrderedOutput::Create { serial, policy }) => {
                output(serial);
                tell(policy == DeliverPolicy::All);
            }
            Some(OrderedOutput::Delete { serial } | OrderedOutput::RequestInfo { serial }) => {
                output(serial);
            }
            Some(_) => output(1),
            None => output(0),
        }
        count_long(ordered.poll_timeout().unwrap_or_default().as_millis());
        count_long(ordered.cursor().unwrap_or_default());
        output(ordered.buffered());
        tell(ordered.is_over());
    }
}
