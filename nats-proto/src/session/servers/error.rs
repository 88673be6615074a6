//! Why a server is not added.

use core::fmt;

use crate::url::UrlError;

/// Why a server was not added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddServerError {
    /// An address is invalid.
    Url(UrlError),
    /// There is a user's name, a password or a token in an address. A session does not keep them.
    UserInfo,
    /// There is no room for another server.
    Full,
    /// The address is too long for the table.
    AddressTooLong,
}

impl From<UrlError> for AddServerError {
    fn from(error: UrlError) -> Self {
        Self::Url(error)
    }
}

impl fmt::Display for AddServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Url(_) => "a server's address is invalid",
            Self::UserInfo => "there are credentials in a server's address",
            Self::Full => "there is no room for another server",
            Self::AddressTooLong => "a server's address is too long",
        })
    }
}

impl core::error::Error for AddServerError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Url(error) => Some(error),
            _ => None,
        }
    }
}
