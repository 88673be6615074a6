use std::io;
use std::sync::Arc;
use std::sync::Mutex;

use nats_tokio::Client;
use nats_tokio::ConnectError;
use nats_tokio::ConnectOptions;
use nats_tokio::ConnectionStatus;
use nats_tokio::DisconnectReason;
use nats_tokio::TlsError;
use nats_tokio::rustls::ServerConfig;
use nats_tokio::rustls::crypto::CryptoProvider;
use nats_tokio::rustls::pki_types::PrivateKeyDer;
use rcgen::CertificateParams;
use rcgen::KeyPair;
use tokio::io::AsyncWriteExt;
use tokio::io::DuplexStream;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use crate::peer::Peer;
use crate::texts::chain;

const INFO: &str = "INFO {\"tls_required\":true,\"headers\":true}\r\n";

/// As the peer tells it.
const TLS_REQUIRED: &str = r#"\"tls_required\":true"#;

/// A server with a certificate for `a.example`, and options that trust it.
pub(crate) fn authority() -> (TlsAcceptor, ConnectOptions) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        );
    let options = ConnectOptions::new().no_platform_roots();
    let options = options.root_certificates_pem(certificate.pem());
    (TlsAcceptor::from(Arc::new(config.unwrap())), options)
}

#[cfg(feature = "ring")]
fn provider() -> Arc<CryptoProvider> {
    Arc::new(nats_tokio::rustls::crypto::ring::default_provider())
}

#[cfg(not(feature = "ring"))]
fn provider() -> Arc<CryptoProvider> {
    Arc::new(nats_tokio::rustls::crypto::aws_lc_rs::default_provider())
}

/// Connects over a pipe, whose other end is returned.
fn connect(
    options: ConnectOptions,
    url: &str,
) -> (impl Future<Output = Result<Client, ConnectError>>, DuplexStream) {
    let (ours, theirs) = tokio::io::duplex(16 * 1024);
    let ours = Mutex::new(Some(ours));
    let options = options.connector(move |_| {
        let stream = ours.lock().unwrap().take();
        async { stream.ok_or_else(|| io::Error::other("one connection is enough")) }
    });
    (options.connect(url.to_owned()), theirs)
}

async fn log_in(peer: &mut Peer) {
    let connect = peer.next().await;
    assert!(connect.contains(TLS_REQUIRED), "{connect}");
    peer.expect(&["PING"]).await;
    peer.send("PONG").await;
}

#[tokio::test(start_paused = true)]
async fn secure_if_the_server_the_address_or_the_options_say_so() {
    let available = "INFO {\"tls_available\":true}\r\n";
    for (info, url, is_required) in [
        (INFO, "nats://a.example", false),
        (INFO, "tls://a.example", false),
        (available, "tls://a.example", false),
        (available, "nats://a.example", true),
    ] {
        let (acceptor, mut options) = authority();
        if is_required {
            options = options.require_tls();
        }
        let (connecting, mut theirs) = connect(options, url);
        let server = async {
            theirs.write_all(info.as_bytes()).await.unwrap();
            let mut peer = Peer::new(acceptor.accept(theirs).await.unwrap());
            log_in(&mut peer).await;
            peer
        };
        let (client, mut peer) = tokio::join!(connecting, server);
        let client = client.unwrap();
        client.publish("a", vec![b'x'; 300_000]).await.unwrap();
        peer.expect(&["PUB a: (300000 bytes)"]).await;
        let (_, heard) = tokio::join!(client.close(), peer.serve());
        assert_eq!(heard, ["PING", "closed"]);
    }
}

