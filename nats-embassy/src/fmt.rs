//! Logging with `defmt`, with `log`, or not at all.

/// Something that happened to the connection.
macro_rules! note {
    ($value:expr) => {{
        #[cfg(feature = "defmt")]
        defmt::debug!("{}", $value);
        #[cfg(all(feature = "log", not(feature = "defmt")))]
        log::debug!("{:?}", $value);
        #[cfg(not(any(feature = "defmt", feature = "log")))]
        let _ = &$value;
    }};
}

pub(crate) use note;
