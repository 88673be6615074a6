//! The bare core with room for two servers: one of them may be discovered.
#![no_std]
#![no_main]

use size::session::Nats;
use static_cell::StaticCell;

static SESSION: StaticCell<Nats<2>> = StaticCell::new();

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    size::session::run(&SESSION, ())
}
