//! Mistakes that one can make, to prove that they are noticed.

/// A mistake of the driver's, or of the servers'.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// On a second connection, the driver drops SUB.
    ForgetsToResubscribe,
    /// The driver sends the rest of a lost connection's bytes on the next one.
    KeepsHalfWrittenFrames,
    /// The driver hands some messages over twice.
    DeliversTwice,
    /// The driver drops some messages.
    DropsMessages,
    /// The driver does not collect routes.
    KeepsRoutes,
    /// The driver publishes whether the session is ready or not.
    PublishesTooEarly,
    /// The driver publishes before it has written what is due.
    OvertakesSubscriptions,
    /// The driver sends what it held back twice.
    SendsHeldTwice,
    /// The driver does not look at the clock.
    IgnoresTime,
    /// The driver decodes with what a lost connection left in its buffer.
    KeepsHalfReadFrames,
    /// The driver's clock runs ahead when it waits for a server.
    Hurries,
    /// The driver writes SUB twice.
    RepeatsSubscriptions,
    /// The driver writes PONG twice.
    AnswersTwice,
    /// The driver publishes whatever there is.
    IgnoresLimits,
    /// The driver delivers messages for which the session has no recipient.
    IgnoresEnds,
    /// The driver does not pass on INFO that comes again.
    IgnoresInfo,
    /// The driver does not tell of a connection that was closed.
    IgnoresLoss,
    /// A server does not end a subscription at its maximum.
    ServerForgetsMaxima,
    /// A server loses messages that were published.
    ServerLosesMessages,
    /// A server sends messages twice.
    ServerSendsTwice,
    /// A server refuses subscriptions when it has confirmed them.
    ServerRefusesLate,
}

impl Flaw {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::ForgetsToResubscribe,
        Self::KeepsHalfWrittenFrames,
        Self::DeliversTwice,
        Self::DropsMessages,
        Self::KeepsRoutes,
        Self::PublishesTooEarly,
        Self::OvertakesSubscriptions,
        Self::SendsHeldTwice,
        Self::IgnoresTime,
        Self::KeepsHalfReadFrames,
        Self::Hurries,
        Self::RepeatsSubscriptions,
        Self::AnswersTwice,
        Self::IgnoresLimits,
        Self::IgnoresEnds,
        Self::IgnoresInfo,
        Self::IgnoresLoss,
        Self::ServerForgetsMaxima,
        Self::ServerLosesMessages,
        Self::ServerSendsTwice,
        Self::ServerRefusesLate,
    ];
}
