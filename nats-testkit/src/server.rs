//! A server: what it says, what it reads, and which of its connections are open.

mod op;
mod peer;
mod script;

pub use op::Message;
pub use op::Op;
pub(crate) use peer::Peer;
pub use script::Info;
pub use script::Login;
pub use script::Script;
