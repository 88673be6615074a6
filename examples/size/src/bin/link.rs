//! The floor: one task, without a network, TLS and signatures.
#![no_std]
#![no_main]

use core::pin::pin;
use core::time::Duration;

use embassy_executor::raw::Executor;
use nats_embassy::Config;
use nats_embassy::Link;
use nats_embassy::LinkResources;
use nats_embassy::Publish;
use nats_embassy::Subject;
use size::Wire;
use size::output;
use size::put;
use static_cell::ConstStaticCell;
use static_cell::StaticCell;

/// 1 KiB to receive, 1 KiB to send, 4 subscriptions.
type Nats = LinkResources<'static, 1024, 1024, 4>;

static NATS: ConstStaticCell<Nats> = ConstStaticCell::new(Nats::new());
static EXECUTOR: StaticCell<Executor> = StaticCell::new();

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    let executor = EXECUTOR.init(Executor::new(core::ptr::null_mut()));
    if let Ok(app) = app(NATS.take()) {
        executor.spawner().spawn(app);
    }
    loop {
        // SAFETY: it is never run.
        unsafe { executor.poll() };
    }
}

#[embassy_executor::task]
async fn app(resources: &'static mut Nats) {
    let made = nats_embassy::new(Config::new("nats://10.0.0.1"), Wire, resources, [1; 32]);
    let Ok((client, mut runner)) = made else { return };
    let running = pin!(runner.run());
    let mut link = Link::new(client, running);
    let Ok(_) = link.subscribe("lamp") else { return };
    let message = Publish::new(Subject::from_static("t"), &[]);
    let publish = client.publish_in_place(&message, 10, |space| space.len());
    let _ = link.drive(publish, |_| {}).await;
    let _ = client.try_publish(&message);
    if let Ok(reply) = link.request(&message, Duration::from_secs(1), |_| {}).await {
        put(reply.payload());
    }
    while let Ok(command) = link.recv().await {
        put(command.payload());
        let _ = client.try_respond(&command, b"ok");
    }
    let _ = link.drive(client.flush(), |_| {}).await;
    output(client.statistics().in_messages);
    let _ = link.drive(client.drain(), |_| {}).await;
}
