//! Statuses: a server sends them in the first line of a header block, instead of a message.

use core::fmt;

/// A status line's code and what it said about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Status<'a> {
    code: StatusCode,
    description: &'a [u8],
}

/// A three-digit status code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct StatusCode(u16);

impl<'a> Status<'a> {
    /// Reads what follows the version in a status line: ` 503 No Responders`.
    ///
    /// Blanks around the parts do not matter; `None` if there is no three-digit code.
    pub(crate) fn parse(text: &'a [u8]) -> Option<Self> {
        let text = text.trim_ascii();
        let (digits, rest) = text.split_first_chunk::<3>()?;
        if rest.first().is_some_and(u8::is_ascii_digit) {
            return None;
        }
        let mut code = 0;
        for digit in digits {
            code =
                code * 10 + u16::from(char::from(*digit).is_ascii_digit().then(|| digit - b'0')?);
        }
        Some(Self { code: StatusCode(code), description: rest.trim_ascii_start() })
    }

    /// The same without the server's text.
    #[cfg(feature = "jetstream")]
    pub(crate) const fn without_text(self) -> Status<'static> {
        Status { code: self.code, description: b"" }
    }

    /// The code.
    #[must_use]
    pub const fn code(self) -> StatusCode {
        self.code
    }

    /// The server's text after the code, if it is UTF-8 and not empty.
    #[must_use]
    pub fn description(self) -> Option<&'a str> {
        core::str::from_utf8(self.description).ok().filter(|text| !text.is_empty())
    }

    /// The server's text after the code, byte for byte.
    #[must_use]
    pub const fn description_bytes(self) -> &'a [u8] {
        self.description
    }
}

impl StatusCode {
    /// 100: a heartbeat or a flow-control request of a JetStream consumer.
    pub const CONTROL: Self = Self(100);
    /// 204: the end of a batch of direct gets.
    pub const NO_CONTENT: Self = Self(204);
    /// 400: the request was malformed.
    pub const BAD_REQUEST: Self = Self(400);
    /// 404: there are no messages.
    pub const NOT_FOUND: Self = Self(404);
    /// 408: a pull request expired.
    pub const TIMEOUT: Self = Self(408);
    /// 409: the consumer changed, was deleted, or a limit was reached.
    pub const CONFLICT: Self = Self(409);
    /// 412: a precondition does not hold.
    pub const PRECONDITION_FAILED: Self = Self(412);
    /// 413: the request was too large.
    pub const TOO_LARGE: Self = Self(413);
    /// 423: another client is pinned to the consumer.
    pub const PIN_ID_MISMATCH: Self = Self(423);
    /// 429: the server is too busy.
    pub const TOO_MANY_REQUESTS: Self = Self(429);
    /// 503: no responders: the subject of a request has no subscriber.
    pub const NO_RESPONDERS: Self = Self(503);

    /// The number, 0 to 999.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// What the code means, in a few words; the server's own are in [`Status::description`].
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::CONTROL => "idle heartbeat or flow control",
            Self::NO_CONTENT => "end of batch",
            Self::BAD_REQUEST => "bad request",
            Self::NOT_FOUND => "no messages",
            Self::TIMEOUT => "request timeout",
            Self::CONFLICT => "consumer conflict",
            Self::PRECONDITION_FAILED => "precondition failed",
            Self::TOO_LARGE => "request too large",
            Self::PIN_ID_MISMATCH => "pinned to another client",
            Self::TOO_MANY_REQUESTS => "too many requests",
            Self::NO_RESPONDERS => "no responders",
            Self(_) => "unknown status",
        }
    }
}

impl fmt::Display for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03}", self.0)
    }
}

impl fmt::Display for Status<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.description().unwrap_or_else(|| self.code.meaning()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_lines() {
        let table: &[(&[u8], Option<(u16, &[u8])>)] = &[
            (b" 503", Some((503, b""))),
            (b" 503 ", Some((503, b""))),
            (b" 503 No Responders", Some((503, b"No Responders"))),
            (b"100 Idle Heartbeat", Some((100, b"Idle Heartbeat"))),
            (b"\t 409  Consumer Deleted ", Some((409, b"Consumer Deleted"))),
            (b" 404No Messages", Some((404, b"No Messages"))),
            (b" 408 \xFF", Some((408, b"\xFF"))),
            (b"", None),
            (b" 50", None),
            (b" 5033", None),
            (b" 5O3", None),
            (b" \xFF\xFF\xFF", None),
        ];
        for &(text, expected) in table {
            let status = Status::parse(text);
            let parts = status.map(|status| (status.code().get(), status.description_bytes()));
            assert_eq!(parts, expected, "{:?}", text.escape_ascii());
        }
        assert_eq!(Status::parse(b" 408 \xFF").unwrap().description(), None);
    }

    #[test]
    fn shows_the_servers_words_or_ours() {
        let text = |line| std::format!("{}", Status::parse(line).unwrap());
        assert_eq!(text(b" 409 Consumer Deleted"), "409 Consumer Deleted");
        assert_eq!(text(b" 503"), "503 no responders");
        assert_eq!(text(b" 007"), "007 unknown status");
    }
}
