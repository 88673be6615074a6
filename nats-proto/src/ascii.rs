//! Numbers and other runs of ASCII: read and written without `core::fmt` and without a panic.

#[cfg(test)]
mod tests;

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
        // For the sizes of most messages, comparisons are faster than logarithms.
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

    #[inline]
    fn prepend(&mut self, digit: u32) {
        self.start = self.start.saturating_sub(1);
        if let Some(first) = self.digits.get_mut(usize::from(self.start)) {
            *first = b'0' + u8::try_from(digit).unwrap_or_default();
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

/// The value of a run of decimal digits; `None` if it exceeds 64 bits.
pub(crate) fn parse_decimal(digits: &[u8]) -> Option<u64> {
    let mut value: u64 = 0;
    for digit in digits {
        value = value.checked_mul(10)?.checked_add(u64::from(digit.wrapping_sub(b'0')))?;
    }
    Some(value)
}

/// The digits of base 62, in the order of their values.
const BASE_62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The digit of base 62 for a value below 62.
pub(crate) fn base_62_digit(value: u32) -> u8 {
    BASE_62.get(value as usize).copied().unwrap_or(b'0')
}

/// Writes a number in base 62 to the end of `digits`, and returns it.
pub(crate) fn base_62(number: u64, digits: &mut [u8; 11]) -> &[u8] {
    let mut rest = number;
    let mut start = digits.len();
    for digit in digits.iter_mut().rev() {
        let (quotient, value) = divide(rest, 62);
        *digit = base_62_digit(value);
        start -= 1;
        rest = quotient;
        if rest == 0 {
            break;
        }
    }
    digits.get(start..).unwrap_or_default()
}

/// Reads what [`base_62`] wrote.
pub(crate) fn parse_base_62(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    let mut value: u64 = 0;
    for &digit in digits {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'A'..=b'Z' => digit - b'A' + 10,
            b'a'..=b'z' => digit - b'a' + 36,
            _ => return None,
        };
        value = value.checked_mul(62)?.checked_add(digit.into())?;
    }
    Some(value)
}

/// The value of a hexadecimal digit.
#[inline(never)]
pub(crate) const fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Splits the bytes before the first one for which `is_in` is false off the input: the rest comes
/// first, as in a parser.
///
/// What nom's own `take_while` does, without its panic: nom splits its input with a function that
/// checks the length again, and a compiler that optimizes for size leaves that in.
#[inline]
pub(crate) fn take_while(input: &[u8], is_in: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    let len = input.iter().position(|&byte| !is_in(byte)).unwrap_or(input.len());
    let (taken, rest) = input.split_at_checked(len).unwrap_or((input, &[]));
    (rest, taken)
}
