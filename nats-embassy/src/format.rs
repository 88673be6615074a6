//! `defmt::Format` for what does not show all that it holds: like `Debug`.

use defmt::Debug2Format;
use defmt::Format;
use defmt::Formatter;

use crate::auth::Auth;
use crate::auth::ResolvedAuth;
use crate::client::Client;
use crate::client::link::Link;
use crate::client::link::LinkMemory;
use crate::client::replies::Replies;
use crate::client::subscriber::Message;
use crate::client::subscriber::Subscriber;
use crate::config::Config;
use crate::memory::Memory;
use crate::runner::Runner;
use crate::state::sizes::Sizes;

macro_rules! like_debug {
    ($([$($generics:tt)*] $type:ty,)*) => {$(
        impl<$($generics)*> Format for $type {
            fn format(&self, f: Formatter<'_>) {
                defmt::write!(f, "{}", Debug2Format(self));
            }
        }
    )*};
}

like_debug! {
    [] Config<'_>,
    [] Auth<'_>,
    [] ResolvedAuth<'_>,
    ['d, R: Sizes<'d>] Client<'d, R>,
    ['d, R: LinkMemory<'d>] Link<'_, 'd, R>,
    ['d, R: Memory<'d>] Message<'d, R>,
    ['d, R: Memory<'d>] Replies<'d, R>,
    ['d, R: Memory<'d>] Subscriber<'d, R>,
    ['d, R: Sizes<'d>, C, A] Runner<'d, R, C, A>,
}

#[cfg(feature = "nkeys")]
like_debug! {
    [] crate::auth::KeySigner,
}
