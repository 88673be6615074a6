//! The way from a server's certificate to one that is trusted.
//!
//! The certificates that a server sends beside its own may be in any order, too many, or of no use:
//! only those are looked at whose names fit. As an attacker may have made them, the work is bounded:
//! so many certificates from the first to the last, and so many signatures in all.

use super::certificate::Certificate;
use super::der::Reader;
use super::error::CertificateError;
use super::error::TlsError;
use super::name::ServerName;
use super::signature::Key;
use super::signature::Scheme;

/// How many certificates a server may send.
pub(super) const MAX_SENT: usize = 16;
/// How many certificates there may be from the server's to one below a trusted one.
const MAX_PATH: u8 = 8;
/// How many signatures are verified in all.
const MAX_SIGNATURES: u8 = 16;

/// 1.3.6.1.5.5.7.3.1
const SERVER_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
/// 2.5.29.37.0
const ANY_PURPOSE: &[u8] = &[0x55, 0x1d, 0x25, 0];
/// Bits of the key usage.
const DIGITAL_SIGNATURE: u8 = 0x80;
const SIGN_CERTIFICATES: u8 = 0x04;

/// What a server's certificate has to be like.
#[derive(Clone, Copy)]
pub(super) struct Expected<'a> {
    /// Trusted certificates, one after the other.
    pub(super) issuers: &'a [u8],
    pub(super) name: ServerName<'a>,
    /// Seconds since 1970, if the time counts.
    pub(super) now: Option<u64>,
}

/// The trusted certificates, up to the first one that is invalid.
pub(super) fn trusted(
    issuers: &[u8],
) -> impl Iterator<Item = Result<Certificate<'_>, CertificateError>> {
    let mut rest = Reader::new(issuers);
    core::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let next = rest.element().and_then(|element| Certificate::read(element.encoded));
        if next.is_err() {
            rest = Reader::new(&[]);
        }
        Some(next.map_err(CertificateError::from))
    })
}

/// Whether all trusted certificates can be read and used, before anything is sent.
pub(super) fn check_trusted(issuers: &[u8]) -> Result<(), TlsError> {
    if issuers.is_empty() {
        return Err(TlsError::NoIssuer);
    }
    for (index, issuer) in (0..).zip(trusted(issuers)) {
        let checked = issuer.and_then(|issuer| Key::read(issuer.key).map(drop));
        checked.map_err(|error| TlsError::Issuer { index, error })?;
    }
    Ok(())
}

/// Verifies the first one of the certificates, and all that it takes to trust it.
pub(super) fn verify<'a>(
    sent: &[&'a [u8]],
    expected: &Expected<'_>,
) -> Result<Certificate<'a>, TlsError> {
    let first = sent.first().ok_or(TlsError::NoCertificate)?;
    let blame = |error| TlsError::Certificate { index: 0, error };
    let server = Certificate::read(first).map_err(|error| blame(error.into()))?;
    check_server(&server, expected).map_err(blame)?;
    let mut search = Search { sent, expected, signatures: MAX_SIGNATURES, failure: None };
    let from = Step { certificate: &server, index: 0, level: 0, authorities: 0, used: 1 };
    if search.climb(&from) {
        return Ok(server);
    }
    let unknown = blame(CertificateError::UnknownIssuer);
    Err(search.failure.map_or(unknown, |(_, failure)| failure))
}

fn check_server(server: &Certificate<'_>, expected: &Expected<'_>) -> Result<(), CertificateError> {
    check_any(server, expected.now)?;
    if !may(server, DIGITAL_SIGNATURE)? {
        return Err(CertificateError::WrongUsage);
    }
    if !expected.name.is_in(server)? {
        return Err(CertificateError::WrongName);
    }
    Key::read(server.key).map(drop)
}

fn check_authority(
    authority: &Certificate<'_>,
    below: u8,
    expected: &Expected<'_>,
) -> Result<(), CertificateError> {
    check_any(authority, expected.now)?;
    if !authority.extensions.authority.is_some_and(|is| is.is_authority) {
        return Err(CertificateError::NotAnAuthority);
    }
    if !may(authority, SIGN_CERTIFICATES)? {
        return Err(CertificateError::WrongUsage);
    }
    check_limits(authority, below, expected)
}

/// What an authority says about those below it, which counts if it is trusted, too.
fn check_limits(
    authority: &Certificate<'_>,
    below: u8,
    expected: &Expected<'_>,
) -> Result<(), CertificateError> {
    let extensions = &authority.extensions;
    if extensions.authority.and_then(|is| is.max_path).is_some_and(|max| max < below) {
        return Err(CertificateError::PathTooLong);
    }
    match extensions.constraints {
        Some(constraints) if !expected.name.is_allowed_by(constraints)? => {
            Err(CertificateError::NameConstraints)
        }
        _ => Ok(()),
    }
}

const fn check_any(
    certificate: &Certificate<'_>,
    now: Option<u64>,
) -> Result<(), CertificateError> {
    if certificate.extensions.is_beyond_us {
        return Err(CertificateError::CriticalExtension);
    }
    match now {
        Some(now) if now < certificate.validity.not_before => Err(CertificateError::NotYetValid),
        Some(now) if now > certificate.validity.not_after => Err(CertificateError::Expired),
        _ => Ok(()),
    }
}

