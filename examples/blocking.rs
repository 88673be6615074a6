//! A client without a runtime, `cargo run --example blocking -- [COUNT]`: the driver in
//! [`nats_examples::blocking`], on the bare core and a `std` socket.
//!
//! It talks to the server at `NATS_URL`, or to a small broker in this process, and goes on when that is
//! restarted.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use nats_examples::blocking::Client;
use nats_examples::blocking::Incoming;
use nats_examples::blocking::Login;
use nats_examples::blocking::StdNetwork;
use nats_examples::command;
use nats_examples::command::Misuse;
use nats_proto::Filter;
use nats_proto::RngSeed;
use nats_proto::Subject;
use nats_proto::session::CloseReason;
use nats_proto::session::Config;
use nats_proto::session::Refused;
use nats_proto::wire::Publish;

const USAGE: &str = "usage: blocking [COUNT]

Publishes COUNT messages, by default 3, and waits for each, with the server at NATS_URL, or with a small
broker in this process.";

/// How long to wait for a message until it is published again.
const PATIENCE: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    command::end(talk(&command::arguments(USAGE)))
}

fn talk(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let count = match arguments {
        [] => 3,
        [count] => command::count(count, USAGE)?,
        _ => return Err(Misuse(USAGE).into()),
    };
    let url = nats_examples::server_url()?;
    let network = StdNetwork::new(Config::DEFAULT.connect_timeout);
    let login = Login { name: Some("blocking".into()), ..Login::default() };
    let mut client = Client::new(network, Config::DEFAULT, &url, login, RngSeed(entropy()))?;
    client.subscribe(Filter::from_static("demo.*"), None)?;

    let mut heard = 0;
    while heard < count {
        match client.publish(&Publish::new(Subject::from_static("demo.one"), b"hello")) {
            // There is nothing to do but to wait for a connection, or for room.
            Ok(()) | Err(Refused::Offline | Refused::Full) => {}
            Err(error) => return Err(error.into()),
        }
        let until = client.now() + PATIENCE;
        match client.next(until) {
            Some(Incoming::Message(message)) => {
                println!("demo got {}", String::from_utf8_lossy(message.payload()));
                heard += 1;
            }
            Some(Incoming::Closed(stop)) => return Err(stop.into()),
            Some(other) => println!("{other:?}"),
            None => {}
        }
    }
    client.drain();
    loop {
        let until = client.now() + PATIENCE;
        match client.next(until) {
            Some(Incoming::Closed(CloseReason::Drained)) => break,
            Some(Incoming::Closed(stop)) => return Err(stop.into()),
            _ => {}
        }
    }
    println!("the server has everything");
    Ok(())
}

/// Randomness that the standard library has from the operating system.
fn entropy() -> [u8; 16] {
    use std::hash::BuildHasher;
    use std::hash::RandomState;
    let halves = [RandomState::new().hash_one(0), RandomState::new().hash_one(1)];
    let mut bytes = [0; 16];
    for (half, number) in bytes.chunks_exact_mut(8).zip(halves) {
        half.copy_from_slice(&number.to_le_bytes());
    }
    bytes
}
