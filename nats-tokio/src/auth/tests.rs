use std::future::ready;
use std::io;

use nats_proto::nkeys::NkeyError;
use nats_proto::session;
use nats_proto::wire::Connect;

use super::*;
use crate::error::ConnectError;
use crate::options::ConnectOptions;

const PUBLIC: &str = "UAWBXLSZVZHNDIURY52F6WETFCFZLXYUEFJAHRXDW7D2K4445IY4BVXP";

fn chain(error: &AuthError) -> String {
    let (mut error, mut text): (&dyn Error, _) = (error, error.to_string());
    while let Some(source) = error.source() {
        text = format!("{text}: {source}");
        error = source;
    }
    text
}

fn challenge(nonce: &str) -> Challenge {
    let server = "nats://a:4222".to_owned();
    Challenge { server, nonce: nonce.to_owned(), auth_required: true }
}

/// The credentials as they are called in CONNECT.
fn connect(resolved: &ResolvedAuth) -> Connect<'_> {
    let connect = Connect::DEFAULT;
    match resolved.get() {
        session::Auth::Token(token) => Connect { auth_token: Some(token), ..connect },
        session::Auth::Nkey { public, signature } => {
            Connect { nkey: Some(public), sig: Some(signature), ..connect }
        }
        session::Auth::Jwt { jwt, signature } => {
            Connect { jwt: Some(jwt), sig: signature, ..connect }
        }
        other => panic!("{other:?}"),
    }
}

async fn prove(options: &ConnectOptions, nonce: &str) -> Result<ResolvedAuth, AuthError> {
    options.auth.clone().resolve(challenge(nonce)).await
}

#[tokio::test]
async fn callbacks_sign_and_fail() {
    let sign = |nonce: Vec<u8>| async move {
        match nonce.as_slice() {
            b"good" => Ok([0; 64]),
            _ => Err("the device is locked".into()),
        }
    };
    for options in [
        ConnectOptions::new().nkey_with(PUBLIC, sign),
        ConnectOptions::new().jwt("eyJ0.eyJ0.c2ln", sign),
    ] {
        let proof = prove(&options, "good").await.unwrap();
        let connect = connect(&proof);
        assert_eq!(connect.sig, Some("A".repeat(86).as_str()));
        assert!(connect.nkey == Some(PUBLIC) || connect.jwt == Some("eyJ0.eyJ0.c2ln"));

        let error = prove(&options, "bad").await.err().unwrap();
        assert!(matches!(error, AuthError::Sign(_)));
        assert_eq!(chain(&error), "the signing callback failed: the device is locked");
        assert!(matches!(prove(&options, "").await, Err(AuthError::NoNonce)));
    }
}

#[tokio::test]
async fn the_callback_is_given_the_challenge() {
    let options = ConnectOptions::new().auth_callback(|given| async move {
        assert_eq!(given, challenge("n"));
        Ok(Auth::token("t0k3n"))
    });
    let proof = prove(&options, "n").await.unwrap();
    assert_eq!(connect(&proof).auth_token, Some("t0k3n"));
    let options = ConnectOptions::new().auth_callback(|_| ready(Err("no idea".into())));
    let error = prove(&options, "n").await.err().unwrap();
    assert_eq!(chain(&error), "the credentials callback failed: no idea");
}

#[tokio::test]
async fn keys_of_others_are_refused() {
    let sign = |_| ready(Ok([0; 64]));
    let account = "AD2M34WBNGQFYK37IDX53DPRG74RLLT7FFWBOBMBUXMAVBCVAU5VKWIY";
    for (key, expected) in [
        (account, CredentialsError::NotUser(KeyKind::Account)),
        ("UAWB", CredentialsError::PublicKey(NkeyError::Length)),
    ] {
        assert_eq!(Auth::nkey_with(key, sign).err(), Some(expected));
        let error = ConnectOptions::new().nkey_with(key, sign).connect("a").await.unwrap_err();
        assert!(matches!(error, ConnectError::InvalidCredentials(error) if error == expected));
    }
}

#[test]
fn nothing_secret_is_shown() {
    let io = || io::Error::from(io::ErrorKind::NotFound);
    for (auth, expected) in [
        (Auth::none(), "Auth(none)"),
        (Auth::user_and_password("joe", "s3cret"), "Auth(user and password)"),
        (Auth::token("s3cret"), "Auth(token)"),
        (Auth::jwt("s3cret", move |_| ready(Err(io().into()))), "Auth(JWT)"),
        (Auth::nkey_with(PUBLIC, move |_| ready(Err(io().into()))).unwrap(), "Auth(NKey)"),
    ] {
        assert_eq!(format!("{auth:?}"), expected);
        let options = ConnectOptions { auth: auth.into(), ..ConnectOptions::new() };
        assert!(!format!("{options:?}").contains("s3cret"));
    }
}

