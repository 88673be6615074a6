//! Shared by the programs: their job, the network, and the measurement.
#![no_std]

pub mod executor;
mod job;
mod meter;
pub mod mqtt;
mod network;

use core::panic::PanicInfo;

use cortex_m_rt::ExceptionFrame;
use cortex_m_rt::exception;
use semihosting::println;
use semihosting::process::exit;

pub use crate::job::Job;
pub use crate::job::Kind;
pub use crate::meter::Meter;
pub use crate::network::Network;
pub use crate::network::connect;
pub use crate::network::start;

/// As much as a client has for receiving, and for sending; and a socket, too.
pub const BUFFER: usize = 1024;

/// Tells the host that it may send: there is a subscription.
pub fn ready() {
    println!("ready");
}

/// Ends the program if something fails: it is the network that is measured, not what to do without it.
pub fn must<T, E: core::fmt::Debug>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| {
        println!("{error:?}");
        exit(1)
    })
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    println!("{info}");
    exit(101)
}

/// Rather than hang.
#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    println!("{frame:?}");
    exit(102)
}
