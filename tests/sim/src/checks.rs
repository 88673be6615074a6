//! The invariants, and how often each was checked.

use std::fmt;

macro_rules! invariants {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// Something that has to be true of every life.
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
    /// What the server's own parser makes of the bytes.
    WholeFrames = "a server reads whole and well-formed frames";
    /// CONNECT.
    ConnectFirst = "CONNECT comes first, and once";
    /// SUB.
    FreshSid = "SUB has a number that is not in use";
    /// UNSUB.
    KnownSid = "UNSUB has a number that the server knew, and comes once";
    /// PONG.
    PongForPing = "there are no more PONGs than PINGs";
    /// PUB and HPUB.
    PublishedOnce = "a server gets what was published: unchanged, in order, at most once";
    /// The limits of INFO.
    WithinLimits = "no message is beyond the limits that the server told";
    /// A subscription that was made first.
    SubscribedBefore = "SUB comes before what was published after it";
    /// MSG and HMSG.
    DeliveredOnce = "what a server sends arrives: unchanged, in order, once, at its subscription";
    /// Whether there is a recipient.
    DeliveredWhileLive = "a subscription gets messages as long as it lasts, and no longer";
    /// The maximum.
    AtMostMax = "a subscription gets no more messages than its maximum";
    /// Routes.
    ReleasedOnce = "a route is handed back once";
    /// Why they are handed back.
    ReleasedRightly = "a route is handed back for a reason that is true";
    /// All of them.
    AllReleased = "when it is over, all routes were handed back";
    /// Draining.
    DrainedWholly = "what is drained got everything that the server had sent";
    /// The server's table.
    ServerAgrees = "the server has the application's subscriptions, with what is left of them";
    /// The session's table.
    RegistryAgrees = "the session has the application's subscriptions";
    /// After the reconnect.
    Resubscribed = "when subscriptions are told to be made again, they are";
    /// A flush that is done.
    FlushDone = "a flush is done when the server has processed what came before";
    /// A flush that is not.
    FlushLost = "a flush is lost with its connection, and only with that";
    /// Lame duck.
    LeftCleanly = "a lame duck is left when nothing is on its way any more";
    /// Lame duck, told.
    LameDuckTold = "the application learns that a server is about to shut down";
    /// Ready.
    ReadyIsLoggedIn = "a session that is ready is logged in";
    /// Calls and their results.
    TruthfulResult = "calls return what is true";
    /// Timers.
    HasDeadline = "whatever is waited for has a deadline";
    /// Back-off.
    NoHammering = "a server is not tried again too soon";
    /// Stop.
    StopsRightly = "a session ends for a reason that is true";
    /// The end.
    Converges = "when everything works again, there is a connection, and soon";
    /// The watchdog.
    Terminates = "nothing goes on for ever";
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

    /// Says what is not true, as something that cannot be.
    pub(crate) fn fail(&mut self, invariant: Invariant, found: impl FnOnce() -> String) {
        self.that(invariant, false, found);
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

    /// How often any was.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
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
        write!(f, "{}, but: {}", self.invariant.text(), self.found)
    }
}