/// Whether a certificate may be used like this, and for servers. What is not said is not forbidden.
fn may(certificate: &Certificate<'_>, usage: u8) -> Result<bool, CertificateError> {
    let Some(purposes) = certificate.extensions.purposes else {
        return Ok(certificate.extensions.key_usage.is_none_or(|uses| uses & usage != 0));
    };
    let mut purposes = Reader::new(purposes);
    let mut is_for_servers = false;
    while !purposes.is_empty() {
        let purpose = purposes.expect(super::der::tag::OID)?;
        is_for_servers |= purpose == SERVER_AUTH || purpose == ANY_PURPOSE;
    }
    let uses = certificate.extensions.key_usage;
    Ok(is_for_servers && uses.is_none_or(|uses| uses & usage != 0))
}

/// A certificate whose issuer is to be found.
struct Step<'a, 'p> {
    certificate: &'p Certificate<'a>,
    /// Where it is among those that were sent.
    index: u8,
    /// How many certificates are below it.
    level: u8,
    /// How many authorities there are up to here, those not counted that renewed themselves.
    authorities: u8,
    /// Which ones are below it, and itself, a bit for each.
    used: u16,
}

struct Search<'a, 'p> {
    sent: &'p [&'a [u8]],
    expected: &'p Expected<'p>,
    /// How many may still be verified.
    signatures: u8,
    /// Why the longest way so far was wrong, and how long it was.
    failure: Option<(u8, TlsError)>,
}

impl Search<'_, '_> {
    /// Whether there is a way from here to a trusted certificate.
    fn climb(&mut self, step: &Step<'_, '_>) -> bool {
        let here = step.level;
        let blame = |error| TlsError::Certificate { index: step.index, error };
        self.note(here, blame(CertificateError::UnknownIssuer));
        let issuers = self.expected.issuers;
        for (index, issuer) in (0..).zip(trusted(issuers)) {
            let Ok(issuer) = issuer else { continue };
            if issuer.subject != step.certificate.issuer {
                continue;
            }
            let allowed = check_limits(&issuer, step.authorities, self.expected);
            let result = match allowed {
                Ok(()) => {
                    self.check_signature(step, &issuer, |error| TlsError::Issuer { index, error })
                }
                Err(error) => Err(TlsError::Issuer { index, error }),
            };
            match result {
                Ok(()) => return true,
                Err(error) => self.note(here.saturating_add(1), error),
            }
        }
        if here.saturating_add(1) >= MAX_PATH {
            self.note(here.saturating_add(1), blame(CertificateError::ChainTooLong));
            return false;
        }
        let sent = self.sent;
        (0..).zip(sent).any(|(index, bytes)| self.try_issuer(step, index, bytes))
    }

    /// Whether there is a way by this certificate.
    fn try_issuer(&mut self, step: &Step<'_, '_>, index: u8, bytes: &[u8]) -> bool {
        let bit = 1_u16.checked_shl(index.into()).unwrap_or_default();
        if step.used & bit != 0 {
            return false;
        }
        let level = step.level.saturating_add(1);
        let blame = |error| TlsError::Certificate { index, error };
        let issuer = match Certificate::read(bytes) {
            Ok(issuer) if issuer.subject == step.certificate.issuer => issuer,
            Ok(_) => return false,
            Err(error) => {
                // It might have been the one.
                self.note(level, blame(error.into()));
                return false;
            }
        };
        let checked = check_authority(&issuer, step.authorities, self.expected).map_err(blame);
        let verified = checked.and_then(|()| self.check_signature(step, &issuer, blame));
        if let Err(error) = verified {
            self.note(level, error);
            return false;
        }
        let renewed = u8::from(issuer.is_self_issued());
        let authorities = step.authorities.saturating_add(1).saturating_sub(renewed);
        let used = step.used | bit;
        self.climb(&Step { certificate: &issuer, index, level, authorities, used })
    }

    /// Whether `issuer` signed a certificate.
    fn check_signature(
        &mut self,
        step: &Step<'_, '_>,
        issuer: &Certificate<'_>,
        blame_issuer: impl FnOnce(CertificateError) -> TlsError,
    ) -> Result<(), TlsError> {
        let Certificate { signed, algorithm, signature, .. } = step.certificate;
        let blame = |error| TlsError::Certificate { index: step.index, error };
        let scheme = Scheme::read(*algorithm).map_err(blame)?;
        let key = Key::read(issuer.key).map_err(blame_issuer)?;
        let Some(left) = self.signatures.checked_sub(1) else {
            let error = blame(CertificateError::TooManySignatures);
            // Whatever else was wrong: what was not tried may have been right.
            self.note(u8::MAX, error);
            return Err(error);
        };
        self.signatures = left;
        let is_signed = key.has_signed(scheme, &[signed], signature);
        is_signed.then_some(()).ok_or_else(|| blame(CertificateError::BadSignature))
    }

    /// Keeps what is said about the longest way: that of the others, it is the least likely to be the one
    /// that was meant.
    fn note(&mut self, level: u8, error: TlsError) {
        if self.failure.is_none_or(|(known, _)| level > known) {
            self.failure = Some((level, error));
        }
    }
}

#[cfg(test)]
mod tests;
