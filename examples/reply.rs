//! Answers every request with its own text: `cargo run --example reply -- SUBJECT [COUNT]`.
//!
//! Talks to the server at `NATS_URL`, by default `nats://127.0.0.1:4222`. Ends after COUNT
//! requests, or with Ctrl-C or SIGTERM, having answered those that were on their way.

use std::error::Error;
use std::process::ExitCode;

use nats_examples::command;
use nats_examples::command::Misuse;
use nats_examples::command::UntilStopped;

const USAGE: &str = "usage: reply SUBJECT [COUNT]

Answers every request with its own text, at the server at NATS_URL, by default nats://127.0.0.1:4222, until
there were COUNT, or until Ctrl-C. Several of these processes share the requests.";

#[tokio::main]
async fn main() -> ExitCode {
    command::end(answer(&command::arguments(USAGE)).await)
}

async fn answer(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let (subject, count) = match arguments {
        [subject] => (subject, None),
        [subject, count] => (subject, Some(command::count(count, USAGE)?)),
        _ => return Err(Misuse(USAGE).into()),
    };
    let client = command::connect().await?;
    let mut subscribe = client.queue_subscribe(subject, "examples");
    if let Some(count) = count {
        subscribe = subscribe.max_messages(count);
    }
    let mut requests = UntilStopped::new(subscribe.await?);
    println!("answering {subject}");
    while let Some(request) = requests.next().await {
        println!("asked {}", String::from_utf8_lossy(request.payload()));
        if request.reply().is_none() {
            eprintln!("nobody waits for the answer");
            continue;
        }
        client.respond(&request, request.payload_bytes()).await?;
    }
    client.close().await;
    Ok(requests.ended()?)
}
