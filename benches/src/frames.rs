//! Messages as bytes: what a server sends, and a loop that only finds where each ends.

/// One message, as a server sends it.
#[must_use]
pub fn message(sid: u64, size: usize) -> Vec<u8> {
    [format!("MSG x {sid} {size}\r\n").as_bytes(), &vec![b'x'; size], b"\r\n"].concat()
}

/// As many whole messages as fit into `len` bytes, and one at least.
#[must_use]
pub fn block(frame: &[u8], len: usize) -> Vec<u8> {
    frame.repeat((len / frame.len()).max(1))
}

/// The first frame of `input`, if it is all there: how long its line is, and how long its payload.
///
/// This is no parser: it believes that what it gets is MSG, and counts from the back.
#[inline]
#[must_use]
pub fn first(input: &[u8]) -> Option<(usize, usize)> {
    let end = memchr::memchr(b'\n', input)?;
    let mut at = end - 2;
    let (mut size, mut unit) = (0, 1);
    while input[at] != b' ' {
        size += usize::from(input[at] - b'0') * unit;
        unit *= 10;
        at -= 1;
    }
    let line = end + 1;
    (input.len() >= line + size + 2).then_some((line, size))
}

/// How many frames there are.
#[must_use]
pub fn count(mut input: &[u8]) -> usize {
    let mut count = 0;
    while let Some((line, size)) = first(input) {
        count += 1;
        input = &input[line + size + 2..];
    }
    count
}

/// How many line feeds there are, each of them found: the least that one can look at.
#[must_use]
pub fn count_lines(input: &[u8]) -> usize {
    // Not `count`, which has a way of its own that finds none of them.
    memchr::memchr_iter(b'\n', input).map(std::hint::black_box).fold(0, |count, _| count + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_found() {
        let frame = message(7, 12);
        assert_eq!(first(&frame), Some((b"MSG x 7 12\r\n".len(), 12)));
        assert_eq!(first(&frame[..frame.len() - 1]), None);
        let block = block(&frame, 1000);
        assert_eq!(count(&block), 1000 / frame.len());
        assert_eq!(count_lines(&block), 2 * count(&block));
    }
}
