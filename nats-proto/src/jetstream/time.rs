//! Times as JetStream writes them.

#[cfg(test)]
mod tests;

use core::fmt;
use core::time::Duration;

use crate::error::Full;
use crate::storage::Sink;

const NANOS_PER_SECOND: i64 = 1_000_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
/// Go's time that is not set.
const UNSET: &[u8] = b"0001-01-01T00:00:00Z";

/// A moment, in nanoseconds since 1970 (UTC, without leap seconds): from September 1677 to April
/// 2262.
///
/// Acknowledgement subjects have it as a number, JSON as RFC 3339 with no to nine digits of a
/// fraction.
///
/// ```
/// use nats_proto::jetstream::Timestamp;
///
/// let time = Timestamp::parse("2026-11-28T09:33:28.5Z")?;
/// assert_eq!(time, Timestamp::from_nanos(1_795_858_408_500_000_000));
/// assert_eq!(Timestamp::parse("2026-11-28T10:33:28.5+01:00")?, time);
/// # Ok::<(), nats_proto::jetstream::TimestampError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Timestamp(i64);

/// Why a text is not a [`Timestamp`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum TimestampError {
    /// It is not a date and time of RFC 3339.
    Malformed,
    /// It is before 1677 or after 2262.
    OutOfRange,
}

impl Timestamp {
    /// The moment `nanos` nanoseconds after the beginning of 1970, or before it.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the beginning of 1970.
    #[must_use]
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Reads a date and time of RFC 3339. Digits of a fraction beyond the ninth are ignored.
    ///
    /// # Errors
    ///
    /// [`TimestampError`]; [`parse_optional`](Self::parse_optional) is for fields that may not be
    /// set.
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        let (seconds, nanos) = read(text.as_bytes()).ok_or(TimestampError::Malformed)?;
        let whole = seconds.checked_mul(NANOS_PER_SECOND);
        // Before 1970, a fraction may bring back what whole seconds leave.
        let total = match whole {
            Some(whole) => whole.checked_add(nanos),
            None => seconds
                .checked_add(1)
                .and_then(|seconds| seconds.checked_mul(NANOS_PER_SECOND))
                .and_then(|whole| whole.checked_add(nanos - NANOS_PER_SECOND)),
        };
        total.map(Self).ok_or(TimestampError::OutOfRange)
    }

    /// The same, and `None` for `0001-01-01T00:00:00Z`, by which servers mean no time.
    ///
    /// # Errors
    ///
    /// [`TimestampError`].
    pub fn parse_optional(text: &str) -> Result<Option<Self>, TimestampError> {
        if text.as_bytes() == UNSET { Ok(None) } else { Self::parse(text).map(Some) }
    }

    /// Writes the time as RFC 3339 in UTC, 20 to 30 bytes, without zeros at the end of a fraction.
    ///
    /// # Errors
    ///
    /// [`Full`] if it does not fit; nothing is written then.
    pub fn encode(self, out: &mut impl Sink) -> Result<(), Full> {
        let mut text = [0; 30];
        let text = self.text(&mut text);
        out.reserve(text.len())?;
        out.put(text);
        Ok(())
    }

    fn text(self, text: &mut [u8; 30]) -> &[u8] {
        let seconds = self.0.div_euclid(NANOS_PER_SECOND);
        let mut nanos = self.0.rem_euclid(NANOS_PER_SECOND);
        let (year, month, day) = date(seconds.div_euclid(SECONDS_PER_DAY));
        let second = seconds.rem_euclid(SECONDS_PER_DAY);
        let mut digits = 9;
        while digits > 0 && nanos % 10 == 0 {
            nanos /= 10;
            digits -= 1;
        }
        let fields = [
            (year, 4, b'-'),
            (month, 2, b'-'),
            (day, 2, b'T'),
            (second / 3_600, 2, b':'),
            (second / 60 % 60, 2, b':'),
            (second % 60, 2, if digits > 0 { b'.' } else { b'Z' }),
            (nanos, digits, b'Z'),
        ];
        let mut len = 0;
        for (number, width, after) in fields.into_iter().filter(|(_, width, _)| *width > 0) {
            put_digits(number, text.get_mut(len..len + width).unwrap_or_default());
            len += width;
            if let Some(place) = text.get_mut(len) {
                *place = after;
            }
            len += 1;
        }
        text.get(..len).unwrap_or_default()
    }
}

