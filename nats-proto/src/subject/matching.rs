//! Wildcard matching on raw bytes, for brokers whose input need not be UTF-8.

/// Whether `filter` matches `subject`, both as they stand on the wire.
///
/// [`Filter::matches`](crate::Filter::matches) for bytes that were not validated: nothing is
/// assumed of either side, and a `>` before the last token is an ordinary token.
#[must_use]
pub fn matches(filter: &[u8], subject: &[u8]) -> bool {
    let mut filter = Tokens::new(filter);
    let mut subject = Tokens::new(subject);
    loop {
        match (filter.next(), subject.next()) {
            (Some(b">"), Some(_)) if filter.is_done() => return true,
            (Some(b"*"), Some(_)) => {}
            (Some(wanted), Some(token)) if wanted == token => {}
            (None, None) => return true,
            _ => return false,
        }
    }
}

/// Whether everything that `inner` matches is matched by `outer`, both as they stand on the wire.
///
/// [`Filter::is_subset_of`](crate::Filter::is_subset_of) for bytes that were not validated.
#[must_use]
pub fn covers(outer: &[u8], inner: &[u8]) -> bool {
    let mut outer = Tokens::new(outer);
    let mut inner = Tokens::new(inner);
    loop {
        match (outer.next(), inner.next()) {
            (Some(b">"), Some(_)) if outer.is_done() => return true,
            (_, Some(b">")) if inner.is_done() => return false,
            (Some(b"*"), Some(_)) => {}
            (Some(allowed), Some(token)) if allowed == token => {}
            (None, None) => return true,
            _ => return false,
        }
    }
}

/// The pieces between the dots; an empty text has one empty token, as `split` has it.
struct Tokens<'a>(Option<&'a [u8]>);

impl<'a> Tokens<'a> {
    const fn new(text: &'a [u8]) -> Self {
        Self(Some(text))
    }

    const fn is_done(&self) -> bool {
        self.0.is_none()
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.0?;
        // Tokens are a few bytes long: a plain loop beats a vectorised search.
        if let Some(dot) = rest.iter().position(|&byte| byte == b'.') {
            self.0 = rest.get(dot + 1..);
            rest.get(..dot)
        } else {
            self.0 = None;
            Some(rest)
        }
    }
}
