//! What is known of a consumer's configuration without asking for it.

use std::sync::atomic::AtomicU8;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::AckPolicy;
use super::Info;

/// The configuration has been seen.
const KNOWN: u8 = 1;
/// Acknowledgements are not wanted.
const NO_ACKS: u8 = 2;
/// A message is delivered as often as it takes.
const UNLIMITED: u8 = 4;
/// The consumer's server understands why a message is given up.
const REASONS: u8 = 8;

/// What the last answer about a consumer said that matters to its messages. All handles of it that came from
/// one share it.
#[derive(Debug, Default)]
pub(in crate::jetstream) struct Settings {
    flags: AtomicU8,
    /// In milliseconds.
    ack_wait: AtomicU64,
}

impl Settings {
    pub(super) fn note(&self, info: &Info) {
        let config = &info.config;
        let flags = [
            (NO_ACKS, config.ack_policy == AckPolicy::None),
            (UNLIMITED, config.max_deliver <= 0),
            // Servers from 2.11 on say which of them answers.
            (REASONS, config.metadata.contains_key("_nats.level")),
        ];
        let flags =
            flags.iter().filter(|(_, is_set)| *is_set).fold(KNOWN, |all, (flag, _)| all | flag);
        let ack_wait = config.backoff.first().unwrap_or(&config.ack_wait);
        let ack_wait = if flags & NO_ACKS == 0 { ack_wait.as_millis() } else { 0 };
        self.ack_wait.store(u64::try_from(ack_wait).unwrap_or(u64::MAX), Relaxed);
        self.flags.store(flags, Relaxed);
    }

    pub(in crate::jetstream) fn is_known(&self) -> bool {
        self.has(KNOWN)
    }

    /// Whether the consumer is known to want no acknowledgements.
    pub(in crate::jetstream) fn wants_no_acks(&self) -> bool {
        self.has(NO_ACKS)
    }

    pub(in crate::jetstream) fn has_unlimited_deliveries(&self) -> bool {
        self.has(UNLIMITED)
    }

    pub(in crate::jetstream) fn understands_reasons(&self) -> bool {
        self.has(REASONS)
    }

    /// How long the server waits for an acknowledgement, if that is known.
    pub(in crate::jetstream) fn ack_wait(&self) -> Option<Duration> {
        let millis = self.ack_wait.load(Relaxed);
        (millis > 0).then(|| Duration::from_millis(millis))
    }

    fn has(&self, flag: u8) -> bool {
        self.flags.load(Relaxed) & flag != 0
    }
}
