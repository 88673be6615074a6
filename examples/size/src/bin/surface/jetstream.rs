//! JetStream: what it reads and writes, and what keeps it going.

use core::time::Duration;

use nats_proto::Filter;
use nats_proto::HeaderBuf;
use nats_proto::Headers;
use nats_proto::Message;
use nats_proto::RequestId;
use nats_proto::RngSeed;
use nats_proto::Subject;
use nats_proto::jetstream::AckKind;
use nats_proto::jetstream::ApiError;
use nats_proto::jetstream::ApiPrefix;
use nats_proto::jetstream::ApiSubject;
use nats_proto::jetstream::ChainIds;
use nats_proto::jetstream::ConsumerName;
use nats_proto::jetstream::ConsumerScanner;
use nats_proto::jetstream::ConsumerState;
use nats_proto::jetstream::DeliveryInfo;
use nats_proto::jetstream::ErrorCode;
use nats_proto::jetstream::ExpectedLast;
use nats_proto::jetstream::Fetch;
use nats_proto::jetstream::FetchConfig;
use nats_proto::jetstream::FetchOutput;
use nats_proto::jetstream::FixedPublishWindow;
use nats_proto::jetstream::Heartbeat;
use nats_proto::jetstream::InboxId;
use nats_proto::jetstream::Outcome;
use nats_proto::jetstream::PublishHeaders;
use nats_proto::jetstream::PublishReply;
use nats_proto::jetstream::PublishScanner;
use nats_proto::jetstream::Pull;
use nats_proto::jetstream::PullConfig;
use nats_proto::jetstream::PullConsumer;
use nats_proto::jetstream::PullId;
use nats_proto::jetstream::PullInbox;
use nats_proto::jetstream::PullOutput;
use nats_proto::jetstream::PullStatus;
use nats_proto::jetstream::Rollup;
use nats_proto::jetstream::Settled;
use nats_proto::jetstream::SinglePublish;
use nats_proto::jetstream::StreamName;
use nats_proto::jetstream::Timestamp;
use nats_proto::jetstream::Ttl;
use nats_proto::jetstream::Undelivered;
use nats_proto::jetstream::WindowConfig;
use nats_proto::jetstream::WindowMessage;
use nats_proto::jetstream::pulled_size;
use nats_proto::wire::Decoded;
use nats_proto::wire::Decoder;
use nats_proto::wire::FromServer;
use nats_proto::wire::ServerOp;

use super::Line;
use super::bytes;
use super::count;
use super::count_long;
use super::flag;
use super::long;
use super::now;
use super::number;
use super::say;
use super::tell;
use super::text;
use size::input;
use size::output;
use size::put;

pub(super) fn time() -> Duration {
    Duration::new(long(), input() % 1_000_000_000)
}

/// A message that nobody knows.
pub(super) fn with_message(look: impl FnOnce(&Message<&[u8]>)) {
    let mut memory = [0; 64];
    let decoded = Decoder::<FromServer>::default().decode(bytes(&mut memory));
    if let Ok(Decoded::Frame { op: ServerOp::Message(message), .. }) = decoded {
        look(&message);
    }
}

pub(super) fn names() {
    let (mut one, mut two) = ([0; 32], [0; 32]);
    let (Ok(stream), Ok(consumer)) =
        (StreamName::new(text(&mut one)), ConsumerName::new(text(&mut two)))
    else {
        return output(1);
    };
    let (mut three, mut four) = ([0; 32], [0; 32]);
    let subject = Subject::new(text(&mut three));
    let prefix = match (ApiPrefix::domain(text(&mut four)), subject) {
        (Ok(prefix), _) => prefix,
        (_, Ok(subject)) => ApiPrefix::custom(subject),
        _ => ApiPrefix::DEFAULT,
    };
    let request = match (input(), subject) {
        (0, _) => ApiSubject::account_info(),
        (1, _) => ApiSubject::stream_create(stream),
        (2, _) => ApiSubject::stream_purge(stream),
        (3, _) => ApiSubject::consumer_info(stream, consumer),
        (4, Ok(subject)) => ApiSubject::direct_get_last(stream, subject),
        (5, Ok(subject)) => {
            ApiSubject::consumer_create_filtered(stream, consumer, Filter::from(subject))
        }
        _ => ApiSubject::consumer_next(stream, consumer),
    };
    if let Ok(subject) = request.encode(prefix, &mut Line::new()) {
        put(subject.as_bytes());
    }
    publish_headers(stream);
}

