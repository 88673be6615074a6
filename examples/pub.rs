//! Publishes one message: `cargo run --example pub -- SUBJECT TEXT`.
//!
//! Talks to the server at `NATS_URL`, by default `nats://127.0.0.1:4222`.

use std::error::Error;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(subject), Some(text)) = (arguments.next(), arguments.next()) else {
        return Err("usage: pub SUBJECT TEXT".into());
    };
    let url = std::env::var("NATS_URL").unwrap_or_else(|_| "nats://127.0.0.1:4222".to_owned());
    let client = nats_tokio::connect(url).await?;
    client.publish(&subject, &text).await?;
    // Without this the process might be gone before the message is.
    client.close().await;
    println!("published to {subject}");
    Ok(())
}
