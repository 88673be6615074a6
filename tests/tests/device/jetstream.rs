//! JetStream by a device: it publishes to streams, and fetches from consumers.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::pin::pin;
use std::time::Duration;

use nats_embassy::Config;
use nats_embassy::Link;
use nats_embassy::LinkResources;
use nats_embassy::jetstream::AckKind;
use nats_embassy::jetstream::ConsumerName;
use nats_embassy::jetstream::DeliveryInfo;
use nats_embassy::jetstream::ErrorCode;
use nats_embassy::jetstream::FetchEndReason;
use nats_embassy::jetstream::FetchError;
use nats_embassy::jetstream::MessageId;
use nats_embassy::jetstream::NotStored;
use nats_embassy::jetstream::Oversized;
use nats_embassy::jetstream::PublishError;
use nats_embassy::jetstream::PublishHeaders;
use nats_embassy::jetstream::StreamName;
use nats_tests::NatsServer;
use nats_tokio::jetstream::Context;
use nats_tokio::jetstream::consumer;
use nats_tokio::jetstream::stream;

use crate::SESSION;
use crate::network::Network;
use crate::run;

const CONFIG: &str = "jetstream { store_dir: $STORE, max_mem: 64M, max_file: 256M }";
/// As long as anything takes on a machine that is busy.
const LONG: Duration = Duration::from_secs(30);

/// A server with a stream `T` of `telemetry.>`, and a client that looks after it.
async fn start() -> (NatsServer, Context, stream::Stream) {
    let server = NatsServer::start(CONFIG);
    let hub = nats_tokio::connect(server.url()).await.unwrap().jetstream();
    let stream = hub.create_stream(stream::Config::new("T", ["telemetry.>"])).await.unwrap();
    (server, hub, stream)
}

