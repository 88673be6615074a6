//! The two sides of a connection: which operations each of them sends.

use super::args;
use super::args::MessageKind;
use crate::message::Layout;
use crate::message::Message;
use crate::message::Sid;
use crate::wire::connect::ConnectView;
use crate::wire::error::DecodeError;
use crate::wire::info::InfoPart;
use crate::wire::op::ClientOp;
use crate::wire::op::Control;
use crate::wire::op::Oversized;
use crate::wire::op::ServerOp;
use crate::wire::server_error::ServerError;

/// The side whose bytes a [`Decoder`](super::Decoder) decodes: [`FromServer`] or [`FromClient`].
///
/// Sealed: there are these two, and no others. `R::Op` is what the side sends, borrowed from the input:
/// [`ServerOp`] or [`ClientOp`].
#[expect(private_bounds, reason = "sealed")]
pub trait Role: Parse {}

/// The operations that a side sends.
#[expect(unnameable_types, reason = "part of a sealed trait")]
pub trait Operations {
    /// One operation, borrowed from the input.
    type Op<'b>: Copy;
}

/// Decode what a server sends, as a client does.
#[derive(Clone, Copy, Debug)]
pub enum FromServer {}

/// Decode what a client sends, as a server, a proxy or a test does.
#[derive(Clone, Copy, Debug)]
pub enum FromClient {}

impl Role for FromServer {}

impl Operations for FromServer {
    type Op<'b> = ServerOp<'b>;
}

impl Role for FromClient {}

impl Operations for FromClient {
    type Op<'b> = ClientOp<'b>;
}

/// What a control line turned out to be.
pub(super) enum Line<Op> {
    Op(Op),
    /// The first line of a message, whose `line` is still to be set.
    Message(Sid, Layout),
}

pub(super) trait Parse: Operations {
    const HAS_INFO: bool;

    /// Parses a control line without its end.
    fn parse(line: &[u8]) -> Result<Line<Self::Op<'_>>, DecodeError>;

    /// Which message operation the line starts with, in capitals and followed by one blank,
    /// and how long that is.
    fn canonical_kind(line: &[u8]) -> Option<(MessageKind, usize)>;

    /// Which message operation the line starts with, if it does.
    fn message_kind(line: &[u8]) -> Option<MessageKind>;

    /// The operation that makes sense of the beginning of a line alone.
    fn cut_short(line: &[u8]) -> Option<Self::Op<'_>>;

    fn message(message: Message<&[u8]>) -> Self::Op<'_>;

    fn oversized(message: Oversized<'_>) -> Self::Op<'_>;

    fn info(part: InfoPart<'_>) -> Option<Self::Op<'_>>;
}

const PLAIN_TO_CLIENT: MessageKind = MessageKind { has_sid: true, has_headers: false };
const HEADERS_TO_CLIENT: MessageKind = MessageKind { has_sid: true, has_headers: true };
const PLAIN_TO_SERVER: MessageKind = MessageKind { has_sid: false, has_headers: false };
const HEADERS_TO_SERVER: MessageKind = MessageKind { has_sid: false, has_headers: true };

impl Parse for FromServer {
    const HAS_INFO: bool = true;

    #[inline]
    fn parse(line: &[u8]) -> Result<Line<ServerOp<'_>>, DecodeError> {
        let (name, rest) = args::name(line);
        let control = match name {
            name if is(name, b"MSG") => return message(line, rest, PLAIN_TO_CLIENT),
            name if is(name, b"HMSG") => return message(line, rest, HEADERS_TO_CLIENT),
            name if is(name, b"PING") => Control::Ping,
            name if is(name, b"PONG") => Control::Pong,
            name if is(name, b"+OK") => Control::Ok,
            name if is(name, b"-ERR") => Control::Err(ServerError::from_bytes(args::text(rest))),
            _ => return Err(DecodeError::UnknownOperation),
        };
        Ok(Line::Op(ServerOp::Control(control)))
    }

    #[inline]
    fn canonical_kind(line: &[u8]) -> Option<(MessageKind, usize)> {
        match line {
            [b'M', b'S', b'G', b' ', ..] => Some((PLAIN_TO_CLIENT, 4)),
            [b'H', b'M', b'S', b'G', b' ', ..] => Some((HEADERS_TO_CLIENT, 5)),
            _ => None,
        }
    }

    fn message_kind(line: &[u8]) -> Option<MessageKind> {
        match args::name(line).0 {
            name if is(name, b"MSG") => Some(PLAIN_TO_CLIENT),
            name if is(name, b"HMSG") => Some(HEADERS_TO_CLIENT),
            _ => None,
        }
    }

    fn cut_short(line: &[u8]) -> Option<ServerOp<'_>> {
        let (name, rest) = args::name(line);
        let error = ServerError::from_bytes(args::text(rest));
        is(name, b"-ERR").then_some(ServerOp::Control(Control::Err(error)))
    }

