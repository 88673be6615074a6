//! A server of TLS 1.3 that does its part of the handshake, and does not prove who it is.

use aes_gcm::AeadInPlace;
use aes_gcm::Aes128Gcm;
use aes_gcm::KeyInit;
use hkdf::Hkdf;
use nats_embassy::DisconnectReason;
use nats_embassy::Event;
use nats_embassy::NoClock;
use nats_embassy::TlsConnector;
use nats_embassy::TlsMemory;
use nats_tests::certificates::Authority;
use p256::PublicKey;
use p256::ecdh::EphemeralSecret;
use p256::elliptic_curve::sec1::ToEncodedPoint;
use sha2::Digest;
use sha2::Sha256;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;

use crate::first_event;
use crate::network::Network;
use crate::tls::der;
use crate::tls::entropy;

const INFO: &[u8] = b"INFO {\"server_id\":\"T\",\"version\":\"2.15.1\",\"tls_required\":true}\r\n";
/// Of a handshake's messages, by RFC 8446.
const SERVER_HELLO: u8 = 2;
const ENCRYPTED_EXTENSIONS: u8 = 8;
const CERTIFICATE: u8 = 11;
const CERTIFICATE_VERIFY: u8 = 15;
const FINISHED: u8 = 20;

/// What it says between its extensions and its last word.
enum Proof {
    None,
    /// Somebody else's certificate, and nothing that is signed with its key.
    Certificate(Vec<u8>),
    /// A signature, and nothing that tells by whom.
    Signature,
    /// An encrypted record without anything in it.
    Nothing,
}

#[tokio::test]
async fn no_certificate() {
    // `embedded-tls` goes on to the end of the handshake.
    assert!(handshake_ends(Proof::None).await);
}

#[tokio::test]
async fn no_key() {
    let authority = Authority::new();
    let genuine = std::fs::read_to_string(authority.sign_server().path).unwrap();
    assert!(deceive(Proof::Certificate(der(&genuine)), &authority).await);
}

#[tokio::test]
async fn a_signature_alone() {
    assert!(!handshake_ends(Proof::Signature).await);
}

#[tokio::test]
async fn an_empty_record() {
    assert!(!handshake_ends(Proof::Nothing).await);
}

async fn handshake_ends(proof: Proof) -> bool {
    deceive(proof, &Authority::new()).await
}

/// Has a device connect to an impostor: it must not log in. Says whether it ended the handshake.
async fn deceive(proof: Proof, authority: &Authority) -> bool {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("nats://localhost:{}", listener.local_addr().unwrap().port());
    let issuer = der(authority.pem());
    let mut memory = TlsMemory::<16_640, 1024>::new();
    let connector = TlsConnector::new(Network, &issuer, NoClock, entropy, &mut memory);
    let serve = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        shake_hands(&mut socket, &proof).await;
        let mut answer = Vec::new();
        // It may be cut off.
        let _ = socket.read_to_end(&mut answer).await;
        // At most the one record with which a client ends its part.
        let end = 5 + ENCRYPTED_FINISHED;
        assert!(answer.is_empty() || answer.len() == end, "{} bytes", answer.len());
        !answer.is_empty()
    };
    let device = first_event(&url, connector);
    let (event, has_ended) = embassy_futures::join::join(device, serve).await;
    assert_eq!(event, Event::ConnectFailed(DisconnectReason::Tls));
    has_ended
}

/// Its head, the hash, what it is, and the proof of that.
const ENCRYPTED_FINISHED: usize = 4 + 32 + 1 + 16;

