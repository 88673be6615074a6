use std::sync::Arc;
use std::time::Duration;

use nats_tests::NatsServer;
use nats_tests::version;
use nats_tokio::Backoff;
use nats_tokio::Client;
use nats_tokio::ConnectError;
use nats_tokio::ConnectOptions;
use nats_tokio::Event;
use nats_tokio::TlsError;
use nats_tokio::rustls;

use crate::chain;
use crate::soon;
use nats_tests::certificates::Authority;

/// Sends something to itself.
async fn use_it(client: &Client) {
    let mut subscriber = client.subscribe("echo").await.unwrap();
    client.publish("echo", vec![b'x'; 200_000]).await.unwrap();
    assert_eq!(soon(subscriber.next()).await.unwrap().payload().len(), 200_000);
    drop(subscriber);
    soon(client.drain()).await.unwrap();
}

async fn fails(options: ConnectOptions, url: &str) -> ConnectError {
    soon(options.connect(url)).await.expect_err(url)
}

async fn fails_with(options: ConnectOptions, url: &str, text: &str) {
    let error = fails(options, url).await;
    assert!(matches!(error, ConnectError::Tls(_)), "{error}");
    assert!(chain(&error).contains(text), "{error}");
}

#[tokio::test]
async fn because_the_server_the_address_or_the_options_say_so() {
    let authority = Authority::new();
    let server = NatsServer::start(&authority.sign_server().config(""));
    let port = server.port();
    let by_file = || ConnectOptions::new().root_certificates(authority.path());
    let by_text =
        || ConnectOptions::new().no_platform_roots().root_certificates_pem(authority.pem());
    for (options, url) in [
        (by_file(), format!("nats://localhost:{port}")),
        (by_text(), format!("tls://localhost:{port}")),
        (by_file().require_tls(), format!("localhost:{port}")),
        (by_text(), format!("tls://127.0.0.1:{port}")),
    ] {
        use_it(&soon(options.connect(url)).await.unwrap()).await;
    }
}

#[tokio::test]
async fn first_of_all() {
    if version() < (2, 10, 0) {
        return;
    }
    let authority = Authority::new();
    let server = NatsServer::start(&authority.sign_server().config("handshake_first: true"));
    let options = || ConnectOptions::new().root_certificates(authority.path());
    let url = format!("localhost:{}", server.port());
    use_it(&soon(options().tls_first().connect(&url)).await.unwrap()).await;
    assert!(matches!(fails(options(), &url).await, ConnectError::NoInfo));

    // The other way round, the server says INFO when TLS is expected of it.
    let server = NatsServer::start(&authority.sign_server().config(""));
    let url = format!("localhost:{}", server.port());
    assert!(matches!(fails(options().tls_first(), &url).await, ConnectError::Tls(_)));
}

#[tokio::test]
async fn with_a_certificate_of_ours() {
    let authority = Authority::new();
    let config = format!("ca_file: {:?}\n verify: true", authority.path());
    let server = NatsServer::start(&authority.sign_server().config(&config));
    let url = format!("tls://localhost:{}", server.port());
    let options = || ConnectOptions::new().root_certificates(authority.path());
    let ours = authority.sign("client");
    let by_file = options().client_certificate(&ours.path, &ours.key_path);
    use_it(&soon(by_file.connect(&url)).await.unwrap()).await;
    let read = |path| std::fs::read(path).unwrap();
    let by_text = options().client_certificate_pem(read(&ours.path), read(&ours.key_path));
    use_it(&soon(by_text.connect(&url)).await.unwrap()).await;

    // None, and one that the server does not know.
    let other = Authority::new();
    let others = other.sign("client");
    for options in [options(), options().client_certificate(&others.path, &others.key_path)] {
        let error = fails(options, &url).await;
        assert!(matches!(error, ConnectError::Tls(_)), "{error:?}");
    }
}

#[tokio::test]
async fn the_certificate_says_who_we_are() {
    let authority = Authority::new();
    let tls = format!("ca_file: {:?}\n verify_and_map: true", authority.path());
    let users = "authorization { users = [ { user: \"client.example\" } ] }";
    let server = NatsServer::start(&format!("{}\n{users}", authority.sign_server().config(&tls)));
    let url = format!("tls://localhost:{}", server.port());
    let connect = |name: &str| {
        let ours = authority.sign(name);
        ConnectOptions::new()
            .root_certificates(authority.path())
            .client_certificate(ours.path, ours.key_path)
    };
    use_it(&soon(connect("client.example").connect(&url)).await.unwrap()).await;
    let error = fails(connect("stranger.example"), &url).await;
    assert!(matches!(error, ConnectError::Refused { .. }), "{error}");
}

