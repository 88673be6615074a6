use core::num::NonZeroU64;
use core::time::Duration;
use std::format;
use std::string::String;
use std::vec::Vec;

use super::*;
use crate::store::Fixed;
use crate::wire::ClientOp;
use crate::wire::Decoded;
use crate::wire::Decoder;
use crate::wire::FromClient;
use crate::wire::FromServer;
use crate::wire::SendBuf;
use crate::wire::ServerOp;

const INFO: &str =
    "INFO {\"server_id\":\"S\",\"nonce\":\"abc\",\"headers\":true,\"max_payload\":100}";

/// A session under a clock and a wire that the test holds.
struct World<S: Store<Route = u8>> {
    session: Session<S>,
    now: Instant,
    decoder: Decoder<FromServer>,
}

type Small = Fixed<u8, 4, 3, 64>;

impl<S: Store<Route = u8>> World<S> {
    fn new(config: Config, servers: &[&str]) -> Self {
        let mut session = Session::new(config, Seed([5; 16]));
        for server in servers {
            session.add_server(&ServerUrl::new(server).unwrap()).unwrap();
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
        let len = self.session.login(&Connect::DEFAULT, &mut memory);
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
                    Some(route) => told.push(format!("to {route}")),
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

    fn released(&mut self) -> Vec<(u8, Ended)> {
        core::iter::from_fn(|| self.session.poll_released())
            .map(|released| (released.route, released.ended))
            .collect()
    }

    fn subscribe(&mut self, filter: &str, route: u8) -> Sid {
        self.session.subscribe(Filter::new(filter).unwrap(), None, route).unwrap()
    }

    /// Lets the earliest timer expire.
    fn wait(&mut self) -> (Timer, Option<Event<'static>>) {
        let (deadline, timer) = self.session.poll_timeout().unwrap();
        self.now = self.now.max(deadline);
        (timer, self.session.handle_timeout(self.now))
    }

    fn host(&self) -> &str {
        match self.session.step() {
            Step::Dial(server) => server.host(),
            step => panic!("{step:?}"),
        }
    }
}

#[test]
fn connects_in_the_documented_steps() {
    let mut world = World::<Small>::new(Config::DEFAULT, &["nats://u:p@host:4333"]);
    assert_eq!((world.session.step(), world.session.poll_timeout()), (Step::Wait, None));
    world.session.connect(world.now);
    let server = ServerUrl::new("nats://host:4333").unwrap();
    assert_eq!(world.session.step(), Step::Dial(server), "the credentials are not kept");
    world.session.handle_open();
    assert_eq!(world.session.step(), Step::Exchange);
    assert_eq!((world.sent().as_str(), world.receive(INFO)), ("", Vec::new()));
    let challenge = Challenge { server, nonce: "abc", auth_required: false, headers: true };
    assert_eq!(world.session.step(), Step::Login(challenge));
    assert_eq!(world.login(), "CONNECT ..|PING", "pipelined");
    assert_eq!(world.session.step(), Step::Exchange);
    assert!(!world.session.is_ready());
    assert_eq!(world.receive("PONG"), ["Connected"]);
    assert!(world.session.is_ready());
    assert_eq!(world.session.info().max_payload(), 100);
}

#[test]
fn connect_may_be_written_in_pieces() {
    let mut world = World::<Small>::new(Config::DEFAULT, &["a"]);
    world.session.connect(world.now);
    world.session.handle_open();
    world.receive(INFO);
    let mut line = Vec::<u8>::new();
    while matches!(world.session.step(), Step::Login(_)) {
        let mut piece = [0; 7];
        let len = world.session.login(&Connect::DEFAULT, &mut piece);
        line.extend(&piece[..len]);
        if len < piece.len() {
            break;
        }
        assert!(!world.session.has_transmit() || !matches!(world.session.step(), Step::Login(_)));
    }
    assert_eq!(line.len(), Connect::DEFAULT.encoded_len());
    assert_eq!(world.sent(), "PING");
}

#[test]
fn verbose_servers_and_pings_do_not_disturb_the_handshake() {
    let mut world = World::<Small>::new(Config::DEFAULT, &["a"]);
    world.session.connect(world.now);
    world.session.handle_open();
    world.receive(INFO);
    world.login();
    assert_eq!(world.receive("+OK|PING"), [""; 0]);
    assert_eq!(world.sent(), "PONG");
    assert_eq!(world.receive("PONG"), ["Connected"]);
}

#[test]
fn one_deadline_covers_the_whole_handshake() {
    for stage in 0..5 {
        let mut world = World::<Small>::new(Config::DEFAULT, &["a"]);
        world.session.connect(world.now);
        if stage > 0 {
            world.session.handle_open();
        }
        if stage > 1 {
            world.receive("INFO {}");
        }
        if stage > 2 {
            world.session.login(&Connect::DEFAULT, &mut [0; 512]);
        }
        if stage > 3 {
            world.sent();
        }
        let (deadline, _) = world.session.poll_timeout().unwrap();
        assert_eq!(deadline.since(world.now), Duration::from_secs(2));
        let (timer, event) = world.wait();
        assert_eq!(timer, Timer::Handshake);
        assert_eq!(event, Some(Event::ConnectFailed { cause: Lost::TimedOut, error: None }));
        assert_eq!(world.session.step(), Step::Stop(Stop::Lost(Lost::TimedOut)));
    }
}

#[test]
fn every_server_is_tried_once_and_the_first_that_takes_us_wins() {
    let servers = ["a", "b", "c", "B:4222"];
    let mut orders = std::collections::BTreeSet::new();
    for seed in 0..40 {
        let mut world = World::<Small>::new(Config::DEFAULT, &[]);
        world.session = Session::new(Config::DEFAULT, Seed([seed; 16]));
        for server in servers {
            world.session.add_server(&ServerUrl::new(server).unwrap()).unwrap();
        }
        world.session.connect(world.now);
        let mut order = String::new();
        for cause in [Lost::Unreachable, Lost::Closed, Lost::Io] {
            order.push_str(world.host());
            let event = world.session.handle_lost(cause, world.now);
            assert_eq!(event, Some(Event::ConnectFailed { cause, error: None }));
        }
        assert_eq!(world.session.step(), Step::Stop(Stop::Lost(Lost::Io)));
        orders.insert(order);
    }
    assert_eq!(orders.len(), 6, "all orders of three servers");

    let config = Config { keep_order: true, ..Config::DEFAULT };
    let mut world = World::<Small>::new(config, &["a", "b"]);
    world.session.connect(world.now);
    assert_eq!(world.host(), "a");
    world.session.handle_open();
    let events = world.receive("-ERR 'maximum connections exceeded'");
    assert!(
        events[0].starts_with("ConnectFailed { cause: Server(MaximumConnections)"),
        "{events:?}"
    );
    assert_eq!(world.host(), "b");
    world.connect();
}

#[test]
fn nobody_to_connect_to() {
    let mut world = World::<Small>::new(Config::DEFAULT, &[]);
    world.session.connect(world.now);
    assert_eq!(world.session.step(), Step::Stop(Stop::NoServers));
}

#[test]
fn tls_when_it_is_asked_for() {
    let tls = "INFO {\"tls_required\":true}";
    let available = "INFO {\"tls_available\":true}";
    let plain = "INFO {}";
    let required = Config { tls: Tls::Required, ..Config::DEFAULT };
    for (config, server, info, secures) in [
        (Config::DEFAULT, "nats://a", tls, true),
        (Config::DEFAULT, "nats://a", available, false),
        (Config::DEFAULT, "tls://a", available, true),
        (Config::DEFAULT, "wss://a", tls, false),
        (required, "nats://a", available, true),
    ] {
        let mut world = World::<Small>::new(config, &[server]);
        world.session.connect(world.now);
        world.session.handle_open();
        world.receive(info);
        assert_eq!(matches!(world.session.step(), Step::Secure(_)), secures, "{server} {info}");
        world.session.handle_secured();
        assert!(matches!(world.session.step(), Step::Login(_)));
    }
    for (config, server) in [(required, "nats://a"), (Config::DEFAULT, "tls://a")] {
        let mut world = World::<Small>::new(config, &[server]);
        world.session.connect(world.now);
        world.session.handle_open();
        world.receive(plain);
        assert_eq!(world.session.step(), Step::Stop(Stop::Lost(Lost::TlsUnavailable)));
    }
    let first = Config { tls: Tls::First, ..Config::DEFAULT };
    let mut world = World::<Small>::new(first, &["a"]);
    world.session.connect(world.now);
    world.session.handle_open();
    assert!(matches!(world.session.step(), Step::Secure(_)));
    world.session.handle_secured();
    assert_eq!(world.session.step(), Step::Exchange);
    world.receive(tls);
    assert!(matches!(world.session.step(), Step::Login(_)), "it is secure already");
}

#[test]
fn subscriptions_reach_the_server_in_order() {
    let mut world = World::<Small>::connected();
    let queue = Queue::new("q").unwrap();
    let a = world.subscribe("a.*", 1);
    let b = world.session.subscribe(Filter::new("b").unwrap(), Some(queue), 2).unwrap();
    assert!(world.session.has_transmit());
    assert_eq!(world.sent(), "SUB a.* 1|SUB b q 2");
    assert_eq!(world.receive("MSG a.x 1 0||MSG b 2 0||MSG c 3 0|"), ["to 1", "to 2", "dropped"]);
    assert!(world.session.unsubscribe(a, None));
    assert!(!world.session.unsubscribe(a, None), "only once");
    assert_eq!(world.receive("MSG a.x 1 0|"), ["dropped"], "it may still be on its way");
    assert_eq!(world.released(), [], "its number is in use until the server knows");
    assert_eq!(world.sent(), "UNSUB 1");
    assert_eq!(world.released(), [(1, Ended::Unsubscribed)]);
    let again = world.subscribe("a.*", 3);
    assert_ne!(again, a);
    assert_eq!(world.sent(), format!("SUB a.* {again}"));
    assert_eq!(world.receive("MSG a.x 1 0|"), ["dropped"], "a late message of the old one");
    world.session.unsubscribe(b, None);
    assert_eq!(world.sent(), "UNSUB 2");
}

#[test]
fn a_subscription_that_was_never_sent_needs_no_unsub() {
    let mut world = World::<Small>::connected();
    let sid = world.subscribe("a", 1);
    world.session.unsubscribe(sid, None);
    assert_eq!(world.sent(), "");
    assert_eq!(world.released(), [(1, Ended::Unsubscribed)]);
}

#[test]
fn subscriptions_made_before_the_connection_are_sent_when_there_is_one() {
    let mut world = World::<Small>::new(Config::DEFAULT, &["a"]);
    world.subscribe("a", 1);
    let gone = world.subscribe("b", 2);
    world.session.unsubscribe(gone, None);
    assert_eq!(world.released(), [(2, Ended::Unsubscribed)]);
    world.connect();
    assert_eq!(world.sent(), "SUB a 1");
}

#[test]
fn auto_unsubscribe_counts_the_whole_life() {
    let mut world = World::<Small>::connected();
    let sid = world.subscribe("a", 1);
    assert_eq!(world.sent(), "SUB a 1");
    world.receive("MSG a 1 0|");
    world.session.unsubscribe(sid, NonZeroU64::new(3));
    assert_eq!(world.sent(), "UNSUB 1 3");
    assert_eq!(
        world.receive("MSG a 1 0||MSG a 1 0||MSG a 1 0|"),
        ["to 1", "to 1", "dropped"],
        "not more than three in all, even if the server sent more"
    );
    assert_eq!(world.sent(), "", "the server knows");
    assert_eq!(world.released(), [(1, Ended::MaxReached)]);
}

#[test]
fn auto_unsubscribe_that_is_reached_already_is_immediate() {
    let mut world = World::<Small>::connected();
    let sid = world.subscribe("a", 1);
    world.sent();
    world.receive("MSG a 1 0||MSG a 1 0|");
    world.session.unsubscribe(sid, NonZeroU64::new(2));
    assert_eq!(world.receive("MSG a 1 0|"), ["dropped"]);
    assert_eq!(world.sent(), "UNSUB 1");
    assert_eq!(world.released(), [(1, Ended::MaxReached)]);
}

#[test]
fn a_maximum_can_be_lowered_and_not_raised() {
    let mut world = World::<Small>::connected();
    let sid = world.subscribe("a", 1);
    for max in [5, 7, 2, 2] {
        world.session.unsubscribe(sid, NonZeroU64::new(max));
        world.sent();
    }
    assert_eq!(world.receive("MSG a 1 0||MSG a 1 0||MSG a 1 0|"), ["to 1", "to 1", "dropped"]);
    assert_eq!((world.sent().as_str(), world.released()), ("", std::vec![(1, Ended::MaxReached)]));
}

#[test]
fn a_maximum_reached_before_the_server_knew_is_an_unsub() {
    let mut world = World::<Small>::connected();
    let sid = world.subscribe("a", 1);
    world.sent();
    world.session.unsubscribe(sid, NonZeroU64::new(1));
    assert_eq!(world.receive("MSG a 1 0||MSG a 1 0|"), ["to 1", "dropped"]);
    assert_eq!(world.sent(), "UNSUB 1");
    assert_eq!(world.released(), [(1, Ended::MaxReached)]);
}

#[test]
fn a_drained_subscription_ends_on_the_pong() {
    let mut world = World::<Small>::connected();
    let sid = world.subscribe("a", 1);
    world.sent();
    world.session.drain_subscription(sid);
    world.session.drain_subscription(sid);
    assert_eq!(world.sent(), "UNSUB 1|PING");
    assert_eq!(world.receive("MSG a 1 0|"), ["to 1"]);
    assert_eq!(world.released(), []);
    world.receive("PONG");
    assert_eq!(world.released(), [(1, Ended::Drained)]);
    assert_eq!(world.receive("MSG a 1 0|"), ["dropped"]);
}

#[test]
fn draining_ends_early_when_it_is_unsubscribed_or_full() {
    let mut world = World::<Small>::connected();
    let (a, b) = (world.subscribe("a", 1), world.subscribe("b", 2));
    world.session.unsubscribe(b, NonZeroU64::new(1));
    world.sent();
    world.session.drain_subscription(a);
    world.session.drain_subscription(b);
    assert_eq!(world.sent(), "UNSUB 1|UNSUB 2|PING");
    world.session.unsubscribe(a, None);
    assert_eq!(world.receive("MSG a 1 0||MSG b 2 0||MSG b 2 0|"), ["dropped", "to 2", "dropped"]);
    world.receive("PONG");
    assert_eq!(world.sent(), "");
    assert_eq!(world.released(), [(1, Ended::Unsubscribed), (2, Ended::MaxReached)]);
}

#[test]
fn a_small_buffer_takes_whole_lines_and_loses_none() {
    let mut world = World::<Small>::connected();
    for route in 0..4 {
        world.subscribe("a.long.subject.*", route);
    }
    world.session.unsubscribe(Sid(2), NonZeroU64::new(9));
    world.session.flush();
    world.receive("PING|PING");
    let mut lines = Vec::new();
    loop {
        let mut memory = [0; 26];
        let mut out = SendBuf::new(&mut memory);
        let done = world.session.poll_transmit(&mut out);
        assert!(out.as_ref().ends_with(b"\r\n"), "progress, and no half line");
        lines.extend(out.as_ref().to_vec());
        if done.is_ok() {
            break;
        }
    }
    let text = core::str::from_utf8(&lines).unwrap().replace("\r\n", "|");
    assert_eq!(
        text,
        "PONG|PONG|SUB a.long.subject.* 1|SUB a.long.subject.* 2|UNSUB 2 9|\
         SUB a.long.subject.* 3|SUB a.long.subject.* 4|PING|"
    );
}

#[test]
fn subscribing_is_checked() {
    let mut world = World::<Small>::connected();
    let subscribe = |world: &mut World<Small>, filter: &str| {
        world.session.subscribe(Filter::new(filter).unwrap(), None, 0)
    };
    assert_eq!(subscribe(&mut world, &"a".repeat(65)), Err(SubscribeError::Full));
    for _ in 0..4 {
        subscribe(&mut world, "a").unwrap();
    }
    assert_eq!(subscribe(&mut world, "a"), Err(SubscribeError::Full));
    assert_eq!(subscribe(&mut world, &"a".repeat(4091)), Err(SubscribeError::LineTooLong));
    world.session.drain(world.now);
    assert_eq!(subscribe(&mut world, "a"), Err(SubscribeError::Draining));
    world.session.close();
    assert_eq!(subscribe(&mut world, "a"), Err(SubscribeError::Stopped));
}

#[test]
fn a_flush_is_done_when_its_pong_is_back() {
    let mut world = World::<Small>::new(Config::DEFAULT, &["a"]);
    assert_eq!(world.session.flush(), None, "there is no connection");
    world.connect();
    let first = world.session.flush().unwrap();
    assert_eq!(world.sent(), "PING");
    let second = world.session.flush().unwrap();
    assert_eq!(world.sent(), "PING");
    world.receive("PONG");
    assert_eq!(world.session.flush_state(first), FlushState::Done);
    assert_eq!(world.session.flush_state(second), FlushState::Pending);
    world.session.handle_lost(Lost::Closed, world.now);
    assert_eq!(world.session.flush_state(second), FlushState::Lost);
}

#[test]
fn flushes_do_not_count_as_unanswered_pings() {
    let mut world = World::<Small>::connected();
    for _ in 0..9 {
        world.session.flush();
        assert_eq!(world.sent(), "PING");
    }
    assert_eq!(world.wait(), (Timer::Ping, None));
    assert_eq!(world.sent(), "PING");
}

#[test]
fn a_server_that_does_not_answer_is_dead_after_two_pings() {
    let mut world = World::<Small>::connected();
    for _ in 0..2 {
        let before = world.now;
        assert_eq!(world.wait(), (Timer::Ping, None));
        assert_eq!(world.now.since(before), Duration::from_secs(120));
        assert_eq!(world.sent(), "PING");
    }
    let event = Event::Disconnected { cause: Lost::Stale, error: None };
    assert_eq!(world.wait(), (Timer::Ping, Some(event)));
    assert_eq!(world.session.step(), Step::Stop(Stop::Lost(Lost::Stale)));

    let mut world = World::<Small>::connected();
    for _ in 0..9 {
        assert_eq!(world.wait(), (Timer::Ping, None));
        world.sent();
        world.receive("PONG");
    }
}

#[test]
fn pings_can_be_switched_off() {
    let config = Config { ping_interval: Duration::ZERO, ..Config::DEFAULT };
    let mut world = World::<Small>::new(config, &["a"]);
    world.connect();
    assert_eq!(world.session.poll_timeout(), None);
}

#[test]
fn errors_of_the_server_are_told_or_end_the_connection() {
    let mut world = World::<Small>::connected();
    let events = world.receive("-ERR 'Permissions Violation for Publish to \"a\"'|-ERR 'what'");
    assert_eq!(events.len(), 2);
    assert!(events.iter().all(|event| event.starts_with("ServerError(")), "{events:?}");
    assert_eq!(world.session.step(), Step::Exchange);
    let events = world.receive("-ERR 'User Authentication Expired'");
    assert_eq!(
        events,
        ["Disconnected { cause: Server(AuthenticationExpired), \
          error: Some(ServerError(\"User Authentication Expired\")) }"]
    );
    let stop = Stop::Lost(Lost::Server(crate::wire::ErrorKind::AuthenticationExpired));
    assert_eq!(world.session.step(), Step::Stop(stop));
}

#[test]
fn info_may_come_again() {
    let mut world = World::<Small>::connected();
    assert_eq!(world.receive("INFO {\"max_payload\":7}"), ["InfoChanged"]);
    assert_eq!(world.session.info().max_payload(), 7);
    assert_eq!(world.receive("INFO {\"ldm\":true}"), ["LameDuck"]);
    assert_eq!(world.receive("INFO {\"ldm\":true}"), ["InfoChanged"], "told once");
    assert_eq!(world.receive("INFO {\"ldm\":tru}"), ["Disconnected { cause: Info, error: None }"]);
}

#[test]
fn draining_the_connection() {
    let mut world = World::<Small>::connected();
    world.subscribe("a", 1);
    world.subscribe("b", 2);
    world.sent();
    world.session.drain(world.now);
    assert_eq!(world.session.draining(), Some(Draining::Subscriptions));
    assert_eq!(world.sent(), "UNSUB 1|UNSUB 2|PING");
    assert_eq!(world.receive("MSG a 1 0|"), ["to 1"]);
    assert!(world.session.is_ready(), "replies can still be published");
    world.receive("PONG");
    assert_eq!(world.session.draining(), Some(Draining::Arrived));
    assert_eq!(world.released(), [(1, Ended::Drained), (2, Ended::Drained)]);
    world.session.finish(world.now);
    assert!(!world.session.is_ready());
    assert_eq!((world.sent().as_str(), world.session.step()), ("PING", Step::Exchange));
    world.receive("PONG");
    assert_eq!(world.session.step(), Step::Stop(Stop::Drained));
    assert_eq!(world.session.poll_timeout(), None);
}

#[test]
fn draining_waits_for_its_own_pong() {
    let mut world = World::<Small>::connected();
    world.session.flush();
    world.sent();
    world.session.drain(world.now);
    assert_eq!(world.session.draining(), Some(Draining::Arrived), "there is nothing to drain");
    world.session.finish(world.now);
    world.sent();
    world.receive("PONG");
    assert_eq!(world.session.step(), Step::Exchange, "that was the flush");
    world.receive("PONG");
    assert_eq!(world.session.step(), Step::Stop(Stop::Drained));
}

#[test]
fn draining_takes_no_longer_than_allowed() {
    for finish in [false, true] {
        let mut world = World::<Small>::connected();
        world.subscribe("a", 1);
        world.sent();
        world.session.drain(world.now);
        if finish {
            world.session.finish(world.now);
        }
        let before = world.now;
        assert_eq!(world.wait(), (Timer::Drain, None));
        assert_eq!(world.now.since(before), Duration::from_secs(30));
        assert_eq!(world.session.step(), Step::Stop(Stop::DrainTimedOut));
        assert_eq!(world.released(), [(1, Ended::Stopped)]);
    }
}

#[test]
fn closing_in_every_state() {
    for stage in 0..8 {
        let mut world = World::<Small>::new(Config::DEFAULT, &["a", "b"]);
        world.subscribe("a", 1);
        if stage > 0 {
            world.session.connect(world.now);
        }
        if stage > 1 {
            world.session.handle_open();
        }
        if stage > 2 {
            world.receive("INFO {}");
        }
        if stage > 3 {
            world.login();
        }
        if stage > 4 {
            world.receive("PONG");
        }
        if stage > 5 {
            world.sent();
        }
        if stage > 6 {
            world.session.drain(world.now);
        }
        world.session.close();
        assert_eq!(world.session.step(), Step::Stop(Stop::Closed), "stage {stage}");
        assert_eq!(world.session.poll_timeout(), None);
        assert_eq!(world.released(), [(1, Ended::Stopped)]);
        assert_eq!(world.sent(), "");

        // Nothing wakes it up.
        world.session.connect(world.now);
        world.session.handle_open();
        world.session.handle_secured();
        assert_eq!(world.session.handle_lost(Lost::Io, world.now), None);
        assert_eq!(world.receive("INFO {}|PONG|PING|-ERR 'x'"), [""; 0]);
        world.session.drain(world.now);
        world.session.finish(world.now);
        assert_eq!(world.session.step(), Step::Stop(Stop::Closed), "stage {stage}");
    }
}

#[test]
fn calls_out_of_turn_change_nothing() {
    let mut world = World::<Small>::new(Config::DEFAULT, &["a"]);
    world.session.handle_open();
    world.session.handle_secured();
    assert_eq!(world.session.login(&Connect::DEFAULT, &mut [0; 64]), 0);
    assert_eq!(world.session.handle_lost(Lost::Io, world.now), None);
    assert_eq!(world.session.handle_timeout(world.now), None);
    assert_eq!(world.session.step(), Step::Wait);
    world.connect();
    world.session.connect(world.now);
    world.session.handle_open();
    world.session.handle_secured();
    assert_eq!(world.receive("PONG"), [""; 0], "that nobody asked for");
    assert_eq!(world.session.step(), Step::Exchange);
    assert_eq!(world.sent(), "");
}

/// What the lines that a session sends make a server believe.
#[derive(Default)]
struct ModelServer {
    subscriptions: std::collections::BTreeMap<u64, Believed>,
    maxed_out: Vec<u64>,
    pings: u32,
}

#[derive(Default)]
struct Believed {
    delivered: u64,
    max: Option<u64>,
}

impl Believed {
    fn is_over(&self) -> bool {
        self.max.is_some_and(|max| self.delivered >= max)
    }
}

impl ModelServer {
    fn receive(&mut self, mut bytes: &[u8]) {
        let mut decoder = Decoder::<FromClient>::default();
        while let Decoded::Frame { op, len } = decoder.decode(bytes).unwrap() {
            match op {
                ClientOp::Subscribe(subscribe) => {
                    let known = self.subscriptions.insert(subscribe.sid.0, Believed::default());
                    assert!(known.is_none(), "sid {} is taken", subscribe.sid);
                }
                ClientOp::Unsubscribe(unsubscribe) => {
                    let sid = unsubscribe.sid.0;
                    match self.subscriptions.get_mut(&sid) {
                        Some(known) => {
                            known.max = unsubscribe.max.map(NonZeroU64::get);
                            if known.max.is_none() || known.is_over() {
                                self.subscriptions.remove(&sid);
                            }
                        }
                        // It reached its maximum while UNSUB was on its way.
                        None => assert!(self.maxed_out.contains(&sid), "UNSUB {sid} of none"),
                    }
                }
                ClientOp::Ping => self.pings += 1,
                other => panic!("{other:?}"),
            }
            bytes = &bytes[len..];
        }
        assert!(bytes.is_empty(), "half a line");
    }
}

mod model {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Operation {
        Subscribe(u8),
        Unsubscribe(usize),
        Max(usize, u64),
        Drain(usize),
        Deliver(usize),
        Transmit(usize),
        Pong,
    }

    fn operation() -> impl Strategy<Value = Operation> {
        prop_oneof![
            3 => any::<u8>().prop_map(Operation::Subscribe),
            1 => (0usize..6).prop_map(Operation::Unsubscribe),
            1 => (0usize..6, 1u64..4).prop_map(|(at, max)| Operation::Max(at, max)),
            1 => (0usize..6).prop_map(Operation::Drain),
            3 => (0usize..6).prop_map(Operation::Deliver),
            3 => (0usize..60).prop_map(Operation::Transmit),
            2 => Just(Operation::Pong),
        ]
    }

    fn server_and_registry_agree<S: Store<Route = u8>>(operations: Vec<Operation>) {
        let mut world = World::<S>::connected();
        let mut server = ModelServer::default();
        let mut sids: Vec<(Sid, u8)> = Vec::new();
        let mut released = Vec::new();
        for operation in operations {
            match operation {
                Operation::Subscribe(route) => {
                    let filter = Filter::from_static("a.b");
                    if let Ok(sid) = world.session.subscribe(filter, None, route) {
                        assert!(!sids.contains(&(sid, route)));
                        sids.push((sid, route));
                    }
                }
                Operation::Unsubscribe(at) => {
                    if let Some(&(sid, _)) = sids.get(at) {
                        world.session.unsubscribe(sid, None);
                        assert_eq!(world.session.deliver(sid), None);
                    }
                }
                Operation::Max(at, max) => {
                    if let Some(&(sid, _)) = sids.get(at) {
                        world.session.unsubscribe(sid, NonZeroU64::new(max));
                    }
                }
                Operation::Drain(at) => {
                    if let Some(&(sid, _)) = sids.get(at) {
                        world.session.drain_subscription(sid);
                    }
                }
                Operation::Deliver(at) => {
                    // The server sends what it believes is wanted.
                    let Some((&sid, believed)) = server.subscriptions.iter_mut().nth(at) else {
                        continue;
                    };
                    believed.delivered += 1;
                    let is_last = believed.is_over();
                    if let Some(&mut route) = world.session.deliver(Sid(sid)) {
                        assert!(sids.contains(&(Sid(sid), route)), "another one's message");
                    }
                    if is_last {
                        server.subscriptions.remove(&sid);
                        server.maxed_out.push(sid);
                        assert_eq!(world.session.deliver(Sid(sid)), None, "more than the maximum");
                    }
                }
                Operation::Transmit(room) => {
                    let mut memory = std::vec![0; room];
                    let mut out = SendBuf::new(&mut memory);
                    let _ = world.session.poll_transmit(&mut out);
                    server.receive(out.as_ref());
                }
                Operation::Pong => {
                    if server.pings > 0 {
                        server.pings -= 1;
                        world.receive("PONG");
                    }
                }
            }
            while let Some(over) = world.session.poll_released() {
                released.push((over.sid, over.route));
            }
        }
        // Let everything settle.
        server
            .receive(format!("{}\r\n", world.sent().replace('|', "\r\n")).trim_start().as_bytes());
        while server.pings > 0 {
            server.pings -= 1;
            world.receive("PONG");
            server.receive(
                format!("{}\r\n", world.sent().replace('|', "\r\n")).trim_start().as_bytes(),
            );
        }
        released.extend(world.released().iter().map(|_| (Sid(0), 0)));
        let registry: Vec<u64> = world.session.routes_mut().map(|(sid, _)| sid.0).collect();
        let mut believed: Vec<u64> = server.subscriptions.keys().copied().collect();
        let by_slot = |sid: &u64| sid & 0xFF_FFFF;
        believed.sort_by_key(by_slot);
        assert_eq!(registry, believed);
        assert_eq!(released.len() + registry.len(), sids.len(), "every route comes back once");
    }

    proptest! {
        #[test]
        fn with_fixed_storage(operations in prop::collection::vec(operation(), 0..40)) {
            server_and_registry_agree::<Small>(operations);
        }

        #[cfg(feature = "alloc")]
        #[test]
        fn with_growable_storage(operations in prop::collection::vec(operation(), 0..40)) {
            server_and_registry_agree::<crate::store::Growable<u8>>(operations);
        }
    }
}
