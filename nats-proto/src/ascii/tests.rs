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

#[test]
fn hexadecimal_digits_agree_with_the_standard_library() {
    for byte in 0..=u8::MAX {
        let digit = char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        assert_eq!(hex_digit(byte), digit);
    }
}

#[test]
fn decimal_numbers_beyond_64_bits_are_refused() {
    assert_eq!(parse_decimal(b"18446744073709551615"), Some(u64::MAX));
    assert_eq!(parse_decimal(b"18446744073709551616"), None);
}

proptest! {
    #[test]
    fn agrees_with_the_standard_library(number: u64, shift in 0u32..64) {
        let number = number >> shift;
        let text = std::format!("{number}");
        let decimal = Decimal::new(number);
        prop_assert_eq!(decimal.as_bytes(), text.as_bytes());
        prop_assert_eq!(Decimal::len_of(number), text.len());
        prop_assert_eq!(parse_decimal(text.as_bytes()), Some(number));
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
