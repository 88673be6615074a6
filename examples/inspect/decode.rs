//! A byte stream, fed to the decoder in pieces, as lines of JSON.

use std::io;
use std::io::Write;

use nats_proto::wire::Decoded;
use nats_proto::wire::Decoder;
use nats_proto::wire::FromClient;
use nats_proto::wire::FromServer;
use nats_proto::wire::Limits;
use nats_proto::wire::Role;
use serde_json::Value;
use serde_json::json;

use crate::json;

/// Makes JSON of a side's operations.
pub(crate) trait Show: Role {
    /// What INFO has said so far.
    type Memory: Default;

    /// The object for an operation, if it is complete.
    fn show(op: Self::Op<'_>, memory: &mut Self::Memory) -> Result<Option<Value>, String>;
}

impl Show for FromServer {
    type Memory = json::InfoReader;

    fn show(op: Self::Op<'_>, memory: &mut Self::Memory) -> Result<Option<Value>, String> {
        json::server_op(op, memory)
    }
}

impl Show for FromClient {
    type Memory = ();

    fn show(op: Self::Op<'_>, (): &mut ()) -> Result<Option<Value>, String> {
        json::client_op(op).map(Some)
    }
}

/// Decodes `input`, `chunk` bytes at a time, and says whether it is well-formed as far as it goes.
pub(crate) fn inspect<R: Show>(
    input: &[u8],
    chunk: usize,
    limits: Limits,
    out: &mut impl Write,
) -> io::Result<bool> {
    let mut decoder = Decoder::<R>::new(limits);
    let mut memory = R::Memory::default();
    // What was fed and is not yet decoded.
    let (mut start, mut end) = (0, 0);
    while end < input.len() {
        end = input.len().min(end.saturating_add(chunk));
        loop {
            let fed = input.get(start..end).unwrap_or_default();
            let shown = match decoder.decode(fed) {
                Ok(Decoded::Frame { op, len }) => {
                    start += len;
                    R::show(op, &mut memory)
                }
                Ok(Decoded::Skip { len }) => {
                    start += len;
                    Ok(None)
                }
                Ok(Decoded::Partial { .. }) => break,
                Err(error) => Err(error.to_string()),
            };
            match shown {
                Ok(Some(object)) => writeln!(out, "{object}")?,
                Ok(None) => {}
                Err(error) => {
                    writeln!(out, "{}", json!({ "error": error }))?;
                    return Ok(false);
                }
            }
        }
    }
    if start < input.len() || !decoder.is_between_frames() {
        writeln!(out, "{}", json!({ "partial": true }))?;
    }
    Ok(true)
}
