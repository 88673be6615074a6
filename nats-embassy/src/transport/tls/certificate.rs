//! What a certificate says (RFC 5280), as it was sent.

use super::der::Malformed;
use super::der::Reader;
use super::der::tag;
use super::time::Validity;

/// Parts of a certificate: nothing was checked but their form.
pub(super) struct Certificate<'a> {
    /// What was signed.
    pub(super) signed: &'a [u8],
    /// By which algorithm.
    pub(super) algorithm: Reader<'a>,
    pub(super) signature: &'a [u8],
    pub(super) issuer: &'a [u8],
    pub(super) subject: &'a [u8],
    pub(super) validity: Validity,
    /// The subject's key, with its algorithm.
    pub(super) key: Reader<'a>,
    pub(super) extensions: Extensions<'a>,
}

/// What a certificate says about its subject beside its name.
#[derive(Default)]
pub(super) struct Extensions<'a> {
    /// Alternative names.
    pub(super) names: Option<&'a [u8]>,
    pub(super) authority: Option<Authority>,
    pub(super) key_usage: Option<u8>,
    /// Extended key usages.
    pub(super) purposes: Option<&'a [u8]>,
    /// Which names whoever it has signed may have.
    pub(super) constraints: Option<&'a [u8]>,
    /// A critical extension that is not known here.
    pub(super) is_beyond_us: bool,
}

/// Basic constraints.
#[derive(Clone, Copy, Default)]
pub(super) struct Authority {
    /// Whether it may sign certificates.
    pub(super) is_authority: bool,
    /// How many authorities there may be between it and a server.
    pub(super) max_path: Option<u8>,
}

impl<'a> Certificate<'a> {
    /// Reads a certificate and nothing after it.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut input = Reader::new(bytes);
        let mut outside = input.inside(tag::SEQUENCE)?;
        input.end()?;
        let signed = outside.element()?;
        let algorithm = outside.expect(tag::SEQUENCE)?;
        let signature = outside.bits()?;
        outside.end()?;
        if signed.tag != tag::SEQUENCE {
            return Err(Malformed);
        }

        let mut inside = Reader::new(signed.content);
        let version = version(&mut inside)?;
        // The serial number.
        inside.expect(tag::INTEGER)?;
        // It is said twice, and only this one was signed.
        if inside.expect(tag::SEQUENCE)? != algorithm {
            return Err(Malformed);
        }
        let issuer = inside.expect(tag::SEQUENCE)?;
        let validity = Validity::read(inside.inside(tag::SEQUENCE)?)?;
        let subject = inside.expect(tag::SEQUENCE)?;
        let key = inside.inside(tag::SEQUENCE)?;
        // Numbers of issuer and subject, which are not used.
        inside.optional(tag::simple(1))?;
        inside.optional(tag::simple(2))?;
        let extensions = match inside.optional(tag::composed(3))? {
            Some(list) if version == 3 => Extensions::read(Reader::new(list))?,
            Some(_) => return Err(Malformed),
            None => Extensions::default(),
        };
        inside.end()?;
        let algorithm = Reader::new(algorithm);
        let signed = signed.encoded;
        Ok(Self { signed, algorithm, signature, issuer, subject, validity, key, extensions })
    }

    /// Whether it was issued by its subject, for a new key for instance.
    pub(super) fn is_self_issued(&self) -> bool {
        self.issuer == self.subject
    }
}

fn version(inside: &mut Reader<'_>) -> Result<u8, Malformed> {
    let Some(version) = inside.optional(tag::composed(0))? else { return Ok(1) };
    match version {
        [tag::INTEGER, 1, number @ 0..=2] => Ok(number.saturating_add(1)),
        _ => Err(Malformed),
    }
}

impl<'a> Extensions<'a> {
    fn read(mut outside: Reader<'a>) -> Result<Self, Malformed> {
        let mut list = outside.inside(tag::SEQUENCE)?;
        outside.end()?;
        let mut extensions = Self::default();
        while !list.is_empty() {
            let mut extension = list.inside(tag::SEQUENCE)?;
            let id = extension.expect(tag::OID)?;
            let is_critical = extension.flag()?;
            let value = extension.expect(tag::OCTET_STRING)?;
            extension.end()?;
            extensions.take(id, is_critical, value)?;
        }
        Ok(extensions)
    }

    fn take(&mut self, id: &[u8], is_critical: bool, value: &'a [u8]) -> Result<(), Malformed> {
        let whole = || {
            let mut outside = Reader::new(value);
            let content = outside.expect(tag::SEQUENCE)?;
            outside.end().map(|()| content)
        };
        match id {
            // 2.5.29.15
            [0x55, 0x1d, 15] => once(&mut self.key_usage, key_usage(value)?),
            [0x55, 0x1d, 17] => once(&mut self.names, whole()?),
            [0x55, 0x1d, 19] => once(&mut self.authority, Authority::read(Reader::new(whole()?))?),
            [0x55, 0x1d, 30] => once(&mut self.constraints, whole()?),
            [0x55, 0x1d, 37] => once(&mut self.purposes, whole()?),
            _ => {
                self.is_beyond_us |= is_critical;
                Ok(())
            }
        }
    }
}

/// What may be said once.
fn once<T>(place: &mut Option<T>, value: T) -> Result<(), Malformed> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(Malformed),
    }
}

/// The first eight uses.
fn key_usage(value: &[u8]) -> Result<u8, Malformed> {
    let mut outside = Reader::new(value);
    let uses = outside.expect(tag::BIT_STRING)?;
    outside.end()?;
    match uses {
        [0..8, uses, ..] => Ok(*uses),
        _ => Err(Malformed),
    }
}

impl Authority {
    fn read(mut fields: Reader<'_>) -> Result<Self, Malformed> {
        let is_authority = fields.flag()?;
        let max_path = match fields.optional(tag::INTEGER)? {
            None => None,
            Some([max @ 0..0x80]) => Some(*max),
            // More than there ever are.
            Some([0..0x80, _, ..]) => Some(u8::MAX),
            Some(_) => return Err(Malformed),
        };
        fields.end()?;
        Ok(Self { is_authority, max_path })
    }
}