fn publish_headers(stream: StreamName<'_>) {
    let (mut one, mut two, mut three) = ([0; 16], [0; 16], [0; 16]);
    let mut headers = PublishHeaders::NONE.expected_stream(stream);
    if flag() {
        headers = headers.message_id(text(&mut one)).expected_last_message_id(text(&mut two));
    }
    if flag() {
        headers = headers.expected_last_sequence(long()).expected_last_subject_sequence(long());
    }
    if let Ok(filter) = Filter::new(text(&mut three)) {
        headers = headers.last_subject_sequence_of(filter);
    }
    headers = headers.ttl(if flag() { Ttl::Never } else { Ttl::After(time()) });
    headers = headers.rollup(if flag() { Rollup::All } else { Rollup::Subject });
    let mut block = HeaderBuf::<Line>::new();
    tell(headers.write(&mut block).is_ok() & headers.is_empty() & headers.expects_last());
    put(block.as_headers().as_bytes());
}

pub(super) fn texts() {
    let (mut one, mut two) = ([0; 64], [0; 32]);
    let reply = bytes(&mut one);
    if let Some(delivery) = DeliveryInfo::parse(reply) {
        say(delivery.domain);
        put(delivery.stream.as_bytes());
        count_long(delivery.stream_sequence + delivery.consumer_sequence + delivery.pending);
        count_long(delivery.timestamp.as_nanos() as u64);
    }
    tell(DeliveryInfo::is_reply(reply));
    let mut out = Line::new();
    let reason = text(&mut two);
    for kind in [AckKind::Ack, AckKind::NakWithDelay(time()), AckKind::TermWithReason(reason)] {
        tell(kind.encode(&mut out).is_ok() & kind.is_final());
    }
    match Timestamp::parse_optional(reason) {
        Ok(Some(time)) => tell(time.encode(&mut out).is_ok()),
        Ok(None) => output(1),
        Err(error) => output(error as u32),
    }
    put(&out);
    with_message(|message| {
        count(pulled_size(message) as usize);
        if let Some(beat) = Heartbeat::read(message.headers()) {
            count_long(beat.consumer_sequence + beat.stream_sequence);
        }
        if let Some(left) = Undelivered::read(message.headers()) {
            count_long(left.messages + left.bytes);
        }
        if let Some(PullStatus::MaxRequestExpires(most)) = PullStatus::read(message) {
            output(most);
        }
    });
}

pub(super) fn responses() {
    let mut scanner = PublishScanner::<Line, Line>::default();
    with_message(|message| match PublishReply::read(message, &mut scanner) {
        PublishReply::NotAnAck => output(1),
        reply => {
            if let Some(error) = reply.error() {
                look_at(error);
            }
        }
    });
    let mut scanner = ConsumerScanner::<Line, Line>::default();
    while flag() {
        scanner.push(bytes(&mut [0; 64]));
    }
    match scanner.finish() {
        Ok(Ok(info)) => {
            put(info.stream.as_bytes());
            put(info.name.as_bytes());
            count_long(info.num_pending + info.num_ack_pending + info.delivered.stream_sequence);
            count_long(info.ack_wait_nanos);
            tell(info.reached_max_ack_pending() | info.is_push | info.is_paused);
        }
        Ok(Err(error)) => look_at(error),
        Err(_) => output(0),
    }
    scanner.reset();
}

fn look_at(error: ApiError<'_>) {
    put(error.description.as_bytes());
    output(error.class() as u32);
    count_long(error.last_sequence().unwrap_or_default());
    say(error.last_message_id());
}

