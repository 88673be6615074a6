//! An answer to a server's challenge.

use nats_proto::nkeys::SignatureText;
use nats_proto::wire::Connect;

use super::Auth;
use super::Identity;
use super::Method;
use super::Secret;
use crate::error::AuthError;

/// What CONNECT says of who we are, for one connection.
pub(crate) struct ResolvedAuth {
    auth: Auth,
    signature: Option<SignatureText>,
}

impl Auth {
    /// Signs `nonce`, if that is how we prove who we are.
    pub(super) async fn prove(self, nonce: String) -> Result<ResolvedAuth, AuthError> {
        let signature = match &self.0 {
            // Without one, CONNECT would be refused, and have shown the JWT for nothing.
            Method::Signed { .. } if nonce.is_empty() => return Err(AuthError::NoNonce),
            Method::Signed { signer, .. } => {
                Some(SignatureText::new(&signer.sign(nonce.into_bytes()).await?))
            }
            _ => None,
        };
        Ok(ResolvedAuth { auth: self, signature })
    }
}

impl ResolvedAuth {
    /// `connect` with credentials.
    pub(crate) fn fill<'p>(&'p self, connect: Connect<'p>) -> Connect<'p> {
        let text = |secret: &'p Secret| Some(secret.as_str());
        let sig = self.signature.as_ref().map(SignatureText::as_str);
        match &self.auth.0 {
            Method::None => connect,
            Method::User { name, password } => {
                Connect { user: text(name), pass: text(password), ..connect }
            }
            Method::Token(token) => Connect { auth_token: text(token), ..connect },
            Method::Bearer(jwt) => Connect { jwt: text(jwt), ..connect },
            Method::Signed { identity: Identity::Jwt(jwt), .. } => {
                Connect { jwt: text(jwt), sig, ..connect }
            }
            Method::Signed { identity: Identity::Nkey(key), .. } => {
                Connect { nkey: Some(key.as_str()), sig, ..connect }
            }
        }
    }
}
