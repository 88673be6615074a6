//! A simulated JetStream.
//!
//! The machines that keep pulls, fetches and publishes going, each with a driver that does what it says,
//! a server that behaves as nats-server was seen to, but forgets things, and a clock that jumps: all in one
//! thread, from one seed. Whatever is found not to be [true](Invariant) is a [`Violation`].

mod chance;
mod checks;
mod fetch;
mod flaw;
mod ordered;
mod publish;
mod pull;
mod schedule;

pub use chance::bytes_of;
pub use checks::Checks;
pub use checks::Invariant;
pub use checks::Violation;
pub use flaw::Flaw;

/// What came of a history.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// What was looked at.
    pub checks: Checks,
    /// How many messages there were.
    pub messages: u64,
    /// How many frames and lines.
    pub steps: u64,
}

/// A kind of history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A consumer's messages, as they come.
    Pull,
    /// A consumer's messages, so many at once.
    Fetch,
    /// A publisher's messages, until they are acknowledged.
    Publish,
    /// A stream, read in order.
    Ordered,
}

impl Kind {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::Pull, Self::Fetch, Self::Publish, Self::Ordered];
}

/// A history from bytes, perhaps with a mistake, perhaps told on standard error.
#[must_use]
pub fn live(kind: Kind, bytes: &[u8], flaw: Option<Flaw>, is_told: bool) -> History {
    match kind {
        Kind::Pull => pull::live(bytes, flaw, is_told),
        Kind::Fetch => fetch::live(bytes, flaw, is_told),
        Kind::Publish => publish::live(bytes, flaw, is_told),
        Kind::Ordered => ordered::live(bytes, flaw, is_told),
    }
}

/// A history of whatever bytes a fuzzer makes; the first byte says of which kind.
///
/// # Panics
///
/// If something is not as it has to be.
pub fn history(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else { return };
    let at = usize::from(*first).checked_rem(Kind::ALL.len()).unwrap_or_default();
    let kind = Kind::ALL.get(at).copied().unwrap_or(Kind::Pull);
    let history = live(kind, rest, None, false);
    assert!(
        history.checks.violation().is_none(),
        "{}",
        history.checks.violation().map_or_else(String::new, ToString::to_string)
    );
}
