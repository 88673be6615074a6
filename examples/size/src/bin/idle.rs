//! The baseline of all clients: an executor, and a task that reads and writes.
#![no_std]
#![no_main]

use core::ptr::null_mut;

use embassy_executor::raw::Executor;
use embedded_io_async::Read;
use embedded_io_async::Write;
use size::Wire;
use static_cell::ConstStaticCell;
use static_cell::StaticCell;

static MEMORY: ConstStaticCell<[u8; 1024]> = ConstStaticCell::new([0; 1024]);
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
    let memory = MEMORY.take();
    loop {
        let Ok(len) = Wire.read(memory).await;
        let _ = Wire.write(memory.get(..len).unwrap_or_default()).await;
    }
}
