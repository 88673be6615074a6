//! Answers every request with its own text: `cargo run --example reply -- SUBJECT [COUNT]`.
//!
//! Talks to the server at `NATS_URL`, by default `nats://127.0.0.1:4222`. Ends after COUNT
//! requests, or with Ctrl-C, having answered those that were on their way.

use std::error::Error;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let subject = arguments.next().ok_or("usage: reply SUBJECT [COUNT]")?;
    let count = arguments.next().map_or(Ok(0), |count| count.parse())?;
    let url = std::env::var("NATS_URL").unwrap_or_else(|_| "nats://127.0.0.1:4222".to_owned());
    let client = nats_tokio::connect(url).await?;
    // Several of these processes share the requests.
    let subscribe = client.queue_subscribe(&subject, "examples").max_messages(count);
    let mut requests = subscribe.await?;
    println!("answering {subject}");
    let handle = requests.handle();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            handle.drain();
        }
    });
    while let Some(request) = requests.next().await {
        println!("asked {}", String::from_utf8_lossy(request.payload()));
        client.respond(&request, request.payload_bytes()).await?;
    }
    client.close().await;
    Ok(())
}
