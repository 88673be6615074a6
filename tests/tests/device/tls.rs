use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use nats_embassy::ClientCertificate;
use nats_embassy::DisconnectReason;
use nats_embassy::Event;
use nats_embassy::NoClock;
use nats_embassy::Tls;
use nats_embassy::TlsClock;
use nats_embassy::TlsConnector;
use nats_embassy::TlsMemory;
use nats_tests::NatsServer;
use nats_tests::certificates::Authority;
use nats_tokio::ConnectOptions;

use crate::SESSION;
use crate::first_event;
use crate::network::Network;
use crate::network::Stack;
use crate::run;
use crate::talk;

pub(crate) type Memory = TlsMemory<16_640, 1024>;

pub(crate) const NO_TLS: Event = Event::ConnectFailed(DisconnectReason::Tls);

pub(crate) struct Now;

impl TlsClock for Now {
    fn now() -> Option<u64> {
        Some(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs())
    }
}

struct Unset;

impl TlsClock for Unset {
    fn now() -> Option<u64> {
        None
    }
}

pub(crate) fn entropy(memory: &mut [u8]) {
    getrandom::fill(memory).unwrap();
}

pub(crate) fn url(server: &NatsServer) -> String {
    format!("nats://localhost:{}", server.port())
}

/// What is between the lines of a PEM file.
pub(crate) fn der(pem: &str) -> Vec<u8> {
    let text: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    data_encoding::BASE64.decode(text.as_bytes()).unwrap()
}

async fn hub(server: &NatsServer, authority: &Authority) -> nats_tokio::Client {
    let options = ConnectOptions::new().root_certificates(authority.path());
    options.connect(url(server)).await.unwrap()
}

/// Whether a device gets a connection.
async fn connects<T: TlsClock>(url: &str, issuer: &[u8], clock: T) -> bool {
    let mut memory = Memory::new();
    let connector = TlsConnector::new(Network, issuer, clock, entropy, &mut memory);
    match first_event(url, connector).await {
        Event::Connected => true,
        event => {
            assert_eq!(event, NO_TLS);
            false
        }
    }
}

