//! What the fuzz targets do with their input. In the crate, so that it always compiles, and so that
//! the unit tests run the corpus.

#![expect(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

#[cfg(all(feature = "jetstream", feature = "alloc"))]
mod jetstream;
#[cfg(all(feature = "jetstream", feature = "alloc"))]
mod jetstream_machines;
#[cfg(all(feature = "jetstream", feature = "alloc"))]
mod jetstream_ordered;

use std::string::String;
use std::vec::Vec;

#[cfg(all(feature = "jetstream", feature = "alloc"))]
pub use jetstream::jetstream_delivery;
#[cfg(all(feature = "jetstream", feature = "alloc"))]
pub use jetstream::jetstream_reply;
#[cfg(all(feature = "jetstream", feature = "alloc"))]
pub use jetstream::jetstream_response;
#[cfg(all(feature = "jetstream", feature = "alloc"))]
pub use jetstream::jetstream_status;
#[cfg(all(feature = "jetstream", feature = "alloc"))]
pub use jetstream::jetstream_time;
#[cfg(all(feature = "jetstream", feature = "alloc"))]
pub use jetstream_machines::jetstream_fetch;
#[cfg(all(feature = "jetstream", feature = "alloc"))]
pub use jetstream_machines::jetstream_pull_consumer;
#[cfg(all(feature = "jetstream", feature = "alloc"))]
pub use jetstream_machines::jetstream_window;
#[cfg(all(feature = "jetstream", feature = "alloc"))]
pub use jetstream_ordered::jetstream_ordered;

use crate::creds::Credentials;
use crate::headers::HeaderBuf;
use crate::headers::Headers;
use crate::message::Message;
use crate::nkeys::PublicKey;
use crate::storage::ArrayBuf;
use crate::storage::SendBuf;
use crate::storage::Sink;
use crate::subject::Filter;
use crate::subject::Subject;
use crate::wire::ClientOp;
use crate::wire::ConnectView;
use crate::wire::Control;
use crate::wire::DecodeError;
use crate::wire::Decoded;
use crate::wire::Decoder;
use crate::wire::FromClient;
use crate::wire::FromServer;
use crate::wire::InfoPart;
use crate::wire::InfoScanner;
use crate::wire::Limits;
use crate::wire::Publish;
use crate::wire::Role;
use crate::wire::ServerError;
use crate::wire::ServerInfo;
use crate::wire::ServerOp;

/// What an operation comes down to: a kind, and the bytes that matter.
type Told = (u8, Vec<u8>);

/// Whatever a server sends decodes alike in whatever pieces it comes.
pub fn decode_server(data: &[u8]) {
    chunking_does_not_matter::<FromServer>(data, |op, told| match op {
        ServerOp::Message(message) => tell_message(&message, told),
        ServerOp::Control(Control::Info(part)) => tell(told, b'I', part.json, part.is_last),
        ServerOp::Control(Control::Err(error)) => {
            touch_error(error);
            tell(told, b'E', error.as_bytes(), true);
        }
        ServerOp::Control(Control::Ping) => tell(told, b'<', b"", true),
        ServerOp::Control(Control::Pong) => tell(told, b'>', b"", true),
        ServerOp::Control(Control::Ok) => tell(told, b'+', b"", true),
        ServerOp::Oversized(message) => {
            tell(told, b'O', &message.sid.0.to_le_bytes(), true);
            tell(told, b'o', &message.size.to_le_bytes(), true);
        }
    });
}

/// Whatever a client sends decodes alike in whatever pieces it comes.
pub fn decode_client(data: &[u8]) {
    chunking_does_not_matter::<FromClient>(data, |op, told| match op {
        ClientOp::Publish(message) => tell_message(&message, told),
        ClientOp::Connect(connect) => {
            let _ = (connect.check(), connect.flag("verbose"), connect.number("protocol"));
            let _ = connect.text("name", &mut ArrayBuf::<16>::new());
            tell(told, b'C', connect.as_bytes(), true);
        }
        ClientOp::Subscribe(args) => {
            tell(told, b'S', args.subject, true);
            tell(told, b'q', args.queue.unwrap_or_default(), true);
            tell(told, b's', &args.sid.0.to_le_bytes(), true);
        }
        ClientOp::Unsubscribe(args) => {
            tell(told, b'U', &args.sid.0.to_le_bytes(), true);
            tell(told, b'u', &args.max.map_or(0, u64::from).to_le_bytes(), true);
        }
        ClientOp::Ping => tell(told, b'<', b"", true),
        ClientOp::Pong => tell(told, b'>', b"", true),
        ClientOp::Oversized(message) => tell(told, b'O', &message.size.to_le_bytes(), true),
    });
}

