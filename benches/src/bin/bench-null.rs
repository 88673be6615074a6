//! A server that costs next to nothing: `sink` takes messages, `flood` sends prebuilt ones to
//! whoever subscribes, `echo` answers requests. Prints `LISTEN PORT` once it listens.

use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;

use nats_bench::Arguments;
use nats_proto::Headers;
use nats_proto::Sid;
use nats_proto::wire::ClientOp;
use nats_proto::wire::Decoded;
use nats_proto::wire::Decoder;
use nats_proto::wire::Deliver;
use nats_proto::wire::FromClient;
use nats_proto::wire::PONG;

const INFO: &[u8] = b"INFO {\"server_id\":\"NULL\",\"version\":\"2.99.0\",\"proto\":1,\"headers\":true,\"max_payload\":67108864}\r\n";

fn main() {
    let arguments = Arguments::read();
    let port = arguments.number("port", 0);
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).expect("a port");
    println!("LISTEN {}", listener.local_addr().expect("its address").port());
    for socket in listener.incoming() {
        let socket = socket.expect("a client");
        let arguments = arguments.clone();
        std::thread::spawn(move || {
            socket.set_nodelay(true).expect("no delay");
            // A client that hangs up ends its thread.
            let _ = match arguments.command.as_str() {
                "sink" => sink(socket),
                "flood" => flood(socket, &arguments),
                "echo" => echo(socket),
                other => panic!("there is no {other}"),
            };
        });
    }
}

/// Answers what ends in PING, and looks at nothing else.
fn sink(mut socket: TcpStream) -> std::io::Result<()> {
    socket.write_all(INFO)?;
    let mut buffer = vec![0; 256 * 1024];
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

/// Serves the control lines of a client; messages go to `message`, with the sid of the last SUB.
fn serve(
    socket: &mut TcpStream,
    mut message: impl FnMut(&mut TcpStream, Option<ClientOp<'_>>, Sid) -> std::io::Result<()>,
) -> std::io::Result<()> {
    socket.write_all(INFO)?;
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
                ClientOp::Ping => socket.write_all(PONG)?,
                ClientOp::Subscribe(args) => {
                    sid = args.sid;
                    message(socket, Some(op), sid)?;
                }
                op => message(socket, Some(op), sid)?,
            }
        }
        message(socket, None, sid)?;
    }
}

fn flood(mut socket: TcpStream, arguments: &Arguments) -> std::io::Result<()> {
    let count = arguments.number("count", 1_000_000);
    let size = arguments.number("size", 16);
    serve(&mut socket, |socket, op, sid| {
        let Some(ClientOp::Subscribe(args)) = op else { return Ok(()) };
        if args.subject != nats_bench::SUBJECT.as_bytes() {
            return Ok(());
        }
        let frame =
            [format!("MSG x {sid} {size}\r\n").as_bytes(), &vec![b'x'; size], b"\r\n"].concat();
        let per_block = (256 * 1024 / frame.len()).max(1);
        let block = frame.repeat(per_block);
        let mut left = count;
        while left > 0 {
            let now = left.min(per_block);
            socket.write_all(&block[..now * frame.len()])?;
            left -= now;
        }
        Ok(())
    })
}

fn echo(mut socket: TcpStream) -> std::io::Result<()> {
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
