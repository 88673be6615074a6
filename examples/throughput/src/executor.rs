//! Runs tasks, and knows for how long there was nothing to do.

use core::cell::Cell;
use core::ptr::null_mut;
use core::sync::atomic::AtomicBool;
use core::sync::atomic::Ordering;

use critical_section::Mutex;
use embassy_executor::Spawner;
use embassy_executor::raw::Executor;
use lm3s6965::clock;
use static_cell::StaticCell;

static EXECUTOR: StaticCell<Executor> = StaticCell::new();
/// Whether some task is to be polled.
static IS_PENDING: AtomicBool = AtomicBool::new(false);
static IDLE: Mutex<Cell<u64>> = Mutex::new(Cell::new(0));

/// Runs what `start` spawns, for ever.
///
/// Embassy's own executor sleeps with WFE, which QEMU takes for doing nothing without sleeping.
pub fn run(start: impl FnOnce(Spawner)) -> ! {
    let executor = EXECUTOR.init(Executor::new(null_mut()));
    start(executor.spawner());
    loop {
        IS_PENDING.store(false, Ordering::Relaxed);
        // SAFETY: nobody else polls it, and this is no task of its own.
        unsafe { executor.poll() };
        sleep();
    }
}

/// Sleeps, unless there is something to do. Interrupts wait until it is known for how long.
fn sleep() {
    critical_section::with(|token| {
        if !IS_PENDING.load(Ordering::Relaxed) {
            let start = clock::cycles();
            cortex_m::asm::wfi();
            let idle = IDLE.borrow(token);
            idle.set(idle.get() + (clock::cycles() - start));
        }
    });
}

/// For how many cycles of the clock it has slept.
#[must_use]
pub fn idle() -> u64 {
    critical_section::with(|token| IDLE.borrow(token).get())
}

#[unsafe(export_name = "__pender")]
fn pend(_: *mut ()) {
    IS_PENDING.store(true, Ordering::Relaxed);
}
