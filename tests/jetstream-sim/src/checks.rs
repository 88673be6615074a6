//! The invariants, and how often each was checked.

use std::fmt;

macro_rules! invariants {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// Something that has to be true of every history.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Invariant {
            $($(#[$doc])* $name,)*
        }

        impl Invariant {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// In words.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

invariants! {
    /// Pulls: what came and was not released.
    WithinMaximum = "no more messages are with the application than the maximum";
    /// Pulls: what the server may still send.
    OpenWithinMaximum = "the server never has more open than the maximum";
    /// Pulls: no state waits for the server alone.
    AsksOrWaits = "where something may be asked for, it is, or there is a timer";
    /// Timers.
    TimeMovesOn = "nothing is due at once for ever";
    /// Pulls: a server that refuses.
    NoHotLoop = "a server that delivers nothing is asked a few times a second";
    /// Pulls: a message that fits nowhere.
    TooLargeIsRare = "a message that is too large is asked for 24 times in a minute at the most";
    /// Pulls: stalled.
    StalledRightly = "a server that forgets nothing never stalls";
    /// Pulls: a server that withholds a kind of status.
    SoonAskedFor = "messages wait without a pull for the time of a pull and two heartbeats at the most";
    /// Pulls: leaf nodes.
    NothingWasted = "nothing is delivered to an inbox that was left";
    /// Pulls: the end.
    EndsInTime = "what is stopped has ended soon, and for a reason that is true";
    /// Pulls: the end, by the server.
    LeavesNothing = "what has ended has no pull and no message any more";
    /// Pulls and fetches: all messages.
    AllDelivered = "every message is delivered in the end";
    /// Fetches: their time.
    FetchInTime = "a fetch takes no longer than its time, and brings no more than was asked for";
    /// Fetches: a server that forgets nothing.
    FetchFinds = "a fetch that nothing goes wrong with brings what is there";
    /// Fetches: a consumer that is gone.
    NoEmptySuccess = "a fetch from a consumer that is gone is never told that there is nothing";
    /// Publishes: outcomes.
    OneOutcome = "every message has one outcome";
    /// Publishes: deadlines.
    OutcomeInTime = "no outcome comes after the deadline";
    /// Publishes: stored.
    StoredIsStored = "what is told to be stored is stored";
    /// Publishes: not stored.
    NotStoredIsNot = "what is told not to be stored or sent is not, and will not be";
    /// Publishes: copies.
    StoredOnce = "nothing is stored twice";
    /// Publishes: the window.
    WithinWindow = "no more messages and bytes are under way than the window has";
    /// Publishes: the chain.
    ChainIsOrdered = "a chain is in the stream in order";
    /// Publishes: the chain, and another publisher.
    ChainEnds = "nothing of a chain is stored after another publisher's message";
    /// Publishes: a server that forgets nothing.
    AllStored = "where nothing goes wrong, everything is stored";
    /// Ordered consumers: the order.
    OrderedInOrder = "a stream is read in its order, and without a gap";
    /// Ordered consumers: all messages.
    OrderedDelivers = "whatever becomes of the consumers, all of a stream is read in the end";
    /// Ordered consumers: their names.
    OrderedNamesOnce = "no name of a consumer is used twice";
    /// Ordered consumers: a server that creates none.
    OrderedWaits = "consumers that deliver nothing are created less and less often";
    /// Ordered consumers: what is left on the server.
    OrderedCleansUp = "no consumer is left but the one that is read from";
    /// Ordered consumers: a server that loses nothing.
    OrderedKeepsConsumer = "where nothing goes wrong, there is one consumer";
}

/// Counts what was looked at, and keeps the first thing that was not true.
#[derive(Clone, Debug, Default)]
pub struct Checks {
    counts: [u64; Invariant::ALL.len()],
    violation: Option<Violation>,
}

/// Something that is not true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// What should have been.
    pub invariant: Invariant,
    /// What was.
    pub found: String,
}

impl Checks {
    /// Looks at something.
    pub(crate) fn that(
        &mut self,
        invariant: Invariant,
        holds: bool,
        found: impl FnOnce() -> String,
    ) {
        if let Some(count) = self.counts.get_mut(invariant as usize) {
            *count += 1;
        }
        if !holds && self.violation.is_none() {
            self.violation = Some(Violation { invariant, found: found() });
        }
    }

    /// The first violation.
    #[must_use]
    pub const fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// How often each invariant was looked at.
    pub fn counts(&self) -> impl Iterator<Item = (Invariant, u64)> {
        Invariant::ALL.iter().copied().zip(self.counts)
    }

    /// Adds what was counted elsewhere.
    pub fn add(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
        if self.violation.is_none() {
            self.violation.clone_from(&other.violation);
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it is not true that {}: {}", self.invariant.text(), self.found)
    }
}
