//! A device that is a process on this machine, and a server: `cargo xtask boards` runs this.

use std::time::Duration;

use nats_tests::NatsServer;
use tokio::process::Command;

#[tokio::main]
async fn main() {
    let all = tokio::time::timeout(Duration::from_secs(60), talk());
    all.await.expect("it takes too long");
}

async fn talk() {
    let server = NatsServer::start("");
    let program = std::env::var_os("BOARD").expect("BOARD is the program");
    let mut device = Command::new(program)
        .args(["desk", &server.url()])
        .kill_on_drop(true)
        .spawn()
        .expect("the device starts");
    let client = nats_tokio::connect(server.url()).await.expect("a connection");
    let mut telemetry = client.subscribe("device.desk.telemetry").await.expect("a subscription");
    for _ in 0..3 {
        telemetry.next().await.expect("telemetry");
    }
    for (command, answer) in [("blink 3", "blinked 3 times"), ("stop", "stopping")] {
        let asked = client.request("device.desk.command", command).await.expect("an answer");
        assert_eq!(asked.payload(), answer.as_bytes());
    }
    let status = device.wait().await.expect("it ends");
    assert!(status.success(), "{status}");
    println!("a device on this machine did what it was told");
}
