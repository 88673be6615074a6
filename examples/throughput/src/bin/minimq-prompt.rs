//! MQTT with minimq, over a socket that does not wait until what was sent is acknowledged: minimq flushes
//! after every message, and flushing is that to `embassy-net`.
#![no_std]
#![no_main]

use embassy_net::tcp::Error;
use embassy_net::tcp::TcpSocket;
use embedded_io_async::ErrorType;
use embedded_io_async::Read;
use embedded_io_async::Write;
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
    mqtt::run(Prompt(connect(network, job.server).await), job).await
}

/// As nats-embassy has it.
struct Prompt(TcpSocket<'static>);

impl ErrorType for Prompt {
    type Error = Error;
}

impl Read for Prompt {
    async fn read(&mut self, bytes: &mut [u8]) -> Result<usize, Error> {
        self.0.read(bytes).await
    }
}

impl Write for Prompt {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        self.0.write(bytes).await
    }

    async fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }
}
