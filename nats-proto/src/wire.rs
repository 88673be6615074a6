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

mod args;
mod bounded;
mod canonical;
mod connect;
mod decimal;
mod decode;
mod encode;
mod error;
mod info;
mod json;
mod limits;
mod long_line;
mod op;
mod role;
mod server_error;
mod sink;
mod utf8;
mod view;

pub use bounded::Bounded;
pub use connect::Connect;
pub use decode::Decoded;
pub use decode::Decoder;
pub use decode::Limits;
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
pub use role::FromClient;
pub use role::FromServer;
pub use role::Operations;
pub use role::Role;
pub use server_error::Action;
pub use server_error::Consequence;
pub use server_error::ErrorKind;
pub use server_error::Quoted;
pub use server_error::ServerError;
pub use server_error::Violation;
pub use sink::Buffer;
pub use sink::SendBuf;
pub use sink::Sink;
pub use view::ConnectView;

pub use crate::subject::covers;
pub use crate::subject::matches;

#[cfg(feature = "jetstream")]
pub(crate) use args::decimal;
pub(crate) use decimal::Decimal;
pub(crate) use decimal::divide;
#[cfg(feature = "jetstream")]
pub(crate) use json::Scanner;
#[cfg(feature = "jetstream")]
pub(crate) use json::Token;
#[cfg(feature = "jetstream")]
pub(crate) use json::TokenKind;
#[cfg(feature = "jetstream")]
pub(crate) use json::put_string;
pub(crate) use sink::put_all;
pub(crate) use utf8::hex_digit;
