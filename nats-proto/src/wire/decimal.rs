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
        let mut digits = [0; 20];
        let mut start = 20_usize;
        let mut high = number;
        // Most numbers are small, and 64-bit division is a library call on a microcontroller.
        while high > u32::MAX as u64 {
            start -= 1;
            set(&mut digits, start, (high % 10) as u8);
            high /= 10;
        }
        let mut low = high as u32;
        loop {
            start -= 1;
            set(&mut digits, start, (low % 10) as u8);
            low /= 10;
            if low == 0 {
                return Self { digits, start: start as u8 };
            }
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
fn set(digits: &mut [u8; 20], at: usize, digit: u8) {
    if let Some(place) = digits.get_mut(at) {
        *place = b'0' + digit;
    }
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
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_standard_library(number: u64, shift in 0u32..64) {
            let number = number >> shift;
            let text = std::format!("{number}");
            let decimal = Decimal::new(number);
            prop_assert_eq!(decimal.as_bytes(), text.as_bytes());
        }
    }
}
