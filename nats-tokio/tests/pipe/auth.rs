use std::error::Error;
use std::future::pending;
use std::future::ready;
use std::io;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::SeqCst;

use nats_tokio::Auth;
use nats_tokio::AuthError;
use nats_tokio::ConnectError;
use nats_tokio::ConnectOptions;
use tokio::io::DuplexStream;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::mpsc::unbounded_channel;
use tokio::time::Instant;

use crate::peer::Peer;
use crate::texts::all_failed;

const INFO: &str =
    r#"INFO {"headers":true,"max_payload":1000,"auth_required":true,"nonce":"random"}"#;
const JWT: &str = "eyJ0.eyJ0.c2ln";
const PUBLIC: &str = "UAWBXLSZVZHNDIURY52F6WETFCFZLXYUEFJAHRXDW7D2K4445IY4BVXP";

/// What a client says with these options to a server that asks.
async fn connect_line(options: ConnectOptions) -> String {
    let (ours, theirs) = tokio::io::duplex(4096);
    let mut peer = Peer::new(theirs);
    let server = async {
        peer.send(INFO).await;
        let connect = peer.next().await.replace("\\\"", "\"");
        peer.expect(&["PING"]).await;
        peer.send("PONG").await;
        connect
    };
    let (client, connect) = tokio::join!(options.connect_stream(ours), server);
    let shown = format!("{:?}", client.unwrap());
    assert!(!shown.contains("s3cret") && !shown.contains(JWT), "{shown}");
    connect
}

