//! Prints messages: `cargo run --example sub -- SUBJECT [QUEUE] [COUNT]`.
//!
//! Talks to the server at `NATS_URL`, by default `nats://127.0.0.1:4222`. Ends after COUNT
//! messages, or with Ctrl-C or SIGTERM; an empty QUEUE is none.

use std::error::Error;
use std::process::ExitCode;

use nats_examples::command;
use nats_examples::command::Misuse;
use nats_examples::command::UntilStopped;

const USAGE: &str = "usage: sub SUBJECT [QUEUE] [COUNT]

Prints messages from the server at NATS_URL, by default nats://127.0.0.1:4222, until there were COUNT, or
until Ctrl-C. An empty QUEUE is none.";

#[tokio::main]
async fn main() -> ExitCode {
    command::end(listen(&command::arguments(USAGE)).await)
}

async fn listen(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let [subject, options @ ..] = arguments else { return Err(Misuse(USAGE).into()) };
    let (queue, count) = match options {
        [] => (None, None),
        [queue] => (Some(queue), None),
        [queue, count] => (Some(queue), Some(command::count(count, USAGE)?)),
        _ => return Err(Misuse(USAGE).into()),
    };
    let client = command::connect().await?;
    let mut subscribe = match queue.filter(|queue| !queue.is_empty()) {
        Some(queue) => client.queue_subscribe(subject, queue),
        None => client.subscribe(subject),
    };
    if let Some(count) = count {
        subscribe = subscribe.max_messages(count);
    }
    let mut messages = UntilStopped::new(subscribe.await?);
    println!("listening to {subject}");
    while let Some(message) = messages.next().await {
        for (name, value) in message.headers().iter() {
            println!("{name}: {value}");
        }
        println!("{} {}", message.subject(), String::from_utf8_lossy(message.payload()));
    }
    client.close().await;
    Ok(messages.ended()?)
}
