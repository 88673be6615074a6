//! Against the server of OpenSSL, which is told what to say when it is asked.

use std::path::Path;
use std::process::Stdio;

use nats_embassy::Algorithm;
use nats_embassy::CertificateError;
use nats_embassy::Event;
use nats_embassy::Tls;
use nats_embassy::TlsConnector;
use nats_embassy::TlsError;
use nats_tests::certificates::Authority;
use nats_tests::certificates::Certificate;
use rcgen::KeyPair;
use rcgen::PKCS_ECDSA_P256_SHA256;
use rcgen::PKCS_ECDSA_P384_SHA384;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::process::Child;
use tokio::process::Command;

use crate::SESSION;
use crate::chain::keep;
use crate::chain::take_errors;
use crate::network::Network;
use crate::run;
use crate::tls::Memory;
use crate::tls::Now;
use crate::tls::der;
use crate::tls::entropy;

const INFO: &[u8] = b"INFO {\"server_id\":\"T\",\"version\":\"2.15.1\",\"max_payload\":1024}\r\n";

/// `openssl s_server`, for one connection.
struct OpenSsl {
    server: Child,
    port: u16,
}

impl OpenSsl {
    async fn start(certificate: &Certificate, chain: Option<&Path>, arguments: &[&str]) -> Self {
        let port = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap().port()
        };
        let mut command = Command::new("openssl");
        command.args(["s_server", "-naccept", "1", "-tls1_3", "-accept"]);
        command.arg(format!("127.0.0.1:{port}"));
        command.arg("-cert").arg(&certificate.path).arg("-key").arg(&certificate.key_path);
        if let Some(chain) = chain {
            command.arg("-cert_chain").arg(chain);
        }
        command.args(arguments).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut server = command.spawn().expect("openssl is needed");
        let mut line = Vec::new();
        let output = server.stdout.as_mut().unwrap();
        while !line.ends_with(b"ACCEPT\n") {
            line.push(output.read_u8().await.expect("openssl does not accept"));
        }
        Self { server, port }
    }

    /// Accepts every client, and answers every PING.
    async fn welcome(&mut self) {
        let input = self.server.stdin.as_mut().unwrap();
        input.write_all(INFO).await.unwrap();
        input.flush().await.unwrap();
        let output = self.server.stdout.as_mut().unwrap();
        let mut said = Vec::new();
        while let Ok(byte) = output.read_u8().await {
            said.push(byte);
            if said.ends_with(b"PING\r\n") {
                // What begins with a P is a command.
                input.write_all(b"+OK\r\nPONG\r\n").await.unwrap();
                input.flush().await.unwrap();
            }
        }
    }
}

/// What becomes of a connection to a server with this certificate.
async fn connect(
    issuers: &[u8],
    name: Option<&str>,
    certificate: &Certificate,
    chain: Option<&Path>,
    arguments: &[&str],
) -> Result<(), TlsError> {
    let mut server = OpenSsl::start(certificate, chain, arguments).await;
    let url = format!("tls://127.0.0.1:{}", server.port);
    let session = SESSION.tls(Tls::First);
    let mut memory = Memory::new();
    let mut connector =
        TlsConnector::new(Network, issuers, Now, entropy, &mut memory).on_error(keep);
    if let Some(name) = name {
        connector = connector.server_name(name);
    }
    let device = run(&url, session, connector, async |client| client.next_event().await.unwrap());
    let welcome = async {
        server.welcome().await;
        std::future::pending::<()>().await;
    };
    match embassy_futures::select::select(device, welcome).await {
        embassy_futures::select::Either::First(Event::Connected) => Ok(()),
        _ => Err(take_errors()[0]),
    }
}

fn rsa(bits: u32) -> KeyPair {
    made(&["RSA", "-pkeyopt", &format!("rsa_keygen_bits:{bits}")])
}

fn made(algorithm: &[&str]) -> KeyPair {
    let made = std::process::Command::new("openssl")
        .args(["genpkey", "-algorithm"])
        .args(algorithm)
        .stderr(Stdio::null())
        .output()
        .expect("openssl is needed");
    KeyPair::from_pem(&String::from_utf8(made.stdout).unwrap()).unwrap()
}

