//! Tasks of an executor that polls first what was woken last, as Embassy's does.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::task::Context;
use std::task::Wake;
use std::task::Waker;

use crate::clock::jump;

#[derive(Clone)]
struct Task {
    number: usize,
    woken: Arc<Mutex<Vec<usize>>>,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        let mut woken = self.woken.lock().unwrap();
        if !woken.contains(&self.number) {
            woken.push(self.number);
        }
    }
}

/// Runs tasks until the first one ends, and says how often any of them was polled.
pub(crate) fn run_tasks(tasks: &mut [Pin<&mut dyn Future<Output = ()>>]) -> usize {
    let woken = Arc::new(Mutex::new((0..tasks.len()).collect::<Vec<_>>()));
    let wakers = (0..tasks.len()).map(|number| Task { number, woken: Arc::clone(&woken) });
    let wakers = wakers.map(|task| Waker::from(Arc::new(task))).collect::<Vec<_>>();
    let mut is_over = vec![false; tasks.len()];
    let mut polls = 0;
    loop {
        let round = std::mem::take(&mut *woken.lock().unwrap());
        if round.is_empty() {
            jump();
        }
        for number in round.into_iter().rev() {
            if is_over[number] {
                continue;
            }
            polls += 1;
            assert!(polls < 10_000_000, "it goes on for ever");
            let mut cx = Context::from_waker(&wakers[number]);
            is_over[number] = tasks[number].as_mut().poll(&mut cx).is_ready();
            if is_over[0] {
                return polls;
            }
        }
    }
}
