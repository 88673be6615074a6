//! A comparable MQTT client: minimq, doing the same.
#![no_std]
#![no_main]

use core::ptr::null_mut;

use embassy_executor::raw::Executor;
use minimq::Buffers;
use minimq::ConfigBuilder;
use minimq::ConnectEvent;
use minimq::Publication;
use minimq::Session;
use minimq::TopicFilter;
use size::Wire;
use size::put;
use static_cell::ConstStaticCell;
use static_cell::StaticCell;

static RX: ConstStaticCell<[u8; 1024]> = ConstStaticCell::new([0; 1024]);
static TX: ConstStaticCell<[u8; 1024]> = ConstStaticCell::new([0; 1024]);
static EXECUTOR: StaticCell<Executor> = StaticCell::new();

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    let executor = EXECUTOR.init(Executor::new(null_mut()));
    if let Ok(app) = app() {
        executor.spawner().spawn(app);
    }
    loop {
        // SAFETY: it is never run.
        unsafe { executor.poll() };
    }
}

#[embassy_executor::task]
async fn app() {
    let config = ConfigBuilder::new(Buffers::new(RX.take(), TX.take()));
    let Ok(config) = config.client_id("device") else { return };
    let mut session = Session::new(config);
    loop {
        let Ok(mut connection) = session.connect(Wire).await else { continue };
        if connection.connect_event() == ConnectEvent::Connected {
            let _ = connection.subscribe(&[TopicFilter::new("lamp")], &[]).await;
        }
        let _ = connection.publish(Publication::bytes("t", b"21")).await;
        while let Ok(command) = connection.recv().await {
            put(command.topic().as_bytes());
            put(command.payload());
            let _ = connection.publish(Publication::bytes("done", b"ok")).await;
        }
    }
}
