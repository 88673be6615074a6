//! Bytes as letters that stand for 5 or 6 bits each, without padding.
//!
//! By hand, because nothing in this crate may panic: what libraries have for this does if a length is
//! wrong.

use super::NkeyError;

#[cfg(any(test, feature = "nkeys"))]
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BASE64_URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Fills `text`, which has room for all of `bytes` and no more.
#[cfg(any(test, feature = "nkeys"))]
pub(super) fn encode_base32(bytes: &[u8], text: &mut [u8]) {
    encode(bytes, BASE32, 5, text);
}

/// Fills `text`, which has room for all of `bytes` and no more.
pub(super) fn encode_base64_url(bytes: &[u8], text: &mut [u8]) {
    encode(bytes, BASE64_URL, 6, text);
}

fn encode(bytes: &[u8], letters: &[u8], bits: u32, text: &mut [u8]) {
    let mut bytes = bytes.iter();
    let mut held: u32 = 0;
    let mut count = 0;
    for letter in text {
        if count < bits {
            held = held << 8 | u32::from(bytes.next().copied().unwrap_or_default());
            count += 8;
        }
        count -= bits;
        let index = (held >> count) as usize % letters.len().max(1);
        *letter = letters.get(index).copied().unwrap_or_default();
    }
}

/// Fills `bytes` with what a text says that is exactly as long as it takes.
pub(super) fn decode_base32(text: &[u8], bytes: &mut [u8]) -> Result<(), NkeyError> {
    if text.len() != (bytes.len() * 8).div_ceil(5) {
        return Err(NkeyError::Length);
    }
    let mut bytes = bytes.iter_mut();
    let mut held: u32 = 0;
    let mut count = 0;
    for &letter in text {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'2'..=b'7' => letter - b'2' + 26,
            _ => return Err(NkeyError::Encoding),
        };
        held = held << 5 | u32::from(value);
        count += 5;
        if count >= 8 {
            count -= 8;
            if let Some(byte) = bytes.next() {
                *byte = (held >> count & 0xFF) as u8;
            }
        }
    }
    // What is left over is part of no byte.
    if held & ((1 << count) - 1) == 0 { Ok(()) } else { Err(NkeyError::Encoding) }
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE32_NOPAD;
    use data_encoding::BASE64URL_NOPAD;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agrees_with_data_encoding(bytes: [u8; 36], len in 0usize..37) {
            let bytes = &bytes[..len];
            let (mut short, mut long) = ([0; 48], [0; 58]);
            let short = &mut short[..BASE64URL_NOPAD.encode_len(len)];
            encode_base64_url(bytes, short);
            let expected = BASE64URL_NOPAD.encode(bytes);
            prop_assert_eq!(&*short, expected.as_bytes());
            let long = &mut long[..BASE32_NOPAD.encode_len(len)];
            encode_base32(bytes, long);
            let expected = BASE32_NOPAD.encode(bytes);
            prop_assert_eq!(&*long, expected.as_bytes());
            let mut decoded = [0; 36];
            prop_assert_eq!(decode_base32(long, &mut decoded[..len]), Ok(()));
            prop_assert_eq!(&decoded[..len], bytes);
        }

        #[test]
        fn refuses_what_data_encoding_refuses(text in "[A-Z2-7]{56,57}[A-Z2-7=a0]{0,2}") {
            let mut decoded = [0; 36];
            let expected = BASE32_NOPAD.decode(text.as_bytes());
            let is_expected = expected.is_ok_and(|bytes| bytes.len() == 36);
            prop_assert_eq!(decode_base32(text.as_bytes(), &mut decoded).is_ok(), is_expected);
        }
    }
}
