//! The bare core with room for one server.
#![no_std]
#![no_main]

use size::session::Nats;
use static_cell::StaticCell;

static SESSION: StaticCell<Nats<1>> = StaticCell::new();

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    size::session::run(&SESSION, ())
}
