//! Devices in QEMU, a leaf node that they connect to, and a hub behind it: does what is published here
//! arrive there, whatever fails in between? `cargo xtask firmware` builds the firmware and runs this.

mod alarm;
mod board;
mod device;
mod line;
mod output;
mod proxy;
mod samples;
mod site;

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::process::ExitCode;
use std::time::Duration;
use std::time::Instant;

use nats_proto::HeaderBuf;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::board::Board;
use crate::device::Device;
use crate::device::PASSWORD;
use crate::device::Setup;
use crate::device::TIME_IS_UP;
use crate::site::Site;
use crate::site::free_port;
use crate::site::next_number;
use crate::site::within;

#[tokio::main]
async fn main() -> ExitCode {
    alarm::comes_first();
    let all = async {
        let boards = Board::all();
        for board in &boards {
            panic(board).await;
        }
        // It waits, most of the time.
        let outage = step("samples through an outage of the leaf", samples::outlive(&boards));
        tokio::try_join!(outage, run_all(&boards))
    };
    match all.await {
        Ok(((), ())) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run_all(boards: &[Board]) -> Result<(), String> {
    for board in boards {
        run(board).await?;
    }
    Ok(())
}

/// All that one board has to show.
async fn run(board: &Board) -> Result<(), String> {
    println!("{}", board.name());
    step("a device and a hub talk to each other", talk(board)).await?;
    step("packets to a port where nobody listens", knock(board)).await?;
    step("headers, both ways", trace(board)).await?;
    step("two devices share their work", share(board)).await?;
    step("as many messages as it can, both ways", hurry(board)).await?;
    step("an INFO of 8 KB", be_informed(board)).await?;
    step("the leaf is killed, hangs, floods; a message is too long", survive(board)).await?;
    step("a wrong password, until it is right", be_refused(board)).await?;
    step("a leaf says that it will shut down", leave(board)).await?;
    step("more samples than a device can keep", samples::overflow(board)).await?;
    step("a device that does not stop is switched off", never_stop(board)).await
}

/// Fails as soon as one of its devices does.
async fn step(name: &str, test: impl Future<Output = ()>) -> Result<(), String> {
    println!("{name}");
    let start = Instant::now();
    tokio::select! {
        biased;
        failure = alarm::raised() => return Err(format!("{failure} ({name})")),
        () = test => {}
    }
    println!("    passed in {:.1} s: {name}", start.elapsed().as_secs_f32());
    Ok(())
}

/// Not a step: it waits for what would end one.
async fn panic(board: &Board) {
    println!("a device that panics is told of");
    // No device takes such an address.
    let setup = Setup { servers: "nats://".to_owned(), ..Setup::new(board, "zero", &[], PASSWORD) };
    let device = Device::boot_with(&setup);
    let told = within("a panic", alarm::raised()).await;
    assert!(told.starts_with("device zero: panicked at src/main.rs:"), "{told}");
    drop(device);
}

async fn talk(board: &Board) {
    let site = Site::start(1).await;
    let mut telemetry = site.subscribe("device.seven.telemetry").await;
    let mut time = site.subscribe("device.seven.time").await;
    let device = Device::boot(board, "seven", &site.ports(), PASSWORD);
    for expected in 0..5 {
        assert_eq!(next_number(&mut telemetry).await, expected);
    }
    // The hub asks, and is asked.
    assert_eq!(site.ask("device.seven.command", "blink 3").await, "blinked 3 times");
    assert_eq!(site.status("seven", "connections").await, 1);
    let asked = within("an answer", time.next()).await.expect("the device asks");
    assert_eq!(asked.payload(), b"half past ten");
    // A command that nobody waits for.
    site.client.publish("device.seven.command", "blink 1").await.expect("it is sent");
    stop(&site, "seven", device).await;
}

/// What nobody listens to is answered at once, from where it was received.
async fn knock(board: &Board) {
    const KNOCKS: usize = 20;
    let site = Site::start(1).await;
    let port = free_port();
    let setup =
        Setup { closed_port: Some(port), ..Setup::new(board, "three", &site.ports(), PASSWORD) };
    let device = Device::boot_with(&setup);
    assert_eq!(site.status("three", "connections").await, 1);
    for _ in 0..KNOCKS {
        let knocking = async {
            let mut socket = TcpStream::connect(("127.0.0.1", port)).await?;
            socket.read(&mut [0; 16]).await
        };
        let answer = within("a refusal", knocking).await.map_err(|error| error.kind());
        let is_refused = matches!(answer, Ok(0) | Err(ErrorKind::ConnectionReset));
        assert!(is_refused, "{answer:?}");
    }
    assert_eq!(site.status("three", "connections").await, 1);
    stop(&site, "three", device).await;
}

async fn trace(board: &Board) {
    let site = Site::start(1).await;
    let device = Device::boot(board, "five", &site.ports(), PASSWORD);
    assert_eq!(site.ask("device.five.command", "blink 1").await, "blinked 1 times");
    let mut headers = HeaderBuf::<Vec<u8>>::new();
    headers.append("Trace", "a7f3").expect("a header");
    headers.append("Colour", "red").expect("a header");
    let asked = site.client.request("device.five.command", "blink 4").headers(headers.as_headers());
    let answer = within("an answer", asked).await.expect("the device answers");
    assert_eq!(answer.payload(), b"blinked 4 times");
    assert_eq!(answer.headers().iter().collect::<Vec<_>>(), [("Trace", "a7f3")]);
    stop(&site, "five", device).await;
}

async fn share(board: &Board) {
    const JOBS: usize = 40;
    let site = Site::start(1).await;
    let mut done = site.subscribe("device.*.done").await;
    let devices = ["one", "two"].map(|id| (id, Device::boot(board, id, &site.ports(), PASSWORD)));
    // A device that says how it is has subscribed to everything.
    for (id, _) in &devices {
        assert_eq!(site.status(id, "connections").await, 1);
    }
    let (mut numbers, mut subjects) = (BTreeSet::new(), BTreeSet::new());
    for number in 0..JOBS {
        site.client.publish("devices.job", number.to_string()).await.expect("it is sent");
        let message = within("a job", done.next()).await.expect("it is done");
        numbers.insert(String::from_utf8_lossy(message.payload()).into_owned());
        subjects.insert(message.subject().to_owned());
    }
    // Each once: after their last words there is nothing more to come.
    for (id, device) in devices {
        stop(&site, id, device).await;
    }
    assert!(done.try_next().is_none(), "a job was done twice");
    assert_eq!(numbers, (0..JOBS).map(|number| number.to_string()).collect());
    assert_eq!(subjects.into_iter().collect::<Vec<_>>(), ["device.one.done", "device.two.done"]);
}

async fn hurry(board: &Board) {
    const MESSAGES: u32 = 5000;
    let site = Site::start(1).await;
    let mut burst = site.subscribe("device.four.burst").await;
    let device = Device::boot(board, "four", &site.ports(), PASSWORD);
    let before = site.status("four", "received").await;

    let command = format!("burst {MESSAGES}");
    site.client.publish("device.four.command", command).await.expect("it is sent");
    assert_eq!(next_number(&mut burst).await, 0);
    let start = Instant::now();
    for number in 1..MESSAGES {
        assert_eq!(next_number(&mut burst).await, number, "all of them, in order");
    }
    let sent = start.elapsed();

    // Most of them are dropped, but only when they are there. Its answer comes behind them.
    let start = Instant::now();
    for number in 0..MESSAGES {
        let payload = format!("{number:016}");
        site.client.publish("device.four.flood", payload).await.expect("it is sent");
    }
    let received = site.status("four", "received").await - before;
    assert!(received >= MESSAGES, "{received} messages came");
    let rate = |time: Duration| f64::from(MESSAGES) / time.as_secs_f64();
    println!("    of 16 B: {:.0}/s sent, {:.0}/s received", rate(sent), rate(start.elapsed()));
    stop(&site, "four", device).await;
}

async fn be_informed(board: &Board) {
    let site = Site::start(1).await;
    let mut telemetry = site.subscribe("device.six.telemetry").await;
    let port = proxy::start(site.ports()[0], 8192).await;
    let device = Device::boot(board, "six", &[port], PASSWORD);
    assert_eq!(next_number(&mut telemetry).await, 0);
    assert_eq!(site.status("six", "connections").await, 1);
    stop(&site, "six", device).await;
}

async fn survive(board: &Board) {
    let mut site = Site::start(1).await;
    let mut telemetry = site.subscribe("device.eight.telemetry").await;
    let device = Device::boot(board, "eight", &site.ports(), PASSWORD);
    let before = next_number(&mut telemetry).await;

    site.restart_leaf(Duration::from_secs(1)).await;
    site.until("eight", "connections", |count| count == 2).await;
    while next_number(&mut telemetry).await < before + 5 {}

    // Half open: there is a connection, and nobody at its other end.
    site.leaves[0].signal("STOP");
    within("the device notices", device.until_said("Disconnected(Stale)")).await;
    site.leaves[0].signal("CONT");
    site.until("eight", "connections", |count| count >= 3).await;
    let connections = site.status("eight", "connections").await;

    // Faster than it can deal with.
    for _ in 0..2000 {
        site.client.publish("device.eight.flood", "x".repeat(100)).await.expect("it is sent");
    }
    site.client.flush().await.expect("it is there");
    site.until("eight", "received", |count| count > 2000).await;
    site.until("eight", "dropped", |count| (1000..2000).contains(&count)).await;

    // A hundred times as long as what it can hold, between two that are not.
    site.client.publish("device.eight.command", "x".repeat(100_000)).await.expect("it is sent");
    assert_eq!(site.ask("device.eight.command", "blink 2").await, "blinked 2 times");
    assert_eq!(site.status("eight", "oversized").await, 1);

    // All that over one connection.
    assert_eq!(site.status("eight", "connections").await, connections);
    // It has told of everything. What a server has not read when it is killed makes it a reset.
    assert!(device.has_said("Disconnected(Closed)") || device.has_said("Disconnected(Io)"));
    assert!(device.has_said("Oversized { sid: Sid(1), size: 100000 }"));
    stop(&site, "eight", device).await;
}

async fn be_refused(board: &Board) {
    let site = Site::start(1).await;
    let mut telemetry = site.subscribe("device.nine.telemetry").await;
    let device = Device::boot(board, "nine", &site.ports(), "wrong");
    let refused = async {
        while !site.leaves[0].log().contains("authentication error") {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    within("a refusal", refused).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    site.change_password("wrong");
    assert_eq!(next_number(&mut telemetry).await, 0);
    stop(&site, "nine", device).await;
}

async fn leave(board: &Board) {
    let site = Site::start(2).await;
    let mut telemetry = site.subscribe("device.ten.telemetry").await;
    let device = Device::boot(board, "ten", &site.ports(), PASSWORD);
    next_number(&mut telemetry).await;
    // The first one of its servers is where it is.
    site.leaves[0].signal("USR2");
    site.until("ten", "connections", |count| count == 2).await;
    next_number(&mut telemetry).await;
    stop(&site, "ten", device).await;
}

async fn never_stop(board: &Board) {
    let site = Site::start(1).await;
    let lifetime = Duration::from_secs(2);
    let setup = Setup { lifetime, ..Setup::new(board, "eleven", &site.ports(), PASSWORD) };
    assert_eq!(Device::boot_with(&setup).exit_code().await, Some(TIME_IS_UP));
}

/// The last command, after which a device has nothing left to say.
async fn stop(site: &Site, id: &str, device: Device) {
    let command = format!("device.{id}.command");
    assert_eq!(site.ask(&command, "stop").await, "stopping");
    assert_eq!(device.exit_code().await, Some(0), "the device's exit code");
}
