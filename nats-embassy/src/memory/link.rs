//! All the memory of a link.

use core::cell::Cell;

use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use nats_proto::Fixed;

use super::Divide;
use super::Parts;
use super::runner::RunnerState;
use crate::state::borrowed::Borrowed;
use crate::state::shared::Shared;
use crate::state::sizes::Sizes;

/// All the memory of a client with a [`Link`](crate::Link), in sizes known when the program is
/// built.
///
/// | parameter | what it is |
/// |---|---|
/// | `RX` | bytes for receiving: the longest message, subject and all, that is decoded; at least 512 |
/// | `TX` | bytes for sending, in two halves: the longest message to publish, subject and all, fits one |
/// | `SUBS` | subscriptions, and one more where requests are made |
/// | `SERVERS` | servers, those included that servers announce. Default 2 |
/// | `TEXT` | bytes of the longest filter with its queue group, and of the longest address. Default 48 |
pub struct LinkResources<
    'd,
    const RX: usize,
    const TX: usize,
    const SUBS: usize,
    const SERVERS: usize = 2,
    const TEXT: usize = 48,
> {
    rx: [u8; RX],
    tx: [u8; TX],
    shared: Option<Shared<'d, Self>>,
    /// In a cell, since nothing but zeros is to stand for what is not there.
    runner: Option<Cell<RunnerState<'d>>>,
}

impl<const RX: usize, const TX: usize, const SUBS: usize, const SERVERS: usize, const TEXT: usize>
    LinkResources<'_, RX, TX, SUBS, SERVERS, TEXT>
{
    /// Memory, not in use yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { rx: [0; RX], tx: [0; TX], shared: None, runner: None }
    }
}

impl<const RX: usize, const TX: usize, const SUBS: usize, const SERVERS: usize, const TEXT: usize>
    Default for LinkResources<'_, RX, TX, SUBS, SERVERS, TEXT>
{
    fn default() -> Self {
        Self::new()
    }
}

impl<
    'd,
    const RX: usize,
    const TX: usize,
    const SUBS: usize,
    const SERVERS: usize,
    const TEXT: usize,
> Sizes<'d> for LinkResources<'d, RX, TX, SUBS, SERVERS, TEXT>
{
    type Raw = NoopRawMutex;
    type Store = Fixed<u8, SUBS, SERVERS, TEXT, 0>;
    type Delivery = Borrowed<'d>;
}

impl<
    'd,
    const RX: usize,
    const TX: usize,
    const SUBS: usize,
    const SERVERS: usize,
    const TEXT: usize,
> Divide<'d> for LinkResources<'d, RX, TX, SUBS, SERVERS, TEXT>
{
    fn parts(&'d mut self) -> Parts<'d, Self> {
        Parts {
            rx: &mut self.rx,
            tx: &mut self.tx,
            delivery: Borrowed::new(),
            shared: &mut self.shared,
            runner: &mut self.runner,
        }
    }
}