#[cfg(feature = "nkeys")]
mod seeds {
    use nats_proto::creds::CredsParseError;

    use super::*;

    const SEED: &str = "SUAP2AY6UAWHOXJBWDNRNKJ2DHNC5VA2DFJZTF6C6PMLKUCOS2H2E2BA2E";
    const JWT: &str = "eyJ0.eyJ0.c2ln";

    fn signature(nonce: &str) -> String {
        let signature = KeyPair::from_seed(SEED).unwrap().sign(nonce.as_bytes());
        nats_proto::nkeys::SignatureText::new(&signature).as_str().to_owned()
    }

    #[tokio::test]
    async fn seeds_and_credentials_sign() {
        let sig = signature("nonce");
        let both = format!("{JWT}\n{SEED}\n");
        for (options, jwt, nkey, sig) in [
            (ConnectOptions::new().nkey(SEED), None, Some(PUBLIC), Some(sig.as_str())),
            (ConnectOptions::new().nkey(format!(" {SEED}\n")), None, Some(PUBLIC), Some(&sig)),
            (ConnectOptions::new().credentials(&both), Some(JWT), None, Some(&sig)),
            (ConnectOptions::new().credentials(SEED), None, Some(PUBLIC), Some(&sig)),
            (ConnectOptions::new().credentials(JWT), Some(JWT), None, None),
        ] {
            let proof = prove(&options, "nonce").await.unwrap();
            let connect = connect(&proof);
            assert_eq!((connect.jwt, connect.nkey, connect.sig), (jwt, nkey, sig));
            // A bearer has nothing to sign.
            assert_eq!(prove(&options, "").await.is_ok(), sig.is_none());
        }
    }

    #[tokio::test]
    async fn mistakes_are_told_before_anything_happens() {
        let account = "SAAACXWSQIKJ4L2SEAUZJR3BCNSRCN32V5UJSABCSEP35Q7LQRPV6F4JPI";
        let options = ConnectOptions::new;
        for (options, expected) in [
            (options().nkey("SU"), CredentialsError::Seed(NkeyError::Length)),
            (options().nkey(PUBLIC), CredentialsError::Seed(NkeyError::Length)),
            (options().nkey(account), CredentialsError::NotUser(KeyKind::Account)),
            (options().credentials("none"), CredentialsError::File(CredsParseError::Missing)),
            (options().credentials(&SEED[..50]), CredentialsError::Seed(NkeyError::Length)),
            (options().credentials(account), CredentialsError::NotUser(KeyKind::Account)),
        ] {
            let options =
                options.connector(|_| -> std::future::Ready<io::Result<tokio::io::DuplexStream>> {
                    panic!("it was tried")
                });
            let error = options.connect("a").await.unwrap_err();
            assert!(matches!(error, ConnectError::InvalidCredentials(given) if given == expected));
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains(&SEED[2..10]) && !shown.contains(&account[2..10]), "{shown}");
        }
    }

    #[tokio::test]
    async fn a_file_is_read_at_every_attempt() {
        let name = format!("nats-tokio-{}.creds", std::process::id());
        let path = std::env::temp_dir().join(name);
        let options = ConnectOptions::new().credentials_file(&path);
        assert!(matches!(prove(&options, "n").await, Err(AuthError::File(_))));

        std::fs::write(&path, format!("{JWT}\r\n{SEED}")).unwrap();
        let proof = prove(&options, "n").await.unwrap();
        assert_eq!(connect(&proof).sig, Some(signature("n").as_str()));

        std::fs::write(&path, "eyJ1.eyJ1.c2ln").unwrap();
        let proof = prove(&options, "n").await.unwrap();
        assert_eq!(connect(&proof).jwt, Some("eyJ1.eyJ1.c2ln"));

        for (text, expected) in [
            (vec![b' '; 10], "no valid credentials in the credentials file"),
            (vec![b' '; 1024 * 1024 + 1], "could not be read: file too large"),
            (vec![0xFF], "could not be read: stream did not contain valid UTF-8"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = prove(&options, "n").await.err().unwrap();
            assert!(chain(&error).contains(expected), "{error}");
        }
        std::fs::remove_file(&path).unwrap();
    }
}