#[tokio::test]
async fn certificates_that_do_not_do() {
    let authority = Authority::new();
    let server = NatsServer::start(&authority.sign("a.example").config(""));
    let url = format!("localhost:{}", server.port());
    let known = || ConnectOptions::new().root_certificates(authority.path());
    fails_with(known(), &url, "not valid for name").await;
    fails_with(known(), &url.replace("localhost", "127.0.0.1"), "not valid for name").await;

    let server = NatsServer::start(&authority.sign_server().config(""));
    let url = format!("localhost:{}", server.port());
    fails_with(ConnectOptions::new(), &url, "UnknownIssuer").await;
    let other = Authority::new();
    let unknown = ConnectOptions::new().no_platform_roots().root_certificates(other.path());
    fails_with(unknown, &url, "certificate").await;

    let expired = authority.sign_with("localhost", |params| {
        params.not_before = rcgen::date_time_ymd(2019, 1, 1);
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    });
    let server = NatsServer::start(&expired.config(""));
    fails_with(known(), &format!("localhost:{}", server.port()), "expired").await;
}

#[tokio::test]
async fn files_are_read_when_connecting() {
    let authority = Authority::new();
    let server = NatsServer::start(&authority.sign_server().config(""));
    let url = format!("localhost:{}", server.port());
    let path = authority.path();
    let options = || ConnectOptions::new().no_platform_roots().root_certificates(&path);
    let before = options();
    std::fs::remove_file(&path).unwrap();
    let error = fails(before.clone(), &url).await;
    let ConnectError::Tls(error) = error else { panic!("{error}") };
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    assert!(matches!(inner, Some(TlsError::Unreadable { path: which, .. }) if *which == path));
    std::fs::write(&path, "no certificate").unwrap();
    fails_with(before.clone(), &url, "there is none").await;
    std::fs::write(&path, authority.pem()).unwrap();
    use_it(&soon(before.connect(&url)).await.unwrap()).await;
}

#[tokio::test]
async fn a_ready_configuration_is_used_as_it_is() {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;

    let authority = Authority::new();
    let server = NatsServer::start(&authority.sign_server().config(""));
    let url = format!("localhost:{}", server.port());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        let options = ConnectOptions::new().tls_config(Arc::new(config));
        // Not even looked at.
        let options = options.root_certificates("/no/such/file");
        use_it(&soon(options.connect(&url)).await.unwrap()).await;
    }
}

#[tokio::test]
async fn a_server_without_tls_learns_nothing() {
    let server = NatsServer::start("trace: true\ndebug: true");
    let plain = format!("user:password@localhost:{}", server.port());
    for (options, url) in [
        (ConnectOptions::new().require_tls(), plain.clone()),
        (ConnectOptions::new(), format!("tls://{plain}")),
    ] {
        let error = fails(options, &url).await;
        assert!(matches!(error, ConnectError::TlsUnavailable), "{error}");
    }
    let error = fails(ConnectOptions::new().tls_first(), &plain).await;
    assert!(matches!(error, ConnectError::Tls(_)), "{error}");
    // What the server has from others is in its log before what it has from this one.
    let client = soon(ConnectOptions::new().name("known").connect(server.url())).await.unwrap();
    let log = server.log();
    assert_eq!(log.matches("<<- [CONNECT").count(), 1, "{log}");
    assert!(log.contains("known") && !log.contains("password"), "{log}");
    drop(client);
}

#[tokio::test]
async fn tls_that_is_only_offered() {
    let authority = Authority::new();
    let config = authority.sign_server().config("");
    let server = NatsServer::start(&format!("{config}\nallow_non_tls: true"));
    let url = format!("localhost:{}", server.port());
    use_it(&soon(nats_tokio::connect(&url)).await.unwrap()).await;
    let options = || ConnectOptions::new().root_certificates(authority.path());
    use_it(&soon(options().require_tls().connect(&url)).await.unwrap()).await;
    use_it(&soon(options().connect(format!("tls://{url}"))).await.unwrap()).await;
}

#[tokio::test]
async fn renewed_certificates_are_used_when_connecting_again() {
    let (before, after) = (Authority::new(), Authority::new());
    let server = NatsServer::start(&before.sign_server().config(""));
    let port = server.port();
    let options = ConnectOptions::new()
        .no_platform_roots()
        .root_certificates(before.path())
        .backoff(Backoff::Exponential {
            min: Duration::from_millis(10),
            max: Duration::from_millis(100),
        });
    let client = soon(options.connect(format!("tls://localhost:{port}"))).await.unwrap();
    let mut events = client.events();
    let mut subscriber = client.subscribe("echo").await.unwrap();
    drop(server);
    let _server = NatsServer::start_on(Some(port), &after.sign_server().config(""));
    std::fs::write(before.path(), after.pem()).unwrap();
    soon(async { while !matches!(events.next().await, Some(Event::Resubscribed)) {} }).await;
    client.publish("echo", "again").await.unwrap();
    assert_eq!(soon(subscriber.next()).await.unwrap().payload(), b"again");
}
