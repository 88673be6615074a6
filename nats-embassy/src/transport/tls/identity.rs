//! The identities of server and client.

use core::fmt;

use embedded_tls::Certificate;
use embedded_tls::CryptoProvider;
use embedded_tls::SignatureScheme;
use embedded_tls::TlsError as HandshakeError;
use embedded_tls::TlsVerifier;
use embedded_tls::UnsecureProvider;
use rand_core::CryptoRng;
use rand_core::CryptoRngCore;
use rand_core::RngCore;
use signature::SignerMut;

use super::Suite;
use super::chain;
use super::chain::Expected;
use super::error::TlsError;
use super::name::ServerName;
use super::verifier::Verifier;

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

/// No clock: certificates are valid forever, also those that expired.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoClock;

impl TlsClock for NoClock {
    const IS_CLOCK: bool = false;

    fn now() -> Option<u64> {
        None
    }
}

/// The certificate of the device, for servers that ask for one.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct ClientCertificate<'d> {
    /// The certificate, in DER.
    pub certificate: &'d [u8],
    /// Its key, of P-256, in DER as in SEC 1: `openssl ec -in key.pem -outform DER`.
    pub key: &'d [u8],
}

impl<'d> ClientCertificate<'d> {
    /// A certificate in DER, and its key of P-256 in DER as in SEC 1.
    #[must_use]
    pub const fn new(certificate: &'d [u8], key: &'d [u8]) -> Self {
        Self { certificate, key }
    }
}

impl fmt::Debug for ClientCertificate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificate").finish_non_exhaustive()
    }
}

/// What connections have in common.
pub(super) struct Identity<'d, E> {
    pub(super) issuers: &'d [u8],
    pub(super) server_name: Option<&'d str>,
    pub(super) client: Option<ClientCertificate<'d>>,
    pub(super) entropy: E,
}

impl<E: Entropy> Identity<'_, E> {
    /// What a handshake takes with a server of this name, unless one of the connector has been set. Fails
    /// if there can be no good end of it.
    pub(super) fn provider<'s, T: TlsClock>(
        &'s mut self,
        name: &'s str,
    ) -> Result<Provider<'s, E>, TlsError> {
        let name = self.server_name.unwrap_or(name);
        let name = ServerName::read(name).ok_or(TlsError::ServerName)?;
        chain::check_trusted(self.issuers)?;
        let now = match T::IS_CLOCK {
            true => Some(T::now().ok_or(TlsError::TimeUnknown)?),
            false => None,
        };
        let verifier = Verifier::new(Expected { issuers: self.issuers, name, now });
        let mut unverified: Unverified<'_, E> = UnsecureProvider::new(Random(&mut self.entropy));
        if let Some(client) = &self.client {
            unverified = unverified
                .with_cert(Certificate::X509(client.certificate))
                .with_priv_key(client.key);
        }
        Ok(Provider { unverified, verifier, name })
    }
}

/// What a handshake takes.
pub(super) struct Provider<'s, E> {
    /// For randomness, and for our own certificate.
    unverified: Unverified<'s, E>,
    verifier: Verifier<'s>,
    name: ServerName<'s>,
}

impl<'s, E> Provider<'s, E> {
    /// The name that the server is told that it is asked for.
    pub(super) const fn name_to_tell(&self) -> Option<&'s str> {
        self.name.to_tell()
    }

    /// How a handshake ended, if this is what `embedded-tls` says.
    pub(super) fn outcome(&self, shaken: Result<(), TlsError>) -> Result<(), TlsError> {
        self.verifier.outcome(shaken)
    }
}

impl<'s, E: Entropy> CryptoProvider for Provider<'s, E> {
    type CipherSuite = Suite;
    type Signature = <Unverified<'s, E> as CryptoProvider>::Signature;

    fn rng(&mut self) -> impl CryptoRngCore {
        self.unverified.rng()
    }

    fn verifier(&mut self) -> Result<&mut impl TlsVerifier<Suite>, HandshakeError> {
        Ok(&mut self.verifier)
    }

    fn signer(
        &mut self,
    ) -> Result<(impl SignerMut<Self::Signature>, SignatureScheme), HandshakeError> {
        self.unverified.signer()
    }

    fn client_cert(&mut self) -> Option<Certificate<impl AsRef<[u8]>>> {
        self.unverified.client_cert()
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
