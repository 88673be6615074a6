//! The rules for subjects, filters and names of queue groups.

use super::SubjectError;

/// How many bytes are looked at together.
const WORD: usize = 8;

/// Checks a text, with `wildcards` or without.
#[inline]
pub(super) const fn check(text: &[u8], wildcards: bool) -> Result<(), SubjectError> {
    // On small processors, little code is worth more.
    if cfg!(target_pointer_width = "64") && text.len() >= WORD && is_plain(text) {
        return Ok(());
    }
    check_each(text, wildcards)
}

/// Whether a text of eight bytes or more is certainly a subject: a third of the time of looking at
/// each byte. `false` is no judgement.
#[inline(never)]
const fn is_plain(text: &[u8]) -> bool {
    // The end first, so that what follows may leave out what is less than a word.
    let Some(last) = text.last_chunk() else { return false };
    let is_tidy = match dots(last) {
        Some(dots) => dots & (dots << 8) == 0 && dots >> 63 == 0,
        None => false,
    };
    if !is_tidy {
        return false;
    }
    // A dot at the start is like one after another.
    let mut before = 1;
    let mut rest = text;
    while let Some((word, behind)) = rest.split_first_chunk() {
        match dots(word) {
            Some(dots) if dots & (dots << 8 | before << 7) == 0 => before = dots >> 63,
            _ => return false,
        }
        rest = behind;
    }
    true
}

/// The top bits of the dots among eight bytes, and perhaps of other bytes. `None` if one of them is
/// a blank, a control character, a wildcard or not ASCII, or perhaps something else.
const fn dots(word: &[u8; WORD]) -> Option<u64> {
    const EACH: u64 = u64::from_ne_bytes([1; WORD]);
    const TOP: u64 = EACH << 7;
    const fn all(byte: u8) -> u64 {
        EACH * byte as u64
    }
    // The top bit of every byte that is zero gets set; borrowing may set that of the next one, too.
    const fn zeroes(word: u64) -> u64 {
        word.wrapping_sub(EACH)
    }
    let word = u64::from_le_bytes(*word);
    let unusual = word
        | word.wrapping_sub(all(b'!'))
        | word.wrapping_add(EACH)
        | zeroes(word ^ all(b'*'))
        | zeroes(word ^ all(b'>'));
    if unusual & TOP != 0 { None } else { Some(zeroes(word ^ all(b'.')) & TOP) }
}

#[inline]
const fn check_each(text: &[u8], wildcards: bool) -> Result<(), SubjectError> {
    if text.is_empty() {
        return Err(SubjectError::Empty);
    }
    let mut rest = text;
    let mut start = 0;
    let mut at = 0;
    while let [byte, behind @ ..] = rest {
        rest = behind;
        at += 1;
        // Letters and digits, which most bytes are, mean nothing.
        if *byte > b'.' && *byte != b'>' && *byte != 0x7F {
            continue;
        }
        if *byte <= b' ' || *byte == 0x7F {
            return Err(SubjectError::Forbidden { at: at - 1 });
        }
        let is_last = behind.is_empty();
        if *byte == b'.' {
            // `at` is after the dot, `start` at the token before it.
            if start + 1 == at {
                return Err(SubjectError::EmptyToken { at: start });
            }
            if is_last {
                return Err(SubjectError::EmptyToken { at });
            }
            start = at;
        } else if start + 1 == at && matches!(*byte, b'*' | b'>') {
            let is_alone = matches!(behind, [] | [b'.', ..]);
            if is_alone && !wildcards {
                return Err(SubjectError::Wildcard { at: start });
            }
            if is_alone && *byte == b'>' && !is_last {
                return Err(SubjectError::NotLast { at: start });
            }
        }
    }
    Ok(())
}