fn p256() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()
}

fn p384() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap()
}

/// Sends all that it has, in this order.
async fn with(root: KeyPair, between: KeyPair, own: KeyPair) -> Result<(), TlsError> {
    let root = Authority::of_key(root);
    let between = root.subordinate("between", between);
    let own = between.sign_key("127.0.0.1", own, |_| {});
    let sent = root.path().with_file_name("sent.pem");
    std::fs::write(&sent, format!("{}{}", root.pem(), between.pem())).unwrap();
    connect(&der(root.pem()), None, &own, Some(&sent), &[]).await
}

#[tokio::test]
async fn elliptic_curves() {
    assert_eq!(with(p256(), p256(), p256()).await, Ok(()));
    assert_eq!(with(p384(), p384(), p384()).await, Ok(()));
    assert_eq!(with(p256(), p384(), p256()).await, Ok(()));
    assert_eq!(with(p384(), p256(), p384()).await, Ok(()));
}

#[tokio::test]
async fn rsa_of_all_lengths() {
    assert_eq!(with(rsa(2048), rsa(3072), rsa(2048)).await, Ok(()));
    assert_eq!(with(rsa(4096), p256(), rsa(4096)).await, Ok(()));
    assert_eq!(with(p384(), rsa(2048), p256()).await, Ok(()));
}

#[tokio::test]
async fn rsa_with_any_hash() {
    let root = Authority::of_key(rsa(2048));
    let own = root.sign_key("127.0.0.1", rsa(3072), |_| {});
    for scheme in ["rsa_pss_rsae_sha256", "rsa_pss_rsae_sha384", "rsa_pss_rsae_sha512"] {
        let result = connect(&der(root.pem()), None, &own, None, &["-sigalgs", scheme]).await;
        assert_eq!(result, Ok(()), "{scheme}");
    }
}

#[tokio::test]
async fn what_is_not_supported() {
    let key = made(&["ED25519"]);
    let root = Authority::new();
    let own = root.sign_key("127.0.0.1", key, |_| {});
    let error = CertificateError::UnsupportedKey(Algorithm::EdDsa);
    let error = Err(TlsError::Certificate { index: 0, error });
    assert_eq!(connect(&der(root.pem()), None, &own, None, &[]).await, error);
    // Nothing in common.
    let own = root.sign_key("127.0.0.1", p256(), |_| {});
    let result = connect(&der(root.pem()), None, &own, None, &["-groups", "X25519"]).await;
    assert_eq!(result, Err(TlsError::Alert(40)));
    let arguments = ["-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"];
    assert_eq!(
        connect(&der(root.pem()), None, &own, None, &arguments).await,
        Err(TlsError::Alert(40))
    );
}

/// The commands of nats-embassy's README, as they stand there.
#[tokio::test]
async fn as_the_readme_says() {
    let readme = include_str!("../../../nats-embassy/README.md");
    let commands =
        readme.split("```sh\n").skip(1).find(|text| text.contains("openssl x509")).unwrap();
    let commands = commands.split("```").next().unwrap();
    let root = Authority::new();
    let folder = root.path().with_file_name("readme");
    std::fs::create_dir_all(&folder).unwrap();
    let mut shell = Command::new("bash");
    shell.args(["-euc", commands]).current_dir(&folder).stderr(Stdio::null());
    assert!(shell.status().await.unwrap().success());
    let own = Certificate { path: folder.join("leaf.pem"), key_path: folder.join("leaf.key") };
    let chain = folder.join("chain.pem");
    let issuer = std::fs::read(folder.join("root.der")).unwrap();
    for name in ["leaf.example.com", "a.site.example.com", "192.0.2.7", "2001:db8::7"] {
        let result = connect(&issuer, Some(name), &own, Some(&chain), &[]).await;
        assert_eq!(result, Ok(()), "{name}");
    }
    let error = CertificateError::WrongName;
    let error = Err(TlsError::Certificate { index: 0, error });
    assert_eq!(connect(&issuer, None, &own, Some(&chain), &[]).await, error);
}
