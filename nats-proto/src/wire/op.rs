//! The operations of either side, as a decoder returns them.

use core::num::NonZeroU64;

use super::connect::ConnectView;
use super::info::InfoPart;
use super::server_error::ServerError;
use crate::message::Message;
use crate::message::Sid;

/// What a server sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ServerOp<'b> {
    /// MSG or HMSG: the data plane.
    Message(Message<&'b [u8]>),
    /// Everything else: the control plane, for a [`Session`](crate::session::Session).
    Control(Control<'b>),
    /// A message that is longer than a frame may be. Its bytes follow as
    /// [`Decoded::Skip`](super::Decoded::Skip).
    Oversized(Oversized<'b>),
}

/// What a server sends besides messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Control<'b> {
    /// INFO, or as much of it as is there.
    Info(InfoPart<'b>),
    /// PING.
    Ping,
    /// PONG.
    Pong,
    /// +OK.
    Ok,
    /// -ERR.
    Err(ServerError<'b>),
}

/// What a client sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ClientOp<'b> {
    /// PUB or HPUB.
    Publish(Message<&'b [u8]>),
    /// SUB.
    Subscribe(SubscribeArgs<'b>),
    /// UNSUB.
    Unsubscribe(Unsubscribe),
    /// CONNECT.
    Connect(ConnectView<'b>),
    /// PING.
    Ping,
    /// PONG.
    Pong,
    /// A message that is longer than a frame may be. Its bytes follow as
    /// [`Decoded::Skip`](super::Decoded::Skip).
    Oversized(Oversized<'b>),
}

/// The arguments of SUB, not validated: a server decides what it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SubscribeArgs<'b> {
    /// The filter.
    pub subject: &'b [u8],
    /// The queue group.
    pub queue: Option<&'b [u8]>,
    /// The number that the client chose.
    pub sid: Sid,
}

/// How long a subscription still lives: `UNSUB <sid> [max]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Unsubscribe {
    /// The subscription.
    pub sid: Sid,
    /// After how many messages since SUB it ends; at once if absent.
    pub max: Option<NonZeroU64>,
}

/// A message that is skipped because it is longer than a frame may be.
///
/// What [`Decoded::Skip`](super::Decoded::Skip) says to drop from here on are its headers, its
/// payload and its line end, in chunks: a program that can use chunks need not drop them.
///
/// It counts as [delivered](crate::session::Session::deliver), and a request that it replies to is
/// [over](crate::RequestInbox::handle_oversized).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Oversized<'b> {
    /// Its subscription; zero for a message that a client publishes.
    pub sid: Sid,
    /// Its subject; empty if the control line alone was too long to hold.
    pub subject: &'b [u8],
    /// The length of its headers and payload in bytes.
    pub size: usize,
    /// How many of these, from the first on, are headers.
    pub headers: usize,
}
