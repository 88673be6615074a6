//! What errors and events say.

use std::error::Error;

use embassy_time::Duration;
use embassy_time::with_timeout;
use nats_embassy::Auth;
use nats_embassy::BatchError;
use nats_embassy::Config;
use nats_embassy::ConfigError;
use nats_embassy::DisconnectReason;
use nats_embassy::ErrorKind;
use nats_embassy::Event;
use nats_embassy::FlushError;
use nats_embassy::PendingLimits;
use nats_embassy::Publish;
use nats_embassy::PublishError;
use nats_embassy::RequestError;
use nats_embassy::ResolvedAuth;
use nats_embassy::Runner;
use nats_embassy::ServerUrl;
use nats_embassy::SignError;
use nats_embassy::Signer;
use nats_embassy::Subject;
use nats_embassy::SubscribeError;
use nats_embassy::nats_proto::session;
use nats_embassy::nats_proto::wire;

use crate::Nats;
use crate::clock::block_on;
use crate::peer::Peer;
use crate::peer::Script;
use crate::transport::Network;
use crate::with_client;

/// Its own words, and those of what caused it.
fn chain(error: &dyn Error) -> Vec<String> {
    let mut texts = vec![error.to_string()];
    let mut source = error.source();
    while let Some(error) = source {
        texts.push(error.to_string());
        source = error.source();
    }
    texts
}

#[test]
fn every_error_says_its_own_and_what_caused_it() {
    let subject = Subject::new("a b").unwrap_err();
    let refused = wire::PublishError::PayloadTooLarge { len: 9, max: 5 };
    let publish = PublishError::Refused(refused);
    let subscribe = SubscribeError::Session(session::SubscribeError::Full);
    let url = ServerUrl::new("http://a").unwrap_err();
    let table: &[(&dyn Error, usize)] = &[
        (&ConfigError::Url(url), 2),
        (&ConfigError::TooManyServers, 1),
        (&ConfigError::AddressTooLong, 1),
        (&PublishError::Subject(subject), 2),
        (&publish, 2),
        (&PublishError::NoReply, 1),
        (&PublishError::TooLong { max: 256 }, 1),
        (&BatchError::sample(), 2),
        (&SubscribeError::Subject(subject), 2),
        (&subscribe, 2),
        (&RequestError::Publish(publish), 3),
        (&RequestError::Subscribe(subscribe), 3),
        (&RequestError::NotConnected, 1),
        (&FlushError::Disconnected, 1),
    ];
    for (error, len) in table {
        let texts = chain(*error);
        assert_eq!(texts.len(), *len, "{texts:?}");
        for (text, reason) in texts.iter().zip(&texts[1..]) {
            assert!(!text.contains(reason.as_str()), "said twice: {texts:?}");
        }
    }
}

trait Sample {
    fn sample() -> Self;
}

impl Sample for BatchError {
    fn sample() -> Self {
        let peer = Peer::new(Script::default());
        with_client(&peer, async |client| {
            let [short, long] = [&[0; 10][..], &[0; 300]];
            let subject = Subject::from_static("a");
            let batch = [short, long].map(|payload| Publish::new(subject, payload));
            client.try_publish_batch(&batch).unwrap_err()
        })
    }
}

#[test]
fn events_are_readable() {
    let table = [
        (Event::Connected, "connected"),
        (
            Event::Disconnected(DisconnectReason::Stale),
            "disconnected: stale connection: PING not answered",
        ),
        (Event::Missed(2), "2 events were missed"),
    ];
    for (event, expected) in table {
        assert_eq!(event.to_string(), expected);
    }
    let error = Event::ServerError(ErrorKind::PermissionsViolation).to_string();
    assert_eq!(error, "server error: permissions_violation");
}

#[test]
fn a_message_without_a_reply_subject_is_not_answered() {
    let peer = Peer::new(Script::default());
    with_client(&peer, async |client| {
        let mut subscription = client.subscribe("a", PendingLimits::drop_newest(1)).unwrap();
        client.publish("a", "no answer").await.unwrap();
        let message = subscription.next().await.unwrap();
        assert_eq!(client.respond(&message, "yes").await, Err(PublishError::NoReply));
        assert_eq!(client.try_respond(&message, "yes"), Err(PublishError::NoReply));
        // What is no subject is another matter.
        drop(message);
        peer.send(b"MSG a 1 b..c 1\r\nx\r\n");
        let message = subscription.next().await.unwrap();
        assert!(matches!(client.respond(&message, "").await, Err(PublishError::Subject(_))));
    });
}

#[test]
fn addresses_say_what_is_the_matter_with_them() {
    let check = |servers: &str| {
        let (mut resources, peer) = (Nats::new(), Peer::new(Script::default()));
        let made =
            nats_embassy::new(Config::new(servers), Network::new(&peer), &mut resources, [1; 32]);
        made.map(|_| ()).unwrap_err()
    };
    assert_eq!(check("one,two,three"), ConfigError::TooManyServers);
    assert_eq!(check(&"x".repeat(60)), ConfigError::AddressTooLong);
}

/// What must not be in any text: of a password, a token, a JWT and a seed.
const SECRETS: [&str; 5] = ["s3c", "cr3t", "t0k", "eyJ0", "SUAP2"];

