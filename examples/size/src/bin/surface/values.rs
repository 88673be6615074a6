//! Buckets of keys and values, and the ids of messages.

use nats_proto::HeaderBuf;
use nats_proto::Headers;
use nats_proto::jetstream::ApiPrefix;
use nats_proto::jetstream::BucketName;
use nats_proto::jetstream::InitialValues;
use nats_proto::jetstream::Key;
use nats_proto::jetstream::KeyCreate;
use nats_proto::jetstream::KeyFilter;
use nats_proto::jetstream::KeyOperation;
use nats_proto::jetstream::MessageId;

use super::Line;
use super::bytes;
use super::flag;
use super::long;
use super::say;
use super::tell;
use super::text;
use size::input;
use size::put;

pub(super) fn values() {
    names();
    message_ids();
    let mut headers = HeaderBuf::<Line>::new();
    let operation = KeyOperation::read(Headers::from_bytes(bytes(&mut [0; 64])));
    tell(operation.write(&mut headers).is_ok() & operation.is_removal());
    put(headers.as_headers().as_bytes());
    let mut creation = KeyCreate::new();
    let mut initial = InitialValues::new();
    loop {
        let last = if flag() { Some((long(), operation)) } else { None };
        tell(match input() {
            0 => creation.handle_conflict() == creation.step(),
            1 => creation.handle_entry(last) == creation.step(),
            2 => initial.handle_created(long()),
            3 => initial.handle_message(),
            4 => initial.handle_idle(),
            5 => initial.is_over(),
            _ => break,
        });
    }
}

fn names() {
    let (mut one, mut two, mut three, mut four) = ([0; 32], [0; 32], [0; 32], [0; 32]);
    let Ok(bucket) = BucketName::new(text(&mut one)) else { return };
    say(bucket.key_in(bytes(&mut two)));
    if let Ok(stream) = bucket.stream(&mut Line::new()) {
        say(Some(stream.as_str()));
    }
    let prefix = ApiPrefix::domain(text(&mut three)).unwrap_or_default();
    let text = text(&mut four);
    if let Ok(key) = Key::new(text) {
        tell(bucket.subject(key, &mut Line::new()).is_ok());
        tell(bucket.put_subject(key, prefix, &mut Line::new()).is_ok());
    }
    if let Ok(keys) = KeyFilter::new(text) {
        tell(bucket.filter(keys, &mut Line::new()).is_ok());
    }
}

fn message_ids() {
    let (mut one, mut two) = ([0; 32], [0; 32]);
    let id = text(&mut one);
    let id = if flag() { MessageId::new(id) } else { MessageId::numbered(id, long()) };
    let others = Headers::from_bytes(bytes(&mut two));
    if let Ok(headers) = id.write_before(others, &mut Line::new()) {
        put(headers.as_bytes());
    }
}
