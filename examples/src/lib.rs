//! Shared by the example programs: a small broker, so that they need no server, and what a
//! program for a command line needs.

pub mod blocking;
pub mod broker;
pub mod command;

use std::io;

use broker::Broker;
use broker::Options;

/// Where the examples find a server: at `NATS_URL`, or in this process.
///
/// # Errors
///
/// If there is no address to listen on.
pub fn server_url() -> io::Result<String> {
    if let Ok(url) = std::env::var("NATS_URL") {
        // Which may have a password in it.
        println!("using the server at NATS_URL");
        return Ok(url);
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let url = format!("nats://{}", listener.local_addr()?);
    println!("NATS_URL is not set: started a broker in this process at {url}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::spawn(move || {
        runtime.block_on(async move {
            match Broker::new(listener, Options::default()) {
                Ok(broker) => broker.run().await,
                Err(error) => eprintln!("no broker: {error}"),
            }
        });
    });
    Ok(url)
}
