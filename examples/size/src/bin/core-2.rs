//! The bare core with room for two servers: one of them may be discovered.
#![no_std]
#![no_main]

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    size::session::run::<2>()
}
