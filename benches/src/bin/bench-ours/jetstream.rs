//! JetStream of nats-tokio.

use std::collections::VecDeque;
use std::time::Duration;
use std::time::Instant;

use nats_bench::Arguments;
use nats_bench::Latencies;
use nats_bench::Meter;
use nats_bench::SUBJECT;
use nats_bench::jetstream::CONSUMER;
use nats_bench::jetstream::MAX_MESSAGES;
use nats_bench::jetstream::STREAM;
use nats_bench::status;
use nats_tokio::Client;
use nats_tokio::jetstream::Consumer;
use nats_tokio::jetstream::Context;
use nats_tokio::jetstream::Sent;
use nats_tokio::jetstream::consumer;
use nats_tokio::jetstream::stream;

/// Runs a benchmark whose name begins with `js`.
pub(super) async fn run(client: &Client, count: usize, size: usize, arguments: &Arguments) {
    let jetstream = client.jetstream();
    let is_real = arguments.number("create", 0) == 1;
    if is_real {
        let config = stream::Config {
            storage: stream::StorageType::Memory,
            ..stream::Config::new(STREAM, [SUBJECT])
        };
        jetstream.create_stream(config).await.expect("a stream");
    }
    match arguments.command.as_str() {
        "jspub" => match arguments.number("inflight", 1) {
            1 => publish_each(&jetstream, count, size).await,
            window => publish(&jetstream, count, size, window).await,
        },
        "jssub" | "jsfetch" => {
            let consumer = consumer(&jetstream, count, size, is_real).await;
            if arguments.command == "jssub" {
                consume(client, &consumer, count, size).await;
            } else {
                fetch(client, &consumer, count, size).await;
            }
        }
        "jsidle" => idle(&jetstream, arguments.number("subs", 1000)).await,
        other => panic!("there is no {other}"),
    }
    if is_real {
        jetstream.delete_stream(STREAM).await.expect("deleted");
    }
}

/// One after the other.
async fn publish_each(jetstream: &Context, count: usize, size: usize) {
    let payload = vec![b'x'; size];
    jetstream.publish(SUBJECT, &payload).await.expect("stored");
    let mut latencies = Latencies::default();
    let meter = Meter::start();
    for _ in 0..count {
        let start = Instant::now();
        jetstream.publish(SUBJECT, &payload).await.expect("stored");
        latencies.push(start.elapsed());
    }
    meter.report("jspub", count, size, &latencies.percentiles());
}

/// With so many under way.
async fn publish(jetstream: &Context, count: usize, size: usize, window: usize) {
    let publisher = jetstream.publisher().window(window as u32).build();
    let payload = vec![b'x'; size];
    let mut waiting = VecDeque::<Sent>::with_capacity(window);
    let meter = Meter::start();
    for _ in 0..count {
        if waiting.len() == window
            && let Some(oldest) = waiting.pop_front()
        {
            oldest.await.expect("stored");
        }
        waiting.push_back(publisher.publish(SUBJECT, &payload).await.expect("sent"));
    }
    for sent in waiting {
        sent.await.expect("stored");
    }
    meter.report("jspub", count, size, &[]);
}

async fn consumer(jetstream: &Context, count: usize, size: usize, is_real: bool) -> Consumer {
    let stream = jetstream.stream(STREAM).expect("a name");
    if !is_real {
        return stream.get_consumer(CONSUMER).await.expect("a consumer");
    }
    fill(jetstream, count, size).await;
    let config = consumer::Config { max_ack_pending: -1, ..consumer::Config::durable(CONSUMER) };
    stream.create_consumer(config).await.expect("a consumer")
}

async fn fill(jetstream: &Context, count: usize, size: usize) {
    let publisher = jetstream.publisher().window(1024).build();
    let payload = vec![b'x'; size];
    let mut waiting = Vec::with_capacity(count);
    for _ in 0..count {
        waiting.push(publisher.publish(SUBJECT, &payload).await.expect("sent"));
    }
    for sent in waiting {
        sent.await.expect("stored");
    }
}

async fn consume(client: &Client, consumer: &Consumer, count: usize, size: usize) {
    let mut meter = Meter::start();
    let builder = consumer.messages().max_messages(MAX_MESSAGES as u32);
    let mut messages = builder.await.expect("messages");
    for got in 0..count {
        let message = messages.next().await.expect("a message").expect("a message");
        if got == 0 {
            meter.restart_wall();
        }
        message.ack().await.expect("acknowledged");
    }
    client.flush().await.expect("flushed");
    meter.report("jssub", count, size, &[]);
}

async fn fetch(client: &Client, consumer: &Consumer, count: usize, size: usize) {
    let meter = Meter::start();
    let mut got = 0;
    while got < count {
        for message in consumer.fetch(100).await.expect("messages") {
            message.ack().await.expect("acknowledged");
            got += 1;
        }
    }
    client.flush().await.expect("flushed");
    meter.report("jsfetch", count, size, &[]);
}

async fn idle(jetstream: &Context, count: usize) {
    let stream = jetstream.stream(STREAM).expect("a name");
    let before = status("VmRSS:");
    let meter = Meter::start();
    let mut all = Vec::new();
    for number in 0..count {
        let consumer = stream.get_consumer(&format!("C{number}")).await.expect("a consumer");
        let messages = consumer.messages().max_messages(MAX_MESSAGES as u32);
        all.push(messages.await.expect("messages"));
    }
    jetstream.client().flush().await.expect("flushed");
    tokio::time::sleep(Duration::from_millis(500)).await;
    meter.report("jsidle", count, 0, &[("before_kb", before.into())]);
}
