//! Base64 with padding (RFC 4648), in which servers write stored messages.

/// What a text stands for; `None` if it is not base64.
pub(super) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let (chunks, rest) = text.as_chunks::<4>();
    let mut bytes = Vec::with_capacity(chunks.len() * 3);
    for (at, chunk) in chunks.iter().enumerate() {
        let is_last = at + 1 == chunks.len();
        let len = match chunk {
            [_, _, b'=', b'='] if is_last => 1,
            [_, _, _, b'='] if is_last => 2,
            _ => 3,
        };
        let values = chunk.iter().enumerate();
        let bits = values.map(|(at, digit)| if at <= len { value(*digit) } else { Some(0) });
        let bits = bits.into_iter().try_fold(0, |bits, value| Some(bits << 6 | value?))?;
        let [_, bytes_of_it @ ..] = u32::to_be_bytes(bits);
        let (whole, padding) = bytes_of_it.split_at_checked(len)?;
        if padding.iter().any(|byte| *byte != 0) {
            return None;
        }
        bytes.extend_from_slice(whole);
    }
    rest.is_empty().then_some(bytes)
}

fn value(digit: u8) -> Option<u32> {
    Some(u32::from(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE64;

    use super::*;

    #[test]
    fn agrees_with_another_decoder() {
        // Everything that has up to four characters of these, and longer ones made of it.
        let digits = *b"AQz9+/=-";
        let all = |len: u32| {
            (0..digits.len().pow(len)).map(move |number| {
                let at = |place| number / digits.len().pow(place) % digits.len();
                (0..len).map(|place| digits[at(place)]).collect::<Vec<_>>()
            })
        };
        for text in (0..=4).flat_map(all) {
            for text in [text.clone(), [b"QUJD", &text[..]].concat()] {
                let theirs = BASE64.decode(&text).ok();
                assert_eq!(decode(&text), theirs, "{}", text.escape_ascii());
            }
        }
        assert_eq!(decode(b"QUI=QUJD"), None, "padding is at the end");
    }

    #[test]
    fn every_byte_comes_back() {
        let bytes: Vec<_> = (0..=u8::MAX).collect();
        for len in 0..=bytes.len() {
            assert_eq!(decode(BASE64.encode(&bytes[..len]).as_bytes()).unwrap(), bytes[..len]);
        }
    }
}
