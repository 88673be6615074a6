use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use nats_proto::nkeys::KeyPair;
use nats_tests::NatsServer;
use nats_tests::jwt;
use nats_tests::jwt::STRANGER;
use nats_tests::jwt::USER;
use nats_tokio::Auth;
use nats_tokio::AuthError;
use nats_tokio::Client;
use nats_tokio::CloseReason;
use nats_tokio::ConnectError;
use nats_tokio::ConnectOptions;
use nats_tokio::CredentialsError;
use nats_tokio::DisconnectReason;
use nats_tokio::ErrorKind;
use nats_tokio::Event;
use nats_tokio::NkeyError;
use nats_tokio::PublishError;
use serde_json::json;

use crate::soon;

async fn connect(server: &NatsServer, options: ConnectOptions) -> Result<Client, ConnectError> {
    soon(options.connect(server.url())).await
}

async fn assert_refused(server: &NatsServer, options: ConnectOptions) {
    match connect(server, options).await {
        Err(ConnectError::Refused { kind: ErrorKind::AuthorizationViolation, .. }) => {}
        other => panic!("{other:?}"),
    }
}

/// A message to itself.
async fn assert_works(client: &Client) {
    let mut subscriber = client.subscribe("open.a").await.unwrap();
    client.publish("open.a", "x").await.unwrap();
    assert_eq!(soon(subscriber.next()).await.unwrap().payload(), b"x");
}

type Signature = Result<[u8; 64], Box<dyn Error + Send + Sync>>;

/// Signs with the key of `seed`, after a while.
fn signer(
    seed: &'static str,
) -> impl Fn(Vec<u8>) -> std::pin::Pin<Box<dyn Future<Output = Signature> + Send>> {
    move |nonce| {
        Box::pin(async move {
            tokio::task::yield_now().await;
            Ok(KeyPair::from_seed(seed)?.sign(&nonce))
        })
    }
}

fn options() -> ConnectOptions {
    ConnectOptions::new()
}

