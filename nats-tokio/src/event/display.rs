//! Events in words.

use std::fmt;

use super::Event;
use crate::error::Chain;

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
                write!(f, "disconnected from {server}: {}{}", Chain(reason), Said(text))?;
                may_be_lost(f, *unconfirmed)
            }
            Self::Reconnecting { server, attempt } => {
                write!(f, "reconnecting to {server}, attempt {attempt}")
            }
            Self::ConnectFailed { server, reason, text } => {
                write!(f, "could not connect to {server}: {}{}", Chain(reason), Said(text))
            }
            Self::Reconnected { server } => write!(f, "reconnected to {server}"),
            Self::Resubscribed => f.write_str("resubscribed"),
            Self::ServersChanged { added, removed } => {
                f.write_str("server pool changed:")?;
                for (sign, servers) in [('+', added), ('-', removed)] {
                    servers.iter().try_for_each(|server| write!(f, " {sign}{server}"))?;
                }
                Ok(())
            }
            Self::ServersSkipped { count } => {
                write!(f, "server pool full: {count} discovered servers skipped")
            }
            Self::ServerError { text, .. } => write!(f, "server error: {text}"),
            Self::SubscriptionMissing { text, may_be } => {
                write!(f, "subscription refused, one of")?;
                may_be.iter().try_for_each(|(sid, name)| write!(f, " {name} ({sid})"))?;
                write!(f, ": {text}")
            }
            Self::SlowConsumer { sid, subject, dropped, .. } => write!(
                f,
                "slow consumer: {subject} (subscription {sid}), {} dropped",
                Messages(*dropped)
            ),
            Self::Oversized { sid, subject, size } => {
                write!(
                    f,
                    "oversized message skipped: {size} bytes to {subject} (subscription {sid})"
                )
            }
            Self::MessageRefused { subject, size, reason } => {
                write!(f, "message refused: {size} bytes to {subject}: {reason}")
            }
            Self::LameDuckMode => f.write_str("the server is in lame duck mode"),
            Self::Closed { reason, unsent, unconfirmed } => {
                write!(f, "closed: {}", Chain(reason))?;
                if *unsent > 0 {
                    write!(f, ", {} not sent", Messages(*unsent))?;
                }
                may_be_lost(f, *unconfirmed)
            }
            Self::Missed(count) => write!(f, "{count} events missed"),
        }
    }
}

fn may_be_lost(f: &mut fmt::Formatter<'_>, unconfirmed: u64) -> fmt::Result {
    if unconfirmed > 0 {
        write!(f, ", {} may be lost", Messages(unconfirmed))?;
    }
    Ok(())
}
