//! Counts the instructions for a message, decoded and encoded. `cargo xtask cycles` runs it in QEMU with
//! `-icount`, so the numbers are the same every time.
#![no_std]
#![no_main]

#[cfg(target_arch = "arm")]
#[path = "arm.rs"]
mod machine;
#[cfg(target_arch = "riscv32")]
#[path = "riscv.rs"]
mod machine;

use core::hint::black_box;
use core::panic::PanicInfo;

use nats_proto::Headers;
use nats_proto::Instant;
use nats_proto::Sid;
use nats_proto::Subject;
use nats_proto::jetstream::AckKind;
use nats_proto::jetstream::Fetch;
use nats_proto::jetstream::FetchConfig;
use nats_proto::jetstream::FetchOutput;
use nats_proto::jetstream::Handling;
use nats_proto::jetstream::PullStatus;
use nats_proto::jetstream::pulled_size;
use nats_proto::wire::Decoded;
use nats_proto::wire::Decoder;
use nats_proto::wire::Deliver;
use nats_proto::wire::FromServer;
use nats_proto::wire::Limits;
use nats_proto::wire::Publish;
use nats_proto::wire::SendBuf;
use nats_proto::wire::ServerOp;
use semihosting::println;
use semihosting::process::exit;

const SUBJECT: Subject<'static> = Subject::from_static("device.seven.telemetry");
/// As much as a device has for receiving.
const BUFFER: usize = 1024;
/// How often a buffer is looked through, or filled.
const ROUNDS: u32 = 200;

fn measure() -> ! {
    println!("MSG, 16 B, decoded: {}", decode(&[b'x'; 16]));
    println!("MSG, 128 B, decoded: {}", decode(&[b'x'; 128]));
    println!("PUB, 16 B, encoded: {}", encode(&[b'x'; 16]));
    println!("PUB, 128 B, encoded: {}", encode(&[b'x'; 128]));
    println!("JetStream, 16 B, delivered and acknowledged: {}", deliver(&[b'x'; 16]));
    exit(0)
}

/// Instructions per message of a consumer: decoded, counted for its pull, and acknowledged.
fn deliver(payload: &[u8]) -> u32 {
    let (mut memory, mut acks) = ([0; BUFFER], [0; BUFFER]);
    let mut buffer = SendBuf::new(&mut memory);
    let message = Deliver {
        subject: SUBJECT.as_bytes(),
        sid: Sid(3),
        reply: Some(b"$JS.ACK.JOBS.device-7.1.1234.1200.1795849452224744241.3"),
        headers: Headers::NONE,
        payload,
    };
    while message.encode(&mut buffer).is_ok() {}
    let now = Instant::from_millis(0);
    let mut fetch = Fetch::new();
    fetch.handle_connected();
    fetch.start(FetchConfig::new(u32::MAX), now);
    let Some(FetchOutput::Subscribe(inbox)) = fetch.poll_output(now) else { panic!("no inbox") };
    let Some(FetchOutput::Pull(_)) = fetch.poll_output(now) else { panic!("no pull") };
    let mut messages = 0;
    let count = machine::count(|| {
        for _ in 0..ROUNDS {
            let mut decoder = Decoder::<FromServer>::new(Limits::for_buffer(BUFFER));
            let mut rest = black_box(buffer.as_ref());
            let mut out = SendBuf::new(&mut acks);
            while !rest.is_empty() {
                let decoded = decoder.decode(rest);
                let Ok(Decoded::Frame { op: ServerOp::Message(message), len }) = decoded else {
                    panic!("{decoded:?}");
                };
                assert!(PullStatus::read(&message).is_none());
                let handling = fetch.handle_message(inbox, pulled_size(&message), now);
                assert!(handling == Handling::Deliver);
                black_box(message.payload());
                let reply = core::str::from_utf8(message.reply_bytes().unwrap_or_default());
                let reply = Subject::new(reply.unwrap_or_default()).expect("it is a subject");
                let body = AckKind::Ack.as_static().unwrap_or_default();
                Publish::new(reply, body).encode(&mut out).expect("there is room");
                rest = &rest[len..];
                messages += 1;
            }
            black_box(out.as_ref());
        }
    });
    count / messages
}

/// Instructions per message, out of a buffer that is full of them.
fn decode(payload: &[u8]) -> u32 {
    let mut memory = [0; BUFFER];
    let mut buffer = SendBuf::new(&mut memory);
    let message = Deliver {
        subject: SUBJECT.as_bytes(),
        sid: Sid(3),
        reply: None,
        headers: Headers::NONE,
        payload,
    };
    while message.encode(&mut buffer).is_ok() {}
    let mut messages = 0;
    let count = machine::count(|| {
        for _ in 0..ROUNDS {
            let mut decoder = Decoder::<FromServer>::new(Limits::for_buffer(BUFFER));
            let mut rest = black_box(buffer.as_ref());
            while !rest.is_empty() {
                let decoded = decoder.decode(rest);
                let Ok(Decoded::Frame { op: ServerOp::Message(message), len }) = decoded else {
                    panic!("{decoded:?}");
                };
                black_box((message.sid(), message.payload()));
                rest = &rest[len..];
                messages += 1;
            }
        }
    });
    count / messages
}

/// Instructions per message, into a buffer until it is full.
fn encode(payload: &[u8]) -> u32 {
    let mut memory = [0; BUFFER];
    let message = Publish::new(SUBJECT, payload);
    let fit = BUFFER / message.encoded_len();
    let count = machine::count(|| {
        for _ in 0..ROUNDS {
            let mut buffer = SendBuf::new(&mut memory);
            for _ in 0..fit {
                black_box(&message).encode(&mut buffer).expect("there is room");
            }
            black_box(buffer.as_ref());
        }
    });
    count / (ROUNDS * fit as u32)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    println!("{info}");
    exit(101)
}
