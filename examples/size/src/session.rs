//! The bare core: a session that connects, subscribes, publishes, and hands over messages.

use nats_proto::Filter;
use nats_proto::Fixed;
use nats_proto::Instant;
use nats_proto::Message;
use nats_proto::RngSeed;
use nats_proto::ServerUrl;
use nats_proto::Subject;
use nats_proto::session::Auth;
use nats_proto::session::ClientInfo;
use nats_proto::session::Config;
use nats_proto::session::DisconnectReason;
use nats_proto::session::Phase;
use nats_proto::session::Session;
use nats_proto::wire::Decoded;
use nats_proto::wire::Decoder;
use nats_proto::wire::FromServer;
use nats_proto::wire::Limits;
use nats_proto::wire::Publish;
use nats_proto::wire::SendBuf;
use nats_proto::wire::ServerOp;
use static_cell::StaticCell;

use crate::fill;
use crate::input;
use crate::output;
use crate::put;

/// A session with room for 4 subscriptions.
pub type Nats<const SERVERS: usize> = Session<Fixed<u8, 4, SERVERS, 48>>;

/// What stands above a session.
pub trait Layer<const SERVERS: usize> {
    /// Does what is to be done on a connection.
    fn exchange(&mut self, session: &mut Nats<SERVERS>, out: &mut SendBuf<'_>);

    /// Looks at a message of one of its subscriptions.
    fn receive(&mut self, recipient: u8, message: &Message<&[u8]>);

    /// The connection is lost.
    fn disconnect(&mut self);
}

/// Nothing.
impl<const SERVERS: usize> Layer<SERVERS> for () {
    fn exchange(&mut self, _: &mut Nats<SERVERS>, _: &mut SendBuf<'_>) {}

    fn receive(&mut self, _: u8, _: &Message<&[u8]>) {}

    fn disconnect(&mut self) {}
}

/// All that a device does with the core.
pub fn run<const SERVERS: usize>(
    place: &'static StaticCell<Nats<SERVERS>>,
    mut layer: impl Layer<SERVERS>,
) -> ! {
    let session = place.init(Session::new(Config::DEFAULT, RngSeed([1; 16])));
    if let Ok(url) = ServerUrl::new("nats://10.0.0.1:4222") {
        let _ = session.add_server(&url);
    }
    session.connect(now());
    let _ = session.subscribe(Filter::from_static("lamp"), None, 1);
    let (mut rx, mut tx) = ([0; 512], [0; 512]);
    let mut decoder = Decoder::<FromServer>::new(Limits::for_buffer(512));
    let mut filled = 0;
    loop {
        while session.handle_timeout(now()).is_some() {}
        match session.phase() {
            Phase::Dial(_) => {
                put(session.target().map(|server| server.host()).unwrap_or_default().as_bytes());
                session.handle_open();
            }
            Phase::Login => {
                let len = session.log_in(&ClientInfo::DEFAULT, &Auth::None, &mut tx);
                put(tx.get(..len.unwrap_or_default()).unwrap_or_default());
            }
            Phase::Exchange => {
                let mut out = SendBuf::new(&mut tx);
                let _ = session.poll_transmit(&mut out);
                if session.is_ready() {
                    let _ = Publish::new(Subject::from_static("t"), b"21").encode(&mut out);
                    layer.exchange(session, &mut out);
                }
                put(out.as_ref());
                filled += fill(rx.get_mut(filled..).unwrap_or_default());
                let decoded = decoder.decode(rx.get(..filled).unwrap_or_default());
                let len = match decoded {
                    Ok(Decoded::Frame { op, len }) => {
                        match op {
                            ServerOp::Message(message) => {
                                if let Some(recipient) = session.deliver(message.sid()) {
                                    output(u32::from(*recipient));
                                    put(message.payload());
                                    layer.receive(*recipient, &message);
                                }
                            }
                            ServerOp::Control(op) => {
                                session.handle_control(op, now());
                            }
                            _ => {}
                        }
                        len
                    }
                    Ok(Decoded::Skip { len }) => len,
                    Ok(_) => 0,
                    Err(error) => {
                        session.handle_disconnected(DisconnectReason::Protocol(error), now());
                        filled
                    }
                };
                filled = filled.min(512);
                let len = len.min(filled);
                rx.copy_within(len..filled, 0);
                filled -= len;
            }
            _ => {
                layer.disconnect();
                session.handle_disconnected(DisconnectReason::Closed, now());
            }
        }
    }
}

/// What time it is, as far as anybody knows.
pub fn now() -> Instant {
    Instant::from_millis(u64::from(input()))
}
