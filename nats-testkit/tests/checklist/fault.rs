//! Mistakes that the reference client makes on request, and which row of the checklist notices each.

use std::cell::Cell;

/// A mistake of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// One frame of a read is decoded, and the rest waits for the next read.
    DecodesOneFrame,
    /// What was read of a lost connection stays in the input.
    KeepsInput,
    /// Bytes in front of TLS are taken for what follows it.
    TakesBytesBeforeTls,
    /// The end of a connection ends the loop.
    LeavesTheLoop,
    /// A protocol error is reported as one of I/O.
    WrongReason,
    /// No timer is set while a dial is in flight.
    DialsWithoutTimers,
    /// A socket that comes after its time is kept.
    KeepsLateSockets,
    /// Attempts follow each other without a pause.
    Hammers,
    /// Messages are written before the login is answered.
    PublishesEarly,
    /// CONNECT is written as far as the first buffer takes it.
    LogsInOnce,
    /// Every PONG is put into memory at once.
    UnboundedOutput,
    /// Messages that wait are put into the output before the SUBs that are due.
    OvertakesSubscriptions,
    /// What does not fit is tried again at once, and again.
    Spins,
    /// What was not written at once is dropped.
    DropsRest,
    /// Requests have no timer.
    NoRequestTimer,
    /// A timer is set only for what is still to come.
    SleepsPastDeadlines,
    /// What is published without a connection is taken, and dropped.
    DropsOffline,
    /// Limits are checked once.
    ChecksOnce,
    /// Limits are those of the first INFO.
    OldLimits,
    /// A lame duck is stayed with.
    StaysWithLameDuck,
    /// What was not written goes to the next connection.
    KeepsOutput,
    /// Nobody hears of messages that may be lost.
    HidesLosses,
    /// Subscriptions that are over are not collected.
    NeverCollects,
    /// Messages that are too long are dropped without a word.
    IgnoresOversized,
    /// A request that was late keeps its place.
    KeepsPlaces,
    /// A status is a reply.
    TakesStatusForReply,
    /// A flush of a lost connection waits on.
    ForgetsFlushes,
    /// Draining ends before the server's last word.
    DrainsTooSoon,
    /// The socket outlives the client.
    KeepsSocket,
    /// Nobody who waits hears of the end.
    ForgetsWaiters,
    /// Refused credentials are tried again and again.
    RetriesRefused,
    /// The server is never asked whether it is alive.
    NeverPings,
}

/// Every mistake, and the row that has to notice it.
pub(crate) const FAULTS: [(Fault, u8); 32] = [
    (Fault::DecodesOneFrame, 1),
    (Fault::KeepsInput, 2),
    (Fault::TakesBytesBeforeTls, 3),
    (Fault::LeavesTheLoop, 4),
    (Fault::WrongReason, 4),
    (Fault::DialsWithoutTimers, 5),
    (Fault::KeepsLateSockets, 5),
    (Fault::Hammers, 6),
    (Fault::PublishesEarly, 6),
    (Fault::LogsInOnce, 7),
    (Fault::UnboundedOutput, 8),
    (Fault::OvertakesSubscriptions, 9),
    (Fault::Spins, 9),
    (Fault::DropsRest, 9),
    (Fault::NoRequestTimer, 10),
    (Fault::SleepsPastDeadlines, 10),
    (Fault::DropsOffline, 11),
    (Fault::ChecksOnce, 11),
    (Fault::OldLimits, 12),
    (Fault::StaysWithLameDuck, 12),
    (Fault::KeepsOutput, 13),
    (Fault::HidesLosses, 13),
    (Fault::NeverCollects, 14),
    (Fault::IgnoresOversized, 15),
    (Fault::KeepsPlaces, 16),
    (Fault::TakesStatusForReply, 16),
    (Fault::ForgetsFlushes, 17),
    (Fault::DrainsTooSoon, 18),
    (Fault::KeepsSocket, 19),
    (Fault::ForgetsWaiters, 20),
    (Fault::RetriesRefused, 20),
    (Fault::NeverPings, 21),
];

thread_local! {
    static PLANTED: Cell<Option<Fault>> = const { Cell::new(None) };
}

/// Has clients that are made from now on make a mistake.
pub(crate) fn plant(fault: Option<Fault>) {
    PLANTED.set(fault);
}

/// Whether a client makes this mistake.
pub(crate) fn has(fault: Fault) -> bool {
    PLANTED.get() == Some(fault)
}
