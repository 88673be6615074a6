//! nats-tokio, measured.

mod jetstream;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use std::time::Instant;

use bytes::Bytes;
use nats_bench::Arguments;
use nats_bench::DIE;
use nats_bench::Latencies;
use nats_bench::Meter;
use nats_bench::SUBJECT;
use nats_bench::frames;
use nats_bench::run;
use nats_bench::status;
use nats_proto::wire::Decoded;
use nats_proto::wire::Decoder;
use nats_proto::wire::FromServer;
use nats_tokio::Client;
use nats_tokio::ConnectOptions;
use nats_tokio::Payload;
use nats_tokio::PendingLimits;

/// From here on an owned payload is not copied.
const LONG: usize = 4096;

fn main() {
    let arguments = Arguments::read();
    if arguments.command == "version" {
        println!("nats-tokio {}", env!("CARGO_PKG_VERSION"));
        return;
    }
    if arguments.command == "decode" {
        return decode(arguments.number("count", 1_000_000), arguments.number("size", 16));
    }
    run(async move {
        let count = arguments.number("count", 1_000_000);
        let size = arguments.number("size", 16);
        match arguments.command.as_str() {
            "first" => return first(&arguments, count).await,
            "failover" => return failover(&arguments).await,
            _ => {}
        }
        let client = connect(&arguments).await;
        match arguments.command.as_str() {
            "pub" => publish(&client, count, size).await,
            "sub" => subscribe(&client, count, size, &arguments).await,
            "fan" => fan(client, count, size, &arguments).await,
            "respond" => respond(&client, &arguments.text("subject", "service")).await,
            "req" => request(&client, count, size, &arguments.text("subject", "service")).await,
            "reqc" => requests(client, count, size, &arguments).await,
            "idle" => idle(&client, arguments.number("subs", 10_000)).await,
            name if name.starts_with("js") => {
                jetstream::run(&client, count, size, &arguments).await;
            }
            other => panic!("there is no {other}"),
        }
    });
}

fn options(arguments: &Arguments) -> ConnectOptions {
    let options = ConnectOptions::new();
    match arguments.authority() {
        Some(path) => options.root_certificates(path).no_platform_roots().require_tls(),
        None => options,
    }
}

async fn connect(arguments: &Arguments) -> Client {
    options(arguments).connect(arguments.url()).await.expect("a connection")
}

async fn publish(client: &Client, count: usize, size: usize) {
    let payload = Bytes::from(vec![b'x'; size]);
    let meter = Meter::start();
    for _ in 0..count {
        // Long payloads are passed owned, as async-nats does with all of them.
        let payload = if size < LONG { Payload::from(&payload) } else { payload.clone().into() };
        client.publish(SUBJECT, payload).await.expect("published");
    }
    client.flush().await.expect("flushed");
    meter.report("pub", count, size, &[]);
}

async fn subscribe(client: &Client, count: usize, size: usize, arguments: &Arguments) {
    let keeps_limits = arguments.number("limits", 0) == 1;
    let limits = if keeps_limits { PendingLimits::DEFAULT } else { PendingLimits::NONE };
    let mut meter = Meter::start();
    let mut subscriber =
        client.subscribe(SUBJECT).pending_limits(limits).await.expect("subscribed");
    if arguments.number("ready", 0) == 1 {
        client.flush().await.expect("flushed");
        println!("READY");
    }
    let mut bytes = subscriber.next().await.expect("a message").payload().len();
    meter.restart_wall();
    let mut got = 1;
    let mut wall = Instant::now();
    if keeps_limits {
        let start = wall;
        while let Ok(Some(message)) =
            tokio::time::timeout(Duration::from_secs(1), subscriber.next()).await
        {
            bytes += message.payload().len();
            got += 1;
            if got % 1000 == 0 {
                wall = Instant::now();
            }
        }
        let wall = (wall - start).as_secs_f64();
        let dropped = subscriber.dropped();
        meter.report_wall(
            wall,
            "sub",
            got,
            size,
            &[("bytes", bytes.into()), ("dropped", dropped.into())],
        );
        return;
    }
    while got < count {
        bytes += subscriber.next().await.expect("a message").payload().len();
        got += 1;
    }
    meter.report("sub", count, size, &[("bytes", bytes.into())]);
}

