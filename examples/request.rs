//! Asks, and prints the answer: `cargo run --example request -- SUBJECT TEXT`.
//!
//! Talks to the server at `NATS_URL`, by default `nats://127.0.0.1:4222`.

use std::error::Error;
use std::process::ExitCode;

use nats_examples::command;
use nats_examples::command::Misuse;

const USAGE: &str = "usage: request SUBJECT TEXT

Sends a request to the server at NATS_URL, by default nats://127.0.0.1:4222, and prints the answer.";

#[tokio::main]
async fn main() -> ExitCode {
    command::end(request(&command::arguments(USAGE)).await)
}

async fn request(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let [subject, text] = arguments else { return Err(Misuse(USAGE).into()) };
    let client = command::connect().await?;
    let reply = client.request(subject, text).await?;
    println!("{}", String::from_utf8_lossy(reply.payload()));
    client.close().await;
    Ok(())
}
