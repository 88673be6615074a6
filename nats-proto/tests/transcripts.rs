//! Sessions recorded with real servers, decoded whole, byte by byte and at every split.
//!
//! `transcripts/*.server` is what a server said, `*.client` what a client said to it, and the `.txt`
//! next to each what the decoder is to make of it, one operation a line. A line that begins with
//! `INFO` or `CONNECT` is the JSON; in all others what is not printable is escaped.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use nats_proto::Message;
use nats_proto::wire::ClientOp;
use nats_proto::wire::Control;
use nats_proto::wire::Decoded;
use nats_proto::wire::Decoder;
use nats_proto::wire::FromClient;
use nats_proto::wire::FromServer;
use nats_proto::wire::Role;
use nats_proto::wire::ServerOp;

/// Writes an operation down. INFO comes in parts, which are gathered in `info`.
fn server(op: ServerOp<'_>, info: &mut String) -> Option<String> {
    Some(match op {
        ServerOp::Message(message) => tell(&message, "MSG"),
        ServerOp::Control(Control::Info(part)) => {
            info.push_str(core::str::from_utf8(part.json).unwrap());
            if !part.is_last {
                return None;
            }
            format!("INFO {}", std::mem::take(info).trim())
        }
        ServerOp::Control(Control::Err(error)) => format!("-ERR {} ({})", error, error.kind()),
        ServerOp::Control(Control::Ok) => "+OK".to_owned(),
        ServerOp::Control(Control::Ping) => "PING".to_owned(),
        ServerOp::Control(Control::Pong) => "PONG".to_owned(),
        op => panic!("{op:?}"),
    })
}

fn client(op: ClientOp<'_>, _: &mut String) -> Option<String> {
    Some(match op {
        ClientOp::Publish(message) => tell(&message, "PUB"),
        ClientOp::Connect(connect) => {
            format!("CONNECT {}", core::str::from_utf8(connect.as_bytes()).unwrap())
        }
        ClientOp::Subscribe(args) => {
            let queue = args.queue.map(|queue| format!(" queue {}", queue.escape_ascii()));
            let queue = queue.unwrap_or_default();
            format!("SUB {} sid {}{queue}", args.subject.escape_ascii(), args.sid)
        }
        ClientOp::Unsubscribe(args) => format!("UNSUB sid {} max {:?}", args.sid, args.max),
        ClientOp::Ping => "PING".to_owned(),
        ClientOp::Pong => "PONG".to_owned(),
        op => panic!("{op:?}"),
    })
}

fn tell(message: &Message<&[u8]>, name: &str) -> String {
    let mut line = format!("{name} {}", message.subject_bytes().escape_ascii());
    if name == "MSG" {
        line.push_str(&format!(" sid {}", message.sid()));
    }
    if let Some(reply) = message.reply() {
        line.push_str(&format!(" reply {reply}"));
    }
    if let Some(status) = message.status() {
        line.push_str(&format!(" status {status}"));
    }
    for (name, value) in message.headers().iter() {
        line.push_str(&format!(" {name}={value:?}"));
    }
    let payload = match message.payload() {
        short if short.len() <= 400 => format!("\"{}\"", short.escape_ascii()),
        long => format!("{} bytes", long.len()),
    };
    format!("{line}: {payload}")
}

/// Decodes what comes in pieces that end at `cuts`.
fn decode<R: Role>(
    input: &[u8],
    cuts: impl IntoIterator<Item = usize>,
    tell: fn(R::Op<'_>, &mut String) -> Option<String>,
) -> String {
    let mut decoder = Decoder::<R>::default();
    let mut told = String::new();
    let mut info = String::new();
    let mut start = 0;
    for end in cuts.into_iter().chain([input.len()]) {
        loop {
            match decoder.decode(&input[start..end]).unwrap() {
                Decoded::Frame { op, len } => {
                    start += len;
                    told.extend(tell(op, &mut info).map(|line| line + "\n"));
                }
                Decoded::Skip { .. } => panic!("nothing is too long here"),
                Decoded::Partial { .. } => break,
            }
        }
    }
    assert_eq!(start, input.len(), "a frame is not all there");
    told
}

fn check<R: Role>(name: &str, tell: fn(R::Op<'_>, &mut String) -> Option<String>) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transcripts");
    let input = std::fs::read(format!("{folder}/{name}")).unwrap();
    let expected = std::fs::read_to_string(format!("{folder}/{name}.txt")).unwrap();
    let whole = decode::<R>(&input, [], tell);
    assert_eq!(whole, expected, "{name}");
    assert_eq!(decode::<R>(&input, 0..input.len(), tell), whole, "{name}, byte by byte");
    for cut in 0..input.len() {
        assert_eq!(decode::<R>(&input, [cut], tell), whole, "{name}, cut at {cut}");
    }
}

#[test]
fn what_nats_server_2_9_10_said() {
    check::<FromServer>("2.9.10.server", server);
}

#[test]
fn what_nats_server_2_15_1_said() {
    check::<FromServer>("2.15.1.server", server);
}

#[test]
fn what_the_client_said() {
    check::<FromClient>("recorder.client", client);
}
