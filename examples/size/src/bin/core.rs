//! The bare core with room for one server.
#![no_std]
#![no_main]

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    size::session::run::<1>()
}
