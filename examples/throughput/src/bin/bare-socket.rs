//! No client at all: the same bytes as with NATS, made before. What is left is the network.
#![no_std]
#![no_main]

use embassy_net::tcp::TcpSocket;
use embedded_io_async::Write as _;
use nats_embassy::Headers;
use nats_embassy::Publish;
use nats_embassy::Sid;
use nats_embassy::Subject;
use nats_embassy::nats_proto::wire::Deliver;
use nats_embassy::nats_proto::wire::SendBuf;
use throughput::BUFFER;
use throughput::Job;
use throughput::Kind;
use throughput::Meter;
use throughput::Network;
use throughput::connect;
use throughput::executor;
use throughput::must;
use throughput::ready;
use throughput::start;

#[cortex_m_rt::entry]
fn main() -> ! {
    executor::run(|spawner| spawner.spawn(must(measure(start(spawner)))))
}

#[embassy_executor::task]
async fn measure(network: Network) {
    let job = Job::read();
    let mut socket = connect(network, job.server).await;
    must(socket.write_all(b"CONNECT {\"verbose\":false}\r\n").await);
    match job.kind {
        Kind::Publish => publish(&mut socket, job).await,
        Kind::Receive => receive(&mut socket, job).await,
    }
}

/// Writes as much at once as nats-embassy does, which has two halves.
async fn publish(socket: &mut TcpSocket<'static>, job: Job) -> ! {
    let message =
        Publish { payload: job.payload(), ..Publish::new(must(Subject::new(job.subject)), &[]) };
    let mut memory = [0; BUFFER / 2];
    let mut block = SendBuf::new(&mut memory);
    let mut fit = 0;
    while message.encode(&mut block).is_ok() {
        fit += 1;
    }
    flush(socket).await;
    let meter = Meter::start();
    let mut left = job.count;
    while left > 0 {
        let now = left.min(fit);
        let len = now as usize * message.encoded_len();
        must(socket.write_all(&block.as_ref()[..len]).await);
        left -= now;
    }
    flush(socket).await;
    meter.stop(job.count)
}

/// Reads as much as there is.
async fn receive(socket: &mut TcpSocket<'static>, job: Job) -> ! {
    let message = Deliver {
        subject: job.subject.as_bytes(),
        sid: Sid(1),
        reply: None,
        headers: Headers::NONE,
        payload: job.payload(),
    };
    let mut memory = [0; BUFFER];
    let mut line = SendBuf::new(&mut memory);
    must(message.encode(&mut line));
    let len = line.len();
    must(socket.write_all(b"SUB ").await);
    must(socket.write_all(job.subject.as_bytes()).await);
    must(socket.write_all(b" 1\r\n").await);
    flush(socket).await;
    ready();
    let mut left = len * job.count as usize - must(socket.read(&mut memory).await);
    let meter = Meter::start();
    let count = left / len;
    while left > 0 {
        left -= must(socket.read(&mut memory).await);
    }
    meter.stop(count as u32)
}

/// Waits for a PONG. What came before it is INFO.
async fn flush(socket: &mut TcpSocket<'static>) {
    must(socket.write_all(b"PING\r\n").await);
    let mut memory = [0; BUFFER];
    loop {
        let len = must(socket.read(&mut memory).await);
        if memory[..len].ends_with(b"PONG\r\n") {
            return;
        }
    }
}
