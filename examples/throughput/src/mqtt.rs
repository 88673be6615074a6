//! MQTT 5 with minimq.

use minimq::Buffers;
use minimq::ConfigBuilder;
use minimq::Connection;
use minimq::Io;
use minimq::Op;
use minimq::Publication;
use minimq::QoS;
use minimq::Session;
use minimq::TopicFilter;
use static_cell::ConstStaticCell;

use crate::BUFFER;
use crate::Job;
use crate::Kind;
use crate::Meter;
use crate::must;
use crate::ready;

static MEMORY: ConstStaticCell<[[u8; BUFFER]; 2]> = ConstStaticCell::new([[0; BUFFER]; 2]);

/// Does a job over a connection to a broker.
pub async fn run(io: impl Io, job: Job) -> ! {
    let [rx, tx] = MEMORY.take();
    let config = must(ConfigBuilder::new(Buffers::new(rx, tx)).client_id("device"));
    let mut session = Session::new(config);
    let mut connection = must(session.connect(io).await);
    match job.kind {
        Kind::Publish => publish(&mut connection, job).await,
        Kind::Receive => receive(&mut connection, job).await,
    }
}

async fn publish(connection: &mut Connection<'_, '_, impl Io>, job: Job) -> ! {
    let message = || Publication::bytes(job.subject, job.payload());
    let meter = Meter::start();
    for _ in 1..job.count {
        must(connection.publish(message()).await);
    }
    // The last one is acknowledged, and so tells that the broker has them all.
    let last = must(connection.publish(message().qos(QoS::AtLeastOnce)).await);
    finish(connection, last).await;
    meter.stop(job.count)
}

async fn receive(connection: &mut Connection<'_, '_, impl Io>, job: Job) -> ! {
    let subscribed = must(connection.subscribe(&[TopicFilter::new(job.subject)], &[]).await);
    finish(connection, Some(subscribed)).await;
    ready();
    must(connection.recv().await);
    let meter = Meter::start();
    for _ in 1..job.count {
        let message = must(connection.recv().await);
        assert_eq!(message.payload().len(), job.len);
    }
    meter.stop(job.count - 1)
}

async fn finish(connection: &mut Connection<'_, '_, impl Io>, op: Option<Op>) {
    while op.as_ref().is_some_and(|op| connection.is_pending(op)) {
        must(connection.poll().await);
    }
}
