//! All the memory of a client.

pub(crate) mod link;
pub(crate) mod runner;

use core::cell::Cell;

use embassy_sync::blocking_mutex::raw::RawMutex;
use nats_proto::Fixed;
use nats_proto::PendingRequest;
use nats_proto::Slot;
use nats_proto::Table;

use self::runner::RunnerState;
use crate::state::queued::Queued;
use crate::state::requests::Requester;
use crate::state::shared::Shared;
use crate::state::sizes::Sizes;
use crate::state::slots::MessageSlot;
use crate::state::slots::MessageSlots;
use crate::state::slots::Queue;

/// All the memory of a client, in sizes known when the program is built.
///
/// | parameter | what it is |
/// |---|---|
/// | `M` | how tasks exclude each other: `NoopRawMutex` on one executor, else `CriticalSectionRawMutex` |
/// | `RX` | bytes for receiving: the longest message, subject and all, that is decoded; at least 512 |
/// | `TX` | bytes for sending, in two halves: the longest message to publish, subject and all, fits one |
/// | `SUBS` | subscriptions, and one more where requests are made |
/// | `SLOTS` | slots for messages, divided among subscriptions and requests |
/// | `MSG` | bytes of a slot: the longest message, subject and all, that can wait |
/// | `REQS` | requests that wait for their replies |
/// | `SERVERS` | servers, those included that servers announce. Default 2 |
/// | `TEXT` | bytes of the longest filter with its queue group, and of the longest address. Default 48 |
///
/// Give it a name of your own, to be used in the signatures of tasks:
///
/// ```
/// use embassy_sync::blocking_mutex::raw::NoopRawMutex;
/// use nats_embassy::Resources;
/// use static_cell::ConstStaticCell;
///
/// type Nats = Resources<'static, NoopRawMutex, 1024, 1024, 4, 4, 128, 2>;
/// // All zeros: it takes no room in flash.
/// static NATS: ConstStaticCell<Nats> = ConstStaticCell::new(Nats::new());
/// # let _ = || NATS.take();
/// ```
pub struct Resources<
    'd,
    M: RawMutex,
    const RX: usize,
    const TX: usize,
    const SUBS: usize,
    const SLOTS: usize,
    const MSG: usize,
    const REQS: usize,
    const SERVERS: usize = 2,
    const TEXT: usize = 48,
> {
    rx: [u8; RX],
    tx: [u8; TX],
    messages: [[u8; MSG]; SLOTS],
    slots: [MessageSlot<'d>; SLOTS],
    queues: [Queue; SUBS],
    shared: Option<Shared<'d, Self>>,
    /// In a cell, since nothing but zeros is to stand for what is not there.
    runner: Option<Cell<RunnerState<'d>>>,
}

/// What [`Resources`] are, whatever their sizes.
pub trait Memory<'d>:
    Divide<'d> + Sizes<'d, Delivery = Queued<'d, <Self as Memory<'d>>::Requests>>
{
    /// The requests' memory.
    type Requests: Table<Slot<PendingRequest<Requester>>> + Default;
}

impl<
    M: RawMutex,
    const RX: usize,
    const TX: usize,
    const SUBS: usize,
    const SLOTS: usize,
    const MSG: usize,
    const REQS: usize,
    const SERVERS: usize,
    const TEXT: usize,
> Resources<'_, M, RX, TX, SUBS, SLOTS, MSG, REQS, SERVERS, TEXT>
{
    /// Memory, not in use yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            rx: [0; RX],
            tx: [0; TX],
            messages: [[0; MSG]; SLOTS],
            slots: [const { MessageSlot::EMPTY }; SLOTS],
            queues: [const { Queue::EMPTY }; SUBS],
            shared: None,
            runner: None,
        }
    }
}

impl<
    M: RawMutex,
    const RX: usize,
    const TX: usize,
    const SUBS: usize,
    const SLOTS: usize,
    const MSG: usize,
    const REQS: usize,
    const SERVERS: usize,
    const TEXT: usize,
> Default for Resources<'_, M, RX, TX, SUBS, SLOTS, MSG, REQS, SERVERS, TEXT>
{
    fn default() -> Self {
        Self::new()
    }
}

impl<
    'd,
    M: RawMutex,
    const RX: usize,
    const TX: usize,
    const SUBS: usize,
    const SLOTS: usize,
    const MSG: usize,
    const REQS: usize,
    const SERVERS: usize,
    const TEXT: usize,
> Sizes<'d> for Resources<'d, M, RX, TX, SUBS, SLOTS, MSG, REQS, SERVERS, TEXT>
{
    type Raw = M;
    type Store = Fixed<u8, SUBS, SERVERS, TEXT, 0>;
    type Delivery = Queued<'d, heapless::Vec<Slot<PendingRequest<Requester>>, REQS>>;
}

impl<
    'd,
    M: RawMutex,
    const RX: usize,
    const TX: usize,
    const SUBS: usize,
    const SLOTS: usize,
    const MSG: usize,
    const REQS: usize,
    const SERVERS: usize,
    const TEXT: usize,
> Divide<'d> for Resources<'d, M, RX, TX, SUBS, SLOTS, MSG, REQS, SERVERS, TEXT>
{
    fn parts(&'d mut self) -> Parts<'d, Self> {
        let messages = self.messages.iter_mut().map(<[u8; MSG]>::as_mut_slice);
        Parts {
            rx: &mut self.rx,
            tx: &mut self.tx,
            delivery: Queued::new(MessageSlots::new(&mut self.slots, messages, &mut self.queues)),
            shared: &mut self.shared,
            runner: &mut self.runner,
        }
    }
}

impl<
    'd,
    M: RawMutex,
    const RX: usize,
    const TX: usize,
    const SUBS: usize,
    const SLOTS: usize,
    const MSG: usize,
    const REQS: usize,
    const SERVERS: usize,
    const TEXT: usize,
> Memory<'d> for Resources<'d, M, RX, TX, SUBS, SLOTS, MSG, REQS, SERVERS, TEXT>
{
    type Requests = heapless::Vec<Slot<PendingRequest<Requester>>, REQS>;
}

/// Memory that can be taken apart. Only this crate can implement it.
#[expect(unnameable_types, reason = "sealed")]
pub trait Divide<'d>: Sizes<'d> {
    /// Its parts.
    fn parts(&'d mut self) -> Parts<'d, Self>;
}

/// The parts of the memory.
#[expect(unnameable_types, reason = "sealed")]
pub struct Parts<'d, R: Sizes<'d>> {
    pub(crate) rx: &'d mut [u8],
    pub(crate) tx: &'d mut [u8],
    pub(crate) delivery: R::Delivery,
    pub(crate) shared: &'d mut Option<Shared<'d, R>>,
    /// In a cell, since nothing but zeros is to stand for what is not there.
    pub(crate) runner: &'d mut Option<Cell<RunnerState<'d>>>,
}
