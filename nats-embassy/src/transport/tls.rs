//! TLS 1.3 by `embedded-tls`, over any other transport.

mod certificate;
mod chain;
mod der;
mod error;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod hash;
mod identity;
mod link;
#[cfg(test)]
mod made;
mod montgomery;
mod name;
mod p384;
#[cfg(feature = "rsa")]
mod rsa;
mod signature;
mod time;
mod verifier;
mod wire;

use core::marker::PhantomData;

use embedded_tls::Aes128GcmSha256;
use nats_proto::ServerUrl;

use crate::transport::Connector;
use crate::transport::TransportError;

pub use error::Algorithm;
pub use error::CertificateError;
pub use error::TlsError;
pub use identity::ClientCertificate;
pub use identity::Entropy;
pub use identity::NoClock;
pub use identity::TlsClock;
pub use link::TlsReader;
pub use link::TlsTransport;
pub use link::TlsWriter;

use error::Report;
use identity::Identity;
use wire::Wire;

/// The one suite that every server of TLS 1.3 has.
type Suite = Aes128GcmSha256;

/// Adds TLS 1.3 to the connections of another connector.
///
/// Whether there is TLS is up to the server and to
/// [`Config::session`](nats_proto::session::Config::tls): a connection is in clear until the client
/// asks for the upgrade.
///
/// Of the certificates that the server sends, these are checked, or are not:
///
/// | | |
/// |---|---|
/// | the server has the key of the first one | yes |
/// | it is signed by the owner of one of the `issuers`, or by authorities up to there | yes: eight certificates at most, in any order; what is not needed is skipped, 16 are sent at most |
/// | keys and signatures | ECDSA on P-256 and P-384, with SHA-256, -384 or -512. With feature `rsa`: RSA of 2048 to 4096 bits, PKCS #1 v1.5 and PSS with as much salt as the hash is long |
/// | the name | against all DNS names of the first one, of any number and length; the common name if it has no alternative names; `*.` stands for one label, with at least two after it |
/// | an IP address | against all addresses, of both versions |
/// | the time | of all certificates but the `issuers`, if there is a [`TlsClock`] |
/// | who may sign others | yes: basic constraints, length of the path, key usage |
/// | what it may be used for | yes, if it says so: to sign handshakes and as a server |
/// | name constraints | yes: of DNS names and IP addresses, for the name that is expected; those of other kinds are refused |
/// | critical extensions | others are refused |
/// | the `issuers`' own time and rights | no: they are trusted as they are, within their length of the path and their name constraints |
/// | Ed25519, P-521, SHA-1 | are not supported: no connection, and [`TlsError`] says which certificate it was |
/// | whether it was revoked | no |
///
/// The certificates are read where they lie in [`TlsMemory`], and no part of them is kept but the key of
/// the first one. So any length will do that fits into `RX`. At most 16 signatures are verified in a
/// handshake, and one more for the handshake itself.
///
/// And of the protocol: only AES-128-GCM and P-256; all certificates in one record; no renewal of keys,
/// which ends the connection (and `nats-server` does not ask for); no resumption, so that every
/// connection takes a whole handshake. A server that has proven who it is can still make `embedded-tls`
/// panic, with messages that no server sends.
pub struct TlsConnector<'d, C, E, T> {
    inner: C,
    identity: Identity<'d, E>,
    rx: &'d mut [u8],
    tx: &'d mut [u8],
    wire: Wire<'d>,
    report: Report,
    clock: PhantomData<T>,
}

/// The memory of a [`TlsConnector`]: `RX` bytes for what comes in, twice `TX` for what goes out, and
/// 512.
///
/// `RX` has to hold the longest record that the server sends. That is as much as it writes at once, and
/// up to 16,384 bytes; 16,640 are always enough, and a server that sends too long a record loses the
/// connection, with [`TlsError::RecordTooLong`]. One of the records has all its certificates, which take
/// 25 bytes, and each of them its length in DER and 5. `TX` is 1024 or more. 128 bytes of it are not for data. With a client certificate it has
/// to hold that.
#[derive(Debug)]
pub struct TlsMemory<const RX: usize, const TX: usize> {
    rx: [u8; RX],
    tx: [u8; TX],
    incoming: [u8; 512],
    outgoing: [u8; TX],
}

impl<const RX: usize, const TX: usize> TlsMemory<RX, TX> {
    const FITS: () = assert!(RX >= 1024 && TX >= 1024, "RX and TX have to be 1024 or more");

    /// All zeros.
    #[must_use]
    pub const fn new() -> Self {
        let () = Self::FITS;
        Self { rx: [0; RX], tx: [0; TX], incoming: [0; 512], outgoing: [0; TX] }
    }
}

impl<const RX: usize, const TX: usize> Default for TlsMemory<RX, TX> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'d, C: Connector, E: Entropy, T: TlsClock> TlsConnector<'d, C, E, T> {
    /// A connector that trusts servers whose certificates were signed by the owner of `issuers`, or by
    /// an authority that has a certificate from there: a certificate in DER, or several, one right
    /// after the other. A server that signed its own is its own issuer.
    ///
    /// What cannot be used here is said at the first connection, before anything is sent:
    /// [`TlsError::Issuer`].
    ///
    /// `entropy` is asked for a key at every handshake: it must be unpredictable.
    #[must_use]
    pub fn new<const RX: usize, const TX: usize>(
        inner: C,
        issuers: &'d [u8],
        clock: T,
        entropy: E,
        memory: &'d mut TlsMemory<RX, TX>,
    ) -> Self {
        // Whatever it is, it is its type that counts.
        let _ = clock;
        let identity = Identity { issuers, server_name: None, client: None, entropy };
        let TlsMemory { rx, tx, incoming, outgoing } = memory;
        let wire = Wire::new(incoming, outgoing, RX);
        let report = Report::default();
        Self { inner, identity, rx, tx, wire, report, clock: PhantomData }
    }

    /// Expects this name in the certificates of all servers, instead of the one in their addresses: a
    /// DNS name or an IP address.
    #[must_use]
    pub const fn server_name(mut self, name: &'d str) -> Self {
        self.identity.server_name = Some(name);
        self
    }

    /// Calls this whenever TLS fails, just before [`Event::ConnectFailed`](crate::Event) or
    /// [`Event::Disconnected`](crate::Event) says that it did. It is the runner that calls, holding
    /// no lock. With `defmt` or `log`, the same is logged.
    #[must_use]
    pub const fn on_error(mut self, tell: fn(TlsError)) -> Self {
        self.report = Report::to(tell);
        self
    }

    /// Shows this certificate to servers that ask for one. It is sent alone: servers have to know its
    /// issuer.
    #[must_use]
    pub const fn client_certificate(mut self, certificate: ClientCertificate<'d>) -> Self {
        self.identity.client = Some(certificate);
        self
    }
}

impl<'d, C: Connector, E: Entropy, T: TlsClock> Connector for TlsConnector<'d, C, E, T> {
    type Transport<'c>
        = TlsTransport<'c, 'd, C::Transport<'c>, E, T>
    where
        Self: 'c;

    async fn connect(
        &mut self,
        server: &ServerUrl<'_>,
    ) -> Result<Self::Transport<'_>, TransportError> {
        let inner = self.inner.connect(server).await?;
        self.wire.reset();
        let Self { identity, rx, tx, wire, report, .. } = self;
        Ok(TlsTransport::new(inner, identity, rx, tx, wire, *report))
    }
}