/// nats-io/nats.go#1729: a message whose acknowledgement is lost is published again, and stored once.
#[tokio::test]
async fn what_is_published_is_stored_once_though_the_server_is_started_anew() {
    const COUNT: u64 = 40;
    let (mut server, hub, stream) = start().await;
    let url = server.url();
    let published = Cell::new(0);
    let device = run(&url, SESSION, Network, async |client| {
        let jetstream = client.jetstream().timeout(LONG).ack_wait(Duration::from_secs(2));
        for number in 0..COUNT {
            let id = MessageId::numbered("device-7.", number);
            let payload = number.to_be_bytes();
            let publish = jetstream.publish("telemetry.7", &payload).message_id(id);
            publish.retries(u8::MAX).await.unwrap();
            published.set(number);
        }
        // The same again is known by its id.
        let last = MessageId::numbered("device-7.", COUNT - 1);
        let ack = jetstream.publish("telemetry.7", b"").message_id(last).await.unwrap();
        assert!(ack.is_duplicate && ack.sequence == COUNT);
    });
    let restart = async {
        for at in [COUNT / 4, COUNT / 2] {
            while published.get() < at {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            server.restart(CONFIG);
        }
    };
    embassy_futures::join::join(device, restart).await;
    assert_eq!(stream.info().await.unwrap().state.messages, COUNT);
    for number in 0..COUNT {
        let message = stream.get(number + 1).await.unwrap();
        assert_eq!(message.payload[..], number.to_be_bytes());
    }
    drop(hub);
}

#[tokio::test]
async fn a_refusal_says_why_and_that_nothing_is_stored() {
    let (server, _, stream) = start().await;
    run(&server.url(), SESSION, Network, async |client| {
        let jetstream = client.jetstream().timeout(LONG);
        let nobody = jetstream.publish("nobody", b"").await;
        assert_eq!(nobody, Err(PublishError::NotStored(NotStored::NoResponders)));
        let mut headers = nats_embassy::HeaderBuf::<64>::new();
        PublishHeaders::NONE.expected_last_sequence(5).write(&mut headers).unwrap();
        let subject = nats_embassy::Subject::from_static("telemetry.7");
        let message = nats_embassy::Publish::new(subject, b"");
        let message = nats_embassy::Publish { headers: headers.as_headers(), ..message };
        let wrong = NotStored::Rejected(ErrorCode::WRONG_LAST_SEQUENCE);
        let refused = jetstream.publish_message(&message).await;
        assert_eq!(refused, Err(PublishError::NotStored(wrong)));
    })
    .await;
    assert_eq!(stream.info().await.unwrap().state.messages, 0);
}

#[tokio::test]
async fn a_link_publishes_and_fetches_too() {
    let (server, _, stream) = start().await;
    let url = server.url();
    let mut resources = LinkResources::<1024, 1024, 2>::new();
    let made = nats_embassy::new(Config::new(&url), Network, &mut resources, [7; 32]);
    let (client, mut runner) = made.unwrap();
    let running = pin!(runner.run());
    let mut link = Link::new(client, running);
    let jetstream = client.jetstream().timeout(LONG);
    for number in 0..10 {
        let id = MessageId::numbered("link.", number);
        let publish = jetstream.publish("telemetry.link", b"21").message_id(id);
        let ack = link.drive(publish, |_| {}).await.unwrap();
        assert_eq!(ack.sequence, number + 1);
    }
    assert_eq!(stream.info().await.unwrap().state.messages, 10);
    // It has them back from a consumer.
    stream.create_consumer(consumer::Config::durable("d")).await.unwrap();
    let (name, durable) = (StreamName::from_static("T"), ConsumerName::from_static("d"));
    let mut jobs = jetstream.link_consumer(name, durable);
    for number in 0..10 {
        let job = link.fetch_next(&mut jobs, LONG, |_| {}).await.unwrap().unwrap();
        let info = DeliveryInfo::parse(job.reply_bytes().unwrap()).unwrap();
        assert_eq!((info.stream_sequence, info.delivered), (number + 1, 1));
        jetstream.try_ack(&job, AckKind::Ack).unwrap();
    }
    assert!(link.fetch_next(&mut jobs, Duration::ZERO, |_| {}).await.unwrap().is_none());
}

#[tokio::test]
async fn every_job_is_done_once_by_a_device_with_three_slots() {
    const COUNT: u64 = 30;
    let (server, hub, stream) = start().await;
    let all = consumer::Config { ack_wait: LONG, ..consumer::Config::durable("d") };
    let jobs = stream.create_consumer(all).await.unwrap();
    for number in 0..COUNT {
        // One does not fit into a slot.
        let len = if number == 7 { 400 } else { 8 };
        let mut payload = vec![0; len];
        payload[..8].copy_from_slice(&number.to_be_bytes());
        hub.publish("telemetry.job", payload).await.unwrap();
    }
    let url = server.url();
    let done = run(&url, SESSION, Network, async |client| {
        let (stream, name) = (StreamName::from_static("T"), ConsumerName::from_static("d"));
        let made = client.jetstream().consumer(stream, name, 3, Oversized::Terminate);
        let mut jobs = made.unwrap();
        let mut done = BTreeSet::new();
        while u64::try_from(done.len()).unwrap() < COUNT - 1 {
            let mut batch = jobs.fetch(10, Duration::from_secs(5));
            while let Some(job) = batch.next().await.unwrap() {
                let number = u64::from_be_bytes(job.payload().try_into().unwrap());
                let info = job.info().unwrap();
                assert_eq!((info.stream, info.stream_sequence), ("T", number + 1));
                match number {
                    1 if info.delivered == 1 => {
                        job.nak().await.unwrap();
                        continue;
                    }
                    2 => job.term().await.unwrap(),
                    3 => job.ack_confirmed(LONG).await.unwrap(),
                    4 => {
                        job.in_progress().await.unwrap();
                        job.ack().await.unwrap();
                    }
                    _ => job.ack().await.unwrap(),
                }
                assert!(done.insert(number), "{number} came twice");
            }
        }
        assert_eq!(jobs.oversized(), 1);
        assert_eq!(client.statistics().dropped_messages, 0);
        assert!(jobs.next(Duration::ZERO).await.unwrap().is_none());
        client.flush().await.unwrap();
        done
    });
    let mut done = done.await;
    done.insert(7);
    assert_eq!(done, (0..COUNT).collect());
    let settled = async {
        loop {
            let info = jobs.info().await.unwrap();
            if (info.num_pending, info.num_ack_pending) == (0, 0) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LONG, settled).await.expect("all is acknowledged");
}

#[tokio::test]
async fn a_fetch_goes_on_when_the_server_is_started_anew() {
    let (mut server, hub, stream) = start().await;
    stream.create_consumer(consumer::Config::durable("d")).await.unwrap();
    let url = server.url();
    let is_waiting = Cell::new(false);
    let device = run(&url, SESSION, Network, async |client| {
        let (stream, name) = (StreamName::from_static("T"), ConsumerName::from_static("d"));
        let made = client.jetstream().consumer(stream, name, 1, Oversized::Leave);
        let mut jobs = made.unwrap();
        client.connected().await.unwrap();
        is_waiting.set(true);
        let job = jobs.next(Duration::from_secs(50)).await.unwrap().unwrap();
        assert_eq!(job.payload(), b"after");
        job.ack_confirmed(LONG).await.unwrap();
    });
    let restart = async {
        while !is_waiting.get() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        server.restart(CONFIG);
        let publish = hub.publish("telemetry.job", "after").message_id("after");
        publish.timeout(LONG).retries(u8::MAX).await.unwrap();
    };
    embassy_futures::join::join(device, restart).await;
}

#[tokio::test]
async fn without_such_a_consumer_a_fetch_says_that_nobody_answers() {
    let (server, _, _) = start().await;
    run(&server.url(), SESSION, Network, async |client| {
        let (stream, name) = (StreamName::from_static("T"), ConsumerName::from_static("missing"));
        let made = client.jetstream().consumer(stream, name, 1, Oversized::Leave);
        let ended = made.unwrap().next(Duration::from_secs(2)).await.unwrap_err();
        // Old servers say nothing at all.
        let expected = [FetchEndReason::NoResponders, FetchEndReason::TimedOut];
        assert!(expected.map(FetchError::Ended).contains(&ended), "{ended:?}");
    })
    .await;
}
