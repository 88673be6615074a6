//! The example programs, run as people run them.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use nats_tests::NatsServer;

/// Next to this test's own program.
fn example(name: &str) -> Command {
    let folder: PathBuf = std::env::current_exe().unwrap().ancestors().nth(2).unwrap().into();
    let program = folder.join("examples").join(name);
    assert!(program.is_file(), "build the examples first: cargo build --examples");
    let mut command = Command::new(program);
    command.env_remove("NATS_URL");
    command
}

fn text(output: &Output) -> String {
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{}\n{out}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    out
}

fn assert_shows(shown: &str, parts: &[&str]) {
    for part in parts {
        assert!(shown.contains(part), "{part:?} in\n{shown}");
    }
}

const QUICKSTART: &[&str] = &[
    "home.*.lamp  got home.hall.lamp: off",
    "home.>       got home.hall.door.lock: closed",
    "worker 2 did",
    "asked to shout hello, got HELLO",
    "asked nobody, and was told so at once",
    "Room: first floor",
    "drained",
];

#[test]
fn quickstart_with_the_broker_and_with_a_server() {
    assert_shows(&text(&example("quickstart").output().unwrap()), QUICKSTART);
    let server = NatsServer::start("");
    let output = example("quickstart").env("NATS_URL", server.url()).output().unwrap();
    assert_shows(&text(&output), QUICKSTART);
}

#[test]
fn blocking_with_the_broker_and_with_a_server() {
    let parts = ["demo got hello", "the server has everything"];
    assert_shows(&text(&example("blocking").output().unwrap()), &parts);
    let server = NatsServer::start("");
    let output = example("blocking").env("NATS_URL", server.url()).output().unwrap();
    assert_shows(&text(&output), &parts);
}

