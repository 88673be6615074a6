//! Shared by the programs: a device at an address, and a clock that stands still.
#![no_std]

pub mod session;

use core::convert::Infallible;
use core::panic::PanicInfo;
use core::task::Waker;

use embassy_time_driver::Driver;
use embedded_io_async::ErrorType;
use embedded_io_async::Read;
use embedded_io_async::Write;
use nats_embassy::Connector;
use nats_embassy::ServerUrl;
use nats_embassy::Transport;
use nats_embassy::TransportError;

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}

/// A register that nobody knows anything about.
const REGISTER: usize = 0x4000_0000;

/// Whatever the compiler cannot foresee.
pub fn input() -> u32 {
    // SAFETY: it is never run.
    unsafe { (REGISTER as *const u32).read_volatile() }
}

/// What the compiler cannot do without.
pub fn output(value: u32) {
    // SAFETY: it is never run.
    unsafe { (REGISTER as *mut u32).write_volatile(value) }
}

/// Bytes from nowhere.
pub fn fill(memory: &mut [u8]) -> usize {
    memory.iter_mut().for_each(|byte| *byte = input() as u8);
    input() as usize
}

/// Bytes to nowhere.
pub fn put(bytes: &[u8]) {
    bytes.iter().for_each(|byte| output(u32::from(*byte)));
}

struct Clock;

impl Driver for Clock {
    fn now(&self) -> u64 {
        u64::from(input())
    }

    fn schedule_wake(&self, _: u64, waker: &Waker) {
        waker.wake_by_ref();
    }
}

embassy_time_driver::time_driver_impl!(static CLOCK: Clock = Clock);

/// A network of registers.
pub struct Wire;

impl ErrorType for Wire {
    type Error = Infallible;
}

impl Read for Wire {
    async fn read(&mut self, memory: &mut [u8]) -> Result<usize, Infallible> {
        embassy_futures::yield_now().await;
        Ok(fill(memory))
    }
}

impl Write for Wire {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        embassy_futures::yield_now().await;
        put(bytes);
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl Connector for Wire {
    type Transport<'c> = Wire;

    async fn connect(&mut self, server: &ServerUrl<'_>) -> Result<Wire, TransportError> {
        put(server.host().as_bytes());
        embassy_futures::yield_now().await;
        Ok(Wire)
    }
}

impl Transport for Wire {
    type Reader<'a> = Wire;
    type Writer<'a> = Wire;

    fn split(&mut self) -> (Wire, Wire) {
        (Wire, Wire)
    }

    async fn close(&mut self) {}

    async fn abort(&mut self) {}
}

// The executor asks for it.
#[unsafe(no_mangle)]
extern "Rust" fn __pender(_: *mut ()) {
    output(0);
}

/// A Cortex-M0 cannot exchange a word in one instruction.
#[cfg(target_arch = "arm")]
#[cfg(not(target_has_atomic = "32"))]
mod single_core {
    struct Never;

    critical_section::set_impl!(Never);

    // SAFETY: it is never run.
    unsafe impl critical_section::Impl for Never {
        unsafe fn acquire() {
            crate::output(1);
        }

        unsafe fn release((): ()) {
            crate::output(0);
        }
    }
}
