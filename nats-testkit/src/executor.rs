//! Runs futures, and moves a clock when there is nothing to run.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::task::Context;
use std::task::Wake;
use std::task::Waker;
use std::time::Duration;

use crate::clock::Clock;
use crate::network::Network;

/// How often futures are polled while no time passes, until they count as spinning.
const MAX_POLLS: u32 = 20_000;

/// Runs futures on one thread, with a [`Clock`] that jumps: for drivers whose client brings no runtime.
///
/// ```
/// use std::time::Duration;
/// use nats_testkit::{Executor, Network};
///
/// let mut executor = Executor::new(&Network::new());
/// let clock = executor.clock().clone();
/// executor.spawn(async move {
///     clock.sleep_until(Duration::from_secs(60)).await;
///     println!("a minute later");
/// });
/// executor.advance(Duration::from_secs(60));
/// ```
pub struct Executor {
    network: Network,
    clock: Clock,
    tasks: Vec<Task>,
}

struct Task {
    future: Pin<Box<dyn Future<Output = ()>>>,
    flag: Arc<Flag>,
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

impl Executor {
    /// An executor with a clock at zero. Futures that are polled without end, and wait for nothing, are a
    /// [fault](Network::faults) that it reports to `network`.
    #[must_use]
    pub fn new(network: &Network) -> Self {
        Self::with_clock(network, Clock::new())
    }

    /// An executor with a clock that others have, too.
    #[must_use]
    pub fn with_clock(network: &Network, clock: Clock) -> Self {
        Self { network: network.clone(), clock, tasks: Vec::new() }
    }

    /// Its clock.
    #[must_use]
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Adds a future, which is first polled when the executor runs.
    pub fn spawn(&mut self, future: impl Future<Output = ()> + 'static) {
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        self.tasks.push(Task { future: Box::pin(future), flag });
    }

    /// Lets `by` pass: runs what is woken, and moves the clock from one time that is waited for to the
    /// next.
    pub fn advance(&mut self, by: Duration) {
        let end = self.clock.now() + by;
        self.run();
        while let Some(at) = self.clock.next_wake().filter(|at| *at <= end) {
            self.clock.set(at);
            self.run();
        }
        self.clock.set(end);
        self.run();
    }

    /// Sets the clock forward by `by`, and runs nothing.
    pub fn suspend(&mut self, by: Duration) {
        self.clock.set(self.clock.now() + by);
    }

    /// Polls what is woken until nothing is.
    fn run(&mut self) {
        let mut polls = 0;
        loop {
            let mut is_idle = true;
            self.tasks.retain_mut(|task| {
                if !task.flag.0.swap(false, SeqCst) {
                    return true;
                }
                (is_idle, polls) = (false, polls + 1);
                let waker = Waker::from(Arc::clone(&task.flag));
                task.future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending()
            });
            if is_idle {
                return;
            }
            if polls > MAX_POLLS {
                let text = format!("it spins: polled {MAX_POLLS} times, and no time passed");
                return self.network.report(text);
            }
        }
    }
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor")
            .field("clock", &self.clock)
            .field("tasks", &self.tasks.len())
            .finish_non_exhaustive()
    }
}
