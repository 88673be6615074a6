//! TLS for the programs that have no client: certificates, and both ends of a connection.

use std::fs;
use std::io::Read;
use std::io::Write;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use rcgen::BasicConstraints;
use rcgen::CertificateParams;
use rcgen::DnType;
use rcgen::IsCa;
use rcgen::Issuer;
use rcgen::KeyPair;
use rcgen::SanType;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::ClientConnection;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::ServerConnection;
use tokio_rustls::rustls::StreamOwned;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

/// The file with the certificate to trust.
pub const AUTHORITY: &str = "ca.pem";
/// The file with a server's certificate.
pub const CERTIFICATE: &str = "server.pem";
/// The file with a server's key.
pub const KEY: &str = "server.key";

/// Writes an authority's certificate into a folder, and one for servers on 127.0.0.1.
///
/// # Panics
///
/// If they cannot be made or written.
pub fn make_certificates(folder: &Path) {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(DnType::CommonName, "benchmarks");
    let authority_key = KeyPair::generate().expect("a key");
    let authority_pem = authority.self_signed(&authority_key).expect("a certificate").pem();
    let issuer = Issuer::new(authority, authority_key);
    let mut server = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    server.subject_alt_names.push(SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    let key = KeyPair::generate().expect("a key");
    let pem = server.signed_by(&key, &issuer).expect("a certificate").pem();
    fs::create_dir_all(folder).expect("a folder");
    for (name, text) in [(AUTHORITY, authority_pem), (CERTIFICATE, pem), (KEY, key.serialize_pem())]
    {
        fs::write(folder.join(name), text).expect("written");
    }
}

/// What a server needs, out of a folder of certificates.
///
/// # Panics
///
/// If they are not there.
#[must_use]
pub fn server_config(folder: &Path) -> Arc<ServerConfig> {
    let certificate =
        CertificateDer::from_pem_file(folder.join(CERTIFICATE)).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(folder.join(KEY)).expect("a key");
    let config = ServerConfig::builder().with_no_client_auth();
    Arc::new(config.with_single_cert(vec![certificate], key).expect("they fit"))
}

/// A socket, with TLS or without.
#[derive(Debug)]
pub enum Stream {
    /// Without.
    Plain(TcpStream),
    /// A client's.
    Client(Box<StreamOwned<ClientConnection, TcpStream>>),
    /// A server's.
    Server(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Stream {
    /// The client's end of a connection whose certificate is to be trusted because of the file.
    ///
    /// # Panics
    ///
    /// If there is no certificate in the file.
    #[must_use]
    pub fn client(socket: TcpStream, authority: &Path) -> Self {
        let mut roots = RootCertStore::empty();
        let certificate = CertificateDer::from_pem_file(authority).expect("a certificate");
        roots.add(certificate).expect("an authority");
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let name = IpAddr::V4(Ipv4Addr::LOCALHOST).into();
        let connection = ClientConnection::new(Arc::new(config), name).expect("a connection");
        Self::Client(Box::new(StreamOwned::new(connection, socket)))
    }

    /// The server's end of a connection.
    ///
    /// # Panics
    ///
    /// If the configuration does not make sense.
    #[must_use]
    pub fn server(socket: TcpStream, config: Arc<ServerConfig>) -> Self {
        let connection = ServerConnection::new(config).expect("a connection");
        Self::Server(Box::new(StreamOwned::new(connection, socket)))
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Client(stream) => stream.read(buffer),
            Self::Server(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Client(stream) => stream.write(bytes),
            Self::Server(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Client(stream) => stream.flush(),
            Self::Server(stream) => stream.flush(),
        }
    }
}
