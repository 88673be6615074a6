//! A consumer's metadata of a message that it delivers.

use core::str;

use crate::ascii::parse_decimal;
use crate::jetstream::time::Timestamp;

const PREFIX: &[u8] = b"$JS.ACK.";

/// A message's delivery: what its reply subject says, to which acknowledgements go.
///
/// ```
/// use nats_proto::jetstream::DeliveryInfo;
///
/// let delivery = DeliveryInfo::parse(b"$JS.ACK.ORDERS.worker.2.13.14.1795849452224744241.3").unwrap();
/// assert_eq!((delivery.stream, delivery.consumer), ("ORDERS", "worker"));
/// assert_eq!((delivery.delivered, delivery.stream_sequence, delivery.pending), (2, 13, 3));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct DeliveryInfo<'a> {
    /// The stream's domain; `None` for the default one, and from servers that do not say it.
    pub domain: Option<&'a str>,
    /// The stream.
    pub stream: &'a str,
    /// The consumer.
    pub consumer: &'a str,
    /// How often the message was delivered, this time included: 1 for the first time.
    pub delivered: u64,
    /// The message's sequence number in the stream.
    pub stream_sequence: u64,
    /// The number of this delivery: the consumer counts all of them.
    pub consumer_sequence: u64,
    /// When the message was stored.
    pub timestamp: Timestamp,
    /// How many messages the consumer has after this one.
    pub pending: u64,
}

impl<'a> DeliveryInfo<'a> {
    /// Reads the reply subject of a message; `None` if it is not that of a consumer's message.
    ///
    /// There are two forms: nine tokens, and since ADR-15 eleven or more, with the domain (`_` for
    /// none) and the account's hash after `$JS.ACK`.
    #[must_use]
    pub fn parse(reply: &'a [u8]) -> Option<Self> {
        let mut tokens = reply.strip_prefix(PREFIX)?.split(|byte| *byte == b'.');
        // Two tokens were the prefix.
        let domain = match tokens.clone().count() {
            7 => None,
            9.. => {
                let domain = text(tokens.next()?)?;
                tokens.next()?;
                Some(domain).filter(|domain| *domain != "_")
            }
            _ => return None,
        };
        let stream = text(tokens.next()?)?;
        let consumer = text(tokens.next()?)?;
        let mut number = || tokens.next().and_then(number);
        Some(Self {
            domain,
            stream,
            consumer,
            delivered: number()?,
            stream_sequence: number()?,
            consumer_sequence: number()?,
            timestamp: Timestamp::from_nanos(i64::try_from(number()?).ok()?),
            pending: number()?,
        })
    }

    /// Whether a reply subject begins like that of a consumer's message. A look at eight bytes, to
    /// distinguish messages from statuses.
    #[must_use]
    pub fn is_reply(reply: &[u8]) -> bool {
        reply.starts_with(PREFIX)
    }
}

fn text(token: &[u8]) -> Option<&str> {
    str::from_utf8(token).ok().filter(|token| !token.is_empty())
}

/// A number without sign, and not nothing.
fn number(token: &[u8]) -> Option<u64> {
    if token.is_empty() || !token.iter().all(u8::is_ascii_digit) {
        None
    } else {
        parse_decimal(token)
    }
}

#[cfg(test)]
mod tests {
    use std::format;
    use std::string::String;
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    /// From nats-server 2.15.1 without and with `js_ack_fc_v2`, and what ADR-15 allows.
    #[test]
    fn both_forms() {
        let first = DeliveryInfo {
            domain: None,
            stream: "S",
            consumer: "C",
            delivered: 1,
            stream_sequence: 2,
            consumer_sequence: 3,
            timestamp: Timestamp::from_nanos(1_795_858_409_294_391_901),
            pending: 4,
        };
        let table: [(&str, DeliveryInfo<'_>); 4] = [
            ("$JS.ACK.S.C.1.2.3.1795858409294391901.4", first),
            ("$JS.ACK._.szMpdrwD.S.C.1.2.3.1795858409294391901.4", first),
            (
                "$JS.ACK.hub.szMpdrwD.S.C.1.2.3.1795858409294391901.4",
                DeliveryInfo { domain: Some("hub"), ..first },
            ),
            ("$JS.ACK._.szMpdrwD.S.C.1.2.3.1795858409294391901.4.x1b", first),
        ];
        for (reply, expected) in table {
            assert_eq!(DeliveryInfo::parse(reply.as_bytes()), Some(expected), "{reply}");
            assert!(DeliveryInfo::is_reply(reply.as_bytes()));
        }
    }

    #[test]
    fn what_is_no_delivery() {
        for reply in [
            "",
            "$JS.ACK",
            "$JS.ACK.",
            "_INBOX.a.b",
            "$JS.ACK.S.C.1.2.3.4",
            "$JS.ACK.x.S.C.1.2.3.4.5",
            "$JS.ACK.S.C.1.2.3.-4.5",
            "$JS.ACK.S.C.1.2.3.+4.5",
            "$JS.ACK.S.C.1.2.3.4.",
            "$JS.ACK..C.1.2.3.4.5",
            "$JS.ACK.S..1.2.3.4.5",
            "$JS.ACK.S.C.1.2.3.4.5a",
            "$JS.ACK.S.C.1.2.3.9223372036854775808.5",
            "$JS.ACK.S.C.18446744073709551616.2.3.4.5",
            "$JS.API.S.C.1.2.3.4.5",
        ] {
            assert_eq!(DeliveryInfo::parse(reply.as_bytes()), None, "{reply}");
        }
        assert_eq!(DeliveryInfo::parse(b"$JS.ACK.\xFF.C.1.2.3.4.5"), None);
    }

    fn naive(reply: &str) -> Option<(String, Vec<u64>)> {
        let tokens: Vec<_> = reply.split('.').collect();
        let tokens = match tokens[..] {
            ["$JS", "ACK", ref rest @ ..] if rest.len() == 7 => rest,
            ["$JS", "ACK", domain, _, ref rest @ ..] if rest.len() >= 7 && !domain.is_empty() => {
                rest
            }
            _ => return None,
        };
        let numbers = tokens[2..7].iter().map(|token| {
            let is_plain = token.bytes().all(|byte| byte.is_ascii_digit());
            token.parse::<u64>().ok().filter(|_| is_plain)
        });
        let numbers = numbers.collect::<Option<Vec<_>>>()?;
        let is_time = i64::try_from(numbers[3]).is_ok();
        let names = format!("{} {}", tokens[0], tokens[1]);
        (is_time && !tokens[0].is_empty() && !tokens[1].is_empty()).then_some((names, numbers))
    }

    proptest! {
        #[test]
        fn agrees_with_a_naive_reader(
            tokens in proptest::collection::vec("(_|S|x1|[0-9]{1,20}|-1|)", 4..12),
        ) {
            let reply = format!("$JS.ACK.{}", tokens.join("."));
            let found = DeliveryInfo::parse(reply.as_bytes()).map(|found| {
                let DeliveryInfo { stream, consumer, delivered, stream_sequence, .. } = found;
                let time = u64::try_from(found.timestamp.as_nanos()).unwrap();
                let rest = [found.consumer_sequence, time, found.pending];
                let numbers = [delivered, stream_sequence].into_iter().chain(rest).collect::<Vec<_>>();
                (format!("{stream} {consumer}"), numbers)
            });
            prop_assert_eq!(found, naive(&reply));
        }
    }
}
