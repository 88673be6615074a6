//! Asks, and prints the answer: `cargo run --example request -- SUBJECT TEXT`.
//!
//! Talks to the server at `NATS_URL`, by default `nats://127.0.0.1:4222`.

use std::error::Error;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(subject), Some(text)) = (arguments.next(), arguments.next()) else {
        return Err("usage: request SUBJECT TEXT".into());
    };
    let url = std::env::var("NATS_URL").unwrap_or_else(|_| "nats://127.0.0.1:4222".to_owned());
    let client = nats_tokio::connect(url).await?;
    let reply = client.request(&subject, &text).await?;
    println!("{}", String::from_utf8_lossy(reply.payload()));
    client.close().await;
    Ok(())
}
