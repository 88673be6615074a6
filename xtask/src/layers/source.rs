//! Source text as words: without comments, literals, and code that is only compiled for tests.

/// A word of a source: a name, or a character that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word<'s> {
    Name(&'s str),
    /// `::`
    Path,
    Mark(char),
}

/// The words of `source`, in order.
pub(super) fn words(source: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let len = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => block_comment(rest),
            '"' => string(rest),
            'r' | 'b' | 'c' if let Some(len) = raw_string(rest) => len,
            '\'' => character(rest),
            ':' if rest.starts_with("::") => {
                words.push(Word::Path);
                2
            }
            first if is_name(first) => {
                let len = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
                words.push(Word::Name(rest.get(..len).unwrap_or_default()));
                len
            }
            first if first.is_whitespace() => first.len_utf8(),
            mark => {
                words.push(Word::Mark(mark));
                mark.len_utf8()
            }
        };
        rest = rest.get(len..).unwrap_or_default();
    }
    words
}

fn is_name(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// The length of a comment that begins here and may have others inside.
fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    at
}

/// The length of a string that begins here.
fn string(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of a raw string, or a string of bytes, if one begins here.
fn raw_string(text: &str) -> Option<usize> {
    let prefix = text.find(|c| !matches!(c, 'r' | 'b' | 'c'))?;
    let hashes = text.get(prefix..)?.chars().take_while(|&c| c == '#').count();
    let quote = prefix + hashes;
    if prefix > 2 || !text.get(quote..)?.starts_with('"') {
        return None;
    }
    if !text.get(..prefix)?.contains('r') {
        return Some(prefix + string(text.get(prefix..)?));
    }
    let end = format!("\"{}", "#".repeat(hashes));
    let len = text.get(quote + 1..)?.find(&end)?;
    Some(quote + 1 + len + end.len())
}

/// The length of a character or a lifetime that begins here.
fn character(text: &str) -> usize {
    let inside = text.get(1..).unwrap_or_default();
    if inside.starts_with('\\') {
        return inside.get(2..).and_then(|rest| rest.find('\'')).map_or(text.len(), |at| at + 4);
    }
    let first = inside.chars().next().map_or(0, char::len_utf8);
    if inside.get(first..).is_some_and(|rest| rest.starts_with('\'')) { first + 2 } else { 1 }
}

/// Leaves out what is compiled for tests only: whatever follows `#[cfg(test)]`, to its end.
pub(super) fn without_tests(words: Vec<Word<'_>>) -> Vec<Word<'_>> {
    use Word::Mark;
    use Word::Name;
    const CFG_TEST: [Word<'static>; 7] =
        [Mark('#'), Mark('['), Name("cfg"), Mark('('), Name("test"), Mark(')'), Mark(']')];
    let mut kept = Vec::with_capacity(words.len());
    let mut rest = words.as_slice();
    while let Some((&first, behind)) = rest.split_first() {
        if let Some(item) = rest.strip_prefix(CFG_TEST.as_slice()) {
            rest = item.get(item_len(item)..).unwrap_or_default();
        } else {
            kept.push(first);
            rest = behind;
        }
    }
    kept
}

/// How many words an item takes: to its semicolon, or to the end of its block.
fn item_len(words: &[Word<'_>]) -> usize {
    let mut depth = 0_usize;
    for (at, word) in words.iter().enumerate() {
        match word {
            Word::Mark('{' | '(' | '[') => depth += 1,
            Word::Mark(end @ ('}' | ')' | ']')) => {
                depth = depth.saturating_sub(1);
                if depth == 0 && *end == '}' {
                    return at + 1;
                }
            }
            Word::Mark(';' | ',') if depth == 0 => return at + 1,
            _ => {}
        }
    }
    words.len()
}
