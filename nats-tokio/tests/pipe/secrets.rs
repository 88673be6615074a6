//! No text that the crate makes shows a secret.

use std::error::Error;
use std::fmt;
use std::future::ready;
use std::io;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::SeqCst;

use nats_tokio::Auth;
use nats_tokio::ConnectError;
use nats_tokio::ConnectOptions;
use nats_tokio::DisconnectReason;
use nats_tokio::Event;

#[cfg(feature = "tracing")]
use crate::logging::Collector;
use crate::peer::INFO;
use crate::peer::Peer;
use crate::servers::Servers;

/// What is in addresses and logins, and must not be in any text.
const SECRETS: [&str; 5] = ["s3cr", "t0k", "mary", SEED.split_at(8).0, JWT.split_at(4).0];

const SEED: &str = "SUAP2AY6UAWHOXJBWDNRNKJ2DHNC5VA2DFJZTF6C6PMLKUCOS2H2E2BA2E";
/// The same with two letters exchanged.
#[cfg(feature = "nkeys")]
const TURNED: &str = "SUAP2AY6UAWHOXJBWDNRNKJ2DHNC5VA2DFJZTF6C6PMLKUCOS2H2E2B2AE";
const JWT: &str = "eyJ0.eyJ0.c2ln";
const PUBLIC: &str = "UAWBXLSZVZHNDIURY52F6WETFCFZLXYUEFJAHRXDW7D2K4445IY4BVXP";

const ADDRESSES: [&str; 9] = [
    "nats://mary:s3cret@host",
    "nats://t0ken@host",
    "nats://mary:s3c%2Cret@host,nats://t0ken@host:4223",
    "nats://mary:s3cr,ets3cr@host",
    "nats://mary:s3cr/et@host",
    "nats://t0k/en@host",
    "nats://mary:s3cr?et#@host:1",
    "ws://host/nats?access_token=s3cret",
    "wss://mary:s3cret@host/nats?t0ken#s3cr",
];

#[track_caller]
fn check(text: &str) {
    assert!(!SECRETS.iter().any(|secret| text.contains(secret)), "{text}");
}

/// An error and all that is behind it, in both forms.
fn check_error(error: &dyn Error) {
    check(&format!("{error} {error:?} {error:#?}"));
    if let Some(source) = error.source() {
        if source.is::<Vault>() {
            // It is the application's, in its own words.
            return;
        }
        check_error(source);
    }
}

#[tokio::test(start_paused = true)]
async fn no_address_shows_one_when_nothing_works() {
    for address in ADDRESSES {
        // Not even the application's connector is given more than it needs.
        let options = ConnectOptions::new().user_and_password("mary", "s3cret").connector(
            |target| async move {
                let shown = format!("{target:?}");
                check(&shown);
                Err::<tokio::io::DuplexStream, _>(io::Error::other(shown))
            },
        );
        check(&format!("{options:?}"));
        let error = options.connect(address).await.unwrap_err();
        check_error(&error);
        for failure in error.failures() {
            check(&format!("{failure:?} {}", failure.server));
            check_error(&failure.error);
        }
    }
    for invalid in ["nats://mary:s3cret@ho st", "s3cret://host", "nats://mary:s3cret@", "a,s3cr et"]
    {
        check_error(&nats_tokio::connect(invalid).await.unwrap_err());
    }
}

