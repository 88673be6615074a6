use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::task::Wake;

use super::*;

struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn sleepers_are_woken_when_they_are_due() {
    let second = Duration::from_secs(1);
    let clock = Clock::new();
    let count = Arc::new(Count(AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&count));
    let mut sleep = std::pin::pin!(clock.sleep_until(second));
    let mut cx = Context::from_waker(&waker);
    assert!(sleep.as_mut().poll(&mut cx).is_pending());
    assert!(sleep.as_mut().poll(&mut cx).is_pending());
    clock.set(second / 2);
    assert_eq!((clock.next_wake(), count.0.load(SeqCst)), (Some(second), 0));
    clock.set(3 * second);
    assert_eq!((clock.next_wake(), count.0.load(SeqCst)), (None, 1));
    assert!(sleep.as_mut().poll(&mut cx).is_ready());
}

#[test]
fn time_does_not_go_backwards() {
    let clock = Clock::new();
    clock.set(Duration::from_secs(2));
    clock.set(Duration::from_secs(1));
    assert_eq!(clock.now(), Duration::from_secs(2));
}