#[tokio::test]
async fn nkeys_of_users() {
    let public = jwt::public_key(USER);
    let config = format!("authorization {{ users: [ {{ nkey: {public} }} ] }}");
    let server = NatsServer::start(&config);
    for options in [
        options().nkey(USER),
        options().nkey(format!("{USER}\n")),
        options().credentials(USER),
        options().nkey_with(&public, signer(USER)),
        options().auth_callback(|challenge| async move {
            assert!(challenge.auth_required && !challenge.nonce.is_empty());
            Ok(Auth::nkey(USER)?)
        }),
    ] {
        assert_works(&connect(&server, options).await.unwrap()).await;
    }
    assert_refused(&server, options()).await;
    assert_refused(&server, options().nkey(STRANGER)).await;
    assert_refused(&server, options().nkey_with(&public, signer(STRANGER))).await;
    assert_refused(&server, options().token("t0k3n")).await;

    // One letter is mistyped.
    let mistyped = connect(&server, options().nkey(USER.replace("SUAP2", "SUAQ2"))).await;
    match mistyped {
        Err(ConnectError::InvalidCredentials(CredentialsError::Seed(NkeyError::Checksum))) => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn jwts_of_users() {
    let server = NatsServer::start(&jwt::server_config());
    let token = jwt::user(USER, None, &json!({}));
    let text = jwt::credentials(&token, USER);
    let file = std::env::temp_dir().join(format!("nats-tests-{}.creds", std::process::id()));
    std::fs::write(&file, &text).unwrap();
    for options in [
        options().credentials(&text),
        options().credentials(text.replace('\n', "\r\n")),
        options().credentials_file(&file),
        options().jwt(&token, signer(USER)),
        options().auth_callback(move |_| {
            let text = text.clone();
            async move { Ok(Auth::credentials(&text)?) }
        }),
    ] {
        assert_works(&connect(&server, options).await.unwrap()).await;
    }
    std::fs::remove_file(&file).unwrap();
    match connect(&server, options().credentials_file(&file)).await {
        Err(ConnectError::Auth(AuthError::File(_))) => {}
        other => panic!("{other:?}"),
    }
    assert_refused(&server, options()).await;
    assert_refused(&server, options().nkey(USER)).await;
    // Somebody else's key, and no key.
    assert_refused(&server, options().credentials(jwt::credentials(&token, STRANGER))).await;
    assert_refused(&server, options().jwt(&token, signer(STRANGER))).await;
    assert_refused(&server, options().credentials(&token)).await;
}

#[tokio::test]
async fn a_bearer_needs_no_key() {
    let server = NatsServer::start(&jwt::server_config());
    let token = jwt::user(USER, None, &json!({ "bearer_token": true }));
    assert_works(&connect(&server, options().credentials(&token)).await.unwrap()).await;
    let signed = options().credentials(jwt::credentials(&token, USER));
    assert_works(&connect(&server, signed).await.unwrap()).await;
}

#[tokio::test]
async fn permissions_in_a_jwt() {
    let server = NatsServer::start(&jwt::server_config());
    let allowed = json!({ "allow": ["open.>"] });
    let token = jwt::user(USER, None, &json!({ "pub": allowed, "sub": allowed }));
    let options = options().credentials(jwt::credentials(&token, USER));
    let client = connect(&server, options).await.unwrap();
    let mut events = client.events();
    let _shut = client.subscribe("shut").await.unwrap();
    match soon(events.next()).await {
        Some(Event::ServerError { kind: ErrorKind::PermissionsViolation, text, .. }) => {
            assert_eq!(text, "Permissions Violation for Subscription to \"shut\"");
        }
        other => panic!("{other:?}"),
    }
    assert_works(&client).await;
}

#[tokio::test]
async fn a_jwt_that_expires() {
    let server = NatsServer::start(&jwt::server_config());
    let token = jwt::user(USER, Some(3), &json!({}));
    let text = jwt::credentials(&token, USER);
    let client = connect(&server, options().credentials(&text)).await.unwrap();
    assert_works(&client).await;
    let mut events = client.events();
    match soon(events.next()).await {
        Some(Event::Disconnected { reason, .. }) => {
            assert_eq!(reason, DisconnectReason::Server(ErrorKind::AuthenticationExpired));
        }
        other => panic!("{other:?}"),
    }
    // The same JWT does not help, and it is not tried forever.
    assert!(matches!(
        soon(client.closed()).await,
        CloseReason::Disconnected(_) | CloseReason::NoServers
    ));
    // Which of two things it says depends on the server's version.
    match connect(&server, options().credentials(&text)).await {
        Err(ConnectError::Refused {
            kind: ErrorKind::AuthenticationExpired | ErrorKind::AuthorizationViolation,
            ..
        }) => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_jwt_that_expires_is_replaced_by_whoever_decides() {
    let server = NatsServer::start(&jwt::server_config());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let options = options().auth_callback(move |_| {
        // The first one is good for a while, the next one forever.
        let expires = (count.fetch_add(1, Relaxed) == 0).then_some(2);
        let text = jwt::credentials(&jwt::user(USER, expires, &json!({})), USER);
        async move { Ok(Auth::credentials(&text)?) }
    });
    let client = connect(&server, options).await.unwrap();
    let mut subscriber = client.subscribe("still.here").await.unwrap();
    let mut events = client.events();
    soon(async { while events.next().await != Some(Event::Resubscribed) {} }).await;
    assert_eq!(asked.load(Relaxed), 2);
    client.publish("still.here", "yes").await.unwrap();
    assert_eq!(soon(subscriber.next()).await.unwrap().payload(), b"yes");
}

#[tokio::test]
async fn limits_of_a_user() {
    let server = NatsServer::start(&jwt::server_config());
    let claims = json!({ "subs": 2, "payload": 100 });
    let text = jwt::credentials(&jwt::user(USER, None, &claims), USER);
    let client = connect(&server, options().credentials(&text)).await.unwrap();
    let mut events = client.events();
    assert_eq!(client.max_payload(), 100, "in the INFO that follows the login");
    let error = client.publish("a", vec![0; 101]).await.unwrap_err();
    assert_eq!(error, PublishError::PayloadTooLarge { len: 101, max: 100 });
    let mut subscriptions = Vec::new();
    for _ in 0..3 {
        subscriptions.push(client.subscribe("a").await.unwrap());
    }
    client.flush().await.unwrap();
    let refused = soon(async {
        loop {
            if let Some(Event::ServerError { kind, .. }) = events.next().await {
                return kind;
            }
        }
    });
    assert_eq!(refused.await, ErrorKind::MaximumSubscriptions);
    client.publish("a", "1").await.unwrap();
    assert_eq!(soon(subscriptions[0].next()).await.unwrap().payload(), b"1");
}

#[tokio::test]
async fn a_file_that_was_replaced_is_what_the_next_connection_uses() {
    let server = NatsServer::start(&jwt::server_config());
    let file = std::env::temp_dir().join(format!("nats-tests-{}-new.creds", std::process::id()));
    let write = |expires| {
        let token = jwt::user(USER, expires, &json!({}));
        std::fs::write(&file, jwt::credentials(&token, USER)).unwrap();
    };
    write(Some(3));
    let client = connect(&server, options().credentials_file(&file)).await.unwrap();
    let mut events = client.events();
    write(None);
    loop {
        match soon(events.next()).await.unwrap() {
            Event::Reconnected { .. } => break,
            Event::Closed { reason, .. } => panic!("{reason}"),
            _ => {}
        }
    }
    assert_works(&client).await;
    std::fs::remove_file(&file).unwrap();
}

#[tokio::test]
async fn the_callback_decides_for_every_server() {
    let token = NatsServer::start("authorization { token: \"t0k3n\" }");
    let user = NatsServer::start("authorization { user: joe, password: \"s3cret\" }");
    let count = Arc::new(AtomicUsize::new(0));
    let asked = Arc::clone(&count);
    let address = user.url();
    let options = options().retain_servers_order().auth_callback(move |challenge| {
        asked.fetch_add(1, Relaxed);
        let is_users = challenge.server == address;
        async move {
            assert!(challenge.auth_required);
            let user = Auth::user_and_password("joe", "s3cret");
            Ok(if is_users { user } else { Auth::token("wrong") })
        }
    });
    let client = soon(options.connect([token.url(), user.url()])).await.unwrap();
    assert_works(&client).await;
    assert_eq!((client.server_info().address, count.load(Relaxed)), (user.url(), 2));
}

#[tokio::test]
async fn a_server_without_a_nonce_is_not_told_who_we_are() {
    let server = NatsServer::start("authorization { token: \"t0k3n\" }");
    let token = jwt::user(USER, None, &json!({}));
    for options in [
        options().nkey(USER),
        options().credentials(jwt::credentials(&token, USER)),
        options().jwt(&token, signer(USER)),
    ] {
        match connect(&server, options).await {
            Err(ConnectError::Auth(AuthError::NoNonce)) => {}
            other => panic!("{other:?}"),
        }
    }
}
