//! async-nats, measured.

mod jetstream;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use std::time::Instant;

use async_nats::Client;
use async_nats::ConnectOptions;
use async_nats::ServerAddr;
use bytes::Bytes;
use futures_util::StreamExt;
use nats_bench::Arguments;
use nats_bench::DIE;
use nats_bench::Latencies;
use nats_bench::Meter;
use nats_bench::SUBJECT;
use nats_bench::run;
use nats_bench::status;

fn main() {
    let arguments = Arguments::read();
    if arguments.command == "version" {
        println!("async-nats 0.51");
        return;
    }
    run(async move {
        let count = arguments.number("count", 1_000_000);
        let size = arguments.number("size", 16);
        match arguments.command.as_str() {
            "first" => return first(&arguments, count).await,
            "failover" => return failover(&arguments).await,
            _ => {}
        }
        let mut options = options(&arguments);
        let drops_nothing = arguments.number("limits", 0) == 0;
        if arguments.command == "fan" || arguments.command == "sub" && drops_nothing {
            // There is no way to have no limit; what is pending is bounded by this.
            options = options.subscription_capacity(count + 1);
        }
        let client = options.connect(arguments.url()).await.expect("a connection");
        match arguments.command.as_str() {
            "pub" => publish(&client, count, size).await,
            "sub" => subscribe(&client, count, size, &arguments).await,
            "fan" => fan(client, count, size, &arguments).await,
            "respond" => respond(&client, arguments.text("subject", "service")).await,
            "req" => request(&client, count, size, arguments.text("subject", "service")).await,
            "reqc" => requests(client, count, size, &arguments).await,
            "idle" => idle(&client, arguments.number("subs", 10_000)).await,
            name if name.starts_with("js") => {
                jetstream::run(client, count, size, &arguments).await;
            }
            other => panic!("there is no {other}"),
        }
    });
}

fn options(arguments: &Arguments) -> ConnectOptions {
    let options = ConnectOptions::new();
    match arguments.authority() {
        Some(path) => options.add_root_certificates(path).require_tls(true),
        None => options,
    }
}

/// Its own flush does not wait for the server, so this asks for a reply that comes after
/// everything else.
async fn flush(client: &Client) {
    client.flush().await.expect("flushed");
    let inbox = client.new_inbox();
    // The null server answers PING alone, and a real one this too; either is enough.
    let _ =
        tokio::time::timeout(Duration::from_millis(1), client.request(inbox, Bytes::new())).await;
}

async fn publish(client: &Client, count: usize, size: usize) {
    let payload = Bytes::from(vec![b'x'; size]);
    let meter = Meter::start();
    for _ in 0..count {
        client.publish(SUBJECT, payload.clone()).await.expect("published");
    }
    client.flush().await.expect("flushed");
    meter.report("pub", count, size, &[]);
}

async fn subscribe(client: &Client, count: usize, size: usize, arguments: &Arguments) {
    let keeps_limits = arguments.number("limits", 0) == 1;
    let mut meter = Meter::start();
    let mut subscriber = client.subscribe(SUBJECT).await.expect("subscribed");
    client.flush().await.expect("flushed");
    if arguments.number("ready", 0) == 1 {
        flush(client).await;
        println!("READY");
    }
    let mut bytes = subscriber.next().await.expect("a message").payload.len();
    meter.restart_wall();
    let mut got = 1;
    let mut wall = Instant::now();
    if keeps_limits {
        let start = wall;
        while let Ok(Some(message)) =
            tokio::time::timeout(Duration::from_secs(1), subscriber.next()).await
        {
            bytes += message.payload.len();
            got += 1;
            if got % 1000 == 0 {
                wall = Instant::now();
            }
        }
        let wall = (wall - start).as_secs_f64();
        meter.report_wall(wall, "sub", got, size, &[("bytes", bytes.into())]);
        return;
    }
    while got < count {
        bytes += subscriber.next().await.expect("a message").payload.len();
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
        let mut subscriber = client.subscribe(SUBJECT).await.expect("subscribed");
        tasks.push(tokio::spawn(async move {
            for _ in 0..each * publishers {
                subscriber.next().await.expect("a message");
            }
        }));
    }
    client.flush().await.expect("flushed");
    let meter = Meter::start();
    for _ in 0..publishers {
        let (client, payload) = (client.clone(), Bytes::from(vec![b'x'; size]));
        tasks.push(tokio::spawn(async move {
            for _ in 0..each {
                client.publish(SUBJECT, payload.clone()).await.expect("published");
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
        let client = options(arguments).connect(arguments.url()).await.expect("a connection");
        let mut subscriber = client.subscribe(SUBJECT).await.expect("subscribed");
        client.publish(SUBJECT, Bytes::new()).await.expect("published");
        subscriber.next().await.expect("a message");
        latencies.push(start.elapsed());
    }
    meter.report("first", count, 0, &latencies.percentiles());
}

/// From the death of a server to a message of one's own through the next.
async fn failover(arguments: &Arguments) {
    let servers = [arguments.url(), arguments.text("next", "")];
    let servers = servers.map(|url| url.parse::<ServerAddr>().expect("an address")).to_vec();
    let options = options(arguments).retain_servers_order();
    let client = options.connect(servers).await.expect("a connection");
    let mut subscriber = client.subscribe(SUBJECT).await.expect("subscribed");
    client.publish(SUBJECT, Bytes::new()).await.expect("published");
    subscriber.next().await.expect("a message");
    let meter = Meter::start();
    client.publish(DIE, Bytes::new()).await.expect("published");
    loop {
        client.publish(SUBJECT, Bytes::new()).await.expect("published");
        let message = tokio::time::timeout(Duration::from_millis(1), subscriber.next()).await;
        if message.is_ok() {
            break;
        }
    }
    meter.report("failover", 1, 0, &[]);
}

async fn respond(client: &Client, subject: String) {
    let mut requests = client.subscribe(subject).await.expect("subscribed");
    flush(client).await;
    println!("READY");
    while let Some(request) = requests.next().await {
        if let Some(reply) = request.reply {
            client.publish(reply, request.payload).await.expect("answered");
        }
    }
}

async fn request(client: &Client, count: usize, size: usize, subject: String) {
    let payload = Bytes::from(vec![b'x'; size]);
    client.request(subject.clone(), payload.clone()).await.expect("a reply");
    let mut latencies = Latencies::default();
    let meter = Meter::start();
    for _ in 0..count {
        let start = Instant::now();
        client.request(subject.clone(), payload.clone()).await.expect("a reply");
        latencies.push(start.elapsed());
    }
    meter.report("req", count, size, &latencies.percentiles());
}

async fn requests(client: Client, count: usize, size: usize, arguments: &Arguments) {
    let subject = arguments.text("subject", "service");
    let payload = Bytes::from(vec![b'x'; size]);
    client.request(subject.clone(), payload.clone()).await.expect("a reply");
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
                    client.request(subject.clone(), payload.clone()).await.expect("a reply");
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
