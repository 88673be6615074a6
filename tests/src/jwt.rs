//! JWTs of an operator, an account and its users, as `nsc` would make them.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use data_encoding::BASE64URL_NOPAD;
use nats_proto::nkeys::KeyPair;
use nats_proto::nkeys::SignatureText;
use serde_json::Value;
use serde_json::json;

const OPERATOR: &str = "SOAJ3JDZBE6JKJO277CQP5RIAA7I7HBI44RDCMTIV3TQRYQX35OTXSMHAE";
const ACCOUNT: &str = "SAAACXWSQIKJ4L2SEAUZJR3BCNSRCN32V5UJSABCSEP35Q7LQRPV6F4JPI";

/// The seed of a user, from the NATS documentation.
pub const USER: &str = "SUAP2AY6UAWHOXJBWDNRNKJ2DHNC5VA2DFJZTF6C6PMLKUCOS2H2E2BA2E";

/// The seed of another.
pub const STRANGER: &str = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";

/// The public key that belongs to a seed.
///
/// # Panics
///
/// If it is none.
#[must_use]
pub fn public_key(seed: &str) -> String {
    pair(seed).public_key().to_string()
}

/// The lines of a server's configuration that make it trust one operator, who has one account.
#[must_use]
pub fn server_config() -> String {
    let account = public_key(ACCOUNT);
    let anything = json!({
        "subs": -1, "data": -1, "payload": -1, "conn": -1, "leaf": -1,
        "imports": -1, "exports": -1, "wildcards": true,
    });
    let operator = issue(OPERATOR, &public_key(OPERATOR), None, json!({ "type": "operator" }));
    let claims = json!({ "type": "account", "limits": anything });
    let preloaded = issue(OPERATOR, &account, None, claims);
    format!(
        "operator: \"{operator}\"\nresolver: MEMORY\nresolver_preload: {{ {account}: \"{preloaded}\" }}"
    )
}

/// The JWT of the user with `seed`, with these claims (`pub`, `sub`, `bearer_token`, ...) besides
/// the usual ones. It expires in so many seconds, if it does.
///
/// # Panics
///
/// If the seed is none.
#[must_use]
pub fn user(seed: &str, expires: Option<u64>, claims: &Value) -> String {
    let mut all = json!({ "type": "user", "subs": -1, "data": -1, "payload": -1 });
    for (name, value) in claims.as_object().into_iter().flatten() {
        all[name] = value.clone();
    }
    issue(ACCOUNT, &public_key(seed), expires, all)
}

/// A credentials file.
#[must_use]
pub fn credentials(jwt: &str, seed: &str) -> String {
    format!(
        "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n\
         ************************* IMPORTANT *************************\n\
         NKEY Seed printed below can be used to sign and prove identity.\n\n\
         -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    )
}

/// A JWT of version 2 about `subject`, signed by whom `issuer` is the seed of.
fn issue(issuer: &str, subject: &str, expires: Option<u64>, mut nats: Value) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs();
    let issuer = pair(issuer);
    nats["version"] = json!(2);
    let mut claims = json!({
        "jti": format!("test-{}", COUNT.fetch_add(1, Relaxed)),
        "iat": now,
        "iss": issuer.public_key().as_str(),
        "sub": subject,
        "name": "test",
        "nats": nats,
    });
    if let Some(seconds) = expires {
        claims["exp"] = json!(now + seconds);
    }
    let header = json!({ "typ": "JWT", "alg": "ed25519-nkey" });
    let [header, claims] =
        [header, claims].map(|part| BASE64URL_NOPAD.encode(part.to_string().as_bytes()));
    let signed = format!("{header}.{claims}");
    let signature = SignatureText::new(&issuer.sign(signed.as_bytes()));
    format!("{signed}.{}", signature.as_str())
}

fn pair(seed: &str) -> KeyPair {
    KeyPair::from_seed(seed).expect("a seed")
}
