//! Verifies what the server proves of itself.

use embedded_tls::CertificateEntryRef;
use embedded_tls::CertificateRef;
use embedded_tls::CertificateVerifyRef;
use embedded_tls::TlsError as HandshakeError;
use embedded_tls::TlsVerifier;
use heapless::Vec;
use sha2::Digest as _;

use super::Suite;
use super::chain;
use super::chain::Expected;
use super::der::Reader;
use super::error::CertificateError;
use super::error::TlsError;
use super::signature::Key;
use super::signature::Scheme;

/// The longest key, with what it is: of 4096 bits, or of P-384.
const MAX_KEY: usize = if cfg!(feature = "rsa") { 560 } else { 128 };
/// What a server signs begins with this (RFC 8446, section 4.4.3), and ends with a hash.
const CONTEXT: &[u8] = b"TLS 1.3, server CertificateVerify\0";

type Digest = <Suite as embedded_tls::TlsCipherSuite>::Hash;

/// Verifies the identity of a server.
pub(super) struct Verifier<'s> {
    expected: Expected<'s>,
    proven: Proven,
    /// What was wrong: of this, `embedded-tls` knows nothing.
    failure: Option<TlsError>,
}

/// What the server has proven so far.
#[cfg_attr(feature = "rsa", expect(clippy::large_enum_variant, reason = "there is one of it"))]
enum Proven {
    Nothing,
    /// There is a certificate of its name, for this key, after messages with this hash.
    Certificate {
        key: Vec<u8, MAX_KEY>,
        transcript: [u8; 32],
    },
    /// It has the key of that.
    Key,
}

impl<'s> Verifier<'s> {
    pub(super) const fn new(expected: Expected<'s>) -> Self {
        Self { expected, proven: Proven::Nothing, failure: None }
    }

    /// How a handshake ended. `embedded-tls` does not insist on any proof: if the server sends no
    /// certificate, or nothing that is signed with its key, the handshake succeeds as well.
    pub(super) fn outcome(&self, shaken: Result<(), TlsError>) -> Result<(), TlsError> {
        self.failure.map_or(Ok(()), Err)?;
        shaken?;
        match self.proven {
            Proven::Key => Ok(()),
            Proven::Nothing => Err(TlsError::NoCertificate),
            Proven::Certificate { .. } => Err(TlsError::NoProof),
        }
    }

    fn check_certificates(
        &self,
        transcript: &Digest,
        certificates: &CertificateRef<'_>,
    ) -> Result<Proven, TlsError> {
        let sent = certificates.entries.iter().map(|entry| match entry {
            CertificateEntryRef::X509(bytes) => *bytes,
            // Not used by anything.
            CertificateEntryRef::RawPublicKey(_) => &[],
        });
        let sent: Vec<&[u8], { chain::MAX_SENT }> = sent.take(chain::MAX_SENT).collect();
        let server = chain::verify(&sent, &self.expected)?;
        let key = server.key.rest();
        let too_long = TlsError::Certificate { index: 0, error: CertificateError::Malformed };
        let key = Vec::from_slice(key).map_err(|_| too_long)?;
        Ok(Proven::Certificate { key, transcript: transcript.clone().finalize().into() })
    }
}

impl TlsVerifier<Suite> for Verifier<'_> {
    /// It is known already.
    fn set_hostname_verification(&mut self, _: &str) -> Result<(), HandshakeError> {
        Ok(())
    }

    fn verify_certificate(
        &mut self,
        transcript: &Digest,
        certificates: CertificateRef<'_>,
    ) -> Result<(), HandshakeError> {
        self.proven = Proven::Nothing;
        let checked = self.check_certificates(transcript, &certificates);
        self.proven = checked.map_err(|error| {
            self.failure = Some(error);
            HandshakeError::InvalidCertificate
        })?;
        Ok(())
    }

    fn verify_signature(&mut self, proof: CertificateVerifyRef<'_>) -> Result<(), HandshakeError> {
        let proven = core::mem::replace(&mut self.proven, Proven::Nothing);
        let Proven::Certificate { key, transcript } = proven else {
            self.failure = Some(TlsError::NoCertificate);
            return Err(HandshakeError::InvalidHandshake);
        };
        self.failure = check_proof(&key, &transcript, &proof).err();
        if self.failure.is_some() {
            return Err(HandshakeError::InvalidSignature);
        }
        self.proven = Proven::Key;
        Ok(())
    }
}

fn check_proof(
    key: &[u8],
    transcript: &[u8],
    proof: &CertificateVerifyRef<'_>,
) -> Result<(), TlsError> {
    let key =
        Key::read(Reader::new(key)).map_err(|error| TlsError::Certificate { index: 0, error })?;
    let scheme = Scheme::of_handshake(proof.signature_scheme, &key);
    let scheme = scheme.ok_or(TlsError::UnsupportedProof)?;
    let is_signed = key.has_signed(scheme, &[&[b' '; 64], CONTEXT, transcript], proof.signature);
    is_signed.then_some(()).ok_or(TlsError::NoProof)
}
