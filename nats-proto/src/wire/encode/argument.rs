//! The numbers of a control line.

use crate::ascii::Decimal;
use crate::storage::Sink;

/// Appends a blank and a number.
///
/// A few digits are put together in a register: a processor has to wait for bytes that were
/// written one by one and are then copied together, for longer than the rest of PUB takes.
#[inline]
pub(super) fn put_number(number: u64, out: &mut impl Sink) {
    let small = u32::try_from(number).unwrap_or(u32::MAX);
    let digit = |power: u32| b'0' + u8::try_from(small / power % 10).unwrap_or_default();
    match small {
        // On small processors, little code is worth more.
        _ if cfg!(not(target_pointer_width = "64")) => put_plain(number, out),
        0..10 => out.put(&[b' ', digit(1)]),
        10..100 => out.put(&[b' ', digit(10), digit(1)]),
        100..1000 => out.put(&[b' ', digit(100), digit(10), digit(1)]),
        1000..10_000 => out.put(&[b' ', digit(1000), digit(100), digit(10), digit(1)]),
        _ => put_plain(number, out),
    }
}

#[inline]
fn put_plain(number: u64, out: &mut impl Sink) {
    out.put(b" ");
    out.put(Decimal::new(number).as_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::storage::ArrayBuf;

    proptest! {
        #[test]
        fn agrees_with_the_standard_library(number: u64, shift in 0u32..64) {
            let number = number >> shift;
            let mut out = ArrayBuf::<21>::new();
            put_number(number, &mut out);
            let expected = std::format!(" {number}");
            prop_assert_eq!(&out[..], expected.as_bytes());
        }
    }
}
