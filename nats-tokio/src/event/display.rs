//! Events in words.

use std::fmt;

use super::Event;

/// What was said, behind a colon.
struct Said<'a>(&'a Option<String>);

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(text) => write!(f, ": {text}"),
            None => Ok(()),
        }
    }
}

/// So many messages.
struct Messages(u64);

impl fmt::Display for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(count) = self;
        write!(f, "{count} message{}", if *count == 1 { "" } else { "s" })
    }
}

impl fmt::Display for Event {
    /// One line, for a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected { server } => write!(f, "connected to {server}"),
            Self::Disconnected { server, reason, text, unconfirmed } => {
                write!(f, "lost the connection to {server}: {reason}{}", Said(text))?;
                may_be_lost(f, *unconfirmed)
            }
            Self::Reconnecting { server, attempt } => {
                write!(f, "trying {server}, attempt {attempt}")
            }
            Self::ConnectFailed { server, reason, text } => {
                write!(f, "could not connect to {server}: {reason}{}", Said(text))
            }
            Self::Reconnected { server } => write!(f, "connected again, to {server}"),
            Self::Resubscribed => f.write_str("the server knows of all subscriptions again"),
            Self::ServersChanged { added, removed } => {
                f.write_str("the servers to choose from have changed")?;
                for (sign, servers) in [('+', added), ('-', removed)] {
                    servers.iter().try_for_each(|server| write!(f, " {sign}{server}"))?;
                }
                Ok(())
            }
            Self::ServersSkipped { count } => {
                write!(f, "there was no room for {count} more servers that others told of")
            }
            Self::ServerError { text, .. } => write!(f, "the server refused something: {text}"),
            Self::SubscriptionMissing { text, may_be } => {
                write!(f, "the server refused a subscription, which is one of")?;
                may_be.iter().try_for_each(|(sid, name)| write!(f, " {name} ({sid})"))?;
                write!(f, ": {text}")
            }
            Self::SlowConsumer { sid, subject, dropped, .. } => write!(
                f,
                "the subscriber to {subject} (subscription {sid}) is too slow, {} dropped",
                Messages(*dropped)
            ),
            Self::Oversized { sid, subject, size } => {
                write!(f, "passed over a message of {size} bytes to {subject} (subscription {sid})")
            }
            Self::MessageRefused { subject, size, reason } => {
                write!(f, "dropped a message of {size} bytes to {subject}: {reason}")
            }
            Self::LameDuckMode => f.write_str("the server is about to shut down"),
            Self::Closed { reason, unsent, unconfirmed } => {
                write!(f, "closed: {reason}")?;
                if *unsent > 0 {
                    write!(f, ", {} not sent", Messages(*unsent))?;
                }
                may_be_lost(f, *unconfirmed)
            }
            Self::Missed(count) => write!(f, "missed {count} events"),
        }
    }
}

fn may_be_lost(f: &mut fmt::Formatter<'_>, unconfirmed: u64) -> fmt::Result {
    if unconfirmed > 0 {
        write!(f, ", {} may be lost", Messages(unconfirmed))?;
    }
    Ok(())
}