const JWT: &str = "eyJ0.eyJ0.c2ln";

#[track_caller]
fn check(text: &str) {
    assert!(!SECRETS.iter().any(|secret| text.contains(secret)), "{text}");
}

const fn logins() -> [Auth<'static>; 4] {
    let password = Auth::Password { user: "t0kyo", password: "s3cr3t" };
    [password, Auth::Token("t0ken"), Auth::Jwt(JWT), Auth::Anonymous]
}

/// Signs everything.
struct Stamp;

impl Signer for Stamp {
    async fn sign(&mut self, _: &[u8]) -> Result<[u8; 64], SignError> {
        Ok([7; 64])
    }
}

/// Runs `app` beside a runner, with whatever signs for it.
fn run_beside<'d, A: Signer>(
    mut runner: Runner<'d, Nats<'d>, Network, A>,
    app: impl Future<Output = ()>,
) {
    check(&format!("{runner:?}"));
    let running = async {
        runner.run().await;
        core::future::pending::<()>().await;
    };
    block_on(embassy_futures::select::select(app, running));
}

#[test]
fn no_login_shows_a_secret() {
    for login in logins() {
        let config = Config::new("nats://one").auth(login);
        check(&format!(
            "{login:?} {:?} {config:?} {config:#?}",
            ResolvedAuth::signed(login, [7; 64])
        ));
        // Let in, refused, and without a signature.
        for (refusal, has_signer) in
            [(None, true), (Some("Authorization Violation"), true), (None, false)]
        {
            let peer = Peer::new(Script { refusal, ..Script::default() });
            let mut resources = Nats::new();
            let made = nats_embassy::new(config, Network::new(&peer), &mut resources, [7; 32]);
            let (client, runner) = made.unwrap();
            let app = async {
                let event = client.next_event().await.unwrap();
                check(&format!("{event:?} {event}"));
                let request = client.request("nobody", "", crate::SECOND).await.unwrap_err();
                check(&format!("{request:?} {}", chain(&request).join(": ")));
                check(&format!("{client:?} {:?} {:?}", client.server_info(), client.statistics()));
                while let Ok(Some(event)) =
                    with_timeout(Duration::from_millis(1), client.next_event()).await
                {
                    check(&format!("{event:?} {event}"));
                }
            };
            if has_signer {
                run_beside(runner.with_signer(Stamp), app);
            } else {
                run_beside(runner, app);
            }
            let expected = match login {
                Auth::Password { password, .. } => password,
                Auth::Token(secret) | Auth::Jwt(secret) => secret,
                _ => "",
            };
            let log = peer.log();
            let mut connects = log.iter().filter(|line| line.starts_with("CONNECT"));
            let is_told = connects.any(|line| line.contains(expected));
            assert!(is_told || !has_signer, "{log:?}");
        }
    }
}

#[test]
fn no_address_shows_a_secret() {
    let peer = Peer::new(Script::default());
    for address in [
        "nats://sue:s3cr3t@one",
        "nats://t0ken@one",
        "nats://s3cr3t@one",
        "nats://sue:s3c%2Cr3t@one,nats://t0ken@two",
        "nats://sue:s3c,cr3t@one",
        "nats://sue:s3c/r3t@one",
        "nats://t0k/en@one",
        "nats://sue:s3c?r3t#@one:1",
        "nats://sue:s3/cr3t@one?s3cr3t",
        "tls://sue:s3cr3t@one/?access_token=t0ken#s3c",
        "nats://sue:s3cr3t@o ne",
        "s3cr3t://one",
        "nats://sue:s3cr3t@",
        "one,s3c ret",
        "sue:s3cr3t@one:t0k",
    ] {
        let mut resources = Nats::new();
        let config = Config::new(address);
        check(&format!("{config:?} {config:#?}"));
        let error = nats_embassy::new(config, Network::new(&peer), &mut resources, [7; 32]);
        let error = error.unwrap_err();
        check(&format!("{error:?} {error:#?} {}", chain(&error).join(": ")));
    }
}

#[cfg(feature = "nkeys")]
#[test]
fn no_key_shows_a_secret() {
    use nats_embassy::KeySigner;
    use nats_embassy::nats_proto::creds::Credentials;

    const SEED: &str = "SUAP2AY6UAWHOXJBWDNRNKJ2DHNC5VA2DFJZTF6C6PMLKUCOS2H2E2BA2E";
    let text = |seed| {
        format!(
            "-----BEGIN NATS USER JWT-----\n{JWT}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
        )
    };
    check(&format!("{:?}", KeySigner::new(SEED).unwrap()));
    check(&format!("{:?}", Credentials::new(&text(SEED)).unwrap()));
    for bad in [&SEED[..57], "SUAP2AY6s3cr3t", &SEED.replace("BA2E", "B2AE")] {
        let error = KeySigner::new(bad).unwrap_err();
        check(&format!("{error:?} {}", chain(&error).join(": ")));
        check(&format!("{:?}", Credentials::new(&text(bad))));
    }
    let error = Credentials::new(JWT.trim_end_matches("c2ln")).unwrap_err();
    check(&format!("{error:?} {}", chain(&error).join(": ")));
}