#[tokio::test(start_paused = true)]
async fn tls_before_info() {
    let (acceptor, options) = authority();
    let (connecting, theirs) = connect(options.tls_first(), "a.example");
    let server = async {
        let mut peer = Peer::new(acceptor.accept(theirs).await.unwrap());
        // That it is required is no reason to begin once more.
        peer.send(INFO.trim_end()).await;
        log_in(&mut peer).await;
        peer
    };
    let (client, _peer) = tokio::join!(connecting, server);
    assert_eq!(client.unwrap().status(), ConnectionStatus::Connected);
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_tls_does_not_claim_to_have_it() {
    let (connecting, theirs) = connect(ConnectOptions::new(), "a.example");
    let mut peer = Peer::new(theirs);
    let server = async {
        peer.send("INFO {\"tls_available\":true}").await;
        assert!(!peer.next().await.contains(TLS_REQUIRED));
        peer.send("PONG").await;
        peer.expect(&["PING"]).await;
    };
    tokio::join!(connecting, server).0.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_server_without_tls_is_told_nothing() {
    for (options, url) in [
        (ConnectOptions::new(), "tls://u:p@a.example"),
        (ConnectOptions::new().require_tls(), "nats://u:p@a.example"),
    ] {
        let (connecting, theirs) = connect(options, url);
        let mut peer = Peer::new(theirs);
        peer.send("INFO {\"auth_required\":true}").await;
        let error = connecting.await.unwrap_err();
        assert!(matches!(error, ConnectError::TlsUnavailable), "{error}");
        peer.expect(&["closed"]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn plain_text_before_tls_is_refused() {
    for injected in ["MSG a 1 2\r\nhi\r\n", "PING\r\n", "+OK\r\n", "-ERR 'x'\r\n", "P", "\r\n"] {
        let (_, options) = authority();
        let (connecting, mut theirs) = connect(options, "a.example");
        theirs.write_all(format!("{INFO}{injected}").as_bytes()).await.unwrap();
        let error = connecting.await.unwrap_err();
        let ConnectError::Tls(error) = error else { panic!("{injected:?}: {error}") };
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
        assert!(matches!(inner, Some(TlsError::Injected)), "{injected:?}: {error}");
        Peer::new(theirs).expect(&["closed"]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_speak_tls() {
    let (_, options) = authority();
    let (connecting, mut theirs) = connect(options.tls_first(), "a.example");
    theirs.write_all(b"INFO {\"server_id\":\"S\"}\r\n").await.unwrap();
    let error = connecting.await.unwrap_err();
    assert!(matches!(error, ConnectError::Tls(_)), "{error}");
    assert!(std::error::Error::source(&error).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_handshake_has_no_more_time_than_connecting() {
    for info in [INFO, ""] {
        let (_, options) = authority();
        let options = if info.is_empty() { options.tls_first() } else { options };
        let (connecting, mut theirs) = connect(options, "a.example");
        theirs.write_all(info.as_bytes()).await.unwrap();
        let start = Instant::now();
        let error = connecting.await.unwrap_err();
        assert!(matches!(error, ConnectError::TimedOut), "{error}");
        assert_eq!(start.elapsed().as_secs(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_nobody_waits_for_ends() {
    let (_, options) = authority();
    let (connecting, mut theirs) = connect(options.tls_first(), "a.example");
    {
        let hello = tokio::io::AsyncReadExt::read_u8(&mut theirs);
        tokio::select! {
            biased;
            connected = connecting => panic!("{connected:?}"),
            hello = hello => assert_eq!(hello.unwrap(), 22, "a handshake of TLS"),
        }
    }
    let mut rest = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut theirs, &mut rest).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_certificate_must_be_the_servers() {
    let (acceptor, options) = authority();
    let (_, others) = authority();
    for (options, url) in [(options, "b.example"), (others, "a.example")] {
        let (connecting, theirs) = connect(options.tls_first(), url);
        let (client, _) = tokio::join!(connecting, acceptor.accept(theirs));
        let error = client.unwrap_err();
        assert!(matches!(error, ConnectError::Tls(_)), "{error}");
        assert!(chain(&error).contains("certificate"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_cut_within_tls_is_lost() {
    let (acceptor, options) = authority();
    let (connecting, theirs) = connect(options.tls_first().no_reconnect(), "a.example");
    let server = async {
        let mut peer = Peer::new(acceptor.accept(theirs).await.unwrap());
        peer.send(INFO.trim_end()).await;
        log_in(&mut peer).await;
        peer
    };
    let (client, peer) = tokio::join!(connecting, server);
    let client = client.unwrap();
    drop(peer);
    let stop = client.closed().await;
    assert!(
        matches!(
            stop,
            nats_tokio::CloseReason::Disconnected(DisconnectReason::Closed | DisconnectReason::Io)
        ),
        "without a word of TLS: {stop}"
    );
}
