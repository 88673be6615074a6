//! Mistakes that one can make, to prove that they are noticed.

/// A mistake of a driver's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// After a reconnect, the inboxes of the old connection are subscribed to again.
    KeepsInboxes,
    /// Messages are counted with a byte less than they have.
    MiscountsBytes,
    /// A status is taken for one of the pull that is open, whichever it is about.
    TakesLateStatuses,
    /// The clock is not looked at.
    IgnoresTime,
    /// A message that is too large is taken for the end of a pull.
    NoPauseForLargeMessages,
    /// The consumer is said to deliver as often as it takes, and does not.
    LeavesYoungPulls,
    /// What is to be given back is handed out all the same.
    DeliversLateMessages,
    /// What came too late is not given back.
    KeepsLateMessages,
    /// Statuses are passed on without the number of the pull.
    LosesNumbers,
    /// Releasing is forgotten.
    ForgetsToRelease,
    /// An inbox is left without UNSUB.
    ForgetsToUnsubscribe,
    /// A consumer is said to be there that is gone.
    MistakesAbsence,
    /// Timers are only looked at when something is read.
    WaitsForTheServer,
    /// A reply is taken for one to the message that was sent first.
    SettlesTheOldest,
    /// Messages without an id are said to have one.
    ResendsWithoutId,
    /// An answer that is no acknowledgement is taken for 503.
    TakesAnythingForNoResponders,
    /// What was handed to a lost connection is said never to have left.
    ForgetsWhatWasSent,
    /// The stream's duplicate window is said to be longer than it is.
    TrustsTheWindowTooLong,
    /// Every attempt has the same reply subject.
    ReusesReplySubjects,
    /// Messages of a chain are sent without the id that they expect.
    ForgetsThePredecessor,
    /// Messages of a chain are sent without the sequence number that they expect.
    ForgetsTheSequence,
    /// What a heartbeat says is not looked at.
    LosesHeartbeats,
    /// Every consumer begins where the first one did.
    StartsAnew,
    /// Consumers are not deleted.
    ForgetsToDelete,
    /// A reader's clock is not looked at.
    NoTimeForOrdered,
    /// What a reader handed out is not released.
    NoReleaseForOrdered,
}

impl Flaw {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::KeepsInboxes,
        Self::MiscountsBytes,
        Self::TakesLateStatuses,
        Self::IgnoresTime,
        Self::NoPauseForLargeMessages,
        Self::LeavesYoungPulls,
        Self::DeliversLateMessages,
        Self::KeepsLateMessages,
        Self::LosesNumbers,
        Self::ForgetsToRelease,
        Self::ForgetsToUnsubscribe,
        Self::MistakesAbsence,
        Self::WaitsForTheServer,
        Self::SettlesTheOldest,
        Self::ResendsWithoutId,
        Self::TakesAnythingForNoResponders,
        Self::ForgetsWhatWasSent,
        Self::TrustsTheWindowTooLong,
        Self::ReusesReplySubjects,
        Self::ForgetsThePredecessor,
        Self::ForgetsTheSequence,
        Self::LosesHeartbeats,
        Self::StartsAnew,
        Self::ForgetsToDelete,
        Self::NoTimeForOrdered,
        Self::NoReleaseForOrdered,
    ];
}