/// What becomes of a pull.
fn send(pull: Pull) {
    let (mut one, mut two, mut out) = ([0; 16], [0; 16], Line::new());
    let request = pull.request().group(text(&mut one)).pin_id(text(&mut two));
    let request = request.min_pending(long()).min_ack_pending(long()).priority(input() as u8);
    tell(request.encode(&mut out).is_ok());
    put(&out);
    output(pull.expires_millis() + pull.heartbeat_millis());
}

pub(super) fn status() -> Option<u32> {
    PullId::number_in(bytes(&mut [0; 32]))
}

pub(super) fn consumer<const SLOTS: usize>() {
    let config = PullConfig::new(input()).max_bytes(input()).expires(time()).heartbeat(time());
    let config = if flag() { config.await_consumer() } else { config.unlimited_deliveries() };
    let Ok(mut consumer) = PullConsumer::<SLOTS>::new(config.seed(input())) else { return };
    let mut prefix = [0; 16];
    let Ok(prefix) = Subject::new(text(&mut prefix)) else { return };
    let Ok(inbox) = PullInbox::<Line>::new(prefix, RngSeed([input() as u8; 16])) else { return };
    loop {
        match input() {
            0 => consumer.handle_connected(),
            1 => consumer.handle_disconnected(),
            2 => tell(consumer.handle_message(InboxId(input()), input(), now()) as u32 == 1),
            3 => consumer.handle_pin(),
            4 => with_message(|message| {
                if let Some(said) = PullStatus::read(message) {
                    consumer.handle_status(InboxId(input()), status(), said, now());
                }
            }),
            5 => consumer.release(input(), input()),
            6 => consumer
                .handle_info(ConsumerState::Exists { reached_max_ack_pending: flag() }, now()),
            7 => consumer.handle_info(ConsumerState::NotFound, now()),
            8 => consumer.handle_info(ConsumerState::NotPermitted, now()),
            9 => consumer.handle_not_permitted(),
            10 => consumer.handle_timeout(now()),
            11 => consumer.stop(now()),
            12 => consumer.drain(now()),
            13 => consumer.handle_pong(),
            _ => break,
        }
        match consumer.poll_output(now()) {
            Some(PullOutput::Subscribe(id)) => {
                if let Ok(filter) = inbox.filter(id, &mut Line::new()) {
                    put(filter.as_bytes());
                }
            }
            Some(PullOutput::Unsubscribe(id)) => output(id.0),
            Some(PullOutput::Pull(pull)) => {
                if let Ok(reply) = inbox.reply(pull.id, &mut Line::new()) {
                    put(reply.as_bytes());
                }
                send(pull);
            }
            Some(_) => output(1),
            None => output(0),
        }
        count_long(consumer.poll_timeout().unwrap_or_default().as_millis());
        output(consumer.buffered() + consumer.outstanding());
        tell(consumer.is_over() | consumer.has_demand());
    }
}

pub(super) fn fetch() {
    let mut fetch = Fetch::new();
    loop {
        match input() {
            0 => fetch.handle_connected(),
            1 => fetch.handle_disconnected(),
            2 => tell(fetch.handle_message(InboxId(input()), input(), now()) as u32 == 1),
            3 => fetch.handle_pin(),
            4 => with_message(|message| {
                if let Some(said) = PullStatus::read(message) {
                    fetch.handle_status(InboxId(input()), status(), said, now());
                }
            }),
            5 => {
                let config = FetchConfig::new(input()).max_bytes(input()).max_wait(time());
                fetch.start(if flag() { config.unlimited_deliveries() } else { config }, now());
            }
            6 => fetch.cancel(now()),
            7 => fetch.handle_timeout(now()),
            _ => break,
        }
        match fetch.poll_output(now()) {
            Some(FetchOutput::Pull(pull)) => send(pull),
            Some(_) => output(1),
            None => output(0),
        }
        count_long(fetch.poll_timeout().unwrap_or_default().as_millis());
        output(fetch.received());
        tell(fetch.is_active());
    }
}

