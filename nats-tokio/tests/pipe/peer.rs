//! The server's end of the pipe.

use std::time::Duration;

use bytes::Buf;
use bytes::BytesMut;
use nats_proto::wire::ClientOp;
use nats_proto::wire::Decoded;
use nats_proto::wire::Decoder;
use nats_proto::wire::FromClient;
use nats_tokio::Client;
use nats_tokio::ConnectOptions;
use nats_tokio::Transport;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;

pub(crate) const INFO: &str = r#"INFO {"server_id":"S","server_name":"peer","version":"2.99.0","proto":1,"headers":true,"max_payload":1000000,"client_id":7,"client_ip":"1.2.3.4"}"#;

/// Talks like a server, as the test tells it to.
pub(crate) struct Peer {
    stream: Box<dyn Transport>,
    decoder: Decoder<FromClient>,
    buffer: BytesMut,
}

/// A client and the server that it is connected to, with so many bytes between them.
pub(crate) async fn connected(options: ConnectOptions, capacity: usize) -> (Client, Peer) {
    let (ours, theirs) = tokio::io::duplex(capacity);
    let mut peer = Peer::new(theirs);
    let (client, ()) = tokio::join!(options.connect_stream(ours), peer.accept());
    (client.unwrap(), peer)
}

pub(crate) async fn pair() -> (Client, Peer) {
    connected(ConnectOptions::new(), 64 * 1024).await
}

impl Peer {
    pub(crate) fn new(stream: impl Transport) -> Self {
        Self { stream: Box::new(stream), decoder: Decoder::default(), buffer: BytesMut::new() }
    }

    /// The handshake.
    pub(crate) async fn accept(&mut self) {
        self.send(INFO).await;
        assert!(self.next().await.starts_with("CONNECT {"));
        assert_eq!(self.next().await, "PING");
        self.send("PONG").await;
    }

    /// Sends a line, or several with `|` between them.
    pub(crate) async fn send(&mut self, lines: &str) {
        self.send_bytes(format!("{}\r\n", lines.replace('|', "\r\n")).as_bytes()).await;
    }

    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// What the client says next, as text; `closed` if it hangs up.
    pub(crate) async fn next(&mut self) -> String {
        self.next_op(tell).await.unwrap_or_else(|| "closed".to_owned())
    }

    /// The subject and the payload of the message that the client sends next.
    pub(crate) async fn take(&mut self) -> (String, Vec<u8>) {
        let message = self.next_op(|op| match op {
            ClientOp::Publish(message) => {
                (message.subject().to_owned(), message.payload().to_vec())
            }
            other => panic!("{other:?}"),
        });
        message.await.expect("a message")
    }

    /// The subject, the reply subject and the payload of the request that the client sends next.
    pub(crate) async fn take_request(&mut self) -> (String, String, Vec<u8>) {
        let request = self.next_op(|op| match op {
            ClientOp::Publish(message) => {
                let reply = message.reply().expect("a request").to_owned();
                (message.subject().to_owned(), reply, message.payload().to_vec())
            }
            other => panic!("{other:?}"),
        });
        request.await.expect("a request")
    }

    pub(crate) async fn next_op<T>(&mut self, tell: impl Fn(ClientOp<'_>) -> T) -> Option<T> {
        loop {
            match self.decoder.decode(&self.buffer).expect("a protocol error of the client") {
                Decoded::Frame { op, len } => {
                    let told = tell(op);
                    self.buffer.advance(len);
                    return Some(told);
                }
                Decoded::Skip { len } => self.buffer.advance(len),
                Decoded::Partial { .. } => {
                    if self.stream.read_buf(&mut self.buffer).await.unwrap() == 0 {
                        assert!(self.buffer.is_empty(), "half a frame");
                        return None;
                    }
                }
            }
        }
    }

    /// What the client says next must be this.
    pub(crate) async fn expect(&mut self, lines: &[&str]) {
        for line in lines {
            assert_eq!(self.next().await, *line);
        }
    }

    /// The client has nothing to say for now.
    pub(crate) async fn expect_silence(&mut self) {
        let next = tokio::time::timeout(Duration::from_millis(10), self.next()).await;
        assert!(next.is_err(), "{next:?}");
    }

    /// Answers PING and ignores everything else until the client hangs up.
    pub(crate) async fn serve(mut self) -> Vec<String> {
        let mut heard = Vec::new();
        loop {
            let next = self.next().await;
            if next == "PING" {
                self.send("PONG").await;
            }
            heard.push(next);
            if heard.last().is_some_and(|last| last == "closed") {
                return heard;
            }
        }
    }
}

fn tell(op: ClientOp<'_>) -> String {
    let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
    match op {
        ClientOp::Publish(message) => {
            let reply = message.reply().map(|reply| format!(" {reply}")).unwrap_or_default();
            let headers: String =
                message.headers().iter().map(|(name, value)| format!(" {name}={value}")).collect();
            let name = if message.headers().is_empty() { "PUB" } else { "HPUB" };
            let payload = match message.payload() {
                short if short.len() < 100 => text(short),
                long => format!("({} bytes)", long.len()),
            };
            format!("{name} {}{reply}{headers}: {payload}", message.subject())
        }
        ClientOp::Subscribe(args) => {
            let queue = args.queue.map(|queue| format!(" {}", text(queue))).unwrap_or_default();
            format!("SUB {}{queue} {}", text(args.subject), args.sid)
        }
        ClientOp::Unsubscribe(args) => {
            let max = args.max.map(|max| format!(" {max}")).unwrap_or_default();
            format!("UNSUB {}{max}", args.sid)
        }
        ClientOp::Connect(connect) => format!("CONNECT {}", text(connect.as_bytes())),
        ClientOp::Ping => "PING".to_owned(),
        ClientOp::Pong => "PONG".to_owned(),
        other => panic!("{other:?}"),
    }
}
