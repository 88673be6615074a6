//! NATS with nats-embassy: a link in a single task, which lends messages from where they were received.
#![no_std]
#![no_main]

use core::pin::pin;

use nats_embassy::Client;
use nats_embassy::Config;
use nats_embassy::Link;
use nats_embassy::LinkMemory;
use nats_embassy::LinkResources;
use nats_embassy::NetConnector;
use nats_embassy::Subject;
use static_cell::ConstStaticCell;
use throughput::BUFFER;
use throughput::Job;
use throughput::Kind;
use throughput::Meter;
use throughput::Network;
use throughput::executor;
use throughput::must;
use throughput::ready;
use throughput::start;

type Nats = LinkResources<'static, BUFFER, BUFFER, 1>;

static NATS: ConstStaticCell<Nats> = ConstStaticCell::new(Nats::new());

#[cortex_m_rt::entry]
fn main() -> ! {
    executor::run(|spawner| spawner.spawn(must(measure(start(spawner)))))
}

#[embassy_executor::task]
async fn measure(network: Network) {
    let job = Job::read();
    let connector = NetConnector::new(network.stack, network.rx, network.tx);
    let config = Config::new(job.server);
    let (client, mut runner) = must(nats_embassy::new(config, connector, NATS.take(), [7; 32]));
    let running = pin!(runner.run());
    let mut link = Link::new(client, running);
    must(link.drive(client.connected(), |_| {}).await);
    match job.kind {
        Kind::Publish => publish(&mut link, client, job).await,
        Kind::Receive => receive(&mut link, client, job).await,
    }
}

async fn publish<'d, R: LinkMemory<'d>>(
    link: &mut Link<'_, 'd, R>,
    client: Client<'d, R>,
    job: Job,
) -> ! {
    let (subject, payload) = (must(Subject::new(job.subject)), job.payload());
    let meter = Meter::start();
    for _ in 0..job.count {
        must(link.drive(client.publish(subject, payload), |_| {}).await);
    }
    must(link.drive(client.flush(), |_| {}).await);
    meter.stop(job.count)
}

async fn receive<'d, R: LinkMemory<'d>>(
    link: &mut Link<'_, 'd, R>,
    client: Client<'d, R>,
    job: Job,
) -> ! {
    must(link.subscribe(job.subject));
    must(link.drive(client.flush(), |_| {}).await);
    ready();
    must(link.recv().await);
    let meter = Meter::start();
    for _ in 1..job.count {
        let message = must(link.recv().await);
        assert_eq!(message.payload().len(), job.len);
    }
    meter.stop(job.count - 1)
}
