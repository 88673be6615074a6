//! Ends a step at once when a device ended unexpectedly.

use std::sync::LazyLock;
use std::time::Duration;

use tokio::sync::watch;

static ALARM: LazyLock<watch::Sender<Option<String>>> = LazyLock::new(|| watch::Sender::new(None));

/// Raises it. The first one counts: what goes wrong behind it follows from it.
pub(crate) fn raise(failure: String) {
    ALARM.send_if_modified(|known| {
        let is_first = known.is_none();
        known.get_or_insert(failure);
        is_first
    });
}

/// Waits until it is raised, says why, and calms it.
pub(crate) async fn raised() -> String {
    let mut alarm = ALARM.subscribe();
    // The sender is a static.
    let _ = alarm.wait_for(Option::is_some).await;
    ALARM.send_replace(None).unwrap_or_default()
}

/// Has a panic of this program wait for a device's, which it may follow from, and tell that first.
pub(crate) fn comes_first() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        // An emulator takes a moment to end.
        std::thread::sleep(Duration::from_millis(500));
        if let Some(failure) = ALARM.borrow().as_deref() {
            eprintln!("{failure}");
        }
        tell(info);
    }));
}
