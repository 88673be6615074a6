//! Logging with `defmt`, with `log`, or not at all. Nothing that is logged has a secret in it.

use crate::event::Event;

/// Something that happened to the connection, at a level: `note!(warn, event)`.
macro_rules! note {
    ($level:ident, $value:expr) => {{
        #[cfg(feature = "defmt")]
        defmt::$level!("{}", $value);
        #[cfg(all(feature = "log", not(feature = "defmt")))]
        log::$level!("{}", $value);
        #[cfg(not(any(feature = "defmt", feature = "log")))]
        let _ = &$value;
    }};
    // Of a library's, which may know of neither.
    ($text:literal, $value:expr) => {{
        #[cfg(feature = "defmt")]
        defmt::debug!("{} {}", $text, defmt::Debug2Format(&$value));
        #[cfg(all(feature = "log", not(feature = "defmt")))]
        log::debug!("{} {:?}", $text, $value);
        #[cfg(not(any(feature = "defmt", feature = "log")))]
        let _ = &$value;
    }};
}

pub(crate) use note;

/// Logs an event: what is wrong is a warning, what one may want to know of a device is information.
#[cfg_attr(
    not(any(feature = "defmt", feature = "log")),
    expect(clippy::missing_const_for_fn, reason = "it logs where there is a log")
)]
pub(crate) fn log_event(event: &Event) {
    match event {
        Event::Connected | Event::Reconnected | Event::LameDuckMode => note!(info, event),
        Event::Disconnected(_)
        | Event::ServerError(_)
        | Event::SlowConsumer { .. }
        | Event::Oversized { .. }
        | Event::SubscriptionEnded { .. } => note!(warn, event),
        _ => note!(debug, event),
    }
}
