//! The server on its own: what it answers, and which faults of clients it notices.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;

use nats_testkit::Connection;
use nats_testkit::Login;
use nats_testkit::Message;
use nats_testkit::Network;
use nats_testkit::Pipe;
use nats_testkit::Server;

/// A client of `server` that says `lines`, with `|` between them, and what it gets but for INFO.
fn client(network: &Network, lines: &str) -> Pipe {
    let mut pipe = network.try_dial("a", 4222).unwrap();
    read(&mut pipe);
    say(&mut pipe, lines);
    pipe
}

fn say(pipe: &mut Pipe, lines: &str) {
    pipe.write_all(format!("{}\r\n", lines.replace('|', "\r\n")).as_bytes()).unwrap();
}

/// Everything that can be read now.
fn read(pipe: &mut Pipe) -> String {
    let mut all = Vec::new();
    let mut memory = [0; 100];
    while let Ok(len @ 1..) = pipe.read(&mut memory) {
        all.extend_from_slice(&memory[..len]);
    }
    String::from_utf8(all).unwrap()
}

fn network() -> (Network, Server) {
    let network = Network::new();
    let server = network.server("a");
    (network, server)
}

#[test]
fn it_delivers_what_is_published() {
    let (network, server) = network();
    let mut one = client(&network, "CONNECT {}|SUB a.* 1|SUB a.b q 2");
    let mut other = client(&network, "CONNECT {}|SUB a.b q 7|UNSUB 7 2");
    let mut third =
        client(&network, "CONNECT {}|PUB a.b reply 2|hi|HPUB a.c 18 20|NATS/1.0|A: b||ok");
    assert_eq!(
        read(&mut one),
        "MSG a.b 1 reply 2\r\nhi\r\nMSG a.b 2 reply 2\r\nhi\r\nHMSG a.c 1 18 20\r\nNATS/1.0\r\nA: b\r\n\r\nok\r\n"
    );
    // One member of a group gets it.
    assert_eq!((read(&mut other), read(&mut third)), (String::new(), String::new()));
    say(&mut one, "UNSUB 2");
    for _ in 0..3 {
        network.publish(&Message::new("a.b", "x"));
    }
    assert_eq!(read(&mut other), "MSG a.b 7 1\r\nx\r\nMSG a.b 7 1\r\nx\r\n");
    let log = server.connections()[0].log();
    assert_eq!(log, ["CONNECT {}", "SUB a.* 1", "SUB a.b q 2", "UNSUB 2"]);
    assert_eq!(network.faults(), [""; 0]);
}

#[test]
fn servers_of_a_network_are_a_cluster() {
    let (network, _server) = network();
    network.server("b");
    let mut one = client(&network, "CONNECT {}|SUB x 1");
    let mut other = network.try_dial("b", 4222).unwrap();
    say(&mut other, "CONNECT {}|PUB x 1|1");
    assert_eq!(read(&mut one), "MSG x 1 1\r\n1\r\n");
}

#[test]
fn requests_without_responders_are_answered() {
    let (network, _server) = network();
    let mut pipe = client(&network, "CONNECT {}|SUB in.* 1|PUB nobody in.5 0|");
    assert_eq!(read(&mut pipe), "HMSG in.5 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n");
}

