//! A client in one task, its runner in another one, messages in places.

use embassy_executor::Spawner;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_time::Timer;
use nats_embassy::Client;
use nats_embassy::Config;
use nats_embassy::NetConnector;
use nats_embassy::PendingLimits;
use nats_embassy::Resources;
use nats_embassy::Runner;
use nats_embassy::Subject;
use static_cell::ConstStaticCell;
use throughput::BUFFER;
use throughput::Job;
use throughput::Kind;
use throughput::Meter;
use throughput::executor;
use throughput::must;
use throughput::ready;
use throughput::start;

use crate::TX;

/// More than the shortest messages that fit into the memory for receiving.
const PLACES: usize = 24;

type Nats = Resources<'static, NoopRawMutex, BUFFER, TX, 1, PLACES, 192, 1>;

static NATS: ConstStaticCell<Nats> = ConstStaticCell::new(Nats::new());

#[cortex_m_rt::entry]
fn main() -> ! {
    executor::run(prepare)
}

fn prepare(spawner: Spawner) {
    let network = start(spawner);
    let job = Job::read();
    let connector = NetConnector::new(network.stack, network.rx, network.tx);
    let config = Config::new(job.server);
    let (client, runner) = must(nats_embassy::new(config, connector, NATS.take(), [7; 32]));
    spawner.spawn(must(move_messages(runner)));
    spawner.spawn(must(measure(client, job)));
    spawner.spawn(must(give_up(client)));
}

/// Says why it does not end: what was dropped does not come any more.
#[embassy_executor::task]
async fn give_up(client: Client<'static, Nats>) {
    Timer::after_secs(30).await;
    panic!("{:?}", client.statistics());
}

#[embassy_executor::task]
async fn move_messages(mut runner: Runner<'static, Nats, NetConnector<'static>>) {
    runner.run().await;
}

#[embassy_executor::task]
async fn measure(client: Client<'static, Nats>, job: Job) {
    must(client.connected().await);
    match job.kind {
        Kind::Publish => publish(client, job).await,
        Kind::Receive => receive(client, job).await,
    }
}

async fn publish(client: Client<'static, Nats>, job: Job) -> ! {
    let (subject, payload) = (must(Subject::new(job.subject)), job.payload());
    let meter = Meter::start();
    for _ in 0..job.count {
        must(client.publish(subject, payload).await);
    }
    must(client.flush().await);
    meter.stop(job.count)
}

async fn receive(client: Client<'static, Nats>, job: Job) -> ! {
    let mut messages = must(client.subscribe(job.subject, PendingLimits::drop_newest(PLACES)));
    must(client.flush().await);
    ready();
    messages.next().await;
    let meter = Meter::start();
    for _ in 1..job.count {
        let message = must(messages.next().await.ok_or("it is over"));
        assert_eq!(message.payload().len(), job.len);
    }
    assert_eq!(messages.dropped(), 0);
    meter.stop(job.count - 1)
}
