//! Logging with `defmt`, with `log`, or not at all.

/// Something that happened to the connection.
macro_rules! note {
    ($text:literal, $value:expr) => {{
        #[cfg(feature = "defmt")]
        defmt::debug!("nats: {} {}", $text, $value);
        #[cfg(all(feature = "log", not(feature = "defmt")))]
        log::debug!("{} {:?}", $text, $value);
        #[cfg(not(any(feature = "defmt", feature = "log")))]
        let _ = (&$text, &$value);
    }};
}

pub(crate) use note;
