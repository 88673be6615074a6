//! The status of a connection.

use std::fmt;

/// How a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectionStatus {
    /// There was none yet.
    Connecting,
    /// There is one.
    Connected,
    /// There was one, and there will be another.
    Reconnecting,
    /// It is about to be closed.
    Draining,
    /// It is closed for good.
    Closed,
}

impl fmt::Display for ConnectionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Reconnecting => "reconnecting",
            Self::Draining => "draining",
            Self::Closed => "closed",
        })
    }
}
