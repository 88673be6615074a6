//! A program with another client, which does what it is told.

use std::process::Stdio;

use nats_tests::NatsServer;
use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::BufReader;
use tokio::io::Lines;
use tokio::process::Child;
use tokio::process::ChildStdin;
use tokio::process::ChildStdout;
use tokio::process::Command;

use crate::soon;

/// The other clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    NatsPy,
    NatsJs,
}

/// A running program. Requests and answers are lines of JSON.
pub(super) struct Peer {
    pub(super) kind: Kind,
    requests: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    /// Killed when the test ends.
    _process: Child,
}

impl Peer {
    pub(super) fn start(kind: Kind, server: &NatsServer) -> Self {
        let mut command = match kind {
            Kind::NatsPy => super::python(include_str!("peer.py"), server),
            Kind::NatsJs => node(include_str!("peer.js"), server),
        };
        let process = command.stdin(Stdio::piped()).spawn();
        let mut process = process.expect("python3 and node: run `cargo xtask test`");
        let requests = process.stdin.take().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { kind, requests, answers, _process: process }
    }

    /// Has it do something, and returns what came of it.
    pub(super) async fn ask(&mut self, what: &str, with: Value) -> Value {
        let line = json!({ "do": what, "with": with }).to_string() + "\n";
        soon(self.requests.write_all(line.as_bytes())).await.unwrap();
        let line = soon(self.answers.next_line()).await.unwrap();
        let line = line.expect("the other client has not started: run `cargo xtask test`");
        let mut answer: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(answer.get("failed"), None, "{what} by {:?}", self.kind);
        answer["ok"].take()
    }
}

/// The Node.js that has nats.js: `NATS_JS_PATH` says where `cargo xtask test` put it.
fn node(program: &str, server: &NatsServer) -> Command {
    let modules = format!("{}/node_modules", super::tool("NATS_JS_PATH", "nats-js"));
    let mut command = Command::new("node");
    command
        .args(["-e", program])
        .env("NODE_PATH", modules)
        .env("NATS_URL", server.url())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    command
}