#[tokio::test]
async fn both_ways_at_once() {
    let authority = Authority::new();
    let config = authority.sign_server().config("");
    let server = NatsServer::start(&format!("{config}\ndebug: true"));
    let hub = hub(&server, &authority).await;
    let issuer = der(authority.pem());
    let mut memory = Memory::new();
    let connector = TlsConnector::new(Network, &issuer, Now, entropy, &mut memory);
    talk(&url(&server), SESSION, connector, &hub).await;
    // Over a network that reads or writes.
    let stack = nats_embassy::NalConnector::new(Stack, nats_embassy::NoDns);
    let connector =
        TlsConnector::new(stack, &issuer, Now, entropy, &mut memory).server_name("localhost");
    talk(&server.url(), SESSION, connector, &hub).await;
    // Both of them said goodbye.
    while server.log().matches("connection closed: Client Closed").count() < 2 {
        assert!(!server.log().contains("Read Error"), "{}", server.log());
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn first_of_all() {
    let authority = Authority::new();
    let server = NatsServer::start(&authority.sign_server().config("handshake_first: true"));
    let issuer = der(authority.pem());
    let mut memory = Memory::new();
    let connector = TlsConnector::new(Network, &issuer, Now, entropy, &mut memory);
    let session = SESSION.tls(Tls::First);
    let options = ConnectOptions::new().root_certificates(authority.path()).tls_first();
    let hub = options.connect(url(&server)).await.unwrap();
    talk(&url(&server), session, connector, &hub).await;
}

#[tokio::test]
async fn without_tls_and_again_with_it() {
    let authority = Authority::new();
    let plain = NatsServer::start("");
    let issuer = der(authority.pem());
    let mut memory = Memory::new();
    let connector = TlsConnector::new(Network, &issuer, Now, entropy, &mut memory);
    let port = plain.port();
    let server = url(&plain);
    run(&server, SESSION, connector, async |client| {
        client.connected().await.unwrap();
        drop(plain);
        let config = authority.sign_server().config("");
        for connections in 2..5 {
            let _secure = NatsServer::start_on(Some(port), &config);
            while client.statistics().connects < connections || client.flush().await.is_err() {
                client.next_event().await.unwrap();
            }
        }
    })
    .await;
}

#[tokio::test]
async fn whose_certificates_do() {
    let authority = Authority::new();
    let issuer = der(authority.pem());
    let server = NatsServer::start(&authority.sign_server().config(""));
    let url = url(&server);
    assert!(connects(&url, &issuer, Now).await);
    assert!(connects(&url, &issuer, NoClock).await);
    // The clock has no time.
    assert!(!connects(&url, &issuer, Unset).await);
    // Somebody else's signature.
    assert!(!connects(&url, &der(Authority::new().pem()), Now).await);
    // Its address.
    assert!(connects(&server.url(), &issuer, Now).await);
    // Not its address.
    let nameless = NatsServer::start(&authority.sign("localhost").config(""));
    assert!(connects(&crate::tls::url(&nameless), &issuer, Now).await);
    assert!(!connects(&nameless.url(), &issuer, Now).await);

    let expired = authority.sign_with("localhost", |params| {
        params.not_before = rcgen::date_time_ymd(2019, 1, 1);
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    });
    let server = NatsServer::start(&expired.config(""));
    assert!(!connects(&crate::tls::url(&server), &issuer, Now).await);
    assert!(connects(&crate::tls::url(&server), &issuer, NoClock).await);
}

#[tokio::test]
async fn whoever_was_signed_does_not_sign() {
    let authority = Authority::new();
    let impostor = authority.impostor();
    let forged = impostor.sign_server();
    let chain = std::fs::read_to_string(&forged.path).unwrap() + impostor.pem();
    std::fs::write(&forged.path, chain).unwrap();
    let server = NatsServer::start(&forged.config(""));
    assert!(!connects(&url(&server), &der(authority.pem()), Now).await);
    // Who trusts it all the same says so.
    assert!(connects(&url(&server), &der(impostor.pem()), Now).await);
}

#[tokio::test]
async fn with_a_certificate_of_ours() {
    let authority = Authority::new();
    let config = format!("ca_file: {:?}\n verify: true", authority.path());
    let server = NatsServer::start(&authority.sign_server().config(&config));
    let ours = authority.sign("client.example");
    let read = |path| std::fs::read_to_string(path).unwrap();
    let certificate = der(&read(&ours.path));
    // The key in its envelope: 36 bytes around it are not part of it.
    let envelope = der(&read(&ours.key_path));
    let start = envelope.windows(2).rposition(|bytes| bytes == [0x30, 0x6b]).unwrap();
    let key = &envelope[start..];
    let issuer = der(authority.pem());
    let mut memory = Memory::new();
    let connector = TlsConnector::new(Network, &issuer, Now, entropy, &mut memory);
    let connector = connector.client_certificate(ClientCertificate::new(&certificate, key));
    assert_eq!(first_event(&url(&server), connector).await, Event::Connected);

    // Without one, the server ends it, once it has seen that there is none.
    let mut memory = Memory::new();
    let connector = TlsConnector::new(Network, &issuer, Now, entropy, &mut memory);
    let event = first_event(&url(&server), connector).await;
    assert!(matches!(event, Event::ConnectFailed(_)), "{event:?}");
}

#[tokio::test]
async fn too_little_memory_ends_the_connection_and_nothing_else() {
    let authority = Authority::new();
    let server = NatsServer::start(&authority.sign_server().config(""));
    let hub = hub(&server, &authority).await;
    let issuer = der(authority.pem());
    // The handshake fits.
    let mut memory = TlsMemory::<1024, 1024>::new();
    let connector = TlsConnector::new(Network, &issuer, Now, entropy, &mut memory);
    run(&url(&server), SESSION, connector, async |client| {
        let _all = client.subscribe("long", nats_embassy::PendingLimits::drop_oldest(1)).unwrap();
        client.flush().await.unwrap();
        hub.publish("long", vec![0; 100_000]).await.unwrap();
        while client.next_event().await != Some(Event::Disconnected(DisconnectReason::Io)) {}
        while client.next_event().await != Some(Event::Reconnected) {}
        client.flush().await.unwrap();
    })
    .await;
}
