//! RISC-V: the counter of instructions.

use riscv::register::minstret;

#[riscv_rt::entry]
fn main() -> ! {
    crate::measure()
}

/// How many instructions `work` takes.
pub(crate) fn count(work: impl FnOnce()) -> u32 {
    let start = minstret::read();
    work();
    minstret::read().wrapping_sub(start) as u32
}
