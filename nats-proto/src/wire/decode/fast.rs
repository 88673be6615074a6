//! The fast path for the first line of a message, in the form that all servers and clients write.
//!
//! One pass, no search for the line's end first, no combinators: a third of the time of the general
//! parser with memchr and `args::message`. Anything else falls back to that one; a property test
//! compares the two.

use core::slice::Iter;

use super::args::MessageKind;
use crate::message::Layout;
use crate::message::Sid;
use crate::message::Span;

/// Longer numbers are left to the general parser, which detects an overflow.
const SIZE_DIGITS: usize = 9;
const SID_DIGITS: usize = 19;
/// How many bytes are looked at together.
const WORD: usize = 8;

/// Parses the line at the front of `input`, whose name, with its blank, is `start` bytes long.
///
/// `None` is no judgement: the line may be legal, malformed, or not all there.
#[inline]
pub(super) fn message(input: &[u8], start: usize, kind: MessageKind) -> Option<(Sid, Layout)> {
    let mut line = Reader { len: input.len(), rest: input.get(start..)?.iter() };
    let subject = line.word()?;
    let sid = if kind.has_sid { line.number(SID_DIGITS, b' ')? } else { 0 };
    let has_reply = !line.rest.as_slice().first()?.is_ascii_digit();
    let reply = if has_reply { line.word()? } else { Span::default() };
    let headers = if kind.has_headers { line.size(b' ')? } else { 0 };
    let total = line.size(b'\r')?;
    if *line.rest.next()? != b'\n' {
        return None;
    }
    let line = u16::try_from(line.at()).ok()?;
    let payload = total.checked_sub(headers)?;
    Some((Sid(sid), Layout { subject, reply, line, headers, payload }))
}

struct Reader<'b> {
    len: usize,
    rest: Iter<'b, u8>,
}

impl Reader<'_> {
    #[inline]
    fn at(&self) -> usize {
        self.len - self.rest.len()
    }

    /// A word and the one blank after it.
    #[inline]
    fn word(&mut self) -> Option<Span> {
        let start = u16::try_from(self.at()).ok()?;
        let bytes = self.rest.as_slice();
        // On small processors little code is worth more.
        let len = if cfg!(not(target_pointer_width = "64")) {
            self.rest.position(|&byte| byte <= b' ')?
        } else {
            match self.rest.by_ref().take(WORD).position(|&byte| byte <= b' ') {
                Some(len) => len,
                None => self.long_word()?,
            }
        };
        let is_word = len > 0 && bytes.get(len) == Some(&b' ');
        is_word.then_some(Span { start, len: u16::try_from(len).ok()? })
    }

    /// How long a word is of which the first bytes are read; reads the rest of it, eight bytes at a
    /// time. That does not pay for the first few, since a processor guesses where a short word ends.
    #[inline]
    fn long_word(&mut self) -> Option<usize> {
        const EACH: u64 = u64::from_ne_bytes([1; WORD]);
        let bytes = self.rest.as_slice();
        let (words, rest) = bytes.as_chunks::<WORD>();
        let ends = words.iter().enumerate().find_map(|(at, word)| {
            let word = u64::from_le_bytes(*word);
            // The lowest bit is the top one of the first byte below `!`.
            let ends = word.wrapping_sub(EACH * u64::from(b'!')) & !word & (EACH << 7);
            (ends != 0).then(|| at * WORD + ends.trailing_zeros() as usize / WORD)
        });
        let len = match ends {
            Some(len) => len,
            None => words.len() * WORD + rest.iter().position(|&byte| byte <= b' ')?,
        };
        self.rest = bytes.get(len + 1..)?.iter();
        Some(WORD + len)
    }

    #[inline]
    fn size(&mut self, end: u8) -> Option<u32> {
        u32::try_from(self.number(SIZE_DIGITS, end)?).ok()
    }

    /// A number of up to `digits` digits, and `end` after it.
    #[inline]
    fn number(&mut self, digits: usize, end: u8) -> Option<u64> {
        let before = self.rest.len();
        let mut value: u64 = 0;
        for byte in self.rest.by_ref() {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                // The byte just read is not a digit.
                let count = before - self.rest.len() - 1;
                let is_number = *byte == end && 0 < count && count <= digits;
                return is_number.then_some(value);
            }
            // Too many digits are found out at the end.
            value = value.wrapping_mul(10).wrapping_add(digit.into());
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::format;
    use std::string::String;
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::wire::decode::args;

    #[test]
    fn takes_what_everybody_writes_and_leaves_the_rest() {
        let kind = MessageKind { has_sid: true, has_headers: false };
        let is_taken = |line: &[u8]| message(line, 4, kind).is_some();
        assert!(is_taken(b"MSG a 1 5\r\nhello\r\n"));
        assert!(is_taken(b"MSG a.b 9999999999999999999 _INBOX.x 999999999\r\n"));
        for line in [
            &b"MSG a 1 5\r"[..],
            b"MSG a 1 5",
            b"MSG a 1 5\nhello",
            b"MSG a  1 5\r\n",
            b"MSG a\t1 5\r\n",
            b"MSG a 1 5 \r\n",
            b"MSG a 1 7 5\r\n",
            b"MSG a 1 1234567890\r\n",
            b"MSG a 12345678901234567890 1\r\n",
            b"MSG  1 5\r\n",
            b"MSG a  5\r\n",
            b"MSG a 1 \r\n",
            b"MSG a\x001 5\r\n",
        ] {
            assert!(!is_taken(line), "{}", line.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_general_way_wherever_it_answers(
            words in prop::collection::vec("[a-z.]{0,3}|[a-z!é.]{7,26}|[0-9]{1,4}|999999999|9999999999999999999", 0..6),
            blank in prop::sample::select(&[" ", " ", " ", "\t", "  "][..]),
            has_sid: bool,
            has_headers: bool,
        ) {
            let kind = MessageKind { has_sid, has_headers };
            let line: String = format!("XXX {}", words.join(blank));
            let input: Vec<u8> = format!("{line}\r\nPING\r\n").into();
            if let Some((sid, layout)) = message(&input, 4, kind) {
                let general = args::message(line.as_bytes(), &line.as_bytes()[3..], kind);
                prop_assert_eq!(general, Ok((sid, Layout { line: 0, ..layout })));
                prop_assert_eq!(usize::from(layout.line), line.len() + 2);
            }
        }
    }
}
