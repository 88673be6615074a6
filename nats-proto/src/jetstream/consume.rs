//! Messages of a consumer: asking for them, and what becomes of them.
//!
//! [`PullConsumer`](pull::PullConsumer) keeps messages coming, [`Fetch`](fetch::Fetch) gets a number
//! of them once. Both ask with a [`PullRequest`](request::PullRequest), read a
//! [`PullStatus`](status::PullStatus), and remember each pull in a [`Slot`](slot::Slot).

pub(super) mod ack;
pub(super) mod delivery;
pub(super) mod fetch;
pub(super) mod inbox;
pub(super) mod info;
pub(super) mod pull;
pub(super) mod request;
pub(super) mod slot;
pub(super) mod status;
