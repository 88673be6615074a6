//! A small NATS broker: `cargo run --example broker -- [ADDRESS]`, by default `127.0.0.1:4222`.

use std::io;
use std::net::TcpListener;

use nats_examples::broker::Broker;
use nats_examples::broker::Options;

#[tokio::main]
async fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:4222".to_owned());
    let broker = Broker::new(TcpListener::bind(address)?, Options::default())?;
    println!("listening at nats://{}, until Ctrl-C", broker.local_addr()?);
    tokio::select! {
        () = broker.run() => Ok(()),
        result = tokio::signal::ctrl_c() => result,
    }
}
