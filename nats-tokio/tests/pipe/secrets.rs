//! No text that the crate makes shows a secret.

use std::error::Error;
use std::io;

use nats_tokio::ConnectOptions;
use nats_tokio::Event;
use nats_tokio::Lost;

use crate::peer::INFO;
use crate::servers::Servers;

/// What is in the addresses and must not be in any text.
const SECRETS: [&str; 3] = ["s3cr", "t0k", "mary"];

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
        let options = ConnectOptions::new().keep_server_order().choose_server(|servers, info| {
            check(&format!("{servers:?} {info:?}"));
            None
        });
        let (options, mut servers) = Servers::new(options);
        let (client, mut peer) = tokio::join!(options.connect(*address), servers.accept());
        let client = client.unwrap();
        let mut events = client.events();
        check(&format!("{client:?} {:?} {:?}", client.servers(), client.server_info()));
        client.set_servers(*address).unwrap();
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
            Event::Disconnected { server, cause, .. } => {
                server.starts_with("nats://host:") && matches!(cause, Lost::Server(_))
            }
            _ => false,
        };
        assert!(seen.iter().any(has_lost), "{seen:?}");
        assert!(seen.iter().any(|event| matches!(event, Event::ConnectFailed { .. })), "{seen:?}");
    }
}
