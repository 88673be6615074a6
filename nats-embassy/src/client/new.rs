//! Making a client.

use core::cell::Cell;

use nats_proto::Inbox;
use nats_proto::RngSeed;
use nats_proto::ServerUrl;
use nats_proto::Store;
use nats_proto::session::AddServerError;
use nats_proto::session::ClientInfo;
use nats_proto::session::Session;
use nats_proto::wire::Sink;

use super::Client;
use crate::config::Config;
use crate::error::ConfigError;
use crate::memory::Divide;
use crate::memory::runner::RunnerState;
use crate::runner::Runner;
use crate::state::State;
use crate::state::chunks::Chunks;
use crate::state::inbound::Inbound;
use crate::state::outbound::TxBuffer;
use crate::state::shared::Shared;
use crate::transport::Connector;

/// What follows the prefix in the longest subject for a reply, in bytes.
const REPLY: usize = ".".len() + 22 + ".".len() + 11;

/// Makes a client, and the runner that moves its bytes. `resources` are [`Resources`](crate::Resources), or
/// those of a [`Link`](crate::Link).
///
/// `entropy` is to come from a true source, once per start: names of inboxes are made of it.
///
/// # Errors
///
/// [`ConfigError`] if a server URL is invalid, has credentials in it, or does not fit; or if the inbox
/// prefix does not.
pub fn new<'d, R: Divide<'d>, C: Connector>(
    config: Config<'d>,
    connector: C,
    resources: &'d mut R,
    entropy: [u8; 32],
) -> Result<(Client<'d, R>, Runner<'d, R, C>), ConfigError> {
    let Config { servers, name, auth, no_echo, offline, inbox_prefix, session } = config;
    let parts = resources.parts();
    let (jitter, unique) = halves(entropy);
    let mut session = Session::new(session, jitter);
    add_servers(&mut session, servers)?;
    // The first replies have short subjects, later ones do not.
    <R::Store as Store>::Text::default()
        .reserve(inbox_prefix.as_bytes().len() + REPLY)
        .map_err(|_| ConfigError::InboxTooLong)?;
    let inbox = Inbox::new(inbox_prefix, unique).map_err(|_| ConfigError::InboxTooLong)?;
    let (front, back) = parts.tx.split_at_mut(parts.tx.len() / 2);
    let back = back.get_mut(..front.len()).unwrap_or_default();
    let state = State::new(session, TxBuffer::new(front), parts.delivery, inbox, offline);
    let shared: &'d Shared<'d, R> = parts.shared.insert(Shared::new(state));
    let inbound = Inbound::new(parts.rx);
    let (back, chunks) = (TxBuffer::new(back), Chunks::new(None));
    let client = ClientInfo::DEFAULT.name(name).version(env!("CARGO_PKG_VERSION")).echo(!no_echo);
    let memory = RunnerState { client, auth, inbound, back, chunks };
    let memory = parts.runner.insert(Cell::new(memory)).get_mut();
    Ok((Client::new(shared), Runner::new(shared, memory, connector)))
}

/// Two seeds that share no bits.
fn halves(entropy: [u8; 32]) -> (RngSeed, RngSeed) {
    let (first, second) = entropy.split_at(16);
    let seed = |half: &[u8]| RngSeed(half.try_into().unwrap_or_default());
    (seed(first), seed(second))
}

/// Adds servers, separated by commas.
fn add_servers<S: Store>(session: &mut Session<S>, servers: &str) -> Result<(), ConfigError> {
    // One by one: nothing is left of a session that did not get all of them.
    for url in ServerUrl::list(servers) {
        session.add_server(&url?).map_err(|error| match error {
            AddServerError::Url(error) => error.into(),
            AddServerError::UserInfo => ConfigError::CredentialsInUrl,
            AddServerError::AddressTooLong => ConfigError::AddressTooLong,
            _ => ConfigError::TooManyServers,
        })?;
    }
    Ok(())
}