#[test]
fn what_it_refuses() {
    let (network, server) = network();
    server.script(|script| {
        script.forbidden.push("no".to_owned());
        script.max_subscriptions = Some(1);
        script.info.max_payload = 3;
        script.info.headers = false;
    });
    for (lines, answer, is_fault) in [
        ("SUB no 1", "-ERR 'Permissions Violation for Subscription to \"no\"'", false),
        (
            "SUB no q 1",
            "-ERR 'Permissions Violation for Subscription to \"no\" using queue \"q\"'",
            false,
        ),
        ("PUB no 0|", "-ERR 'Permissions Violation for Publish to \"no\"'", false),
        ("SUB a 1|SUB b 2", "-ERR 'maximum subscriptions exceeded'", false),
        ("PUB a 4|1234", "-ERR 'Maximum Payload Violation'", true),
        ("HPUB a 12 12|NATS/1.0||", "-ERR 'Maximum Payload Violation'", true),
        ("NONSENSE", "-ERR 'Unknown Protocol Operation'", true),
    ] {
        let mut pipe = client(&network, "CONNECT {}");
        let before = network.faults().len();
        say(&mut pipe, lines);
        assert_eq!(read(&mut pipe), format!("{answer}\r\n"), "{lines}");
        assert_eq!(network.faults().len() > before, is_fault, "{lines}");
    }
    server.script(|script| script.login = Login::Refuse("Authorization Violation".to_owned()));
    let mut pipe = client(&network, "CONNECT {}");
    assert_eq!(read(&mut pipe), "-ERR 'Authorization Violation'\r\n");
    assert_eq!(pipe.read(&mut [0]).unwrap(), 0);
}

#[test]
fn faults_of_clients() {
    for (lines, fault) in [
        ("PING", "a: PING before CONNECT"),
        ("CONNECT {}|CONNECT {}", "a: CONNECT {} after CONNECT"),
        ("CONNECT {}|PONG", "a: PONG without a PING before it"),
        ("CONNECT {}|SUB a 1|UNSUB 1|SUB b 1", "a: SUB b 1: the number was used before"),
        ("CONNECT {}|UNSUB 1", "a: UNSUB 1: there was no such SUB"),
    ] {
        let (network, _server) = network();
        let _pipe = client(&network, lines);
        assert_eq!(network.faults(), [fault], "{lines}");
    }
}

#[test]
fn dials_are_answered_or_not() {
    let (network, server) = network();
    assert_eq!(network.try_dial("b", 4222).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    server.ignore();
    assert_eq!(network.try_dial("a", 4222).unwrap_err().kind(), ErrorKind::TimedOut);
    server.refuse();
    assert_eq!(network.try_dial("a", 4222).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    server.accept();
    assert!(network.try_dial("a", 4222).is_ok());
    assert_eq!(server.dials(), 3);
}

#[test]
fn connections_end_in_every_way() {
    let (network, server) = network();
    let ends: [(fn(&Connection), _, _); 4] = [
        (Connection::close, Ok(5), None),
        (Connection::cut, Ok(0), Some(ErrorKind::BrokenPipe)),
        (Connection::reset, Err(ErrorKind::ConnectionReset), Some(ErrorKind::ConnectionReset)),
        (Connection::fail_writes, Ok(5), Some(ErrorKind::BrokenPipe)),
    ];
    for (end, read, write) in ends {
        let mut pipe = client(&network, "CONNECT {}");
        let connection = server.connection().unwrap();
        connection.send("+OK");
        end(&connection);
        assert_eq!(pipe.read(&mut [0; 10]).map_err(|error| error.kind()), read);
        assert_eq!(pipe.write(b"PING\r\n").err().map(|error| error.kind()), write);
        assert!(pipe.write(b"PING\r\n").is_err());
        assert!(connection.is_held());
        drop(pipe);
        assert!(!connection.is_held() && !connection.is_up());
    }
}

#[test]
fn bytes_go_in_pieces() {
    let (network, server) = network();
    server.script(|script| {
        script.read_chunk = 3;
        script.write_chunk = 2;
        script.room = Some(5);
    });
    let mut pipe = network.try_dial("a", 4222).unwrap();
    assert_eq!(pipe.read(&mut [0; 10]).unwrap(), 3);
    let written: Vec<_> = (0..3).map(|_| pipe.write(b"CONNECT {}\r\n").unwrap()).collect();
    assert_eq!(written, [2, 2, 1]);
    assert_eq!(pipe.write(b"X").unwrap_err().kind(), ErrorKind::WouldBlock);
    server.connection().unwrap().resume();
    assert!(pipe.write(b"X").is_ok());
}
