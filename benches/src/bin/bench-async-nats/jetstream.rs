//! JetStream of async-nats.

use std::collections::VecDeque;
use std::time::Duration;
use std::time::Instant;

use async_nats::Client;
use async_nats::jetstream;
use async_nats::jetstream::Context;
use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::consumer::pull;
use async_nats::jetstream::context::PublishAckFuture;
use async_nats::jetstream::stream;
use bytes::Bytes;
use futures_util::StreamExt;
use nats_bench::Arguments;
use nats_bench::Latencies;
use nats_bench::Meter;
use nats_bench::SUBJECT;
use nats_bench::jetstream::CONSUMER;
use nats_bench::jetstream::MAX_MESSAGES;
use nats_bench::jetstream::STREAM;
use nats_bench::status;

/// Runs a benchmark whose name begins with `js`.
pub(super) async fn run(client: Client, count: usize, size: usize, arguments: &Arguments) {
    let jetstream = jetstream::new(client);
    let is_real = arguments.number("create", 0) == 1;
    if is_real {
        let config = stream::Config {
            name: STREAM.to_owned(),
            subjects: vec![SUBJECT.to_owned()],
            storage: stream::StorageType::Memory,
            ..Default::default()
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
                consume(&jetstream, &consumer, count, size).await;
            } else {
                fetch(&jetstream, &consumer, count, size).await;
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
    let payload = Bytes::from(vec![b'x'; size]);
    let publish = async || {
        let sent = jetstream.publish(SUBJECT, payload.clone()).await.expect("sent");
        sent.await.expect("stored");
    };
    publish().await;
    let mut latencies = Latencies::default();
    let meter = Meter::start();
    for _ in 0..count {
        let start = Instant::now();
        publish().await;
        latencies.push(start.elapsed());
    }
    meter.report("jspub", count, size, &latencies.percentiles());
}

/// With so many under way.
async fn publish(jetstream: &Context, count: usize, size: usize, window: usize) {
    let payload = Bytes::from(vec![b'x'; size]);
    let mut waiting = VecDeque::<PublishAckFuture>::with_capacity(window);
    let meter = Meter::start();
    for _ in 0..count {
        if waiting.len() == window
            && let Some(oldest) = waiting.pop_front()
        {
            oldest.await.expect("stored");
        }
        waiting.push_back(jetstream.publish(SUBJECT, payload.clone()).await.expect("sent"));
    }
    for sent in waiting {
        sent.await.expect("stored");
    }
    meter.report("jspub", count, size, &[]);
}

async fn consumer(jetstream: &Context, count: usize, size: usize, is_real: bool) -> PullConsumer {
    if !is_real {
        let found = jetstream.get_consumer_from_stream(CONSUMER, STREAM).await;
        return found.expect("a consumer");
    }
    fill(jetstream, count, size).await;
    let config = pull::Config {
        durable_name: Some(CONSUMER.to_owned()),
        max_ack_pending: -1,
        ..Default::default()
    };
    jetstream.create_consumer_on_stream(config, STREAM).await.expect("a consumer")
}

async fn fill(jetstream: &Context, count: usize, size: usize) {
    let payload = Bytes::from(vec![b'x'; size]);
    let mut waiting = VecDeque::<PublishAckFuture>::with_capacity(1024);
    for _ in 0..count {
        if waiting.len() == 1024
            && let Some(oldest) = waiting.pop_front()
        {
            oldest.await.expect("stored");
        }
        waiting.push_back(jetstream.publish(SUBJECT, payload.clone()).await.expect("sent"));
    }
    for sent in waiting {
        sent.await.expect("stored");
    }
}

async fn consume(jetstream: &Context, consumer: &PullConsumer, count: usize, size: usize) {
    let mut meter = Meter::start();
    let builder = consumer.stream().max_messages_per_batch(MAX_MESSAGES);
    let mut messages = builder.messages().await.expect("messages");
    for got in 0..count {
        let message = messages.next().await.expect("a message").expect("a message");
        if got == 0 {
            meter.restart_wall();
        }
        message.ack().await.expect("acknowledged");
    }
    jetstream.client().flush().await.expect("flushed");
    meter.report("jssub", count, size, &[]);
}

async fn fetch(jetstream: &Context, consumer: &PullConsumer, count: usize, size: usize) {
    let meter = Meter::start();
    let mut got = 0;
    while got < count {
        let mut batch = consumer.fetch().max_messages(100).messages().await.expect("messages");
        while let Some(message) = batch.next().await {
            message.expect("a message").ack().await.expect("acknowledged");
            got += 1;
        }
    }
    jetstream.client().flush().await.expect("flushed");
    meter.report("jsfetch", count, size, &[]);
}

async fn idle(jetstream: &Context, count: usize) {
    let before = status("VmRSS:");
    let meter = Meter::start();
    let mut all = Vec::new();
    for number in 0..count {
        let found = jetstream.get_consumer_from_stream(format!("C{number}"), STREAM).await;
        let consumer: PullConsumer = found.expect("a consumer");
        let builder = consumer.stream().max_messages_per_batch(MAX_MESSAGES);
        let mut messages = builder.messages().await.expect("messages");
        // It asks for messages when it is polled.
        let first = tokio::time::timeout(Duration::ZERO, messages.next()).await;
        assert!(first.is_err(), "there is nothing");
        all.push(messages);
    }
    jetstream.client().flush().await.expect("flushed");
    tokio::time::sleep(Duration::from_millis(500)).await;
    meter.report("jsidle", count, 0, &[("before_kb", before.into())]);
}
