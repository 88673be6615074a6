//! Reads DER, as far as certificates are made of it: lengths up to 65,535 bytes, tags of one byte.
//!
//! Nothing is copied and nothing is kept: what was read is a part of the input.

/// Bytes that are not the DER that should be there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Malformed;

pub(super) mod tag {
    pub(crate) const BOOLEAN: u8 = 0x01;
    pub(crate) const INTEGER: u8 = 0x02;
    pub(crate) const BIT_STRING: u8 = 0x03;
    pub(crate) const OCTET_STRING: u8 = 0x04;
    #[cfg(feature = "rsa")]
    pub(crate) const NULL: u8 = 0x05;
    pub(crate) const OID: u8 = 0x06;
    pub(crate) const UTC_TIME: u8 = 0x17;
    pub(crate) const GENERALIZED_TIME: u8 = 0x18;
    pub(crate) const SEQUENCE: u8 = 0x30;
    pub(crate) const SET: u8 = 0x31;

    /// `[number]`, of something simple.
    pub(crate) const fn simple(number: u8) -> u8 {
        0x80 | number
    }

    /// `[number]`, of something that has parts.
    pub(crate) const fn composed(number: u8) -> u8 {
        0xa0 | number
    }
}

/// One value.
#[derive(Clone, Copy)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
    /// With its tag and its length.
    pub(super) encoded: &'a [u8],
}

/// Values that stand one after the other.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What was not read yet.
    pub(super) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// That nothing is left.
    pub(super) fn end(self) -> Result<(), Malformed> {
        self.is_empty().then_some(()).ok_or(Malformed)
    }

    /// The next value, whatever it is.
    pub(super) fn element(&mut self) -> Result<Element<'a>, Malformed> {
        const LONG_TAG: u8 = 0x1f;
        let whole = self.rest;
        let (tag, rest) = whole.split_first().ok_or(Malformed)?;
        if tag & LONG_TAG == LONG_TAG {
            return Err(Malformed);
        }
        let (len, rest) = length(rest)?;
        let (content, rest) = rest.split_at_checked(len).ok_or(Malformed)?;
        let encoded = whole.get(..whole.len().saturating_sub(rest.len())).ok_or(Malformed)?;
        self.rest = rest;
        Ok(Element { tag: *tag, content, encoded })
    }

    /// The next value, which has to be of this kind.
    pub(super) fn expect(&mut self, tag: u8) -> Result<&'a [u8], Malformed> {
        self.optional(tag)?.ok_or(Malformed)
    }

    /// The next value, if it is of this kind.
    pub(super) fn optional(&mut self, tag: u8) -> Result<Option<&'a [u8]>, Malformed> {
        if self.rest.first() != Some(&tag) {
            return Ok(None);
        }
        self.element().map(|element| Some(element.content))
    }

    /// The values inside of the next one, which has to be of this kind.
    pub(super) fn inside(&mut self, tag: u8) -> Result<Self, Malformed> {
        self.expect(tag).map(Self::new)
    }

    /// The next value is a string of whole bytes.
    pub(super) fn bits(&mut self) -> Result<&'a [u8], Malformed> {
        match self.expect(tag::BIT_STRING)? {
            [0, bytes @ ..] => Ok(bytes),
            _ => Err(Malformed),
        }
    }

    /// The next value is true; false is said by its absence.
    pub(super) fn flag(&mut self) -> Result<bool, Malformed> {
        match self.optional(tag::BOOLEAN)? {
            None => Ok(false),
            Some([0xff]) => Ok(true),
            Some(_) => Err(Malformed),
        }
    }
}

/// A length, in as few bytes as it takes.
fn length(bytes: &[u8]) -> Result<(usize, &[u8]), Malformed> {
    let (first, rest) = bytes.split_first().ok_or(Malformed)?;
    match first {
        0..=0x7f => Ok((usize::from(*first), rest)),
        0x81 => {
            let (len, rest) = rest.split_first().ok_or(Malformed)?;
            (*len >= 0x80).then_some((usize::from(*len), rest)).ok_or(Malformed)
        }
        0x82 => {
            let (len, rest) = rest.split_first_chunk().ok_or(Malformed)?;
            let len = u16::from_be_bytes(*len);
            (len >= 0x100).then_some((usize::from(len), rest)).ok_or(Malformed)
        }
        _ => Err(Malformed),
    }
}

/// An unsigned INTEGER, in as few bytes as it takes: without the zero that says that it is not negative.
pub(super) fn unsigned(integer: &[u8]) -> Result<&[u8], Malformed> {
    match integer {
        [0, bytes @ ..] if bytes.first().is_some_and(|byte| *byte >= 0x80) => Ok(bytes),
        [0] => Ok(integer),
        [1..0x80, ..] => Ok(integer),
        _ => Err(Malformed),
    }
}
