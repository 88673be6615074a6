//! One server: its address, and how connecting to it went.

use crate::storage::Buffer;
use crate::time::Instant;
use crate::url::ServerUrl;
use crate::wire::ErrorKind;

/// One server in a session's table.
#[derive(Clone, Debug)]
pub struct Server<T> {
    /// `scheme://host:port`, without credentials.
    pub(super) address: T,
    /// The same for the same server, and seldom for two.
    pub(super) hash: u32,
    /// How many attempts have failed in a row.
    pub(super) failures: u32,
    /// How many attempts in a row have failed, or led to a connection that did not last.
    pub(super) setbacks: u32,
    /// When it may be tried again.
    pub(super) not_before: Instant,
    /// Why it refused the credentials the last time.
    pub(super) refusal: Option<ErrorKind>,
    pub(super) is_discovered: bool,
    /// Which of those that the application has added it is; [`NO_NUMBER`] for a discovered one.
    pub(super) number: u16,
    /// Whether the INFO that is being read lists it.
    pub(super) is_listed: bool,
    /// Whether it was lost last, and the application may say when to try it again.
    pub(super) is_left: bool,
    /// Whether it was tried at all.
    pub(super) is_tried: bool,
    /// Whether the application does not want it any more. It goes with its connection.
    pub(super) is_unwanted: bool,
    /// Whether it is tried no more. It is remembered until there is a connection to another one, so
    /// that the servers that list it do not bring it back.
    pub(super) is_given_up: bool,
}

/// That of a server which the application has not added.
pub(super) const NO_NUMBER: u16 = u16::MAX;

/// What a session knows of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct PoolServer<'s> {
    /// Its address.
    pub url: ServerUrl<'s>,
    /// How many attempts in a row to connect to it have failed, or led to a connection that was lost
    /// within [`STABLE_AFTER`](crate::session::STABLE_AFTER).
    pub failures: u32,
    /// Whether another server announced it.
    pub is_discovered: bool,
}

impl<T: Buffer> Server<T> {
    pub(super) fn url(&self) -> Option<ServerUrl<'_>> {
        ServerUrl::new(core::str::from_utf8(self.address.as_ref()).ok()?).ok()
    }
}

/// Looking for a server among many is comparing numbers, most of the time.
pub(super) fn hash(url: &ServerUrl<'_>) -> u32 {
    let start = u32::from(url.port());
    url.host().bytes().fold(start, |hash, byte| {
        hash.wrapping_mul(0x0100_0193) ^ u32::from(byte.to_ascii_lowercase())
    })
}
