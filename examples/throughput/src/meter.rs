//! The measurement of time.

use lm3s6965::clock;
use semihosting::println;
use semihosting::process::exit;

use crate::executor;

/// What was on the clock at the beginning.
pub struct Meter {
    cycles: u64,
    idle: u64,
}

impl Meter {
    /// Begins, and says so: where instructions are not counted, the host's clock is the better one.
    #[must_use]
    pub fn start() -> Self {
        println!("begin");
        Self { cycles: clock::cycles(), idle: executor::idle() }
    }

    /// Says how long `count` messages took, in cycles of the clock: all in all, and asleep. That is all
    /// that a program is for.
    pub fn stop(self, count: u32) -> ! {
        let (cycles, idle) = (clock::cycles(), executor::idle());
        println!("{count} {} {}", cycles - self.cycles, idle - self.idle);
        exit(0)
    }
}
