//! Credentials and signatures.

mod resolved;
mod source;
#[cfg(test)]
mod tests;
mod url;

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::error::AuthError;
use crate::error::CredentialsError;
#[cfg(feature = "nkeys")]
use nats_proto::creds::Credentials;
use nats_proto::nkeys::KeyKind;
#[cfg(feature = "nkeys")]
use nats_proto::nkeys::KeyPair;
use nats_proto::nkeys::PublicKey;
pub(crate) use resolved::ResolvedAuth;
pub(crate) use source::Source;
pub(crate) use url::UrlCredentials;
use zeroize::Zeroizing;

/// Credentials of one kind: what [`ConnectOptions::auth_callback`](crate::ConnectOptions::auth_callback)
/// answers a server's [`Challenge`] with.
///
/// Secrets are never shown, and wiped from memory when the last copy is dropped.
#[derive(Clone)]
pub struct Auth(Method);

/// What a server says that wants to know who we are.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Challenge {
    /// The server's address without credentials: `nats://host:4222`.
    pub server: String,
    /// What to sign with an NKey; empty if the server takes none.
    pub nonce: String,
    /// Whether the server insists on credentials.
    pub auth_required: bool,
}

impl Auth {
    /// No credentials. A server may let everybody in, or know us by our TLS certificate.
    #[must_use]
    pub const fn none() -> Self {
        Self(Method::None)
    }

    /// A user's name and password.
    #[must_use]
    pub fn user_and_password(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self(Method::User { name: Secret::new(user), password: Secret::new(password) })
    }

    /// A token.
    #[must_use]
    pub fn token(token: impl Into<String>) -> Self {
        Self(Method::Token(Secret::new(token)))
    }

    /// A user's NKey, from its seed (`SU...`).
    ///
    /// # Errors
    ///
    /// [`CredentialsError`] if it is no seed, or not a user's.
    #[cfg(feature = "nkeys")]
    pub fn nkey(seed: &str) -> Result<Self, CredentialsError> {
        let pair = user_pair(seed)?;
        let identity = Identity::Nkey(pair.public_key());
        Ok(Self(Method::Signed { identity, signer: Signer::Pair(Arc::new(pair)) }))
    }

    /// A user's NKey that is kept elsewhere: its public half (`U...`), and what signs with the
    /// other.
    ///
    /// # Errors
    ///
    /// [`CredentialsError`] if it is no public key, or not a user's.
    pub fn nkey_with<F, S>(public_key: &str, sign: F) -> Result<Self, CredentialsError>
    where
        F: Fn(Vec<u8>) -> S + Send + Sync + 'static,
        S: Future<Output = Result<[u8; 64], Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        let key = PublicKey::new(public_key.trim()).map_err(CredentialsError::PublicKey)?;
        must_be_users(key.kind())?;
        Ok(Self(Method::Signed { identity: Identity::Nkey(key), signer: Signer::new(sign) }))
    }

    /// A user's JWT, and what signs with the user's key.
    #[must_use]
    pub fn jwt<F, S>(jwt: impl Into<String>, sign: F) -> Self
    where
        F: Fn(Vec<u8>) -> S + Send + Sync + 'static,
        S: Future<Output = Result<[u8; 64], Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        let identity = Identity::Jwt(Secret::new(jwt));
        Self(Method::Signed { identity, signer: Signer::new(sign) })
    }

    /// What the text of a credentials file says: JWT and seed, or a bearer's JWT alone, or a seed
    /// alone.
    ///
    /// # Errors
    ///
    /// [`CredentialsError`] if there are none in it, or the seed is malformed.
    #[cfg(feature = "nkeys")]
    pub fn credentials(text: &str) -> Result<Self, CredentialsError> {
        let found = Credentials::new(text).map_err(CredentialsError::File)?;
        let jwt = found.jwt().map(Secret::new);
        let pair = found.seed().map(user_pair).transpose()?;
        Ok(Self(match (jwt, pair) {
            (None, None) => Method::None,
            (Some(jwt), None) => Method::Bearer(jwt),
            (jwt, Some(pair)) => {
                let key = pair.public_key();
                let identity = jwt.map_or(Identity::Nkey(key), Identity::Jwt);
                Method::Signed { identity, signer: Signer::Pair(Arc::new(pair)) }
            }
        }))
    }

    pub(crate) const fn is_none(&self) -> bool {
        matches!(self.0, Method::None)
    }
}

impl fmt::Debug for Auth {
    /// The kind of the credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Method::None => "Auth(none)",
            Method::User { .. } => "Auth(user and password)",
            Method::Token(_) => "Auth(token)",
            Method::Bearer(_) => "Auth(bearer JWT)",
            Method::Signed { identity: Identity::Nkey(_), .. } => "Auth(NKey)",
            Method::Signed { identity: Identity::Jwt(_), .. } => "Auth(JWT)",
        })
    }
}

#[derive(Clone)]
enum Method {
    None,
    User {
        name: Secret,
        password: Secret,
    },
    Token(Secret),
    /// A JWT that needs no signature.
    #[cfg_attr(not(feature = "nkeys"), expect(dead_code, reason = "credentials files need it"))]
    Bearer(Secret),
    Signed {
        identity: Identity,
        signer: Signer,
    },
}

/// Whose signature it is.
#[derive(Clone)]
enum Identity {
    Nkey(PublicKey),
    Jwt(Secret),
}

/// What signs a nonce.
#[derive(Clone)]
enum Signer {
    #[cfg(feature = "nkeys")]
    Pair(Arc<KeyPair>),
    Callback(Arc<dyn Fn(Vec<u8>) -> Signing + Send + Sync>),
}

type Signing = Pin<Box<dyn Future<Output = Result<[u8; 64], Box<dyn Error + Send + Sync>>> + Send>>;

impl Signer {
    fn new<F, S>(sign: F) -> Self
    where
        F: Fn(Vec<u8>) -> S + Send + Sync + 'static,
        S: Future<Output = Result<[u8; 64], Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        Self::Callback(Arc::new(move |nonce| Box::pin(sign(nonce))))
    }

    async fn sign(&self, nonce: Vec<u8>) -> Result<[u8; 64], AuthError> {
        match self {
            #[cfg(feature = "nkeys")]
            Self::Pair(pair) => Ok(pair.sign(&nonce)),
            Self::Callback(sign) => sign(nonce).await.map_err(AuthError::Sign),
        }
    }
}

/// A text that is wiped when the last copy is dropped. It has no `Debug`, so it cannot be shown.
#[derive(Clone)]
struct Secret(Arc<Zeroizing<String>>);

impl Secret {
    fn new(text: impl Into<String>) -> Self {
        Self(Arc::new(Zeroizing::new(text.into())))
    }

    fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(feature = "nkeys")]
fn user_pair(seed: &str) -> Result<KeyPair, CredentialsError> {
    let pair = KeyPair::from_seed(seed.trim()).map_err(CredentialsError::Seed)?;
    must_be_users(pair.kind())?;
    Ok(pair)
}

/// Servers know users, not accounts or operators.
fn must_be_users(kind: KeyKind) -> Result<(), CredentialsError> {
    if kind == KeyKind::User { Ok(()) } else { Err(CredentialsError::NotUser(kind)) }
}
