//! Chapters on what one thing takes from beginning to end. Their programs are run by the tests, against
//! nats-server and the broker of the examples.

#[doc = include_str!("../docs/shutdown.md")]
pub mod shutdown {}

#[doc = include_str!("../docs/requests.md")]
pub mod requests {}

#[doc = include_str!("../docs/slow-consumers.md")]
pub mod slow_consumers {}

#[cfg(feature = "jetstream")]
#[doc = include_str!("../docs/jetstream.md")]
pub mod jetstream {}

#[doc = include_str!("../docs/credentials.md")]
pub mod credentials {}

#[doc = include_str!("../docs/proxies.md")]
pub mod proxies {}

#[doc = include_str!("../docs/testing.md")]
pub mod testing {}

#[doc = include_str!("../docs/from-async-nats.md")]
pub mod from_async_nats {}
