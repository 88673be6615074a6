//! A server in a very large cluster: one that seems to know of hundreds of others.

use serde_json::Value;
use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::BufReader;
use tokio::net::TcpListener;
use tokio::net::TcpStream;

/// Listens on a port, and returns it. Whoever connects is connected to the server on the other port,
/// but for its first INFO, which is as long as this or longer.
pub(crate) async fn start(server: u16, info_len: usize) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("its number").port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(connect(client, server, info_len));
        }
    });
    port
}

async fn connect(mut client: TcpStream, server: u16, info_len: usize) -> std::io::Result<()> {
    let mut server = BufReader::new(TcpStream::connect(("127.0.0.1", server)).await?);
    let mut line = String::new();
    server.read_line(&mut line).await?;
    client.write_all(lengthen(&line, info_len).as_bytes()).await?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

/// An INFO with as many addresses of servers as it takes.
fn lengthen(line: &str, len: usize) -> String {
    let json = line.strip_prefix("INFO ").expect("INFO comes first");
    let mut info: Value = serde_json::from_str(json).expect("INFO is JSON");
    let urls =
        |count| (0..count).map(|number| format!("10.1.{}.{}:4222", number / 200, number % 200));
    let longer = (0..).map(|count| {
        info["connect_urls"] = urls(count).collect();
        format!("INFO {info}\r\n")
    });
    longer.into_iter().find(|line| line.len() >= len).expect("more addresses make it longer")
}
