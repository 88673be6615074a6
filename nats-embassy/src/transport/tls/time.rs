//! From when until when a certificate is valid.

use super::der::Malformed;
use super::der::Reader;
use super::der::tag;

/// Seconds since 1970, both included.
#[derive(Clone, Copy)]
pub(super) struct Validity {
    pub(super) not_before: u64,
    pub(super) not_after: u64,
}

impl Validity {
    pub(super) fn read(mut times: Reader<'_>) -> Result<Self, Malformed> {
        let not_before = time(&mut times)?;
        let not_after = time(&mut times)?;
        times.end()?;
        Ok(Self { not_before, not_after })
    }
}

/// Seconds since 1970; zero before.
fn time(times: &mut Reader<'_>) -> Result<u64, Malformed> {
    let element = times.element()?;
    let (year, rest) = match element.tag {
        tag::UTC_TIME => {
            let (year, rest) = pair(element.content)?;
            // RFC 5280, section 4.1.2.5.1.
            let century = if year < 50 { 2000 } else { 1900 };
            (year.saturating_add(century), rest)
        }
        tag::GENERALIZED_TIME => {
            let (century, rest) = pair(element.content)?;
            let (year, rest) = pair(rest)?;
            (century.saturating_mul(100).saturating_add(year), rest)
        }
        _ => return Err(Malformed),
    };
    let (month, rest) = pair(rest)?;
    let (day, rest) = pair(rest)?;
    let (hour, rest) = pair(rest)?;
    let (minute, rest) = pair(rest)?;
    let (second, rest) = pair(rest)?;
    let is_sound = rest == b"Z"
        && (1..=12).contains(&month)
        && (1..=days_in(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !is_sound {
        return Err(Malformed);
    }
    let seconds = hour.saturating_mul(3600).saturating_add(minute.saturating_mul(60));
    let Some(days) = days_since_1970(year, month, day) else { return Ok(0) };
    Ok(days.saturating_mul(86_400).saturating_add(seconds.saturating_add(second).into()))
}

/// A number of two digits.
fn pair(digits: &[u8]) -> Result<(u32, &[u8]), Malformed> {
    match digits {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9', rest @ ..] => {
            let digit = |byte: &u8| u32::from(byte.saturating_sub(b'0'));
            Ok((digit(tens).saturating_mul(10).saturating_add(digit(ones)), rest))
        }
        _ => Err(Malformed),
    }
}

const fn is_leap(year: u32) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

const fn days_in(year: u32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

fn days_since_1970(year: u32, month: u32, day: u32) -> Option<u64> {
    // A leap day after every fourth year, but for three of four centuries; year 0 would have been one.
    let before = year.checked_sub(1)?;
    let leap_days = (before / 4).saturating_sub(before / 100).saturating_add(before / 400);
    let days: u32 = (1..month).map(|month| days_in(year, month)).sum();
    let days = days.saturating_add(day).saturating_sub(1).saturating_add(leap_days);
    let days = u64::from(before).saturating_mul(365).saturating_add(days.into());
    /// From the first day of the year 1.
    const TO_1970: u64 = 719_162;
    days.checked_sub(TO_1970)
}

#[cfg(test)]
mod tests;
