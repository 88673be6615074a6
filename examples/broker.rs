//! A small NATS broker: `cargo run --example broker -- [ADDRESS]`, by default `127.0.0.1:4222`.

use std::error::Error;
use std::net::TcpListener;
use std::process::ExitCode;

use nats_examples::broker::Broker;
use nats_examples::broker::Options;
use nats_examples::command;
use nats_examples::command::Misuse;

const USAGE: &str = "usage: broker [ADDRESS]

A small NATS broker at ADDRESS, by default 127.0.0.1:4222, until Ctrl-C.";

#[tokio::main]
async fn main() -> ExitCode {
    command::end(serve(&command::arguments(USAGE)).await)
}

async fn serve(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let address = match arguments {
        [] => "127.0.0.1:4222",
        [address] => address,
        _ => return Err(Misuse(USAGE).into()),
    };
    let listener = TcpListener::bind(address).map_err(|error| format!("{address}: {error}"))?;
    let broker = Broker::new(listener, Options::default())?;
    println!("listening at nats://{}, until Ctrl-C", broker.local_addr()?);
    tokio::select! {
        () = broker.run() => {}
        () = command::interrupted() => {}
    }
    Ok(())
}
