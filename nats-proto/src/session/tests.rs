mod adding;
mod confirming;
mod connecting;
mod defaults;
mod discovery;
mod draining;
mod ending;
mod leaving;
mod login;
mod model;
mod phases;
mod publishing;
mod reconnecting;
mod refusing;
mod requesting;
mod subscribing;

use std::format;
use std::string::String;
use std::string::ToString;
use std::vec::Vec;

use super::*;
use crate::session::store::Fixed;
use crate::storage::SendBuf;
use crate::url::ServerUrl;
use crate::wire::Decoded;
use crate::wire::Decoder;
use crate::wire::FromServer;
use crate::wire::ServerOp;

const INFO: &str =
    "INFO {\"server_id\":\"S\",\"nonce\":\"abc\",\"headers\":true,\"max_payload\":100}";

/// A session under a clock and a wire that the test holds.
struct World<S: Store<Recipient = u8>> {
    session: Session<S>,
    now: Instant,
    decoder: Decoder<FromServer>,
}

type Small = Fixed<u8, 4, 3, 64>;

impl<S: Store<Recipient = u8>> World<S> {
    fn new(config: Config, servers: &[&str]) -> Self {
        let mut session = Session::new(config, RngSeed([5; 16]));
        for server in servers {
            let url = ServerUrl::new(server).unwrap().without_user_info();
            session.add_server(&url).unwrap();
        }
        Self { session, now: Instant::from_millis(1_000), decoder: Decoder::default() }
    }

    fn connected() -> Self {
        let mut world = Self::new(Config::DEFAULT, &["a"]);
        world.connect();
        world
    }

    fn connect(&mut self) {
        self.session.connect(self.now);
        self.session.handle_open();
        assert_eq!(self.receive(INFO), [""; 0]);
        assert_eq!(self.login(), "CONNECT ..|PING");
        assert_eq!(self.receive("PONG"), ["Connected"]);
    }

    fn login(&mut self) -> String {
        let mut memory = [0; 512];
        let len = self.session.log_in(&ClientInfo::DEFAULT, &Auth::None, &mut memory).unwrap();
        let line = core::str::from_utf8(&memory[..len]).unwrap();
        assert!(line.starts_with("CONNECT {") && line.ends_with("}\r\n"), "{line}");
        format!("CONNECT ..|{}", self.sent())
    }

    /// Feeds lines, and returns the events and the routes of messages.
    fn receive(&mut self, lines: &str) -> Vec<String> {
        let mut told = Vec::new();
        let bytes = lines.split('|').map(|line| format!("{line}\r\n")).collect::<String>();
        let mut input = bytes.as_bytes();
        while let Decoded::Frame { op, len } = self.decoder.decode(input).unwrap() {
            match op {
                ServerOp::Message(message) => match self.session.deliver(message.sid()) {
                    Some(recipient) => told.push(format!("to {recipient}")),
                    None => told.push("dropped".into()),
                },
                ServerOp::Control(op) => {
                    let event = self.session.handle_control(op, self.now);
                    told.extend(event.map(|event| format!("{event:?}")));
                }
                other => panic!("{other:?}"),
            }
            input = &input[len..];
        }
        told
    }

    /// Everything that is to be sent, in lines.
    fn sent(&mut self) -> String {
        let mut memory = [0; 1024];
        let mut out = SendBuf::new(&mut memory);
        self.session.poll_transmit(&mut out).unwrap();
        assert!(!self.session.has_transmit());
        let text = core::str::from_utf8(out.as_ref()).unwrap();
        text.split_terminator("\r\n").collect::<Vec<_>>().join("|")
    }

    fn released(&mut self) -> Vec<(u8, EndReason)> {
        core::iter::from_fn(|| self.session.poll_released())
            .map(|released| (released.recipient, released.ended))
            .collect()
    }

    fn subscribe(&mut self, filter: &str, recipient: u8) -> Sid {
        self.session.subscribe(Filter::new(filter).unwrap(), None, recipient).unwrap()
    }

    /// Lets the earliest timer expire.
    fn wait(&mut self) -> (Timer, Option<Event<'static>>) {
        let (deadline, timer) = self.session.poll_timeout().unwrap();
        self.now = self.now.max(deadline);
        (timer, self.session.handle_timeout(self.now))
    }

    /// Goes on from a dialled server to a connection.
    fn establish(&mut self) -> String {
        self.decoder = Decoder::default();
        self.session.handle_open();
        assert_eq!(self.receive(INFO), [""; 0]);
        self.login();
        self.receive("PONG").join("|")
    }

    /// Loses the connection, or the attempt to make one.
    fn lose(&mut self, reason: DisconnectReason) -> Event<'static> {
        self.session.handle_disconnected(reason, self.now).unwrap()
    }

    /// Waits for the next attempt, and returns how long that took in milliseconds, and whom it
    /// is for.
    fn redial(&mut self) -> (u64, String) {
        let before = self.now;
        assert_eq!(self.session.phase(), Phase::Wait);
        let (timer, event) = self.wait();
        assert!(matches!(event, Some(Event::Reconnecting { .. })), "{event:?}");
        assert_eq!(timer, Timer::Reconnect);
        let waited = self.now.since(before).as_millis();
        (u64::try_from(waited).unwrap(), self.host().to_string())
    }

    fn host(&self) -> &str {
        match (self.session.phase(), self.session.target()) {
            (Phase::Dial(_), Some(server)) => server.host(),
            other => panic!("{other:?}"),
        }
    }
}
