//! Numbers as text, without `core::fmt`.

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
            let (tenth, digit) = divide_by_ten(high);
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
        let mut len = 1;
        let mut least = 10;
        while number >= least {
            len += 1;
            if len == 20 {
                break;
            }
            least *= 10;
        }
        len
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

/// In halves of 32 bits: 64-bit division is a large library call on a microcontroller.
const fn divide_by_ten(number: u64) -> (u64, u32) {
    let (high, low) = ((number >> 32) as u32, number as u32);
    let middle = ((high % 10) << 16) | (low >> 16);
    let rest = ((middle % 10) << 16) | (low & 0xFFFF);
    let tenth = ((high / 10) as u64) << 32 | ((middle / 10) as u64) << 16 | (rest / 10) as u64;
    (tenth, rest % 10)
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
        }
    }
}
