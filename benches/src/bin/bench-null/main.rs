//! A server that costs next to nothing: `sink` takes messages, `flood` sends prebuilt ones to
//! whoever subscribes, `echo` answers requests, `fan` sends a client what it publishes. Prints
//! `LISTEN PORT` once it listens. `js-ack`, `js-deliver` and `js-idle` are a null JetStream.
//! `certificates` makes some for TLS.

mod jetstream;

use std::io::Read;
use std::io::Result;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use nats_bench::Arguments;
use nats_bench::frames;
use nats_bench::tls;
use nats_bench::tls::Stream;
use nats_proto::Headers;
use nats_proto::Sid;
use nats_proto::wire::ClientOp;
use nats_proto::wire::Decoded;
use nats_proto::wire::Decoder;
use nats_proto::wire::Deliver;
use nats_proto::wire::FromClient;
use nats_proto::wire::PONG;
use tokio_rustls::rustls::ServerConfig;

use self::jetstream::Mode;

const BLOCK: usize = 256 * 1024;

fn main() {
    let arguments = Arguments::read();
    let folder = arguments.text("tls", "");
    if arguments.command == "certificates" {
        tls::make_certificates(Path::new(&folder));
        return;
    }
    let tls = (!folder.is_empty()).then(|| tls::server_config(Path::new(&folder)));
    let port = arguments.number("port", 0);
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).expect("a port");
    println!("LISTEN {}", listener.local_addr().expect("its address").port());
    for socket in listener.incoming() {
        let socket = socket.expect("a client");
        let (arguments, tls) = (arguments.clone(), tls.clone());
        std::thread::spawn(move || {
            socket.set_nodelay(true).expect("no delay");
            let size = arguments.number("size", 16);
            // A client that hangs up ends its thread.
            let _ = greet(socket, tls).and_then(|stream| match arguments.command.as_str() {
                "sink" => sink(stream),
                "flood" => flood(stream, &arguments),
                "echo" => echo(stream),
                "fan" => fan(stream),
                "js-ack" => jetstream::serve(stream, Mode::Acknowledge, size),
                "js-deliver" => jetstream::serve(stream, Mode::Deliver, size),
                "js-idle" => jetstream::serve(stream, Mode::Idle, size),
                other => panic!("there is no {other}"),
            });
        });
    }
}

/// Sends INFO; TLS comes behind it.
fn greet(mut socket: TcpStream, tls: Option<Arc<ServerConfig>>) -> Result<Stream> {
    let is_tls = tls.is_some();
    let info = format!(
        "INFO {{\"server_id\":\"NULL\",\"version\":\"2.99.0\",\"proto\":1,\"headers\":true,\
         \"max_payload\":67108864,\"tls_required\":{is_tls}}}\r\n"
    );
    socket.write_all(info.as_bytes())?;
    Ok(match tls {
        Some(config) => Stream::server(socket, config),
        None => Stream::Plain(socket),
    })
}

/// Answers what ends in PING, and looks at nothing else.
fn sink(mut socket: Stream) -> Result<()> {
    let mut buffer = vec![0; BLOCK];
    // The end of what was read before may be the beginning of a PING.
    let mut kept = 0;
    loop {
        let len = socket.read(&mut buffer[kept..])?;
        if len == 0 {
            return Ok(());
        }
        let end = kept + len;
        if buffer[..end].ends_with(b"PING\r\n") {
            socket.write_all(PONG)?;
        }
        kept = end.min(5);
        buffer.copy_within(end - kept..end, 0);
    }
}

/// Serves the control lines of a client; everything else goes to `handle`, with the sid of the last
/// SUB, and `None` where what was answered has to be sent.
fn serve(
    socket: &mut Stream,
    mut handle: impl FnMut(&mut Stream, Option<ClientOp<'_>>, Sid) -> Result<()>,
) -> Result<()> {
    let mut decoder = Decoder::<FromClient>::default();
    let mut buffer = vec![0; 1 << 20];
    let (mut start, mut end) = (0, 0);
    let mut sid = Sid(0);
    loop {
        buffer.copy_within(start..end, 0);
        (start, end) = (0, end - start);
        let len = socket.read(&mut buffer[end..])?;
        if len == 0 {
            return Ok(());
        }
        end += len;
        while let Ok(Decoded::Frame { op, len }) = decoder.decode(&buffer[start..end]) {
            start += len;
            match op {
                ClientOp::Ping => {
                    handle(socket, None, sid)?;
                    socket.write_all(PONG)?;
                }
                ClientOp::Subscribe(args) => {
                    sid = args.sid;
                    handle(socket, Some(op), sid)?;
                }
                op => handle(socket, Some(op), sid)?,
            }
        }
        handle(socket, None, sid)?;
    }
}

fn flood(mut socket: Stream, arguments: &Arguments) -> Result<()> {
    let count = arguments.number("count", 1_000_000);
    let size = arguments.number("size", 16);
    serve(&mut socket, |socket, op, sid| {
        let Some(ClientOp::Subscribe(args)) = op else { return Ok(()) };
        if args.subject != nats_bench::SUBJECT.as_bytes() {
            return Ok(());
        }
        let frame = frames::message(sid.0, size);
        let block = frames::block(&frame, BLOCK);
        let mut left = count;
        while left > 0 {
            let now = left.min(block.len() / frame.len());
            socket.write_all(&block[..now * frame.len()])?;
            left -= now;
        }
        Ok(())
    })
}

fn echo(mut socket: Stream) -> Result<()> {
    let mut replies = Vec::new();
    serve(&mut socket, |socket, op, sid| match op {
        Some(ClientOp::Publish(request)) => {
            let reply = Deliver {
                subject: request.reply_bytes().unwrap_or_default(),
                sid,
                reply: None,
                headers: Headers::NONE,
                payload: request.payload(),
            };
            reply.encode(&mut replies).expect("memory");
            Ok(())
        }
        Some(_) => Ok(()),
        None => {
            socket.write_all(&replies)?;
            replies.clear();
            Ok(())
        }
    })
}

/// Everything goes to every subscription of the same client, except what would end this process.
fn fan(mut socket: Stream) -> Result<()> {
    let (mut sids, mut out) = (Vec::new(), Vec::new());
    serve(&mut socket, |socket, op, _| match op {
        Some(ClientOp::Subscribe(args)) => {
            sids.push(args.sid);
            Ok(())
        }
        Some(ClientOp::Publish(message)) => {
            if message.subject_bytes() == nats_bench::DIE.as_bytes() {
                std::process::exit(0);
            }
            for &sid in &sids {
                let copy = Deliver {
                    subject: message.subject_bytes(),
                    sid,
                    reply: None,
                    headers: Headers::NONE,
                    payload: message.payload(),
                };
                copy.encode(&mut out).expect("memory");
            }
            Ok(())
        }
        Some(_) => Ok(()),
        None => {
            socket.write_all(&out)?;
            out.clear();
            Ok(())
        }
    })
}
