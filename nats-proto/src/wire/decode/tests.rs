use std::format;
use std::string::String;
use std::string::ToString;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::wire::ClientOp;
use crate::wire::Control;
use crate::wire::FromClient;
use crate::wire::FromServer;
use crate::wire::ServerOp;

/// What a stream decodes to, as text; INFO's parts are put together.
#[derive(Default)]
struct Story {
    lines: Vec<String>,
    info: Vec<u8>,
}

trait Tell: Role {
    fn tell(op: Self::Op<'_>, story: &mut Story);
}

impl Tell for FromServer {
    fn tell(op: ServerOp<'_>, story: &mut Story) {
        match op {
            ServerOp::Control(Control::Info(part)) => {
                story.info.extend(part.json);
                if part.is_last {
                    let info = core::mem::take(&mut story.info);
                    story.lines.push(format!("INFO {}", info.trim_ascii().escape_ascii()));
                }
            }
            ServerOp::Message(message) => {
                assert_eq!(message.wire_len(), message.frame().len());
                story.lines.push(format!("{message:?}"));
            }
            other => story.lines.push(format!("{other:?}")),
        }
    }
}

impl Tell for FromClient {
    fn tell(op: ClientOp<'_>, story: &mut Story) {
        match op {
            ClientOp::Connect(view) => {
                story.lines.push(format!("CONNECT {}", view.as_bytes().escape_ascii()));
            }
            other => story.lines.push(format!("{other:?}")),
        }
    }
}

/// Feeds `input` in pieces that end at `cuts` into a buffer as large as a frame may be.
fn tell<R: Tell>(input: &[u8], cuts: impl IntoIterator<Item = usize>, limits: Limits) -> Story {
    let mut decoder = Decoder::<R>::new(limits);
    let mut story = Story::default();
    let mut buffer: Vec<u8> = Vec::new();
    let mut fed = 0;
    for cut in cuts.into_iter().chain([input.len()]) {
        while fed < cut {
            // No more than the buffer holds, which must always leave room for progress.
            let room = limits.frame.max(1).saturating_sub(buffer.len());
            assert!(room > 0, "the decoder waits for more than a frame may have");
            let len = room.min(cut - fed);
            buffer.extend(&input[fed..fed + len]);
            fed += len;
            loop {
                match decoder.decode(&buffer) {
                    Ok(Decoded::Frame { op, len }) => {
                        R::tell(op, &mut story);
                        buffer.drain(..len);
                    }
                    Ok(Decoded::Skip { len }) => {
                        assert!(len > 0);
                        buffer.drain(..len);
                    }
                    Ok(Decoded::Partial { need }) => {
                        assert!(buffer.len() + need.get() <= limits.frame.max(1));
                        break;
                    }
                    Err(error) => {
                        assert_eq!(
                            decoder.decode(b"PING\r\n").err(),
                            Some(error),
                            "errors are final"
                        );
                        story.lines.push(format!("error: {error}"));
                        return story;
                    }
                }
            }
        }
    }
    story
}

fn lines<R: Tell>(input: &[u8], limits: Limits) -> Vec<String> {
    let whole = tell::<R>(input, [], limits).lines;
    for cut in 0..=input.len() {
        let split = tell::<R>(input, [cut], limits).lines;
        assert_eq!(split, whole, "cut at {cut}: {}", input.escape_ascii());
    }
    assert_eq!(tell::<R>(input, 0..input.len(), limits).lines, whole, "byte by byte");
    whole
}

fn server(input: &[u8]) -> Vec<String> {
    lines::<FromServer>(input, Limits::DEFAULT)
}

fn client(input: &[u8]) -> Vec<String> {
    lines::<FromClient>(input, Limits::DEFAULT)
}

fn message(sid: u64, subject: &str, reply: &str, headers: &str, payload: &str) -> String {
    let reply = if reply.is_empty() { "None".into() } else { format!("Some(\"{reply}\")") };
    format!(
        "Message {{ sid: Sid({sid}), subject: \"{subject}\", reply: {reply}, \
         headers: Headers(\"{headers}\"), payload: \"{payload}\" }}"
    )
}

#[test]
fn a_server_session() {
    let transcript =
        b"INFO {\"server_id\":\"A\",\"max_payload\":1048576}\r\n+OK\r\nPING\r\nPONG\r\n\
        MSG a.b 1 5\r\nhello\r\nMSG a.b 1 reply.to 0\r\n\r\n\
        HMSG a 2 12 12\r\nNATS/1.0\r\n\r\n\r\nHMSG a 2 r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n\
        MSG a 18446744073709551615 7\r\nMSG\r\nab\r\n-ERR 'Stale Connection'\r\n";
    assert_eq!(
        server(transcript),
        [
            String::from("INFO {\\\"server_id\\\":\\\"A\\\",\\\"max_payload\\\":1048576}"),
            "Control(Ok)".into(),
            "Control(Ping)".into(),
            "Control(Pong)".into(),
            message(1, "a.b", "", "", "hello"),
            message(1, "a.b", "reply.to", "", ""),
            message(2, "a", "", "NATS/1.0\\r\\n\\r\\n", ""),
            message(2, "a", "r", "NATS/1.0\\r\\n\\r\\n", "hi"),
            message(u64::MAX, "a", "", "", "MSG\\r\\nab"),
            "Control(Err(ServerError(\"Stale Connection\")))".into(),
        ]
    );
}

#[test]
fn a_client_session() {
    let transcript = b"CONNECT {\"verbose\":false}\r\nPING\r\nPONG\r\nSUB a.> 1\r\nSUB b q 2\r\n\
        UNSUB 1\r\nUNSUB 2 5\r\nUNSUB 2 0\r\nPUB a 2\r\nhi\r\nPUB a r 0\r\n\r\n\
        HPUB a 12 13\r\nNATS/1.0\r\n\r\nx\r\n";
    let max = |max| format!("Unsubscribe(Unsubscribe {{ sid: Sid(2), max: {max} }})");
    assert_eq!(
        client(transcript),
        [
            String::from("CONNECT {\\\"verbose\\\":false}"),
            "Ping".into(),
            "Pong".into(),
            "Subscribe(SubscribeArgs { subject: [97, 46, 62], queue: None, sid: Sid(1) })".into(),
            "Subscribe(SubscribeArgs { subject: [98], queue: Some([113]), sid: Sid(2) })".into(),
            "Unsubscribe(Unsubscribe { sid: Sid(1), max: None })".into(),
            max("Some(5)"),
            max("None"),
            format!("Publish({})", message(0, "a", "", "", "hi")),
            format!("Publish({})", message(0, "a", "r", "", "")),
            format!("Publish({})", message(0, "a", "", "NATS/1.0\\r\\n\\r\\n", "x")),
        ]
    );
}

#[test]
fn lenient_where_servers_are() {
    let hi = |subject: &str| std::vec![message(1, subject, "", "", "hi")];
    // Case, blanks, line ends.
    for text in [
        &b"msg a 1 2\r\nhi\r\n"[..],
        b"MsG\ta\t1\t2\r\nhi\r\n",
        b"MSG   a \t 1  2  \r\nhi\r\n",
        b"MSG a 1 2\nhi\r\n",
        b"MSG a 1 00002\r\nhi\r\n",
    ] {
        assert_eq!(server(text), hi("a"), "{}", text.escape_ascii());
    }
    assert_eq!(server(b"ping\npOnG\r\n+ok\r\n"), ["Control(Ping)", "Control(Pong)", "Control(Ok)"]);
    assert_eq!(server(b"PING  \r\n"), ["Control(Ping)"]);
    assert_eq!(server(b"info\t{}\n"), ["INFO {}"]);
    assert_eq!(server(b"-ERR\r\n"), ["Control(Err(ServerError(\"\")))"]);
    assert_eq!(server(b"-err  'x' \r\n"), ["Control(Err(ServerError(\"x\")))"]);
    // Subjects are bytes: nats-server passes on what it was given.
    assert_eq!(server(b"MSG a\xFF 1 2\r\nhi\r\n"), hi("a\\xff"));
    assert_eq!(server(b"MSG a\rb 1 2\r\nhi\r\n"), hi("a\\rb"));
    assert_eq!(server(b"MSG a\0 1 2\r\nhi\r\n"), hi("a\\x00"));
    // A reply that looks like a number is a reply.
    assert_eq!(server(b"MSG a 1 77 2\r\nhi\r\n"), [message(1, "a", "77", "", "hi")]);
    assert_eq!(
        server(b"MSG a 1 99999999999999999999 2\r\nhi\r\n"),
        [message(1, "a", "99999999999999999999", "", "hi")]
    );
    assert_eq!(server(b"MSG a 0 0\r\n\r\n"), [message(0, "a", "", "", "")]);
}

#[test]
fn frame_errors() {
    use DecodeError::*;
    let server_side: &[(&[u8], DecodeError)] = &[
        (b"\r\n", UnknownOperation),
        (b" PING\r\n", UnknownOperation),
        (b"PINGX\r\n", UnknownOperation),
        (b"PUB a 1\r\nx\r\n", UnknownOperation),
        (b"INFOX {}\r\n", UnknownOperation),
        (b"INFO\r\n", UnknownOperation),
        (b"I\n", UnknownOperation),
        (b"MSG\r\n", Arguments),
        (b"MSG a\r\n", Arguments),
        (b"MSG a 1\r\n", Arguments),
        (b"MSG a 1 r 2 3\r\n", Arguments),
        (b"MSG a b 2\r\n", Arguments),
        (b"MSG a 1 -2\r\n", Arguments),
        (b"MSG a 1 2x\r\n", Arguments),
        (b"MSG a 1x 2\r\n", Arguments),
        (b"MSG a 1 0x2\r\n", Arguments),
        (b"HMSG a 1 2\r\n", Arguments),
        (b"HMSG a 1 r 2\r\n", Arguments),
        (b"HMSG a 1 3 2\r\n", HeaderSize),
        (b"MSG a 1 2147483648\r\n", Overflow),
        (b"MSG a 1 18446744073709551616\r\n", Overflow),
        (b"MSG a 18446744073709551616 1\r\n", Overflow),
        (b"HMSG a 1 99999999999999999999 1\r\n", Overflow),
        (b"MSG a 1 2\r\nhiPING\r\n", PayloadEnd),
        (b"MSG a 1 2\r\nhi\n\n", PayloadEnd),
        (b"MSG a 1 2\r\nhi\r\r", PayloadEnd),
    ];
    for &(text, error) in server_side {
        let expected = [format!("error: {error}")];
        assert_eq!(server(text), expected, "{}", text.escape_ascii());
    }
    let client_side: &[(&[u8], DecodeError)] = &[
        (b"MSG a 1 1\r\nx\r\n", UnknownOperation),
        (b"INFO {}\r\n", UnknownOperation),
        (b"SUB a\r\n", Arguments),
        (b"SUB a b c 1\r\n", Arguments),
        (b"SUB a x\r\n", Arguments),
        (b"UNSUB\r\n", Arguments),
        (b"UNSUB x\r\n", Arguments),
        (b"UNSUB 1 2 3\r\n", Arguments),
        (b"UNSUB 1 -1\r\n", Arguments),
        (b"PUB a\r\n", Arguments),
        (b"PUB a b c 1\r\n", Arguments),
        (b"HPUB a 5 4\r\n", HeaderSize),
    ];
    for &(text, error) in client_side {
        let expected = [format!("error: {error}")];
        assert_eq!(client(text), expected, "{}", text.escape_ascii());
    }
}

#[test]
fn a_line_may_be_as_long_as_the_limit() {
    let limits = Limits { line: 16, ..Limits::DEFAULT };
    let fits = b"MSG 90123456 1 0\r\n\r\n";
    assert_eq!(lines::<FromServer>(fits, limits), [message(1, "90123456", "", "", "")]);
    for too_long in [&b"MSG 901234567 1 0\r\n\r\n"[..], b"PING             \n"] {
        let expected = ["error: control line too long"];
        assert_eq!(lines::<FromServer>(too_long, limits), expected);
    }
    // Without an end it is an error as soon as it is too long.
    assert_eq!(lines::<FromServer>(&[b'x'; 18], limits), ["error: control line too long"]);
    assert_eq!(lines::<FromServer>(&[b'x'; 17], limits), [""; 0]);
}

#[test]
fn info_of_any_length_through_a_small_buffer() {
    let info = format!("INFO {{\"connect_urls\":[{}]}}\r\n", "\"10.0.0.1:4222\",".repeat(999));
    let limits = Limits { line: 32, frame: 32, ..Limits::DEFAULT };
    let told = tell::<FromServer>(format!("{info}PING\r\n").as_bytes(), [], limits).lines;
    assert_eq!(
        told,
        [info.trim_ascii().as_bytes().escape_ascii().to_string(), "Control(Ping)".into()]
    );

    let endless = [&b"INFO "[..], &[b' '; 200]].concat();
    let limits = Limits { info: 100, ..limits };
    assert_eq!(tell::<FromServer>(&endless, [], limits).lines, ["error: control line too long"]);
}

#[test]
fn a_message_that_is_too_long_is_passed_over_and_reported() {
    let limits = Limits { frame: 24, ..Limits::DEFAULT };
    let oversized = |sid, subject: &[u8], size| {
        let headers = if sid == 8 { 12 } else { 0 };
        let oversized = Oversized { sid: Sid(sid), subject, size, headers };
        format!("Oversized({oversized:?})")
    };
    let input = b"MSG a 7 11\r\n0123456789\r\r\nMSG a 7 10\r\n0123456789\r\nPING\r\n";
    assert_eq!(
        lines::<FromServer>(input, limits),
        [oversized(7, b"a", 11), message(7, "a", "", "", "0123456789"), "Control(Ping)".into()]
    );
    let input = b"HMSG a.b 8 re 12 24\r\nNATS/1.0\r\n\r\n0123456789\r\n\r\nPING\r\n";
    assert_eq!(
        lines::<FromServer>(input, limits),
        [oversized(8, b"a.b", 24), "Control(Ping)".into()]
    );
    let input = b"PUB a 30\r\n0123456789012345678901234567\r\n\r\nPING\r\n";
    assert_eq!(lines::<FromClient>(input, limits), [oversized(0, b"a", 30), "Ping".into()]);
    for broken in [&b"MSG a 7 11\r\n01234567890x\n"[..], b"MSG a 7 11\r\n01234567890\rx"] {
        assert_eq!(
            lines::<FromServer>(broken, limits),
            [oversized(7, b"a", 11), "error: payload not followed by CRLF".into()]
        );
    }
}

#[test]
fn oversized_messages_are_counted() {
    let mut decoder = Decoder::<FromServer>::new(Limits::for_buffer(16));
    let mut input: &[u8] = b"MSG a 7 9\r\n012345678\r\nMSG a 7 8\r\n01234567\r\n";
    while let Ok(Decoded::Frame { len, .. } | Decoded::Skip { len }) = decoder.decode(input) {
        input = &input[len..];
    }
    assert_eq!((decoder.oversized(), input), (2, &b""[..]));
}

#[test]
fn a_control_line_longer_than_a_frame_is_streamed_through() {
    let limits = Limits { frame: 24, line: 80, ..Limits::DEFAULT };
    let oversized = |sid, size| {
        let headers = if size == 14 { 12 } else { 0 };
        let oversized = Oversized { sid: Sid(sid), subject: &[], size, headers };
        format!("Oversized({oversized:?})")
    };
    let long = "s".repeat(30);
    let table = [
        (format!("MSG {long} 7 2\r\nhi\r\n"), oversized(7, 2)),
        (format!("MSG {long} 7 reply 2\nhi\r\n"), oversized(7, 2)),
        (format!("MSG {long}\r+\r+ 7 12 2 \r\nhi\r\n"), oversized(7, 2)),
        (format!("msg\t{long}  0 {long} 0\r\n\r\n"), oversized(0, 0)),
        (format!("HMSG {long} 7 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"), oversized(7, 14)),
        (format!("HMSG {long} 7 r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"), oversized(7, 14)),
        (format!("MSG {long} 7\r\n"), "error: malformed arguments".into()),
        (format!("MSG {long} 7 a b 2\r\n"), "error: malformed arguments".into()),
        (format!("MSG {long} x 2\r\n"), "error: malformed arguments".into()),
        (format!("MSG {long} 7 2x\r\n"), "error: malformed arguments".into()),
        (format!("HMSG {long} 7 x 2\r\n"), "error: malformed arguments".into()),
        (format!("HMSG {long} 7 3 2\r\n"), DecodeError::HeaderSize.to_string()),
        (format!("MSG {long} 7 2147483648\r\n"), DecodeError::Overflow.to_string()),
        (format!("MSG {long} 18446744073709551616 2\r\n"), DecodeError::Overflow.to_string()),
        (format!("MSG {} 7 2\r\n", "s".repeat(76)), DecodeError::LineTooLong.to_string()),
    ];
    for (input, expected) in table {
        let told = lines::<FromServer>(format!("{input}PING\r\n").as_bytes(), limits);
        if expected.starts_with("Oversized") {
            assert_eq!(told, [expected, "Control(Ping)".into()], "{input:?}");
        } else {
            let expected = expected.strip_prefix("error: ").unwrap_or(&expected);
            assert_eq!(told, [format!("error: {expected}")], "{input:?}");
        }
    }
}

#[test]
fn a_long_error_is_cut_short_and_others_are_errors() {
    let limits = Limits { frame: 24, line: 64, ..Limits::DEFAULT };
    let input = b"-ERR 'Permissions Violation for Publish to \"a.b.c\"'\r\nPING\r\n";
    assert_eq!(
        tell::<FromServer>(input, [], limits).lines,
        ["Control(Err(ServerError(\"Permissions Violat\")))", "Control(Ping)"]
    );
    let endless = [&b"-ERR '"[..], &[b'x'; 80]].concat();
    let told = tell::<FromServer>(&endless, [], limits).lines;
    assert_eq!(told[1..], ["error: control line too long"]);
    let junk = [b'P'; 24];
    assert_eq!(tell::<FromServer>(&junk, [], limits).lines, ["error: control line too long"]);
}

/// A message line taken apart with the standard library.
fn naive_arguments(
    line: &str,
    has_headers: bool,
) -> Option<(String, u64, Option<String>, u32, u32)> {
    let words: Vec<&str> = line.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
    let number = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten()
    };
    let size = |text: &str| number(text).and_then(|n| i32::try_from(n).ok()).map(|n| n as u32);
    let (subject, sid, rest) = (words.first()?, number(words.get(1)?)?, words.get(2..)?);
    let numbers = 1 + usize::from(has_headers);
    let (reply, sizes) = match rest.len().checked_sub(numbers)? {
        0 => (None, rest),
        1 => (Some(String::from(rest[0])), &rest[1..]),
        _ => return None,
    };
    let total = size(sizes[numbers - 1])?;
    let headers = if has_headers { size(sizes[0])? } else { 0 };
    (headers <= total).then(|| (String::from(*subject), sid, reply, headers, total - headers))
}