/// Tasks that publish, and tasks that each get all of it.
async fn fan(client: Client, count: usize, size: usize, arguments: &Arguments) {
    let publishers = arguments.number("publishers", 1);
    let (each, subs) = (count / publishers, arguments.number("subs", 4));
    let mut tasks = Vec::new();
    for _ in 0..subs {
        let limits = PendingLimits::NONE;
        let mut subscriber =
            client.subscribe(SUBJECT).pending_limits(limits).await.expect("subscribed");
        tasks.push(tokio::spawn(async move {
            for _ in 0..each * publishers {
                subscriber.next().await.expect("a message");
            }
        }));
    }
    client.flush().await.expect("flushed");
    let meter = Meter::start();
    for _ in 0..publishers {
        let (client, payload) = (client.clone(), vec![b'x'; size]);
        tasks.push(tokio::spawn(async move {
            for _ in 0..each {
                client.publish(SUBJECT, &payload).await.expect("published");
            }
        }));
    }
    for task in tasks {
        task.await.expect("a task");
    }
    meter.report("fan", each * publishers * subs, size, &[]);
}

/// From nothing to a message of one's own, again and again.
async fn first(arguments: &Arguments, count: usize) {
    let mut latencies = Latencies::default();
    let meter = Meter::start();
    for _ in 0..count {
        let start = Instant::now();
        let client = connect(arguments).await;
        let mut subscriber = client.subscribe(SUBJECT).await.expect("subscribed");
        client.publish(SUBJECT, "").await.expect("published");
        subscriber.next().await.expect("a message");
        latencies.push(start.elapsed());
        client.close().await;
    }
    meter.report("first", count, 0, &latencies.percentiles());
}

/// From the death of a server to a message of one's own through the next.
async fn failover(arguments: &Arguments) {
    let servers = [arguments.url(), arguments.text("next", "")];
    let client =
        options(arguments).retain_servers_order().connect(servers).await.expect("a connection");
    let mut subscriber = client.subscribe(SUBJECT).await.expect("subscribed");
    client.publish(SUBJECT, "").await.expect("published");
    subscriber.next().await.expect("a message");
    let meter = Meter::start();
    client.publish(DIE, "").await.expect("published");
    loop {
        client.publish(SUBJECT, "").await.expect("published");
        let message = tokio::time::timeout(Duration::from_millis(1), subscriber.next()).await;
        if message.is_ok() {
            break;
        }
    }
    meter.report("failover", 1, 0, &[]);
}

async fn respond(client: &Client, subject: &str) {
    let mut requests = client.subscribe(subject).await.expect("subscribed");
    client.flush().await.expect("flushed");
    println!("READY");
    while let Some(request) = requests.next().await {
        client.respond(&request, request.payload()).await.expect("answered");
    }
}

async fn request(client: &Client, count: usize, size: usize, subject: &str) {
    let payload = vec![b'x'; size];
    client.request(subject, &payload).await.expect("a reply");
    let mut latencies = Latencies::default();
    let meter = Meter::start();
    for _ in 0..count {
        let start = Instant::now();
        client.request(subject, &payload).await.expect("a reply");
        latencies.push(start.elapsed());
    }
    meter.report("req", count, size, &latencies.percentiles());
}

async fn requests(client: Client, count: usize, size: usize, arguments: &Arguments) {
    let subject = arguments.text("subject", "service");
    let payload = vec![b'x'; size];
    client.request(&subject, &payload).await.expect("a reply");
    let begun = Arc::new(AtomicUsize::new(0));
    let meter = Meter::start();
    let tasks: Vec<_> = (0..arguments.number("inflight", 64))
        .map(|_| {
            let (client, begun) = (client.clone(), Arc::clone(&begun));
            let (subject, payload) = (subject.clone(), payload.clone());
            tokio::spawn(async move {
                let mut latencies = Latencies::default();
                while begun.fetch_add(1, Relaxed) < count {
                    let start = Instant::now();
                    client.request(&subject, &payload).await.expect("a reply");
                    latencies.push(start.elapsed());
                }
                latencies
            })
        })
        .collect();
    let mut latencies = Latencies::default();
    for task in tasks {
        latencies.extend(task.await.expect("a task"));
    }
    meter.report("reqc", count, size, &latencies.percentiles());
}

async fn idle(client: &Client, count: usize) {
    let before = status("VmRSS:");
    let meter = Meter::start();
    let mut subscribers = Vec::new();
    for number in 0..count {
        subscribers.push(client.subscribe(format!("idle.{number}")).await.expect("subscribed"));
    }
    client.flush().await.expect("flushed");
    tokio::time::sleep(Duration::from_millis(500)).await;
    meter.report("idle", count, 0, &[("before_kb", before.into())]);
}

/// The decoder alone, with a buffer that was filled by one read.
fn decode(count: usize, size: usize) {
    let block = frames::block(&frames::message(1, size), 64 * 1024);
    let mut decoder = Decoder::<FromServer>::default();
    let mut got = 0;
    let meter = Meter::start();
    while got < count {
        let mut input = std::hint::black_box(&block[..]);
        while let Ok(Decoded::Frame { op, len }) = decoder.decode(input) {
            std::hint::black_box(op);
            got += 1;
            input = &input[len..];
        }
    }
    meter.report("decode", got, size, &[]);
}
