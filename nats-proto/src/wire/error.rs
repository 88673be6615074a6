//! Errors of the protocol.

use core::fmt;

/// A violation of the protocol by the peer. The connection cannot be used any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum DecodeError {
    /// The line starts with no operation that this side sends.
    UnknownOperation,
    /// An argument is missing, surplus, or not a number where one is expected.
    Arguments,
    /// A number is too large: a size over 2³¹ − 1, another over 2⁶⁴ − 1.
    Overflow,
    /// The headers are longer than headers and payload together.
    HeaderSize,
    /// A control line or INFO is longer than allowed, or does not end.
    LineTooLong,
    /// The payload is not followed by a line end.
    PayloadEnd,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownOperation => "unknown protocol operation",
            Self::Arguments => "malformed arguments",
            Self::Overflow => "number too large",
            Self::HeaderSize => "header size exceeds message size",
            Self::LineTooLong => "control line too long",
            Self::PayloadEnd => "payload not followed by CRLF",
        })
    }
}

impl core::error::Error for DecodeError {}