proptest! {
    #[test]
    fn arguments_agree_with_the_naive_oracle(
        words in prop::collection::vec("[ \t]{0,2}([a-z.]{1,4}|[0-9]{1,3}|2147483647|2147483648|18446744073709551616)[ \t]{0,1}", 0..6),
        has_headers: bool,
    ) {
        let arguments = words.join(" ");
        let name = if has_headers { "HMSG" } else { "MSG" };
        let line = format!("{name} {arguments}");
        let parsed = args::message(
            line.as_bytes(),
            &line.as_bytes()[name.len()..],
            args::MessageKind { has_sid: true, has_headers },
        );
        let parsed = parsed.ok().map(|(sid, layout)| {
            let text = |span: crate::message::Span| {
                let start = usize::from(span.start);
                String::from(&line[start..start + usize::from(span.len)])
            };
            let reply = (layout.reply.len > 0).then(|| text(layout.reply));
            (text(layout.subject), sid.0, reply, layout.headers, layout.payload)
        });
        prop_assert_eq!(parsed, naive_arguments(&arguments, has_headers), "{:?}", line);
    }

    #[test]
    fn any_bytes_decode_alike_in_any_pieces(
        bytes in prop::collection::vec(prop::sample::select(&b"MSGHPUBINFO+-ERR \t\r\n\r\n019a.{}\xFF"[..]), 0..60),
        prefix in prop::sample::select(&["", "MSG a 1 9\r\n", "HMSG a 1 3 9\r\n", "INFO {", "PUB a 3\r\n", "-ERR "][..]),
        cuts in prop::collection::vec(0usize..80, 0..5),
        frame in prop::sample::select(&[16usize, 40, 1000][..]),
    ) {
        let input = [prefix.as_bytes(), &bytes].concat();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(input.len())).collect();
        cuts.sort_unstable();
        let limits = Limits { line: 30, frame, ..Limits::DEFAULT };
        let whole = tell::<FromServer>(&input, [], limits).lines;
        prop_assert_eq!(tell::<FromServer>(&input, cuts.clone(), limits).lines, whole);
        let whole = tell::<FromClient>(&input, [], limits).lines;
        prop_assert_eq!(tell::<FromClient>(&input, cuts, limits).lines, whole);
    }
}
