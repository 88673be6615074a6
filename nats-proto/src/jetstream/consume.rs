//! Messages of a consumer: asking for them, and what becomes of them.
//!
//! [`PullConsumer`](pull::PullConsumer) keeps messages coming, [`OrderedConsumer`](ordered::OrderedConsumer)
//! keeps them coming in the order of the stream, [`Fetch`](fetch::Fetch) gets a number of them once. They ask with a [`PullRequest`](request::PullRequest), read a
//! [`PullStatus`](status::PullStatus), and remember each pull in a [`Slot`](slot::Slot).

pub(super) mod ack;
pub(super) mod delivery;
pub(super) mod fetch;
pub(super) mod inbox;
pub(super) mod info;
pub(super) mod ordered;
pub(super) mod pull;
pub(super) mod request;
pub(super) mod slot;
pub(super) mod status;