/// A message that is published is the same when it is decoded, whichever way it was encoded.
///
/// The input is subject, reply subject, a header's name and value, and the payload, separated by
/// zeros.
pub fn encode_decode(data: &[u8]) {
    let mut fields = data.splitn(5, |&byte| byte == 0);
    let mut field = || fields.next().unwrap_or_default();
    let text = |bytes| core::str::from_utf8(bytes).unwrap_or_default();
    let Ok(subject) = Subject::new(text(field())) else { return };
    let reply = Subject::new(text(field())).ok();
    let mut headers = HeaderBuf::<ArrayBuf<4096>>::new();
    let (name, value) = (text(field()), field());
    for _ in 0..2 {
        let _ = headers.append(name, value);
    }
    let payload = field();
    let publish =
        Publish { reply, headers: headers.as_headers(), ..Publish::new(subject, payload) };

    let mut memory = std::vec![0; publish.encoded_len()];
    let mut out = SendBuf::new(&mut memory);
    assert_eq!(publish.encode(&mut out), Ok(()));
    assert_eq!(out.room(), 0, "the announced length is the length");
    check_published(&publish, out.as_ref());

    let mut memory = std::vec![0; publish.encoded_len()];
    let mut out = SendBuf::new(&mut memory);
    assert_eq!(publish.encode_head(&mut out), Ok(()));
    out.put(payload);
    out.put(Publish::TAIL);
    check_published(&publish, out.as_ref());

    let mut memory = std::vec![0; publish.encoded_len() + 32];
    let mut out = SendBuf::new(&mut memory);
    let made = publish.encode_with(&mut out, payload.len() + 9, |space| {
        space[..payload.len()].copy_from_slice(payload);
        Ok::<_, ()>(payload.len())
    });
    assert_eq!(made, Ok(()));
    check_published(&publish, out.as_ref());
}

/// Any block of headers can be read, and what can be read can be written.
pub fn headers(data: &[u8]) {
    let headers = Headers::from_bytes(data);
    let _ = headers.status().map(|status| (status.description().is_some(), status.code().get()));
    let mut copy = HeaderBuf::<LargeBuf>::new();
    let mut expected = Vec::new();
    for (name, value) in headers.iter_bytes() {
        let name = core::str::from_utf8(name).expect("names are ASCII");
        // What a lone CR or LF makes of a value can be read, not written.
        if copy.append(name, value).is_ok() {
            expected.push((name.as_bytes(), value));
        }
    }
    let copied: Vec<_> = copy.as_headers().iter_bytes().collect();
    assert_eq!(copied, expected);
    if let Some((name, _)) = expected.first() {
        let name = core::str::from_utf8(name).expect("names are ASCII");
        assert!(copy.as_headers().get_bytes(name).is_some());
        assert!(copy.remove(name) && copy.as_headers().get_bytes(name).is_none());
    }
}

type LargeBuf = ArrayBuf<65_535>;

/// INFO says the same in whatever pieces it comes, and never too much.
pub fn info(data: &[u8]) {
    let read = |size: usize| {
        let mut scanner = InfoScanner::<ArrayBuf<32>>::default();
        let mut info: ServerInfo<ArrayBuf<32>> = ServerInfo::default();
        let mut urls = 0;
        let mut rest = data;
        loop {
            let (json, behind) = rest.split_at(size.min(rest.len()));
            let part = InfoPart { json, is_last: behind.is_empty() };
            match scanner.push(part, &mut info, |url| urls += 1 + url.len()) {
                Ok(true) => return Some((info, urls)),
                Ok(false) => rest = behind,
                Err(_) => return None,
            }
        }
    };
    let whole = read(usize::MAX);
    for size in 1..5 {
        assert_eq!(read(size), whole, "in pieces of {size}");
    }
    let _ = ConnectView::from_bytes(data).check().map(|()| whole.expect("both are JSON"));
}

/// Two texts, separated by a blank, are valid or not, match or not, as two naive readers say.
pub fn subjects(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else {
        let half = data.len() / 2;
        let _ = crate::wire::matches(&data[..half], &data[half..]);
        let _ = crate::wire::covers(&data[..half], &data[half..]);
        return;
    };
    let (first, second) = text.split_once(' ').unwrap_or((text, "a"));
    let Ok(filter) = Filter::new(first) else { return };
    if let Ok(subject) = Subject::new(second) {
        let expected = naive_match(
            &filter.tokens().collect::<Vec<_>>(),
            &subject.tokens().collect::<Vec<_>>(),
        );
        assert_eq!(filter.matches(subject), expected);
        assert_eq!(Filter::from(subject).is_subset_of(filter), expected);
    }
    if let Ok(other) = Filter::new(second) {
        assert!(filter.is_subset_of(filter) && other.is_subset_of(other));
        assert!(filter.is_subset_of(const { Filter::from_static(">") }));
        // Both ways means the same filter.
        if filter.is_subset_of(other) && other.is_subset_of(filter) {
            assert_eq!(filter, other);
        }
    }
}

/// Whatever is found in a credentials file stands there, and can be looked at as a key.
pub fn creds(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(found) = Credentials::new(&text) else { return };
    assert!(found.jwt().is_some() || found.seed().is_some());
    for part in [found.jwt(), found.seed()].into_iter().flatten() {
        assert!(text.lines().any(|line| line.contains(part)));
        assert_eq!(
            Credentials::new(part).map(|found| found.jwt().or_else(|| found.seed())),
            Ok(Some(part))
        );
        if let Ok(key) = PublicKey::new(part) {
            assert_eq!(key.as_str(), part);
        }
        #[cfg(feature = "nkeys")]
        if let Ok(pair) = crate::nkeys::KeyPair::from_seed(part) {
            assert_eq!(PublicKey::new(pair.public_key().as_str()), Ok(pair.public_key()));
        }
    }
}

