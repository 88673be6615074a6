//! `defmt::Format` for what does not show all that it holds, or shows it as text: like `Debug`.

use defmt::Debug2Format;
use defmt::Format;
use defmt::Formatter;

use crate::Headers;
use crate::Message;
use crate::PercentEncoded;
use crate::RngSeed;
use crate::ServerUrl;
use crate::UrlError;
use crate::creds::Credentials;
use crate::nkeys::PublicKey;
use crate::nkeys::SignatureText;
use crate::session::Session;
use crate::session::store::Store;
use crate::wire::Connect;
use crate::wire::ConnectView;
use crate::wire::Quoted;
use crate::wire::ServerError;

macro_rules! like_debug {
    ($($type:ty,)*) => {$(
        impl Format for $type {
            fn format(&self, f: Formatter<'_>) {
                defmt::write!(f, "{}", Debug2Format(self));
            }
        }
    )*};
}

like_debug! {
    Connect<'_>,
    ConnectView<'_>,
    Credentials<'_>,
    PercentEncoded<'_>,
    Headers<'_>,
    PublicKey,
    Quoted<'_>,
    RngSeed,
    ServerError<'_>,
    ServerUrl<'_>,
    UrlError,
    SignatureText,
}

#[cfg(feature = "nkeys")]
like_debug! {
    crate::nkeys::KeyPair,
}

impl<B: AsRef<[u8]>> Format for Message<B> {
    fn format(&self, f: Formatter<'_>) {
        defmt::write!(f, "{}", Debug2Format(self));
    }
}

impl<S: Store> Format for Session<S> {
    fn format(&self, f: Formatter<'_>) {
        defmt::write!(f, "{}", Debug2Format(self));
    }
}
