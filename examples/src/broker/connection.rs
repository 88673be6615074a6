//! One client of the broker.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Buf;
use bytes::BytesMut;
use nats_proto::Filter;
use nats_proto::Subject;
use nats_proto::wire::ClientOp;
use nats_proto::wire::ConnectView;
use nats_proto::wire::Decoded;
use nats_proto::wire::Decoder;
use nats_proto::wire::FromClient;
use nats_proto::wire::Info;
use nats_proto::wire::Limits;
use nats_proto::wire::OK;
use nats_proto::wire::PONG;
use nats_proto::wire::SubscribeArgs;
use nats_proto::wire::encode_error;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::tcp::OwnedWriteHalf;

use super::Options;
use super::mailbox::Mailbox;
use super::router::Publisher;
use super::router::Router;

/// How long the last words to a client may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why the broker hangs up, in its own words.
struct Goodbye(&'static str);

/// What the broker knows of a client.
struct Client {
    router: Arc<Router>,
    options: Arc<Options>,
    mailbox: Arc<Mailbox>,
    publisher: Publisher,
    is_verbose: bool,
    is_pedantic: bool,
    is_welcome: bool,
}

pub(super) async fn serve(
    socket: TcpStream,
    address: SocketAddr,
    router: Arc<Router>,
    options: Arc<Options>,
) {
    // It is only slower without.
    let _ = socket.set_nodelay(true);
    let (reader, writer) = socket.into_split();
    let mailbox = Arc::new(Mailbox::new(options.max_pending));
    let id = router.new_client();
    let mut client = Client {
        publisher: Publisher { client: id, wants_echo: true, wants_no_responders: false },
        router,
        mailbox,
        is_verbose: true,
        is_pedantic: false,
        is_welcome: options.user.is_none(),
        options,
    };
    client.greet(address);
    let mailbox = Arc::clone(&client.mailbox);
    let mut writing = pin!(write(writer, &mailbox));
    // What either failed with is of no interest then: the client is gone, or has to be.
    tokio::select! {
        _ = client.read(reader) => {
            mailbox.end();
            let _ = tokio::time::timeout(PATIENCE, writing).await;
        }
        _ = &mut writing => {}
    }
    client.router.forget(id);
}

/// Writes what comes into the mailbox, until it ends or the client stops reading.
async fn write(mut writer: OwnedWriteHalf, mailbox: &Mailbox) -> io::Result<()> {
    while let Some(mut bytes) = mailbox.taken().await {
        while bytes.has_remaining() {
            tokio::select! {
                written = writer.write_buf(&mut bytes) => mailbox.note_written(written?),
                () = mailbox.overflowed() => {
                    // If there is room for it.
                    let _ = writer.try_write(b"-ERR 'Slow Consumer'\r\n");
                    return Ok(());
                }
            }
        }
    }
    writer.shutdown().await
}

impl Client {
    fn greet(&self, address: SocketAddr) {
        let mut line = Vec::new();
        let info = Info::DEFAULT
            .server_id("NATS-EXAMPLE-BROKER")
            .server_name("example-broker")
            .version(env!("CARGO_PKG_VERSION"))
            .client_id(self.publisher.client)
            .max_payload(u32::try_from(self.options.max_payload).unwrap_or(u32::MAX))
            .auth_required(self.options.user.is_some())
            .port(address.port());
        // A vector takes what fits into memory.
        let _ = info.encode(&mut line);
        self.mailbox.put(&line);
    }

    /// Reads until the client hangs up, or has to.
    async fn read(&mut self, mut reader: OwnedReadHalf) -> io::Result<()> {
        let frame = self.options.max_payload + Limits::DEFAULT.line + 4;
        let mut decoder = Decoder::<FromClient>::new(Limits::DEFAULT.frame(frame));
        let mut buffer = BytesMut::with_capacity(32 * 1024);
        while reader.read_buf(&mut buffer).await? > 0 {
            if let Err(Goodbye(text)) = self.handle_all(&mut decoder, &mut buffer) {
                let mut line = Vec::new();
                let _ = encode_error(text, &mut line);
                self.mailbox.put(&line);
                break;
            }
        }
        Ok(())
    }

    fn handle_all(
        &mut self,
        decoder: &mut Decoder<FromClient>,
        buffer: &mut BytesMut,
    ) -> Result<(), Goodbye> {
        loop {
            let decoded = decoder.decode(buffer);
            let len = match decoded.map_err(|_| Goodbye("Unknown Protocol Operation"))? {
                Decoded::Frame { op, len } => {
                    self.handle(op)?;
                    len
                }
                Decoded::Skip { len } => len,
                Decoded::Partial { need } => {
                    buffer.reserve(need.get());
                    return Ok(());
                }
            };
            buffer.advance(len);
        }
    }

    fn handle(&mut self, op: ClientOp<'_>) -> Result<(), Goodbye> {
        if !self.is_welcome && !matches!(op, ClientOp::Connect(_)) {
            return Err(Goodbye("Authorization Violation"));
        }
        match op {
            ClientOp::Connect(connect) => self.handle_connect(connect)?,
            ClientOp::Publish(message)
                if message.layout().body_len() > self.options.max_payload =>
            {
                return Err(Goodbye("Maximum Payload Violation"));
            }
            ClientOp::Publish(message) => {
                if self.is_pedantic && Subject::new(message.subject()).is_err() {
                    self.mailbox.put(b"-ERR 'Invalid Publish Subject'\r\n");
                }
                self.router.publish(&message, self.publisher);
            }
            ClientOp::Subscribe(args) if is_valid(&args) => {
                self.router.subscribe(args, self.publisher.client, &self.mailbox);
            }
            ClientOp::Subscribe(_) => {
                self.mailbox.put(b"-ERR 'Invalid Subject'\r\n");
                return Ok(());
            }
            ClientOp::Unsubscribe(args) => self.router.unsubscribe(args, self.publisher.client),
            ClientOp::Ping => {
                self.mailbox.put(PONG);
                return Ok(());
            }
            ClientOp::Pong => return Ok(()),
            ClientOp::Oversized(_) => return Err(Goodbye("Maximum Payload Violation")),
            _ => return Err(Goodbye("Unknown Protocol Operation")),
        }
        if self.is_verbose {
            self.mailbox.put(OK);
        }
        Ok(())
    }

    fn handle_connect(&mut self, connect: ConnectView<'_>) -> Result<(), Goodbye> {
        connect.check().map_err(|_| Goodbye("Unknown Protocol Operation"))?;
        if let Some((user, password)) = &self.options.user {
            let is = |key, expected: &str| {
                connect.text(key, &mut Vec::new()).is_some_and(|text| text == expected)
            };
            if !is("user", user) || !is("pass", password) {
                return Err(Goodbye("Authorization Violation"));
            }
        }
        let has_headers = connect.flag("headers").unwrap_or(false);
        let wants_no_responders = connect.flag("no_responders").unwrap_or(false);
        if wants_no_responders && !has_headers {
            return Err(Goodbye("no responders requires headers support"));
        }
        self.is_welcome = true;
        self.mailbox.takes_headers(has_headers);
        self.is_verbose = connect.flag("verbose").unwrap_or(true);
        self.is_pedantic = connect.flag("pedantic").unwrap_or(true);
        self.publisher.wants_echo = connect.flag("echo").unwrap_or(true);
        self.publisher.wants_no_responders = wants_no_responders;
        Ok(())
    }
}

fn is_valid(args: &SubscribeArgs<'_>) -> bool {
    std::str::from_utf8(args.subject).is_ok_and(|subject| Filter::new(subject).is_ok())
}
