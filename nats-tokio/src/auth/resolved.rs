//! The credentials for one connection.

use nats_proto::nkeys::SignatureText;
use nats_proto::session;

use super::Auth;
use super::Identity;
use super::Method;
use crate::error::AuthError;

/// The credentials for one connection, the server's nonce signed.
pub(crate) struct ResolvedAuth {
    auth: Auth,
    signature: Option<SignatureText>,
}

impl Auth {
    /// Signs `nonce`, if it is credentials of that kind.
    pub(super) async fn resolve(self, nonce: String) -> Result<ResolvedAuth, AuthError> {
        let signature = match &self.0 {
            // Nothing is signed that is no nonce.
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
    /// What the session makes CONNECT of.
    pub(crate) fn get(&self) -> session::Auth<'_> {
        let signature = self.signature.as_ref().map(SignatureText::as_str);
        match &self.auth.0 {
            Method::None => session::Auth::None,
            Method::User { name, password } => {
                session::Auth::UserAndPassword { user: name.as_str(), password: password.as_str() }
            }
            Method::Token(token) => session::Auth::Token(token.as_str()),
            Method::Bearer(jwt) => session::Auth::Jwt { jwt: jwt.as_str(), signature: None },
            Method::Signed { identity: Identity::Jwt(jwt), .. } => {
                session::Auth::Jwt { jwt: jwt.as_str(), signature }
            }
            Method::Signed { identity: Identity::Nkey(key), .. } => session::Auth::Nkey {
                public: key.as_str(),
                signature: signature.unwrap_or_default(),
            },
        }
    }
}
