//! Who the server is, and who we are.

use core::fmt;
use core::marker::PhantomData;

use embedded_tls::Certificate;
use embedded_tls::CertificateEntryRef;
use embedded_tls::CertificateRef;
use embedded_tls::CertificateVerifyRef;
use embedded_tls::CryptoProvider;
use embedded_tls::SignatureScheme;
use embedded_tls::TlsError;
use embedded_tls::TlsVerifier;
use embedded_tls::UnsecureProvider;
use embedded_tls::pki::CertVerifier;
use rand_core::CryptoRng;
use rand_core::CryptoRngCore;
use rand_core::RngCore;
use signature::SignerMut;

use super::Suite;

/// How long the certificates may be that the server sends, all together.
const MAX_CHAIN: usize = 2048;

type Digest = <Suite as embedded_tls::TlsCipherSuite>::Hash;
type Unverified<'s, E> = UnsecureProvider<'s, Suite, Random<'s, E>>;

/// A source of random bytes that nobody can predict: a hardware generator, or one that was seeded
/// by one.
pub trait Entropy {
    /// Fills `memory`.
    fn fill(&mut self, memory: &mut [u8]);
}

impl<F: FnMut(&mut [u8])> Entropy for F {
    fn fill(&mut self, memory: &mut [u8]) {
        self(memory);
    }
}

/// Tells the time, by which certificates are valid or not. It belongs to the type, as `embedded-tls`
/// would have it: what a value knows, it keeps in a static.
pub trait TlsClock {
    /// Whether certificates have to be valid at this time.
    const IS_CLOCK: bool = true;

    /// Seconds since 1970. While that is not known, no certificate is valid: a device that asks a
    /// server for the time has to have the answer before it connects with TLS.
    fn now() -> Option<u64>;
}

/// No clock: certificates are valid for ever, also those that expired.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoClock;

impl TlsClock for NoClock {
    const IS_CLOCK: bool = false;

    fn now() -> Option<u64> {
        None
    }
}

/// What a device shows to a server that wants to know who it is.
#[derive(Clone, Copy)]
pub struct ClientCertificate<'d> {
    /// The certificate, in DER.
    pub certificate: &'d [u8],
    /// Its key, of P-256, in DER as in SEC 1: `openssl ec -in key.pem -outform DER`.
    pub key: &'d [u8],
}

impl fmt::Debug for ClientCertificate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificate").finish_non_exhaustive()
    }
}

/// What connections have in common.
pub(super) struct Identity<'d, E> {
    pub(super) issuer: &'d [u8],
    pub(super) server_name: Option<&'d str>,
    pub(super) client: Option<ClientCertificate<'d>>,
    pub(super) entropy: E,
}

impl<E: Entropy> Identity<'_, E> {
    pub(super) fn provider<T: TlsClock>(&mut self) -> Provider<'_, E, T> {
        let issuer = Certificate::X509(self.issuer);
        let verifier = Verifier { inner: CertVerifier::new(issuer), proven: Proven::Nothing };
        let mut unverified: Unverified<'_, E> = UnsecureProvider::new(Random(&mut self.entropy));
        if let Some(client) = &self.client {
            unverified = unverified
                .with_cert(Certificate::X509(client.certificate))
                .with_priv_key(client.key);
        }
        Provider { unverified, verifier }
    }
}

/// What a handshake takes.
pub(super) struct Provider<'s, E, T: TlsClock> {
    /// For randomness, and for our own certificate.
    unverified: Unverified<'s, E>,
    verifier: Verifier<'s, T>,
}

impl<E, T: TlsClock> Provider<'_, E, T> {
    /// Whether the server has proven who it is. `embedded-tls` does not insist: for a server that sends
    /// no certificate, or nothing that is signed with its key, the handshake succeeds as well.
    pub(super) const fn is_proven(&self) -> bool {
        matches!(self.verifier.proven, Proven::Key)
    }
}

impl<'s, E: Entropy, T: TlsClock> CryptoProvider for Provider<'s, E, T> {
    type CipherSuite = Suite;
    type Signature = <Unverified<'s, E> as CryptoProvider>::Signature;

    fn rng(&mut self) -> impl CryptoRngCore {
        self.unverified.rng()
    }

    fn verifier(&mut self) -> Result<&mut impl TlsVerifier<Suite>, TlsError> {
        Ok(&mut self.verifier)
    }

    fn signer(&mut self) -> Result<(impl SignerMut<Self::Signature>, SignatureScheme), TlsError> {
        self.unverified.signer()
    }

    fn client_cert(&mut self) -> Option<Certificate<impl AsRef<[u8]>>> {
        self.unverified.client_cert()
    }
}

/// What the server has proven so far.
#[derive(Clone, Copy)]
enum Proven {
    Nothing,
    /// There is a certificate of its name.
    Certificate,
    /// It has the key of that.
    Key,
}

struct Verifier<'s, T: TlsClock> {
    inner: CertVerifier<'s, Suite, Clock<T>, MAX_CHAIN>,
    proven: Proven,
}

impl<T: TlsClock> TlsVerifier<Suite> for Verifier<'_, T> {
    fn set_hostname_verification(&mut self, name: &str) -> Result<(), TlsError> {
        TlsVerifier::<Suite>::set_hostname_verification(&mut self.inner, name)
    }

    fn verify_certificate(
        &mut self,
        transcript: &Digest,
        mut certificate: CertificateRef<'_>,
    ) -> Result<(), TlsError> {
        self.proven = Proven::Nothing;
        // Of what is in between, `embedded-tls` does not check whether it may sign others.
        certificate.entries.truncate(1);
        if !matches!(certificate.entries.first(), Some(CertificateEntryRef::X509(_))) {
            return Err(TlsError::InvalidCertificate);
        }
        self.inner.verify_certificate(transcript, certificate)?;
        self.proven = Proven::Certificate;
        Ok(())
    }

    fn verify_signature(&mut self, proof: CertificateVerifyRef<'_>) -> Result<(), TlsError> {
        // It would panic on a proof without a certificate.
        let Proven::Certificate = self.proven else { return Err(TlsError::InvalidHandshake) };
        self.proven = Proven::Nothing;
        TlsVerifier::<Suite>::verify_signature(&mut self.inner, proof)?;
        self.proven = Proven::Key;
        Ok(())
    }
}

/// The clock as `embedded-tls` wants it, where not to know means not to check.
struct Clock<T>(PhantomData<T>);

impl<T: TlsClock> embedded_tls::TlsClock for Clock<T> {
    fn now() -> Option<u64> {
        // Everything has expired at the end of time.
        T::IS_CLOCK.then(|| T::now().unwrap_or(u64::MAX))
    }
}

/// Entropy as `embedded-tls` wants it.
pub(super) struct Random<'s, E>(&'s mut E);

impl<E: Entropy> RngCore for Random<'_, E> {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        u32::from_ne_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_ne_bytes(bytes)
    }

    fn fill_bytes(&mut self, memory: &mut [u8]) {
        self.0.fill(memory);
    }

    fn try_fill_bytes(&mut self, memory: &mut [u8]) -> Result<(), rand_core::Error> {
        self.0.fill(memory);
        Ok(())
    }
}

impl<E: Entropy> CryptoRng for Random<'_, E> {}
