//! The runner's working memory.

use nats_proto::session::ClientInfo;

use crate::auth::Auth;
use crate::state::chunks::Chunks;
use crate::state::inbound::Inbound;
use crate::state::outbound::TxBuffer;

/// What a runner works with. It is borrowed: a future that takes a runner by value has it twice.
pub(crate) struct RunnerState<'d> {
    pub(crate) client: ClientInfo<'d>,
    pub(crate) auth: Auth<'d>,
    pub(crate) inbound: Inbound<'d>,
    /// What is being written.
    pub(crate) back: TxBuffer<'d>,
    pub(crate) chunks: Chunks<'d>,
}
