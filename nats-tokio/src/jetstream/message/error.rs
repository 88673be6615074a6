//! Why an acknowledgement is not known to have arrived.

use std::error::Error;
use std::fmt;

use crate::PublishError;
use crate::RequestError;

/// Why an acknowledgement is not known to have arrived.
#[derive(Debug)]
#[non_exhaustive]
pub enum AckError {
    /// The message has no reply subject to acknowledge at. Nothing was sent.
    NoReply,
    /// The consumer is known to want no acknowledgements (`ack_policy` is `none`). Nothing was sent.
    NotWanted,
    /// It could not be published.
    Publish(PublishError),
    /// The consumer does not exist any more, or has no leader at present.
    NoResponders,
    /// The server did not confirm it.
    Request(RequestError),
}

impl fmt::Display for AckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoReply => "the message has no reply subject",
            Self::NotWanted => "the consumer wants no acknowledgements",
            Self::Publish(_) => "the acknowledgement was not sent",
            Self::NoResponders => "no responders: the consumer is gone, or has no leader",
            Self::Request(_) => "the acknowledgement was not confirmed",
        })
    }
}

impl Error for AckError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NoReply | Self::NotWanted | Self::NoResponders => None,
            Self::Publish(error) => Some(error),
            Self::Request(error) => Some(error),
        }
    }
}