#[test]
fn blocking_survives_a_restart() {
    let server = NatsServer::start("");
    let mut command = example("blocking");
    command.arg("20000").env("NATS_URL", server.url()).stdout(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let mut lines = lines.map(Result::unwrap);
    // It cannot be far ahead: its output is not read.
    assert_eq!(lines.by_ref().take(100).last().as_deref(), Some("demo got hello"));
    let port = server.port();
    drop(server);
    let _server = NatsServer::start_on(Some(port), "");
    let rest: Vec<_> = lines.collect();
    assert!(process.wait().unwrap().success(), "{:?}", rest.last());
    assert!(rest.iter().any(|line| line.starts_with("Disconnected")), "it was not cut");
    assert!(rest.iter().any(|line| line.starts_with("Reconnected")), "it is back");
    assert_eq!(rest.last().map(String::as_str), Some("the server has everything"));
}

/// The broker, as a program.
struct Broker {
    process: Child,
    url: String,
}

impl Broker {
    fn start() -> Self {
        let mut process =
            example("broker").arg("127.0.0.1:0").stdout(Stdio::piped()).spawn().unwrap();
        let line = first_line(&mut process);
        let (_, url) = line.split_once("listening at ").unwrap();
        let url = url.split(',').next().unwrap().to_owned();
        Self { process, url }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What a program says first. Later output is not read.
fn first_line(process: &mut Child) -> String {
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    line
}

#[test]
fn pub_sub_request_and_reply_with_the_broker() {
    let broker = Broker::start();
    talk(&broker.url);
}

#[test]
fn pub_sub_request_and_reply_with_a_server() {
    let server = NatsServer::start("");
    talk(&server.url());
}

fn talk(url: &str) {
    let start = |name: &str, arguments: &[&str]| {
        let mut command = example(name);
        command.args(arguments).env("NATS_URL", url).stdout(Stdio::piped());
        command.spawn().unwrap()
    };
    let sub = start("sub", &["a.*", "", "2"]);
    let queue = start("sub", &["a.*", "q", "2"]);
    let reply = start("reply", &["twice", "1"]);
    // They take a moment to subscribe: ask until there is an answer.
    let begin = Instant::now();
    loop {
        let output = start("request", &["twice", "hello"]).wait_with_output().unwrap();
        if output.status.success() {
            assert_eq!(text(&output), "hello\n");
            break;
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "nobody answers");
    }
    assert_shows(&text(&reply.wait_with_output().unwrap()), &["answering twice", "asked hello"]);
    let mut listening = [sub, queue];
    while listening.iter_mut().any(|child| child.try_wait().unwrap().is_none()) {
        assert!(begin.elapsed() < Duration::from_secs(20), "nobody hears");
        text(&start("pub", &["a.b", "hello"]).wait_with_output().unwrap());
    }
    for child in listening {
        assert_shows(&text(&child.wait_with_output().unwrap()), &["a.b hello\na.b hello\n"]);
    }
}

/// How long a program may take to end that was told to.
const PATIENCE: Duration = Duration::from_secs(8);

/// Tells a program to end, by this signal, and waits until it has.
fn stop(process: Child, signal: &str) -> Output {
    stop_within(PATIENCE, process, signal)
}

fn stop_within(patience: Duration, mut process: Child, signal: &str) -> Output {
    let status = Command::new("kill").args(["-s", signal, &process.id().to_string()]).status();
    assert!(status.unwrap().success());
    let begin = Instant::now();
    while process.try_wait().unwrap().is_none() {
        if begin.elapsed() > patience {
            let _ = process.kill();
            panic!("it does not end with SIG{signal}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    process.wait_with_output().unwrap()
}

/// A program that listens: it has said so.
fn listening(name: &str, url: &str) -> Child {
    let mut command = example(name);
    command.arg("lab.>").env("NATS_URL", url).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    first_line(&mut process);
    process
}

#[test]
fn a_signal_ends_programs_that_listen() {
    let server = NatsServer::start("");
    for name in ["sub", "reply"] {
        for signal in ["INT", "TERM"] {
            let output = stop(listening(name, &server.url()), signal);
            assert!(output.status.success(), "{name}: {output:?}");
        }
    }
}

#[test]
fn a_signal_ends_programs_that_listen_to_a_server_that_hangs_or_is_gone() {
    for name in ["sub", "reply"] {
        let server = NatsServer::start("");
        let process = listening(name, &server.url());
        server.signal("STOP");
        let output = stop(process, "TERM");
        assert!(output.status.success(), "{name}: {output:?}");
        server.signal("CONT");

        let mut process = listening(name, &server.url());
        drop(server);
        let mut complaints = BufReader::new(process.stderr.take().unwrap());
        let mut line = String::new();
        complaints.read_line(&mut line).unwrap();
        assert!(line.starts_with("the connection is lost"), "{line}");
        let output = stop(process, "INT");
        assert!(output.status.success(), "{name}: {output:?}");
    }
}

#[test]
fn programs_explain_themselves() {
    for name in
        ["pub", "sub", "request", "reply", "quickstart", "blocking", "broker", "inspect", "worker"]
    {
        for help in ["--help", "-h"] {
            let shown = text(&example(name).arg(help).output().unwrap());
            assert!(shown.starts_with(&format!("usage: {name}")), "{shown}");
        }
    }
    for (name, arguments) in [
        ("pub", &["only.one"][..]),
        ("pub", &["a", "b", "c"]),
        ("sub", &[]),
        ("sub", &["a", "", "many"]),
        ("request", &["a"]),
        ("reply", &["a", "-1"]),
        ("quickstart", &["now"]),
        ("blocking", &["now"]),
        ("broker", &["a", "b"]),
        ("inspect", &["what"]),
        ("worker", &["many"]),
        ("worker", &["0"]),
        ("worker", &["1", "0"]),
        ("worker", &["1", "1", "1"]),
    ] {
        let output = example(name).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{name} {arguments:?}");
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert!(complaint.contains(&format!("usage: {name}")), "{complaint}");
    }
}

#[test]
fn programs_say_what_went_wrong_and_keep_passwords_to_themselves() {
    let server = NatsServer::start("authorization { user: alice, password: s3cret }");
    let host = server.url().replace("nats://", "");
    for url in [
        format!("nats://alice:s3cret@{host}"),
        format!("nats://alice:s3cre@{host}"),
        "nats://alice:s3cret@127.0.0.1:1".to_owned(),
        "nats://alice:s3cret@bad host".to_owned(),
    ] {
        let is_right = url.contains(&format!("s3cret@{host}"));
        for (name, arguments) in [
            ("pub", &["a", "hello"][..]),
            ("request", &["a", "hello"]),
            ("sub", &["a", "", "1"]),
            ("reply", &["a", "1"]),
            ("quickstart", &[]),
            ("blocking", &[]),
            ("worker", &["1"]),
        ] {
            if is_right && !matches!(name, "pub" | "quickstart" | "blocking") {
                continue;
            }
            let output = example(name).args(arguments).env("NATS_URL", &url).output().unwrap();
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8(said).unwrap();
            assert_eq!(output.status.success(), is_right, "{name}: {said}");
            assert!(!said.contains("s3cre"), "{said}");
            // In words, and not as the fields of a type.
            assert_eq!(said.contains("error: "), !is_right, "{said}");
            assert!(!said.contains('{'), "{said}");
        }
    }
}

const JETSTREAM: &str = "jetstream { store_dir: $STORE, max_mem: 64M, max_file: 256M }";

#[test]
fn jobs_survive_servers_that_are_killed() {
    let output = text(&example("worker").arg("40").output().unwrap());
    assert_shows(&output, &["killing node0", "killing node1", "killing node2"]);
    assert_shows(&output, &["published:      40 of 40 jobs", "worked on:      40\n"]);
    assert!(output.ends_with("missing:        none\n"), "{output}");
}

#[test]
fn jobs_with_a_server() {
    let server = NatsServer::start(JETSTREAM);
    let output = example("worker").args(["10", "2"]).env("NATS_URL", server.url()).output();
    let output = text(&output.unwrap());
    assert_shows(&output, &["published:      10 of 10 jobs", "worked on:      10\n"]);
    assert!(output.ends_with("missing:        none\n"), "{output}");
    assert!(!output.contains("killing"), "{output}");

    let server = NatsServer::start("");
    let output = example("worker").arg("1").env("NATS_URL", server.url()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().starts_with("error: "));
}

/// It finishes what it is at, and says what it leaves.
#[test]
fn a_signal_ends_the_worker() {
    let server = NatsServer::start(JETSTREAM);
    for signal in ["INT", "TERM"] {
        let mut command = example("worker");
        command.arg("100000").env("NATS_URL", server.url()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert!(lines.any(|line| line.starts_with("100000 jobs")), "it has begun");
        let output = stop_within(Duration::from_secs(60), process, signal);
        assert!(output.status.success(), "{output:?}");
        let rest: Vec<_> = lines.collect();
        let last = rest.last().map(String::as_str);
        assert!(last.is_some_and(|line| line.starts_with("left to do:")), "{rest:?}");
    }
}

/// What `inspect` prints for this input, and its exit status.
fn inspect(arguments: &[&str], input: &[u8]) -> (String, i32) {
    let mut command = example("inspect");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    // It may have ended without reading.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), output.status.code().unwrap())
}

#[test]
fn inspect_shows_what_a_server_says() {
    let input = b"INFO {\"server_id\":\"S\",\"version\":\"2\",\"max_payload\":9,\"headers\":true,\
        \"nonce\":\"n\",\"ldm\":true,\"connect_urls\":[\"a:1\",\"b:2\"]}\r\nINFO {}\r\nPING\r\nPONG\r\n+OK\r\n\
        MSG a.b 7 2\r\nhi\r\nMSG \xFF 7 r 0\r\n\r\nHMSG a 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n\
        HMSG a 1 37 37\r\nNATS/1.0 409 Gone Away\r\nA: 1\r\nA:\xFF\r\n\r\n\r\n-ERR 'Stale Connection'\r\n";
    let expected = r#"{"op":"INFO","server_id":"S","version":"2","max_payload":9,"headers":true,"auth_required":false,"tls_required":false,"nonce":"n","ldm":true,"connect_urls":["a:1","b:2"]}
{"op":"INFO","server_id":null,"version":null,"max_payload":null,"headers":false,"auth_required":false,"tls_required":false,"nonce":null,"ldm":false,"connect_urls":[]}
{"op":"PING"}
{"op":"PONG"}
{"op":"+OK"}
{"op":"MSG","subject":"a.b","sid":7,"reply":null,"payload":"aGk="}
{"op":"MSG","subject":"�","subject_base64":"/w==","sid":7,"reply":"r","payload":""}
{"op":"HMSG","subject":"a","sid":1,"reply":null,"payload":"","status":503,"description":null,"headers":[]}
{"op":"HMSG","subject":"a","sid":1,"reply":null,"payload":"","status":409,"description":"Gone Away","headers":[["A","1"],["A","�"]]}
{"op":"-ERR","text":"Stale Connection","kind":"stale_connection"}
"#;
    assert_eq!(inspect(&["decode"], input), (expected.to_owned(), 0));
    for chunk in ["1", "2", "7", "100"] {
        let arguments = ["decode", "--from", "server", "--chunk", chunk];
        assert_eq!(inspect(&arguments, input).0, expected, "in pieces of {chunk}");
    }
}

#[test]
fn inspect_shows_what_a_client_says() {
    let input = b"CONNECT {\"verbose\":false,\"name\":\"x\"}\r\nPUB a 2\r\nhi\r\nHPUB a r 12 13\r\nNATS/1.0\r\n\r\nx\r\n\
        SUB a.> 1\r\nSUB a q 2\r\nUNSUB 1\r\nUNSUB 2 5\r\nPING\r\nPONG\r\n";
    let expected = r#"{"op":"CONNECT","json":{"verbose":false,"name":"x"}}
{"op":"PUB","subject":"a","reply":null,"payload":"aGk="}
{"op":"HPUB","subject":"a","reply":"r","payload":"eA==","status":null,"description":null,"headers":[]}
{"op":"SUB","subject":"a.>","queue":null,"sid":1}
{"op":"SUB","subject":"a","queue":"q","sid":2}
{"op":"UNSUB","sid":1,"max":null}
{"op":"UNSUB","sid":2,"max":5}
{"op":"PING"}
{"op":"PONG"}
"#;
    for chunk in ["1", "1000"] {
        let arguments = ["decode", "--chunk", chunk, "--from", "client"];
        assert_eq!(inspect(&arguments, input), (expected.to_owned(), 0));
    }
}

#[test]
fn inspect_knows_limits_errors_and_halves() {
    for chunk in ["1", "1000"] {
        let decode = |options: &[&str], input: &[u8]| {
            inspect(&[&["decode", "--chunk", chunk], options].concat(), input)
        };
        let skipped = "{\"op\":\"SKIPPED\",\"sid\":7,\"bytes\":50}\n{\"op\":\"PING\"}\n";
        let long = format!("MSG a 7 50\r\n{}\r\nPING\r\n", "x".repeat(50));
        assert_eq!(decode(&["--max-frame", "40"], long.as_bytes()), (skipped.to_owned(), 0));
        let (out, status) =
            decode(&["--max-line", "20"], b"PING\r\nMSG a.long.subject 1 0\r\n\r\n");
        assert_eq!(
            (out.as_str(), status),
            ("{\"op\":\"PING\"}\n{\"error\":\"control line too long\"}\n", 1)
        );
        let (out, status) = decode(&[], b"PING\r\nBANG\r\nPING\r\n");
        assert_eq!(
            (out.as_str(), status),
            ("{\"op\":\"PING\"}\n{\"error\":\"unknown protocol operation\"}\n", 1)
        );
        for half in ["PIN", "MSG a 1 5\r\nhel", "INFO {\"a\":1", "INFO ", "MSG a 1 5\r\nhello\r"] {
            assert_eq!(
                decode(&[], half.as_bytes()),
                ("{\"partial\":true}\n".to_owned(), 0),
                "{half}"
            );
        }
        assert_eq!(decode(&["--max-frame", "20"], b"MSG a 1 50\r\nhel").0.lines().count(), 2);
        assert_eq!(decode(&[], b""), (String::new(), 0));
        for bad in ["INFO {\"a\"\r\n", "INFO 5\r\n"] {
            assert_eq!(decode(&[], bad.as_bytes()).1, 1, "{bad}");
        }
    }
    assert_eq!(inspect(&["decode", "--from", "client"], b"CONNECT {\r\n").1, 1);
}

#[test]
fn inspect_answers_questions() {
    for (arguments, expected) in [
        (["match", "a.*", "a.b"], "true\n"),
        (["match", "a.>", "a"], "false\n"),
        (["subset", "a.*", "a.>"], "true\n"),
        (["subset", "a.>", "a.*"], "false\n"),
        (["valid", "subject", "a.b"], "true\n"),
        (["valid", "subject", "a.*"], "false\n"),
        (["valid", "filter", "a.*"], "true\n"),
        (["valid", "filter", "a..b"], "false\n"),
        (["valid", "queue", "q"], "true\n"),
        (["valid", "queue", "q q"], "false\n"),
    ] {
        assert_eq!(inspect(&arguments, b""), (expected.to_owned(), 0), "{arguments:?}");
    }
    for arguments in [
        &["match", "a..b", "a"][..],
        &["match", "a", "a.*"],
        &["subset", "a", ""],
        &["valid", "what", "a"],
        &["decode", "--chunk", "0"],
        &["decode", "--from", "nobody"],
        &["decode", "--chunk"],
        &["what"],
        &[],
    ] {
        assert_eq!(inspect(arguments, b""), (String::new(), 2), "{arguments:?}");
    }
}
