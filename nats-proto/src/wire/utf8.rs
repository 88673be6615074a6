//! Characters as bytes, one at a time.

/// One character in UTF-8, or one byte that is not a character.
#[derive(Clone, Copy)]
pub(super) struct Utf8 {
    /// The bytes, at the end.
    bytes: [u8; 4],
    start: u8,
}

impl Utf8 {
    pub(super) const fn from_byte(byte: u8) -> Self {
        Self { bytes: [0, 0, 0, byte], start: 3 }
    }

    /// Like [`char::encode_utf8`], which can panic.
    pub(super) fn from_char(char: char) -> Self {
        let code = u32::from(char);
        let [a, b, c, d] = [18, 12, 6, 0].map(|shift| (code >> shift & 0x3F) as u8);
        match code {
            0..0x80 => Self::from_byte((code & 0x7F) as u8),
            0x80..0x800 => Self { bytes: [0, 0, 0xC0 | c, 0x80 | d], start: 2 },
            0x800..0x1_0000 => Self { bytes: [0, 0xE0 | b, 0x80 | c, 0x80 | d], start: 1 },
            _ => Self { bytes: [0xF0 | a, 0x80 | b, 0x80 | c, 0x80 | d], start: 0 },
        }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(usize::from(self.start)..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_standard_library() {
        for char in '\0'..=char::MAX {
            let expected = char.encode_utf8(&mut [0; 4]).as_bytes().to_vec();
            assert_eq!(Utf8::from_char(char).as_bytes(), expected, "{char:?}");
        }
    }
}
