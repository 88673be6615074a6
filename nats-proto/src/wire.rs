//! The data plane: pure functions between bytes and operations.
//!
//! ```text
//! server → client                               client → server
//! INFO {json}                                   CONNECT {json}
//! MSG <subject> <sid> [reply] <size>␍␊          PUB <subject> [reply] <size>␍␊
//!   <payload>                                     <payload>
//! HMSG <subject> <sid> [reply] <hdr> <size>␍␊   HPUB <subject> [reply] <hdr> <size>␍␊
//!   <headers><payload>                            <headers><payload>
//! PING                                          SUB <subject> [queue] <sid>
//! PONG                                          UNSUB <sid> [max]
//! +OK                                           PING
//! -ERR '<text>'                                 PONG
//! ```
//!
//! Every line ends in CRLF. The names of operations are not case-sensitive, and spaces and tabs
//! separate, in any number; so do nats-server and the Go client. A lone LF ends a line, too.

mod connect;
mod decode;
mod encode;
mod error;
mod info;
mod json;
mod limits;
pub(crate) mod op;
mod server_error;
mod utf8;

pub use connect::Connect;
pub use connect::ConnectView;
pub use decode::Decoded;
pub use decode::Decoder;
pub use decode::FromClient;
pub use decode::FromServer;
pub use decode::Limits;
pub use decode::Role;
pub use encode::Deliver;
pub use encode::EncodeError;
pub use encode::OK;
pub use encode::PING;
pub use encode::PONG;
pub use encode::Publish;
pub use encode::Subscribe;
pub use encode::encode_error;
pub use error::DecodeError;
pub use info::Info;
pub use info::InfoPart;
pub use info::InfoScanner;
pub use info::ServerInfo;
pub use json::JsonError;
pub use limits::PublishError;
pub use limits::PublishLens;
pub use limits::PublishLimits;
pub use op::ClientOp;
pub use op::Control;
pub use op::Oversized;
pub use op::ServerOp;
pub use op::SubscribeArgs;
pub use server_error::Action;
pub use server_error::Consequence;
pub use server_error::ErrorKind;
pub use server_error::Quoted;
pub use server_error::ServerError;
pub use server_error::Violation;

pub use crate::storage::ArrayBuf;
pub use crate::storage::Bounded;
pub use crate::storage::Buffer;
pub use crate::storage::SendBuf;
pub use crate::storage::Sink;
pub use crate::subject::covers;
pub use crate::subject::matches;

#[cfg(feature = "jetstream")]
pub(crate) use json::Scanner;
#[cfg(feature = "jetstream")]
pub(crate) use json::Token;
#[cfg(feature = "jetstream")]
pub(crate) use json::TokenKind;
#[cfg(feature = "jetstream")]
pub(crate) use json::put_string;
