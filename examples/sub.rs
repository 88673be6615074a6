//! Prints messages: `cargo run --example sub -- SUBJECT [QUEUE] [COUNT]`.
//!
//! Talks to the server at `NATS_URL`, by default `nats://127.0.0.1:4222`. Ends after COUNT
//! messages, or with Ctrl-C; an empty QUEUE is none.

use std::error::Error;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let subject = arguments.next().ok_or("usage: sub SUBJECT [QUEUE] [COUNT]")?;
    let queue = arguments.next().filter(|queue| !queue.is_empty());
    let count = arguments.next().map_or(Ok(0), |count| count.parse())?;
    let url = std::env::var("NATS_URL").unwrap_or_else(|_| "nats://127.0.0.1:4222".to_owned());
    let client = nats_tokio::connect(url).await?;
    let subscribe = client.subscribe(&subject).max_messages(count);
    let mut subscriber = match &queue {
        Some(queue) => subscribe.queue(queue).await?,
        None => subscribe.await?,
    };
    println!("listening to {subject}");
    let handle = subscriber.handle();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            handle.drain();
        }
    });
    while let Some(message) = subscriber.next().await {
        for (name, value) in message.headers().iter() {
            println!("{name}: {value}");
        }
        println!("{} {}", message.subject(), String::from_utf8_lossy(message.payload()));
    }
    client.close().await;
    Ok(())
}
