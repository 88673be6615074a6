//! The client on smol, with a real server.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use nats_proto::session::Backoff;
use nats_proto::session::CloseReason;
use nats_proto::session::DisconnectReason;
use nats_proto::session::Event;
use nats_proto::wire::ErrorKind;
use nats_smol::Client;
use nats_smol::Notice;
use nats_smol::Options;
use nats_smol::RequestError;
use nats_smol::SmolNetwork;
use nats_tests::NatsServer;
use smol::channel::Receiver;
use smol::channel::unbounded;

const PATIENCE: Duration = Duration::from_secs(20);

/// A client with its task, and what happens to it.
fn connect(options: Options) -> (Client, Receiver<String>) {
    let (sender, notices) = unbounded();
    let wait = Duration::from_millis(50);
    let mut options = options;
    options.config.backoff = Backoff::Fixed { wait, jitter: wait, jitter_tls: wait };
    options.on_notice = Box::new(move |notice| {
        let words = match notice {
            Notice::Session(Event::Connected) => "connected".to_owned(),
            Notice::Session(Event::Reconnected) => "reconnected".to_owned(),
            Notice::Session(Event::Disconnected { .. }) => "disconnected".to_owned(),
            other => format!("{other:?}"),
        };
        let _ = sender.try_send(words);
    });
    let (client, driver) = nats_smol::connect(SmolNetwork::new(), options).unwrap();
    smol::spawn(driver).detach();
    (client, notices)
}

async fn until(notices: &Receiver<String>, wanted: &str) {
    while notices.recv().await.unwrap() != wanted {}
}

#[test]
fn the_program_shows_what_quickstart_shows() {
    let folder: PathBuf = std::env::current_exe().unwrap().ancestors().nth(2).unwrap().into();
    let program = folder.join("nats-smol");
    assert!(program.is_file(), "build it first: cargo build --package nats-smol");
    let server = NatsServer::start("");
    let output = Command::new(program).env("NATS_URL", server.url()).output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{shown}");
    for part in [
        "home.*.lamp  got home.hall.lamp: off",
        "home.>       got home.hall.door.lock: closed",
        "worker 2 did",
        "asked to shout hello, got HELLO",
        "asked nobody, and was told so at once",
        "Room: first floor",
        "drained",
    ] {
        assert!(shown.contains(part), "{part:?} in\n{shown}");
    }
}

#[test]
fn a_restart_is_survived() {
    let server = NatsServer::start("");
    let (client, notices) = connect(Options::new(&server.url()));
    smol::block_on(async {
        let mut ticks = client.subscribe("tick").unwrap();
        let mut questions = client.queue_subscribe("ask", "answering").unwrap();
        client.publish("tick", b"before").await.unwrap();
        assert_eq!(ticks.next().await.unwrap().payload(), b"before");

        let port = server.port();
        drop(server);
        until(&notices, "disconnected").await;
        // These wait for the next connection.
        let early = client.publish("tick", b"after");
        let server = NatsServer::start_on(Some(port), "");
        early.await.unwrap();
        assert!(client.flush().await);
        assert_eq!(ticks.next().await.unwrap().payload(), b"after");

        let answer = async {
            let question = questions.next().await.unwrap();
            client.respond(&question, b"42").await.unwrap();
        };
        let asking = client.request("ask", b"?", PATIENCE);
        let (reply, ()) = smol::future::zip(asking, answer).await;
        assert_eq!(reply.unwrap().payload(), b"42");
        let nobody = client.request("nobody", b"?", PATIENCE).await;
        assert_eq!(nobody.unwrap_err(), RequestError::NoResponders);

        client.publish("tick", b"last").await.unwrap();
        let drained = client.drain();
        let taking = async {
            assert_eq!(ticks.next().await.unwrap().payload(), b"last");
            assert!(ticks.next().await.is_none());
        };
        let (drained, ()) = smol::future::zip(drained, taking).await;
        assert_eq!(drained, Ok(()));
        drop(server);
    });
}

#[test]
fn refused_credentials_end_it_with_the_reason() {
    let server = NatsServer::start("authorization { user: sue, password: right }");
    let at = |user: &str| server.url().replace("nats://", &format!("nats://{user}@"));
    let (client, notices) = connect(Options::new(&at("sue:wrong")));
    smol::block_on(async {
        let stop = client.closed().await;
        assert_eq!(
            stop,
            CloseReason::Disconnected(DisconnectReason::Server(ErrorKind::AuthorizationViolation))
        );
        assert!(client.publish("tick", b"").await.is_err());
        assert!(!client.flush().await);
        assert_eq!(client.closed().await, stop);
        let (client, notices) = connect(Options::new(&at("sue:right")));
        until(&notices, "connected").await;
        client.close().await;
    });
    drop(notices);
}
