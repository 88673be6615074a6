//! Numbers as text, without `core::fmt`.

use super::sink::Sink;

/// A number's decimal digits.
#[derive(Clone, Copy)]
pub(crate) struct Decimal {
    /// The digits, at the end.
    digits: [u8; 20],
    start: u8,
}

impl Decimal {
    #[inline]
    pub(crate) fn new(number: u64) -> Self {
        let mut decimal = Self { digits: [0; 20], start: 20 };
        let mut high = number;
        // Most numbers are small.
        let mut low = loop {
            if let Ok(low) = u32::try_from(high) {
                break low;
            }
            let (tenth, digit) = divide(high, 10);
            decimal.prepend(digit);
            high = tenth;
        };
        loop {
            decimal.prepend(low % 10);
            low /= 10;
            if low == 0 {
                return decimal;
            }
        }
    }

    /// How many digits a number has.
    #[inline]
    pub(crate) const fn len_of(number: u64) -> usize {
        // The sizes of most messages are told from each other faster than their logarithms.
        match number {
            0..10 => 1,
            10..100 => 2,
            100..1000 => 3,
            1000..10_000 => 4,
            _ => {
                let (mut len, mut least) = (4, 10_000_u64);
                while len < 20 && number >= least {
                    len += 1;
                    least = least.wrapping_mul(10);
                }
                len
            }
        }
    }

    /// Appends a blank and a number.
    ///
    /// A few digits are put together in a register: a processor has to wait for bytes that were
    /// written one by one and are then copied together, for longer than the rest of PUB takes.
    #[inline]
    pub(crate) fn put_argument(number: u64, out: &mut impl Sink) {
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
    fn prepend(&mut self, digit: u32) {
        self.start = self.start.saturating_sub(1);
        if let Some(place) = self.digits.get_mut(usize::from(self.start)) {
            *place = b'0' + u8::try_from(digit).unwrap_or_default();
        }
    }

    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.digits.get(usize::from(self.start)..).unwrap_or_default()
    }

    #[inline]
    pub(crate) const fn len(&self) -> usize {
        self.digits.len() - self.start as usize
    }
}

#[inline]
fn put_plain(number: u64, out: &mut impl Sink) {
    out.put(b" ");
    out.put(Decimal::new(number).as_bytes());
}

/// A number divided by a small one, and the rest.
///
/// Like on paper, in digits of 16 bits: division in 64 bits is a large library call on a
/// microcontroller. Where it is an instruction, it is taken.
#[inline]
pub(crate) fn divide(number: u64, by: u16) -> (u64, u32) {
    if cfg!(target_pointer_width = "64") {
        let rest = number.checked_rem(by.into()).unwrap_or_default();
        let rest = u32::try_from(rest).unwrap_or_default();
        return (number.checked_div(by.into()).unwrap_or_default(), rest);
    }
    divide_on_paper(number, by)
}

fn divide_on_paper(number: u64, by: u16) -> (u64, u32) {
    let (mut quotient, mut rest) = (0, 0);
    for digit in number.to_be_bytes().as_chunks().0 {
        let part = rest << 16 | u32::from(u16::from_be_bytes(*digit));
        quotient = quotient << 16 | u64::from(part.checked_div(by.into()).unwrap_or_default());
        rest = part.checked_rem(by.into()).unwrap_or_default();
    }
    (quotient, rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn edges() {
        for number in [0, 9, 10, u64::from(u32::MAX), u64::from(u32::MAX) + 1, u64::MAX] {
            let decimal = Decimal::new(number);
            assert_eq!(decimal.as_bytes(), std::format!("{number}").as_bytes());
            assert_eq!(decimal.len(), decimal.as_bytes().len());
            assert_eq!(decimal.len(), Decimal::len_of(number));
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_standard_library(number: u64, shift in 0u32..64) {
            let number = number >> shift;
            let text = std::format!("{number}");
            let decimal = Decimal::new(number);
            prop_assert_eq!(decimal.as_bytes(), text.as_bytes());
            prop_assert_eq!(Decimal::len_of(number), text.len());
            let mut out = heapless::Vec::<u8, 21>::new();
            Decimal::put_argument(number, &mut out);
            prop_assert_eq!(&out[1..], text.as_bytes());
        }

        #[test]
        fn divides(number: u64, shift in 0u32..64, by in 1u16..) {
            let number = number >> shift;
            for (quotient, rest) in [divide(number, by), divide_on_paper(number, by)] {
                prop_assert_eq!(quotient, number / u64::from(by));
                prop_assert_eq!(u64::from(rest), number % u64::from(by));
            }
        }
    }
}
