//! Publishes one message: `cargo run --example pub -- SUBJECT TEXT`.
//!
//! Talks to the server at `NATS_URL`, by default `nats://127.0.0.1:4222`.

use std::error::Error;
use std::process::ExitCode;

use nats_examples::command;
use nats_examples::command::Misuse;

const USAGE: &str = "usage: pub SUBJECT TEXT

Publishes one message to the server at NATS_URL, by default nats://127.0.0.1:4222.";

#[tokio::main]
async fn main() -> ExitCode {
    command::end(publish(&command::arguments(USAGE)).await)
}

async fn publish(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let [subject, text] = arguments else { return Err(Misuse(USAGE).into()) };
    let client = command::connect().await?;
    client.publish(subject, text).await?;
    // Behind this the server has it.
    client.flush().await?;
    println!("published to {subject}");
    client.close().await;
    Ok(())
}
