//! Time from the machine timer: 10 MHz.

use core::cell::RefCell;
use core::task::Waker;

use critical_section::Mutex;
use embassy_time_driver::Driver;
use embassy_time_queue_utils::Queue;
use riscv::interrupt::Interrupt;
use riscv_rt::core_interrupt;

const NOW: *const [u32; 2] = 0x0200_BFF8 as *const [u32; 2];
const ALARM: *mut [u32; 2] = 0x0200_4000 as *mut [u32; 2];

struct Clock(Mutex<RefCell<Queue>>);

embassy_time_driver::time_driver_impl!(static CLOCK: Clock =
    Clock(Mutex::new(RefCell::new(Queue::new()))));

/// Starts the clock.
pub fn start() {
    set_alarm(u64::MAX);
    // SAFETY: the handler is below.
    unsafe { riscv::register::mie::set_mtimer() };
}

impl Driver for Clock {
    fn now(&self) -> u64 {
        loop {
            let [_, before] = read();
            let [low, high] = read();
            // Otherwise the low half has just begun anew.
            if high == before {
                return u64::from(high) << 32 | u64::from(low);
            }
        }
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        critical_section::with(|token| {
            let mut sleepers = self.0.borrow_ref_mut(token);
            if sleepers.schedule_wake(at, waker) {
                set_alarm(sleepers.next_expiration(self.now()));
            }
        });
    }
}

#[core_interrupt(Interrupt::MachineTimer)]
fn on_alarm() {
    critical_section::with(|token| {
        let next = CLOCK.0.borrow_ref_mut(token).next_expiration(CLOCK.now());
        set_alarm(next);
    });
}

fn read() -> [u32; 2] {
    // SAFETY: these are the two halves of the timer's register.
    unsafe { [(&raw const (*NOW)[0]).read_volatile(), (&raw const (*NOW)[1]).read_volatile()] }
}

fn set_alarm(at: u64) {
    let [low, high] = [at as u32, (at >> 32) as u32];
    // SAFETY: these are the two halves of the alarm's register. It does not go off in between: not
    // before the high half is the new one.
    unsafe {
        (&raw mut (*ALARM)[1]).write_volatile(u32::MAX);
        (&raw mut (*ALARM)[0]).write_volatile(low);
        (&raw mut (*ALARM)[1]).write_volatile(high);
    }
}