/// The credentials in CONNECT.
fn fields(connect: &str) -> Vec<(&str, &str)> {
    ["auth_token", "user", "pass", "jwt", "nkey", "sig"]
        .into_iter()
        .filter_map(|name| {
            let (_, behind) = connect.split_once(&format!("\"{name}\":\""))?;
            Some((name, behind.split_once('"')?.0))
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn connect_has_the_credentials_and_nothing_else() {
    let options = ConnectOptions::new;
    let sign = |nonce: Vec<u8>| {
        assert_eq!(nonce, b"random");
        ready(Ok([0; 64]))
    };
    let zeros = "A".repeat(86);
    let table: [(ConnectOptions, &[(&str, &str)]); 7] = [
        (options(), &[]),
        (options().user_and_password("joe", "s3cret"), &[("user", "joe"), ("pass", "s3cret")]),
        (options().token("s3cret"), &[("auth_token", "s3cret")]),
        (options().nkey_with(PUBLIC, sign), &[("nkey", PUBLIC), ("sig", &zeros)]),
        (options().jwt(JWT, sign), &[("jwt", JWT), ("sig", &zeros)]),
        (
            options().auth_callback(|_| ready(Ok(Auth::token("s3cret")))),
            &[("auth_token", "s3cret")],
        ),
        // The last one counts.
        (options().token("s3cret").user_and_password("u", "p"), &[("user", "u"), ("pass", "p")]),
    ];
    for (options, expected) in table {
        let connect = connect_line(options).await;
        assert_eq!(fields(&connect), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn what_callbacks_return_may_take_a_while() {
    let start = Instant::now();
    let pause = || tokio::time::sleep(std::time::Duration::from_millis(500));
    let options = ConnectOptions::new().auth_callback(move |challenge| async move {
        pause().await;
        assert_eq!(
            (challenge.server.as_str(), challenge.auth_required),
            ("nats://stream:4222", true)
        );
        Ok(Auth::jwt(JWT, move |_| async move {
            pause().await;
            Ok([0; 64])
        }))
    });
    let connect = connect_line(options).await;
    assert_eq!(fields(&connect).len(), 2);
    assert_eq!(start.elapsed().as_secs(), 1);
}

/// Options with a connector to servers that say `info`, then refuse; and what each of them heard.
fn refusing(options: ConnectOptions, info: &str) -> (ConnectOptions, Arc<Mutex<Vec<String>>>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let (log, info) = (Arc::clone(&heard), info.to_owned());
    let options = options.retain_servers_order().connector(move |_| {
        let (ours, theirs) = tokio::io::duplex(4096);
        let (log, info) = (Arc::clone(&log), info.clone());
        tokio::spawn(async move {
            let mut peer = Peer::new(theirs);
            peer.send(&info).await;
            let next = peer.next().await;
            let is_closed = next == "closed";
            log.lock().unwrap().push(next);
            if !is_closed {
                peer.send("-ERR 'Authorization Violation'").await;
            }
        });
        ready(Ok::<DuplexStream, io::Error>(ours))
    });
    (options, heard)
}

#[tokio::test(start_paused = true)]
async fn callbacks_are_asked_at_every_attempt() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    let options = ConnectOptions::new().auth_callback(move |challenge| {
        let mut log = log.lock().unwrap();
        log.push(challenge.server);
        ready(Ok(Auth::token(format!("token-{}", log.len()))))
    });
    let (options, heard) = refusing(options, INFO);
    let error = options.connect("a,b,c").await.unwrap_err();
    assert!(all_failed(&error, |error| matches!(error, ConnectError::Refused { .. })), "{error}");
    let asked = asked.lock().unwrap();
    assert_eq!(*asked, ["nats://a:4222", "nats://b:4222", "nats://c:4222"]);
    for (at, connect) in heard.lock().unwrap().iter().enumerate() {
        assert!(connect.contains(&format!("token-{}", at + 1)), "{connect}");
    }
}

/// Options with a connector to servers that take everybody; and each of them, with the CONNECT that
/// it got.
fn accepting(options: ConnectOptions) -> (ConnectOptions, UnboundedReceiver<(String, Peer)>) {
    let (sender, accepted) = unbounded_channel();
    let options = options.connector(move |_| {
        let (ours, theirs) = tokio::io::duplex(4096);
        let sender = sender.clone();
        tokio::spawn(async move {
            let mut peer = Peer::new(theirs);
            peer.send(INFO).await;
            let connect = peer.next().await.replace("\\\"", "\"");
            peer.expect(&["PING"]).await;
            peer.send("PONG").await;
            let _ = sender.send((connect, peer));
        });
        ready(Ok::<DuplexStream, io::Error>(ours))
    });
    (options, accepted)
}

#[tokio::test(start_paused = true)]
async fn callbacks_are_asked_again_for_another_connection() {
    let count = AtomicU32::new(0);
    let (options, mut accepted) = accepting(ConnectOptions::new().auth_callback(move |_| {
        let number = count.fetch_add(1, SeqCst);
        ready(Ok(Auth::token(number.to_string())))
    }));
    let client = options.connect("a").await.unwrap();
    for number in ["0", "1", "2"] {
        let (connect, peer) = accepted.recv().await.unwrap();
        assert_eq!(fields(&connect), [("auth_token", number)]);
        drop(peer);
    }
    drop(client);
}

#[tokio::test(start_paused = true)]
async fn servers_that_are_exchanged_bring_their_own_credentials() {
    let (options, mut accepted) = accepting(ConnectOptions::new());
    let client = options.connect("u:p@a").await.unwrap();
    let (connect, peer) = accepted.recv().await.unwrap();
    assert_eq!(fields(&connect), [("user", "u"), ("pass", "p")]);
    client.set_server_pool("t0k3n@b").unwrap();
    drop(peer);
    let (connect, _peer) = accepted.recv().await.unwrap();
    assert_eq!(fields(&connect), [("auth_token", "t0k3n")]);
}

#[tokio::test(start_paused = true)]
async fn a_callback_that_fails_loses_the_attempt() {
    let count = Arc::new(Mutex::new(0));
    let tried = Arc::clone(&count);
    let options = ConnectOptions::new().auth_callback(move |_| {
        *tried.lock().unwrap() += 1;
        ready(Err("the vault is shut".into()))
    });
    let (options, heard) = refusing(options, INFO);
    let error = options.connect("a,b").await.unwrap_err();
    for failure in error.failures() {
        assert!(matches!(failure.error, ConnectError::Auth(AuthError::Callback(_))), "{error}");
        let cause = failure.error.source().and_then(Error::source).unwrap();
        assert_eq!(cause.to_string(), "the vault is shut");
    }
    assert_eq!(*count.lock().unwrap(), 2);
    tokio::task::yield_now().await;
    assert_eq!(*heard.lock().unwrap(), ["closed", "closed"]);

    let sign = |_| ready(Err("no finger on the key".into()));
    let (options, _) = refusing(ConnectOptions::new().nkey_with(PUBLIC, sign), INFO);
    let error = options.connect("a").await.unwrap_err();
    assert!(matches!(error, ConnectError::Auth(AuthError::Sign(_))), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_callback_that_hangs_takes_no_longer_than_connecting_may() {
    let hanging_sign = |_| pending::<Result<[u8; 64], Box<dyn Error + Send + Sync>>>();
    for options in [
        ConnectOptions::new().auth_callback(|_| pending()),
        ConnectOptions::new().jwt(JWT, hanging_sign),
    ] {
        let (options, _) = refusing(options, INFO);
        let start = Instant::now();
        let error = options.connect("a,b").await.unwrap_err();
        assert!(all_failed(&error, |error| matches!(error, ConnectError::TimedOut)), "{error}");
        assert_eq!(start.elapsed().as_secs(), 4, "two for each of two servers");
    }
}

#[tokio::test(start_paused = true)]
async fn a_callback_is_dropped_with_the_future_that_waits_for_it() {
    let alive = Arc::new(());
    let held = Arc::clone(&alive);
    let options = ConnectOptions::new().auth_callback(move |_| {
        let held = Arc::clone(&held);
        async move {
            let _held = held;
            pending().await
        }
    });
    let (ours, theirs) = tokio::io::duplex(4096);
    let mut peer = Peer::new(theirs);
    peer.send(INFO).await;
    let mut connecting = Box::pin(options.connect_stream(ours));
    while Arc::strong_count(&alive) < 3 {
        assert!(tokio::time::timeout(Default::default(), &mut connecting).await.is_err());
    }
    drop(connecting);
    peer.expect(&["closed"]).await;
    while Arc::strong_count(&alive) > 1 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_where_there_is_nothing_to_sign() {
    let sign = |_| ready(Ok([0; 64]));
    for options in
        [ConnectOptions::new().jwt(JWT, sign), ConnectOptions::new().nkey_with(PUBLIC, sign)]
    {
        let (options, heard) = refusing(options, "INFO {\"auth_required\":true}");
        let error = options.connect("a").await.unwrap_err();
        assert!(matches!(error, ConnectError::Auth(AuthError::NoNonce)), "{error}");
        tokio::task::yield_now().await;
        assert_eq!(*heard.lock().unwrap(), ["closed"]);
    }
}

#[cfg(feature = "nkeys")]
mod seeds {
    use data_encoding::BASE64URL_NOPAD;
    use nats_proto::nkeys::PublicKey;

    use super::*;

    const SEED: &str = "SUAP2AY6UAWHOXJBWDNRNKJ2DHNC5VA2DFJZTF6C6PMLKUCOS2H2E2BA2E";

    #[tokio::test(start_paused = true)]
    async fn the_signature_is_that_of_the_nonce() {
        for (options, name, value) in [
            (ConnectOptions::new().nkey(SEED), "nkey", PUBLIC),
            (ConnectOptions::new().credentials(format!("{JWT}\n{SEED}")), "jwt", JWT),
            (
                ConnectOptions::new().auth_callback(|_| async { Ok(Auth::nkey(SEED)?) }),
                "nkey",
                PUBLIC,
            ),
        ] {
            let connect = connect_line(options).await;
            let fields = fields(&connect);
            assert_eq!(fields[0], (name, value));
            let (_, sig) = fields[1];
            let signature = BASE64URL_NOPAD.decode(sig.as_bytes()).unwrap().try_into().unwrap();
            assert!(PublicKey::new(PUBLIC).unwrap().verify(b"random", &signature));
            assert!(!connect.contains(SEED) && fields.len() == 2);
        }
        let connect = connect_line(ConnectOptions::new().credentials(JWT)).await;
        assert_eq!(fields(&connect), [("jwt", JWT)], "a bearer signs nothing");
    }

    #[tokio::test]
    async fn a_file_that_is_not_there_is_told() {
        let options = ConnectOptions::new().credentials_file("/nowhere/at.all");
        let (options, _) = refusing(options, INFO);
        let error = options.connect("a").await.unwrap_err();
        match error {
            ConnectError::Auth(AuthError::File(error)) => {
                assert_eq!(error.kind(), io::ErrorKind::NotFound);
            }
            error => panic!("{error}"),
        }
    }
}