fn naive_match(filter: &[&str], subject: &[&str]) -> bool {
    match (filter, subject) {
        ([">"], [_, ..]) => true,
        (["*", filter @ ..], [_, subject @ ..]) => naive_match(filter, subject),
        ([a, filter @ ..], [b, subject @ ..]) => a == b && naive_match(filter, subject),
        ([], []) => true,
        _ => false,
    }
}

fn check_published(publish: &Publish<'_>, frame: &[u8]) {
    let decoded = Decoder::<FromClient>::default().decode(frame);
    match decoded {
        Ok(Decoded::Frame { op: ClientOp::Publish(message), len }) => {
            assert_eq!(len, frame.len());
            assert_eq!(message.subject(), publish.subject.as_str());
            assert_eq!(message.reply(), publish.reply.map(Subject::as_str));
            assert_eq!(message.headers(), publish.headers);
            assert_eq!(message.payload(), publish.payload);
        }
        // A subject can be longer than a control line.
        Err(DecodeError::LineTooLong) => assert!(publish.line_len() > 4096),
        other => panic!("{other:?} for {publish:?}"),
    }
}

/// The first two bytes choose how long frames may be, and the pieces.
fn chunking_does_not_matter<R: Role>(data: &[u8], mut tell: impl FnMut(R::Op<'_>, &mut Vec<Told>)) {
    let [frame, piece, data @ ..] = data else { return };
    let frame = if *frame < 128 { 16 + usize::from(*frame) } else { Limits::DEFAULT.frame };
    let limits = Limits { line: 200, frame, info: 1000 };
    let mut decode = |piece: usize| {
        let mut decoder = Decoder::<R>::new(limits);
        let mut told = Vec::new();
        let (mut start, mut end) = (0, 0);
        while end < data.len() {
            end = data.len().min(end + piece);
            loop {
                let input = &data[start..end];
                match decoder.decode(input) {
                    Ok(Decoded::Frame { op, len }) => {
                        assert!(0 < len && len <= input.len());
                        start += len;
                        tell(op, &mut told);
                    }
                    Ok(Decoded::Skip { len }) => {
                        assert!(0 < len && len <= input.len());
                        start += len;
                    }
                    Ok(Decoded::Partial { .. }) => break,
                    Err(error) => return (told, Some(error), decoder.oversized()),
                }
            }
            assert!(end - start <= frame.max(200 + 2), "it wants more than it said it would");
        }
        (told, None, decoder.oversized())
    };
    let whole = decode(usize::MAX / 2);
    assert_eq!(decode(1), whole);
    assert_eq!(decode(1 + usize::from(*piece)), whole);
}

/// Notes bytes that may have come in parts.
fn tell(told: &mut Vec<Told>, kind: u8, bytes: &[u8], is_last: bool) {
    match told.last_mut() {
        Some((last, known)) if *last == kind && kind == b'I' => known.extend(bytes),
        _ => told.push((kind, bytes.to_vec())),
    }
    if is_last {
        told.push((b'.', Vec::new()));
    }
}

fn tell_message(message: &Message<&[u8]>, told: &mut Vec<Told>) {
    assert_eq!(message.wire_len(), message.frame().len());
    let _ = (message.subject(), message.reply(), message.status());
    tell(told, b'M', &message.sid().0.to_le_bytes(), true);
    tell(told, b't', message.subject_bytes(), true);
    tell(told, b'r', message.reply_bytes().unwrap_or_default(), true);
    tell(told, b'h', message.headers().as_bytes(), true);
    tell(told, b'p', message.payload(), true);
}

fn touch_error(error: ServerError<'_>) {
    let _ = (error.kind().consequence(), error.text());
    if let Some(violation) = error.violation() {
        let _ = violation.subject.is("a") || violation.queue.is_some_and(|queue| queue.is("q"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a fuzzer found interesting, or somebody wrote down, stays harmless.
    #[test]
    fn the_corpus() {
        let targets: [(&str, fn(&[u8])); 7] = [
            ("decode_server", decode_server),
            ("decode_client", decode_client),
            ("encode_decode", encode_decode),
            ("headers", headers),
            ("info", info),
            ("subjects", subjects),
            ("creds", creds),
        ];
        for (name, target) in targets {
            run_corpus(name, target);
        }
    }

    pub(super) fn run_corpus(name: &str, target: fn(&[u8])) {
        let all = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz");
        if !std::path::Path::new(all).exists() {
            // This is the package alone, which does not have it.
            return;
        }
        let folder = std::format!("{all}/corpus/{name}");
        let mut count = 0;
        for entry in std::fs::read_dir(&folder).unwrap() {
            target(&std::fs::read(entry.unwrap().path()).unwrap());
            count += 1;
        }
        assert!(count > 0, "{folder} is empty");
    }
}
