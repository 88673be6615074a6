//! The whole client with JetStream: `client`, and messages that are published with an id, and with feature
//! `fetch` fetched and acknowledged, too.
#![no_std]
#![no_main]

use core::ptr::null_mut;
use core::time::Duration;

use embassy_executor::raw::Executor;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use nats_embassy::Client;
use nats_embassy::Config;
use nats_embassy::PendingLimits;
use nats_embassy::Publish;
use nats_embassy::Resources;
use nats_embassy::Runner;
use nats_embassy::Subject;
#[cfg(feature = "fetch")]
use nats_embassy::jetstream::Consumer;
#[cfg(feature = "fetch")]
use nats_embassy::jetstream::ConsumerName;
use nats_embassy::jetstream::MessageId;
#[cfg(feature = "fetch")]
use nats_embassy::jetstream::Oversized;
#[cfg(feature = "fetch")]
use nats_embassy::jetstream::StreamName;
use size::Wire;
use size::input;
use size::output;
use size::put;
use static_cell::ConstStaticCell;
use static_cell::StaticCell;

/// As in `client`.
type Nats = Resources<'static, NoopRawMutex, 1024, 1024, 4, 4, 128, 1>;

static NATS: ConstStaticCell<Nats> = ConstStaticCell::new(Nats::new());
static EXECUTOR: StaticCell<Executor> = StaticCell::new();
/// By itself, so that its size is seen.
#[cfg(feature = "fetch")]
static JOBS: StaticCell<Consumer<'static, Nats>> = StaticCell::new();

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    let executor = EXECUTOR.init(Executor::new(null_mut()));
    let spawner = executor.spawner();
    let made = nats_embassy::new(Config::new("nats://10.0.0.1"), Wire, NATS.take(), [1; 32]);
    if let Ok((client, runner)) = made
        && let (Ok(app), Ok(run)) = (app(client), run(runner))
    {
        spawner.spawn(app);
        spawner.spawn(run);
        if let Ok(reporter) = report(client) {
            spawner.spawn(reporter);
        }
        #[cfg(feature = "fetch")]
        if let Ok(worker) = work(client) {
            spawner.spawn(worker);
        }
    }
    loop {
        // SAFETY: it is never run.
        unsafe { executor.poll() };
    }
}

#[embassy_executor::task]
async fn run(mut runner: Runner<'static, Nats, Wire>) {
    runner.run().await;
}

#[embassy_executor::task]
async fn report(client: Client<'static, Nats>) {
    let jetstream = client.jetstream();
    loop {
        let id = MessageId::numbered("sensor-7.", input().into());
        match jetstream.publish("t", b"21").message_id(id).await {
            Ok(ack) => output(ack.sequence as u32),
            Err(error) => output(error.may_be_stored().into()),
        }
    }
}

#[cfg(feature = "fetch")]
#[embassy_executor::task]
async fn work(client: Client<'static, Nats>) {
    let (stream, name) = (StreamName::from_static("JOBS"), ConsumerName::from_static("sensor-7"));
    let made = client.jetstream().consumer(stream, name, 1, Oversized::Leave);
    let Ok(jobs) = made else { return };
    let jobs = JOBS.init(jobs);
    while let Ok(Some(job)) = jobs.next(Duration::from_secs(30)).await {
        put(job.payload());
        let _ = job.ack().await;
    }
}

#[embassy_executor::task]
async fn app(client: Client<'static, Nats>) {
    let Ok(mut lamp) = client.subscribe("lamp", PendingLimits::drop_oldest(2)) else { return };
    let message = Publish::new(Subject::from_static("t"), &[]);
    let _ = client.publish_in_place(&message, 10, |space| space.len()).await;
    let _ = client.publish_message(&message).await;
    if let Ok(reply) = client.request("time", b"", Duration::from_secs(1)).await {
        put(reply.payload());
    }
    while let Some(command) = lamp.next().await {
        put(command.payload());
        let _ = client.respond(&command, b"ok").await;
        let _ = client.flush().await;
    }
    output(lamp.dropped());
    if client.next_event().await.is_some() {
        output(client.statistics().in_messages);
    }
    let _ = client.drain().await;
}