/// A number with leading zeros, as wide as the slice.
fn put_digits(mut number: i64, digits: &mut [u8]) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
    }
}

/// Seconds since 1970, and nanoseconds.
fn read(text: &[u8]) -> Option<(i64, i64)> {
    let (year, rest) = number(text, 4)?;
    let (month, rest) = number(rest.strip_prefix(b"-")?, 2)?;
    let (day, rest) = number(rest.strip_prefix(b"-")?, 2)?;
    let (hour, rest) = number(rest.strip_prefix(b"T").or_else(|| rest.strip_prefix(b"t"))?, 2)?;
    let (minute, rest) = number(rest.strip_prefix(b":")?, 2)?;
    let (second, rest) = number(rest.strip_prefix(b":")?, 2)?;
    let is_date = (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day);
    if !is_date || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (nanos, rest) = match rest.strip_prefix(b".") {
        Some(rest) => fraction(rest)?,
        None => (0, rest),
    };
    let offset = offset(rest)?;
    let days = days_since_1970(year, month, day);
    Some((days * SECONDS_PER_DAY + hour * 3_600 + minute * 60 + second - offset, nanos))
}

/// A number of exactly so many digits.
fn number(text: &[u8], digits: usize) -> Option<(i64, &[u8])> {
    let (digits, rest) = text.split_at_checked(digits)?;
    let mut number = 0;
    for digit in digits {
        number = number * 10 + i64::from(digit.is_ascii_digit().then(|| digit - b'0')?);
    }
    Some((number, rest))
}

/// At least one digit after the point, as nanoseconds.
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let len = text.iter().position(|byte| !byte.is_ascii_digit())?;
    let (digits, rest) = text.split_at_checked(len)?;
    let (mut nanos, mut weight) = (0, NANOS_PER_SECOND / 10);
    for digit in digits {
        nanos += i64::from(digit - b'0') * weight;
        weight /= 10;
    }
    (!digits.is_empty()).then_some((nanos, rest))
}

/// How many seconds a clock in that time zone is ahead of UTC.
fn offset(text: &[u8]) -> Option<i64> {
    let (sign, rest) = match text {
        b"Z" | b"z" => return Some(0),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hours, rest) = number(rest, 2)?;
    let (minutes, rest) = number(rest.strip_prefix(b":")?, 2)?;
    (rest.is_empty() && hours < 24 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
}

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

const fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The days from 1970 to a date. The year begins in March, so that a leap day is its last: 153 days
/// are five months from there on, 146,097 are 400 years.
const fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    year.div_euclid(400) * 146_097 + of_era - 719_468
}

/// Year, month and day so many days after 1970 began.
const fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + days.div_euclid(146_097) * 400;
    (if month > 2 { year } else { year + 1 }, month, day)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(core::str::from_utf8(self.text(&mut [0; 30])).unwrap_or_default())
    }
}

impl fmt::Display for TimestampError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "not a date and time of RFC 3339",
            Self::OutOfRange => "the time is before 1677 or after 2262",
        })
    }
}

impl core::error::Error for TimestampError {}

/// A duration in nanoseconds as Go has them: at most 292 years. `Duration::as_nanos` calculates in
/// 128 bits.
pub(super) fn nanos(duration: Duration) -> u64 {
    const MAX: u64 = i64::MAX as u64;
    let whole = duration.as_secs().saturating_mul(1_000_000_000);
    whole.saturating_add(duration.subsec_nanos().into()).min(MAX)
}
