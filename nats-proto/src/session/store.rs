//! The storage of a session: tables of fixed size, or ones that grow.

use core::marker::PhantomData;

use super::servers::Server;
use super::subscriptions::Subscription;
use crate::storage::ArrayBuf;
use crate::storage::Buffer;
use crate::storage::FixedTable;
use crate::storage::Slot;
use crate::storage::Table;

/// Keeps other crates from implementing [`Store`].
trait Sealed {}

/// Chooses where a [`Session`](crate::session::Session) keeps its subscriptions, servers and texts:
/// [`Fixed`] without an allocator, [`Growable`](crate::Growable) with one.
///
/// Sealed: the two are all there are. Only the recipients are of the caller's own type.
#[expect(private_bounds, reason = "sealed")]
pub trait Store: Sealed {
    /// The caller's value for each subscription: the recipient of its messages. `()` will do.
    type Recipient;
    /// A filter and queue, a server's address, a nonce.
    type Text: Buffer + Default;
    /// An informational string of INFO, like the server's version.
    type Note: Buffer + Default;
    /// The subscriptions.
    type Subscriptions: Table<Slot<Subscription<Self::Recipient, Self::Text>>> + Default;
    /// The servers.
    type Servers: Table<Server<Self::Text>> + Default;
    /// How many servers there is room for. With room for one, what a session does with others is not
    /// compiled: those that a server announces are skipped, and a server that is about to shut
    /// down is not left before it does.
    const MAX_SERVERS: usize = usize::MAX;
}

/// Everything inside the session itself: no allocator, all sizes known when the program is built.
///
/// `SUBS` subscriptions, `SERVERS` servers, and texts of up to `TEXT` bytes each: a filter with its
/// queue, `nats://host:port`, a nonce. There is room for `NOTE` bytes of each of the texts that a
/// server says about itself, like its version: as many as `TEXT`, if it is not said, and with zero
/// they are left out. Neither can be more than 65,535, which no control line reaches.
///
/// ```
/// use nats_proto::Fixed;
/// use nats_proto::session::Session;
///
/// type Small = Session<Fixed<u8, 4, 2, 64>>;
/// assert!(size_of::<Small>() < 2048);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Fixed<
    R,
    const SUBS: usize,
    const SERVERS: usize,
    const TEXT: usize,
    const NOTE: usize = TEXT,
>(PhantomData<R>);

impl<R, const SUBS: usize, const SERVERS: usize, const TEXT: usize, const NOTE: usize> Sealed
    for Fixed<R, SUBS, SERVERS, TEXT, NOTE>
{
}

impl<R, const SUBS: usize, const SERVERS: usize, const TEXT: usize, const NOTE: usize> Store
    for Fixed<R, SUBS, SERVERS, TEXT, NOTE>
{
    type Recipient = R;
    type Text = ArrayBuf<TEXT>;
    type Note = ArrayBuf<NOTE>;
    type Subscriptions = FixedTable<Slot<Subscription<R, Self::Text>>, SUBS>;
    type Servers = FixedTable<Server<Self::Text>, SERVERS>;
    const MAX_SERVERS: usize = SERVERS;
}

#[cfg(feature = "alloc")]
pub use growable::Growable;

#[cfg(feature = "alloc")]
mod growable {
    use alloc::vec::Vec;

    use super::PhantomData;
    use super::Sealed;
    use super::Server;
    use super::Slot;
    use super::Store;
    use super::Subscription;

    /// Everything on the heap, as much as is needed.
    #[derive(Clone, Copy, Debug)]
    pub struct Growable<R>(PhantomData<R>);

    impl<R> Sealed for Growable<R> {}

    impl<R> Store for Growable<R> {
        type Recipient = R;
        type Text = Vec<u8>;
        type Note = Vec<u8>;
        type Subscriptions = Vec<Slot<Subscription<R, Self::Text>>>;
        type Servers = Vec<Server<Self::Text>>;
    }
}
