//! Decoding and encoding.

use nats_proto::Headers;
use nats_proto::Message;
use nats_proto::Sid;
use nats_proto::Subject;
use nats_proto::Unsubscribe;
use nats_proto::wire::Buffer;
use nats_proto::wire::ClientOp;
use nats_proto::wire::ConnectView;
use nats_proto::wire::Control;
use nats_proto::wire::Decoded;
use nats_proto::wire::Decoder;
use nats_proto::wire::Deliver;
use nats_proto::wire::FromClient;
use nats_proto::wire::FromServer;
use nats_proto::wire::Limits;
use nats_proto::wire::OK;
use nats_proto::wire::Oversized;
use nats_proto::wire::Publish;
use nats_proto::wire::PublishLimits;
use nats_proto::wire::SendBuf;
use nats_proto::wire::ServerOp;
use nats_proto::wire::Sink;
use nats_proto::wire::Subscribe;
use nats_proto::wire::encode_error;

use super::Line;
use super::bytes;
use super::count;
use super::count_long;
use super::flag;
use super::long;
use super::number;
use super::say;
use super::tell;
use super::text;
use size::put;

pub(super) fn from_server() {
    let mut decoder = Decoder::<FromServer>::new(limits());
    while let Ok(decoded) = decoder.decode(bytes(&mut [0; 64])) {
        match decoded {
            Decoded::Frame { op, len } => {
                count(len);
                match op {
                    ServerOp::Message(message) => look_at(message),
                    ServerOp::Oversized(oversized) => pass_over(oversized),
                    ServerOp::Control(Control::Err(error)) => put(error.as_bytes()),
                    ServerOp::Control(Control::Info(part)) => put(part.json),
                    _ => {}
                }
            }
            Decoded::Partial { need } => count(need.get()),
            Decoded::Skip { len } => count(len),
        }
    }
    tell(decoder.is_between_frames());
    count_long(decoder.oversized());
}

pub(super) fn from_client() {
    let mut decoder = Decoder::<FromClient>::default();
    while let Ok(decoded) = decoder.decode(bytes(&mut [0; 64])) {
        match decoded {
            Decoded::Frame { op, len } => {
                count(len);
                match op {
                    ClientOp::Publish(message) => look_at(message),
                    ClientOp::Subscribe(args) => {
                        put(args.subject);
                        put(args.queue.unwrap_or_default());
                    }
                    ClientOp::Unsubscribe(end) => count_long(end.sid.0),
                    ClientOp::Connect(connect) => read(connect),
                    ClientOp::Oversized(oversized) => pass_over(oversized),
                    _ => {}
                }
            }
            Decoded::Partial { need } => count(need.get()),
            Decoded::Skip { len } => count(len),
        }
    }
}

fn limits() -> Limits {
    Limits::for_buffer(number()).line(number()).info(number())
}

fn look_at(message: Message<&[u8]>) {
    put(message.subject().as_bytes());
    say(message.reply());
    put(message.subject_bytes());
    put(message.reply_bytes().unwrap_or_default());
    put(message.headers().as_bytes());
    put(message.payload());
    count(message.wire_len() + message.layout().body_len());
    if let Some(status) = message.status() {
        count(status.code().get().into());
        say(status.description());
        put(status.code().meaning().as_bytes());
    }
    let mut frame = Line::new();
    if frame.reserve(message.frame().len()).is_ok() {
        frame.put(message.frame());
    }
    let kept = Message::from_frame(frame, message.sid(), message.layout());
    put(kept.payload());
    put(&kept.map(|frame| frame).into_frame());
}

fn pass_over(oversized: Oversized<'_>) {
    put(oversized.subject);
    count(oversized.size);
}

fn read(connect: ConnectView<'_>) {
    let mut memory = [0; 16];
    let key = text(&mut memory);
    tell(connect.check().is_ok());
    tell(connect.flag(key).unwrap_or_default());
    count_long(connect.number(key).unwrap_or_default());
    say(connect.text(key, &mut Line::new()));
}

pub(super) fn encode() {
    let (mut subject, mut payload, mut memory) = ([0; 16], [0; 64], [0; 128]);
    let Ok(subject) = Subject::new(text(&mut subject)) else { return };
    let payload = bytes(&mut payload);
    let reply = flag().then_some(subject);
    let headers = if flag() { Headers::from_bytes(payload) } else { Headers::NONE };
    let message = Publish { subject, reply, headers, payload };
    let limits = PublishLimits::DEFAULT.payload(number()).line(number()).headers(flag());
    tell(limits.check(&message).is_ok());
    count(message.line_len() + message.encoded_len() + message.encoded_len_bound());

    let mut out = SendBuf::resume(&mut memory, number());
    write(&message, &mut out);
    count(out.room());
    put(out.as_ref());
    let mut out = Line::new();
    write(&message, &mut out);
    put(&out);
}

fn write(message: &Publish<'_>, out: &mut impl Buffer) {
    let sid = Sid(long());
    let Publish { subject, headers, payload, .. } = *message;
    let mut is_written = message.encode(out).is_ok();
    is_written &= message.encode_head(out).is_ok();
    out.truncate(number());
    let made = message.encode_with(out, number(), |space| {
        let len = size::fill(space);
        if flag() { Ok(len) } else { Err(()) }
    });
    is_written &= made.is_ok();
    let reply = flag().then_some(subject.as_bytes());
    let deliver = Deliver { subject: payload, sid, reply, headers, payload };
    is_written &= deliver.encode(out).is_ok();
    let subscribe = Subscribe { filter: subject.into(), queue: None, sid };
    is_written &= subscribe.encode(out).is_ok();
    let max = core::num::NonZeroU64::new(long());
    is_written &= Unsubscribe { sid, max }.encode(out).is_ok();
    is_written &= encode_error(subject.as_str(), out).is_ok();
    if out.reserve(OK.len()).is_ok() {
        out.put(OK);
    }
    is_written &= out.extend(number()).is_ok();
    tell(is_written);
    put(out.as_mut());
}