#[tokio::test(start_paused = true)]
async fn no_address_shows_one_in_the_life_of_a_client() {
    for address in &ADDRESSES[..3] {
        let options = ConnectOptions::new().retain_servers_order().reconnect_to_server_callback(
            |servers, info| {
                check(&format!("{servers:?} {info:?}"));
                None
            },
        );
        let (options, mut servers) = Servers::new(options);
        let (client, mut peer) = tokio::join!(options.connect(*address), servers.accept());
        let client = client.unwrap();
        let mut events = client.events();
        check(&format!("{client:?} {:?} {:?}", client.server_pool(), client.server_info()));
        client.set_server_pool(*address).unwrap();
        peer.send(&INFO.replace('}', r#","connect_urls":["x:1"]}"#)).await;
        peer.send("-ERR 'Authorization Violation'").await;
        drop(peer);
        let (_, other) = servers.next().await;
        drop(other);
        let _peer = servers.accept().await;
        client.close().await;
        let mut seen = Vec::new();
        while let Some(event) = events.next().await {
            check(&format!("{event:?} {event}"));
            seen.push(event);
        }
        let has_lost = |event: &Event| match event {
            Event::Disconnected { server, reason, .. } => {
                server.starts_with("nats://host:") && matches!(reason, DisconnectReason::Server(_))
            }
            _ => false,
        };
        assert!(seen.iter().any(has_lost), "{seen:?}");
        assert!(seen.iter().any(|event| matches!(event, Event::ConnectFailed { .. })), "{seen:?}");
    }
}

/// What a careless callback says of its failure.
#[derive(Debug)]
struct Vault(#[expect(dead_code, reason = "shown by Debug")] &'static str);

impl fmt::Display for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("https://mary:s3cret@vault?access_token=t0ken is shut")
    }
}

impl Error for Vault {}

fn shut<T>() -> Result<T, Box<dyn Error + Send + Sync>> {
    Err(Box::new(Vault("s3cret")))
}

/// Every way to log in that works, those that are asked only every other time.
fn logins() -> Vec<ConnectOptions> {
    let new = ConnectOptions::new;
    let sign = |_| ready(Ok([7; 64]));
    let (asked, signed) = (AtomicU32::new(0), AtomicU32::new(0));
    let is_open = |count: &AtomicU32| count.fetch_add(1, SeqCst).is_multiple_of(2);
    #[cfg_attr(not(feature = "nkeys"), expect(unused_mut, reason = "of a feature"))]
    let mut all = vec![
        new().user_and_password("mary", "s3cret"),
        new().token("t0ken"),
        new().jwt(JWT, sign),
        new().jwt(JWT, move |_| ready(if is_open(&signed) { Ok([7; 64]) } else { shut() })),
        new().auth_callback(move |challenge| {
            check(&format!("{challenge:?}"));
            let auth = Auth::user_and_password("mary", "s3cret");
            check(&format!("{auth:?}"));
            ready(if is_open(&asked) { Ok(auth) } else { shut() })
        }),
    ];
    #[cfg(feature = "nkeys")]
    all.extend([
        new().nkey(SEED),
        new().credentials(file_text(SEED)),
        new().credentials_file(file("good.creds", &file_text(SEED))),
        new().auth_callback(|_| async {
            let auth = Auth::credentials(&file_text(SEED))?;
            check(&format!("{auth:?}"));
            Ok(auth)
        }),
    ]);
    all
}

/// The text of a credentials file.
#[cfg(feature = "nkeys")]
fn file_text(seed: &str) -> String {
    format!(
        "-----BEGIN NATS USER JWT-----\n{JWT}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    )
}

#[cfg(feature = "nkeys")]
fn file(name: &str, text: &str) -> std::path::PathBuf {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// A server that has something to sign, up to where the client has logged in or gone.
async fn log_in(servers: &mut Servers) -> (Peer, bool) {
    let (_, mut peer) = servers.next().await;
    peer.send(&INFO.replace('}', r#","nonce":"random","auth_required":true}"#)).await;
    let has_come = peer.next().await.starts_with("CONNECT");
    (peer, has_come)
}

async fn accept(servers: &mut Servers) -> Peer {
    loop {
        if let (mut peer, true) = log_in(servers).await {
            peer.expect(&["PING"]).await;
            peer.send("PONG").await;
            return peer;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_login_shows_one_in_the_life_of_a_client() {
    #[cfg(feature = "tracing")]
    let (collector, _guard) = Collector::install();
    for options in logins() {
        check(&format!("{options:?} {options:#?}"));
        let (options, mut servers) = Servers::new(options);
        let (client, peer) = tokio::join!(options.connect("a"), accept(&mut servers));
        let client = client.unwrap();
        let mut events = client.events();
        check(&format!("{client:?} {:?} {:?}", client.server_info(), client.statistics()));
        drop(peer);
        // The next attempt is refused, or the callback fails.
        let (mut peer, has_come) = log_in(&mut servers).await;
        if has_come {
            peer.send("-ERR 'Authorization Violation'").await;
        }
        drop(peer);
        let _peer = accept(&mut servers).await;
        client.close().await;
        let mut has_failed = false;
        while let Some(event) = events.next().await {
            check(&format!("{event:?} {event:#?} {event}"));
            has_failed |= matches!(event, Event::ConnectFailed { text: Some(_), .. });
        }
        assert!(has_failed);
    }
    #[cfg(feature = "tracing")]
    {
        let lines = collector.lines();
        lines.iter().for_each(|line| check(line));
        assert!(lines.iter().any(|line| line.contains("could not connect")), "{lines:#?}");
    }
}

/// Connects to servers that refuse everybody, and looks at the error.
async fn refused(options: ConnectOptions, servers: &str) -> ConnectError {
    check(&format!("{options:?} {options:#?}"));
    let (options, mut dialled) = Servers::new(options);
    let refuse = async {
        loop {
            if let (mut peer, true) = log_in(&mut dialled).await {
                peer.send("-ERR 'Authorization Violation'").await;
            }
        }
    };
    let error = tokio::select! {
        biased;
        client = options.connect(servers) => client.unwrap_err(),
        () = refuse => unreachable!("it ends never"),
    };
    check_error(&error);
    for failure in error.failures() {
        check(&format!("{failure:?}"));
        check_error(&failure.error);
    }
    error
}

#[tokio::test(start_paused = true)]
async fn no_login_shows_one_when_nothing_works() {
    #[cfg(feature = "tracing")]
    let (collector, _guard) = Collector::install();
    let new = ConnectOptions::new;
    for servers in ["a", "a,b"] {
        for options in logins() {
            refused(options, servers).await;
        }
        let asking = new().auth_callback(|_| ready(shut()));
        let signing = new().nkey_with(PUBLIC, |_| ready(shut()));
        for options in [asking, signing] {
            let error = refused(options, servers).await;
            let error = error.failures().first().map_or(&error, |failure| &failure.error);
            // Who wants to know why can.
            let why = error.source().and_then(Error::source).unwrap();
            assert!(why.is::<Vault>(), "{error:?}");
        }
        // A seed where none belongs, and where one does that is none.
        refused(new().nkey_with(SEED, |_| ready(shut())), servers).await;
        #[cfg(feature = "nkeys")]
        {
            let bad = [SEED.trim_end_matches('E'), "SUAP2AY6s3cret", TURNED];
            for seed in bad {
                check_error(&Auth::nkey(seed).unwrap_err());
                check_error(&Auth::credentials(&file_text(seed)).unwrap_err());
                refused(new().nkey(seed), servers).await;
                refused(new().credentials(file_text(seed)), servers).await;
                refused(new().credentials_file(file("bad.creds", &file_text(seed))), servers).await;
                let asking = new().auth_callback(move |_| async move { Ok(Auth::nkey(seed)?) });
                refused(asking, servers).await;
            }
        }
    }
    #[cfg(feature = "tracing")]
    collector.lines().iter().for_each(|line| check(line));
}