async fn shake_hands(socket: &mut TcpStream, proof: &Proof) {
    socket.write_all(INFO).await.unwrap();
    let hello = read_record(socket).await;
    let secret = EphemeralSecret::random(&mut rand_core::OsRng);
    let (session, share) = parts(&hello);
    let shared = secret.diffie_hellman(&PublicKey::from_sec1_bytes(share).unwrap());

    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.push(u8::try_from(session.len()).unwrap());
    body.extend(session);
    body.extend([0x13, 0x01, 0]);
    let mut extensions = vec![0, 43, 0, 2, 3, 4, 0, 51, 0, 69, 0, 0x17, 0, 65];
    extensions.extend_from_slice(secret.public_key().to_encoded_point(false).as_bytes());
    body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
    body.extend(extensions);
    let server_hello = message(SERVER_HELLO, &body);
    let mut transcript = Sha256::new().chain_update(&hello).chain_update(&server_hello);
    write_record(socket, 22, &server_hello).await;

    let (early, _) = Hkdf::<Sha256>::extract(None, &[0; 32]);
    let derived = expand(&early, "derived", &Sha256::digest([]), 32);
    let (handshake, _) = Hkdf::<Sha256>::extract(Some(&derived), shared.raw_secret_bytes());
    let traffic = expand(&handshake, "s hs traffic", &transcript.clone().finalize(), 32);

    let mut said = message(ENCRYPTED_EXTENSIONS, &[0, 0]);
    match proof {
        Proof::None | Proof::Nothing => {}
        Proof::Certificate(certificate) => {
            let mut entry = length(certificate.len()).to_vec();
            entry.extend(certificate);
            entry.extend([0, 0]);
            let mut body = vec![0];
            body.extend(length(entry.len()));
            body.extend(entry);
            said.extend(message(CERTIFICATE, &body));
        }
        Proof::Signature => said.extend(message(CERTIFICATE_VERIFY, &[4, 3, 0, 2, 0x30, 0])),
    }
    transcript.update(&said);
    let finished = expand(&traffic, "finished", &[], 32);
    // Which is what extracting is: HMAC.
    let (hash, _) = Hkdf::<Sha256>::extract(Some(&finished), &transcript.finalize());
    said.extend(message(FINISHED, &hash));
    said.push(22);
    if matches!(proof, Proof::Nothing) {
        said.clear();
    }

    let cipher = Aes128Gcm::new_from_slice(&expand(&traffic, "key", &[], 16)).unwrap();
    let len = u16::try_from(said.len() + 16).unwrap().to_be_bytes();
    let nonce = expand(&traffic, "iv", &[], 12);
    let header = [23, 3, 3, len[0], len[1]];
    let tag = cipher.encrypt_in_place_detached(nonce.as_slice().into(), &header, &mut said);
    said.extend(tag.unwrap());
    write_record(socket, 23, &said).await;
}

async fn read_record(socket: &mut TcpStream) -> Vec<u8> {
    let mut header = [0; 5];
    socket.read_exact(&mut header).await.unwrap();
    let mut body = vec![0; u16::from_be_bytes([header[3], header[4]]).into()];
    socket.read_exact(&mut body).await.unwrap();
    body
}

async fn write_record(socket: &mut TcpStream, what: u8, body: &[u8]) {
    let len = u16::try_from(body.len()).unwrap().to_be_bytes();
    let record = [&[what, 3, 3, len[0], len[1]], body].concat();
    socket.write_all(&record).await.unwrap();
}

fn message(what: u8, body: &[u8]) -> Vec<u8> {
    [&[what], length(body.len()).as_slice(), body].concat()
}

fn length(len: usize) -> [u8; 3] {
    let [.., a, b, c] = u32::try_from(len).unwrap().to_be_bytes();
    [a, b, c]
}

/// HKDF-Expand-Label.
fn expand(secret: &[u8], label: &str, context: &[u8], len: u8) -> Vec<u8> {
    let label = format!("tls13 {label}");
    let mut info = vec![0, len, u8::try_from(label.len()).unwrap()];
    info.extend(label.bytes());
    info.push(u8::try_from(context.len()).unwrap());
    info.extend(context);
    let mut out = vec![0; len.into()];
    Hkdf::<Sha256>::from_prk(secret).unwrap().expand(&info, &mut out).unwrap();
    out
}

/// The session's name and the key share in a client's hello.
fn parts(hello: &[u8]) -> (&[u8], &[u8]) {
    let (session, rest) = split(&hello[4 + 2 + 32..], 1);
    let (_, rest) = split(rest, 2);
    let (_, rest) = split(rest, 1);
    let (mut extensions, _) = split(rest, 2);
    while !extensions.is_empty() {
        let (body, rest) = split(&extensions[2..], 2);
        if extensions.starts_with(&[0, 51]) {
            // The list, the group, the key.
            return (session, split(&body[4..], 2).0);
        }
        extensions = rest;
    }
    panic!("no key share");
}

/// What has its length in front, and what comes behind.
fn split(bytes: &[u8], width: usize) -> (&[u8], &[u8]) {
    let (len, rest) = bytes.split_at(width);
    rest.split_at(len.iter().fold(0, |len, byte| len << 8 | usize::from(*byte)))
}
