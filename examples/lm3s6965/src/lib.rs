//! A Stellaris LM3S6965, as QEMU plays it: a Cortex-M3 with 64 KiB of RAM and Ethernet. Its clock, its
//! network card, and where its memory is.
#![no_std]

pub mod clock;
pub mod ethernet;
