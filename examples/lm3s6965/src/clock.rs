//! Time from SysTick: 1000 ticks a second, 12.5 MHz after reset.

use core::cell::RefCell;
use core::task::Waker;

use cortex_m::peripheral::SCB;
use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::exception;
use critical_section::Mutex;
use embassy_time_driver::Driver;
use embassy_time_queue_utils::Queue;

const CYCLES_PER_TICK: u32 = 12_500;

struct Clock(Mutex<RefCell<State>>);

struct State {
    ticks: u64,
    sleepers: Queue,
}

embassy_time_driver::time_driver_impl!(static CLOCK: Clock = Clock(Mutex::new(RefCell::new(State {
    ticks: 0,
    sleepers: Queue::new(),
}))));

/// Starts the clock.
pub fn start(timer: &mut SYST) {
    timer.set_clock_source(SystClkSource::Core);
    timer.set_reload(CYCLES_PER_TICK - 1);
    timer.clear_current();
    timer.enable_counter();
    timer.enable_interrupt();
}

/// How many cycles there were, 12.5 million a second. Exact where no tick goes missing: with `-icount`,
/// and unless interrupts are off for longer than a tick.
pub fn cycles() -> u64 {
    critical_section::with(|token| {
        let ticks = CLOCK.0.borrow_ref(token).ticks;
        loop {
            let before = SYST::get_current();
            let is_over = SCB::is_pendst_pending();
            // A tick that nobody has counted may have come in between.
            let left = if is_over { SYST::get_current() } else { before };
            // With nothing left, it may be over, or about to be; a cycle later it is known.
            if left > 0 {
                let whole = (ticks + u64::from(is_over)) * u64::from(CYCLES_PER_TICK);
                return whole + u64::from(CYCLES_PER_TICK - left);
            }
        }
    })
}

impl Driver for Clock {
    fn now(&self) -> u64 {
        critical_section::with(|token| self.0.borrow_ref(token).ticks)
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        critical_section::with(|token| {
            // Whether it is the earliest does not matter: every tick looks.
            self.0.borrow_ref_mut(token).sleepers.schedule_wake(at, waker);
        });
    }
}

#[exception]
fn SysTick() {
    critical_section::with(|token| {
        let mut state = CLOCK.0.borrow_ref_mut(token);
        state.ticks += 1;
        let now = state.ticks;
        state.sleepers.next_expiration(now);
    });
}