    #[inline]
    fn message(message: Message<&[u8]>) -> ServerOp<'_> {
        ServerOp::Message(message)
    }

    fn oversized(message: Oversized<'_>) -> ServerOp<'_> {
        ServerOp::Oversized(message)
    }

    fn info(part: InfoPart<'_>) -> Option<ServerOp<'_>> {
        Some(ServerOp::Control(Control::Info(part)))
    }
}

impl Parse for FromClient {
    const HAS_INFO: bool = false;

    #[inline]
    fn parse(line: &[u8]) -> Result<Line<ClientOp<'_>>, DecodeError> {
        let (name, rest) = args::name(line);
        let op = match name {
            name if is(name, b"PUB") => return message(line, rest, PLAIN_TO_SERVER),
            name if is(name, b"HPUB") => return message(line, rest, HEADERS_TO_SERVER),
            name if is(name, b"SUB") => ClientOp::Subscribe(args::subscribe(rest)?),
            name if is(name, b"UNSUB") => ClientOp::Unsubscribe(args::unsubscribe(rest)?),
            name if is(name, b"PING") => ClientOp::Ping,
            name if is(name, b"PONG") => ClientOp::Pong,
            name if is(name, b"CONNECT") => {
                ClientOp::Connect(ConnectView::from_bytes(args::text(rest)))
            }
            _ => return Err(DecodeError::UnknownOperation),
        };
        Ok(Line::Op(op))
    }

    #[inline]
    fn canonical_kind(line: &[u8]) -> Option<(MessageKind, usize)> {
        match line {
            [b'P', b'U', b'B', b' ', ..] => Some((PLAIN_TO_SERVER, 4)),
            [b'H', b'P', b'U', b'B', b' ', ..] => Some((HEADERS_TO_SERVER, 5)),
            _ => None,
        }
    }

    fn message_kind(line: &[u8]) -> Option<MessageKind> {
        match args::name(line).0 {
            name if is(name, b"PUB") => Some(PLAIN_TO_SERVER),
            name if is(name, b"HPUB") => Some(HEADERS_TO_SERVER),
            _ => None,
        }
    }

    fn cut_short(_: &[u8]) -> Option<ClientOp<'_>> {
        None
    }

    #[inline]
    fn message(message: Message<&[u8]>) -> ClientOp<'_> {
        ClientOp::Publish(message)
    }

    fn oversized(message: Oversized<'_>) -> ClientOp<'_> {
        ClientOp::Oversized(message)
    }

    fn info(_: InfoPart<'_>) -> Option<ClientOp<'_>> {
        None
    }
}

#[inline]
fn is(name: &[u8], operation: &[u8]) -> bool {
    name.eq_ignore_ascii_case(operation)
}

#[inline]
fn message<Op>(line: &[u8], rest: &[u8], kind: MessageKind) -> Result<Line<Op>, DecodeError> {
    args::message(line, rest, kind).map(|(sid, layout)| Line::Message(sid, layout))
}
