//! The runner's working memory.

use crate::auth::Login;
use crate::state::chunks::Pieces;
use crate::state::inbound::Inbound;
use crate::state::outbound::Half;

/// What a runner works with. It is apart, since a future that is handed a runner has it twice.
pub(crate) struct RunnerState<'d> {
    pub(crate) name: Option<&'d str>,
    pub(crate) login: Login<'d>,
    pub(crate) no_echo: bool,
    pub(crate) inbound: Inbound<'d>,
    /// What is being written.
    pub(crate) back: Half<'d>,
    pub(crate) pieces: Pieces<'d>,
}