pub(super) fn window() {
    let config = WindowConfig::new(input()).max_bytes(input()).ack_wait(time());
    let config = config.duplicate_window(time()).seed(input());
    let config = if flag() { config.independent() } else { config };
    let mut window = FixedPublishWindow::<u8, 4>::new(config);
    let mut scanner = PublishScanner::<Line, Line>::default();
    let ids = ChainIds::<Line>::new("name", RngSeed([input() as u8; 16]));
    loop {
        match input() {
            0 => window.handle_connected(),
            1 => window.handle_disconnected(long(), now(), settle),
            2 => {
                let message = WindowMessage::new(input() as u8, input(), now());
                let message = message.retries(input() as u8);
                let message = if flag() { message.with_id() } else { message };
                match window.publish(message) {
                    Ok(handle) if flag() => output(window.cancel(handle).unwrap_or(1).into()),
                    Ok(handle) => tell(window.get_mut(handle).is_some()),
                    Err(refused) => tell(refused.is_too_large),
                }
            }
            3 => with_message(|message| {
                let reply = PublishReply::read(message, &mut scanner);
                window.handle_reply(RequestId(long()), reply, now()).into_iter().for_each(settle);
            }),
            4 => {
                with_message(|message| {
                    let reply = PublishReply::read(message, &mut scanner);
                    let number_of = |id: &str| ids.as_ref().ok()?.number(id);
                    let settled =
                        window.handle_chain_reply(RequestId(long()), reply, number_of, now());
                    settled.into_iter().for_each(settle);
                });
            }
            7 => window.start_chain(long(), long()),
            8 => window.handle_too_large(RequestId(long())).into_iter().for_each(settle),
            9 => {
                output(window.count_sent(|data| *data == 1));
                window.handle_not_permitted(|data| *data == 1, settle);
            }
            10 => window.handle_inbox_not_permitted(settle),
            5 => window.handle_timeout(now(), settle),
            6 => window.close(settle),
            _ => break,
        }
        if let Some(transmit) = window.poll_transmit(long(), now()) {
            count_long(transmit.request_id.0 + transmit.number);
            match (transmit.expected, &ids) {
                (ExpectedLast::Message(number), Ok(ids)) => {
                    let id = ids.put(number, &mut Line::new()).map_or(0, str::len);
                    let block = &mut Line::new();
                    let headers =
                        ids.put_headers(Headers::default(), number, transmit.expected, block);
                    tell(headers.is_ok());
                    count(id + ids.max_len() + ids.max_headers_len());
                }
                (ExpectedLast::Sequence(number), _) => count_long(number),
                _ => {}
            }
            output((*transmit.data).into());
        }
        count_long(window.poll_timeout().unwrap_or_default().as_millis());
        output(window.len() + window.in_flight());
        count_long(window.first_open().unwrap_or_default() + window.last_number());
        tell(window.has_room(input()) | window.is_empty());
    }
}

pub(super) fn single() {
    let mut publish = SinglePublish::new(WindowConfig::new(1).ack_wait(time()).seed(input()));
    let mut scanner = PublishScanner::<Line, Line>::default();
    loop {
        let mut outcome = None;
        match input() {
            0 => publish.handle_connected(),
            1 => outcome = publish.handle_disconnected(long(), now()),
            2 => publish.start(WindowMessage::new((), 1, now()).with_id().retries(input() as u8)),
            3 => with_message(|message| {
                let reply = PublishReply::read(message, &mut scanner);
                outcome = publish.handle_reply(RequestId(long()), reply, now());
            }),
            4 => outcome = publish.handle_timeout(now()),
            5 => outcome = publish.cancel(),
            _ => break,
        }
        tell(
            outcome.is_some_and(Outcome::may_be_stored)
                | publish.is_active()
                | publish.is_due(now()),
        );
        count_long(publish.poll_transmit(long(), now()).unwrap_or(RequestId(0)).0);
        count_long(publish.poll_timeout(now()).unwrap_or_default().as_millis());
    }
}

fn settle(settled: Settled<u8>) {
    count_long(settled.number);
    output(settled.data.into());
    match settled.outcome {
        Outcome::Stored { sequence, .. } => count_long(sequence),
        outcome => tell(outcome.may_be_stored()),
    }
    output(ErrorCode(input() as u16).class() as u32);
    count(number());
}
