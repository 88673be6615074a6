//! MQTT with minimq, over a socket as it comes.
#![no_std]
#![no_main]

use throughput::Job;
use throughput::Network;
use throughput::connect;
use throughput::executor;
use throughput::mqtt;
use throughput::must;
use throughput::start;

#[cortex_m_rt::entry]
fn main() -> ! {
    executor::run(|spawner| spawner.spawn(must(measure(start(spawner)))))
}

#[embassy_executor::task]
async fn measure(network: Network) {
    let job = Job::read();
    mqtt::run(connect(network, job.server).await, job).await
}
