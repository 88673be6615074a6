//! Authentication.

use core::fmt;

use nats_proto::session;

/// The credentials to log in with.
///
/// The texts are borrowed for as long as the client lives, and never shown.
#[derive(Clone, Copy, Default)]
#[non_exhaustive]
pub enum Auth<'d> {
    /// No credentials.
    #[default]
    Anonymous,
    /// A user with a password.
    Password {
        /// The user's name.
        user: &'d str,
        /// The user's password.
        password: &'d str,
    },
    /// An authentication token.
    Token(&'d str),
    /// The owner of a key. Needs a [`Signer`], see
    /// [`Runner::with_signer`](crate::Runner::with_signer).
    Nkey {
        /// The public key: `U` and 55 more.
        public: &'d str,
    },
    /// The user that a JWT is about. Needs a [`Signer`] as well.
    Jwt(&'d str),
}

/// Signs what the server asks to be signed: with a key in memory, or in a secure element.
pub trait Signer {
    /// Signs `nonce` with Ed25519.
    ///
    /// # Errors
    ///
    /// [`SignError`] if that is not possible; the server is tried again later.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped if it takes longer than connecting may take.
    async fn sign(&mut self, nonce: &[u8]) -> Result<[u8; 64], SignError>;
}

/// The credentials of every attempt: for tokens that are renewed, JWTs that come from somewhere
/// else, secure elements that hold all of it. See
/// [`Runner::with_credentials`](crate::Runner::with_credentials).
///
/// ```
/// use nats_embassy::{Credentials, Auth, ResolvedAuth, SignError};
///
/// struct Renewed {
///     token: heapless::String<64>,
/// }
///
/// impl Credentials for Renewed {
///     async fn log_in(&mut self, _: &[u8]) -> Result<ResolvedAuth<'_>, SignError> {
///         // Fetches a new one, if this one is too old.
///         Ok(ResolvedAuth::new(Auth::Token(&self.token)))
///     }
/// }
/// ```
pub trait Credentials {
    /// The credentials for a server that wants to have `nonce` signed, if it is not empty. They are
    /// written to the server, and no copy of them is kept.
    ///
    /// # Errors
    ///
    /// [`SignError`] if there are none now; the server is tried again later.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped if it takes longer than connecting may take.
    async fn log_in(&mut self, nonce: &[u8]) -> Result<ResolvedAuth<'_>, SignError>;
}

/// The credentials of one attempt, and the signature that proves them.
pub struct ResolvedAuth<'a> {
    pub(crate) auth: Auth<'a>,
    pub(crate) signature: Option<[u8; 64]>,
}

impl<'a> ResolvedAuth<'a> {
    /// Credentials that need no signature.
    #[must_use]
    pub const fn new(auth: Auth<'a>) -> Self {
        Self { auth, signature: None }
    }

    /// Credentials with a signature: the nonce, signed with Ed25519.
    #[must_use]
    pub const fn signed(auth: Auth<'a>, signature: [u8; 64]) -> Self {
        Self { auth, signature: Some(signature) }
    }
}

/// [`Credentials`] of a runner, which asks for them at every attempt.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PerAttempt<P>(pub(crate) P);

/// There is no signature, or there are no credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SignError;

/// Signs nothing: for servers that do not ask for signatures.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NoSigner;

impl Signer for NoSigner {
    async fn sign(&mut self, _: &[u8]) -> Result<[u8; 64], SignError> {
        Err(SignError)
    }
}

/// Signs with a seed, in software. What that takes of flash is in the README.
#[cfg(feature = "nkeys")]
pub struct KeySigner(nats_proto::nkeys::KeyPair);

#[cfg(feature = "nkeys")]
impl KeySigner {
    /// A signer with the key of `seed`: `SU` and 56 more characters, out of a credentials file for
    /// instance, see [`nats_proto::creds`].
    ///
    /// # Errors
    ///
    /// If `seed` is invalid.
    pub fn new(seed: &str) -> Result<Self, nats_proto::nkeys::NkeyError> {
        nats_proto::nkeys::KeyPair::from_seed(seed).map(Self)
    }

    /// The public key, for [`Auth::Nkey`].
    #[must_use]
    pub fn public_key(&self) -> nats_proto::nkeys::PublicKey {
        self.0.public_key()
    }
}

#[cfg(feature = "nkeys")]
impl Signer for KeySigner {
    async fn sign(&mut self, nonce: &[u8]) -> Result<[u8; 64], SignError> {
        Ok(self.0.sign(nonce))
    }
}

impl<'a> Auth<'a> {
    pub(crate) const fn needs_signature(&self) -> bool {
        matches!(self, Self::Nkey { .. } | Self::Jwt(_))
    }

    /// The credentials with a signature; `None` if it is missing.
    pub(crate) const fn with_signature(
        self,
        signature: Option<&'a str>,
    ) -> Option<session::Auth<'a>> {
        Some(match (self, signature) {
            (Self::Anonymous, _) => session::Auth::None,
            (Self::Password { user, password }, _) => {
                session::Auth::UserAndPassword { user, password }
            }
            (Self::Token(token), _) => session::Auth::Token(token),
            (Self::Nkey { public }, Some(signature)) => session::Auth::Nkey { public, signature },
            (Self::Jwt(jwt), Some(_)) => session::Auth::Jwt { jwt, signature },
            (Self::Nkey { .. } | Self::Jwt(_), None) => return None,
        })
    }
}

impl fmt::Debug for Auth<'_> {
    /// Shows the kind, and not the secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anonymous => "Anonymous",
            Self::Password { .. } => "Password { .. }",
            Self::Token(_) => "Token(..)",
            Self::Nkey { .. } => "Nkey { .. }",
            Self::Jwt(_) => "Jwt(..)",
        })
    }
}

impl fmt::Debug for ResolvedAuth<'_> {
    /// Shows the kind, and not the secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResolvedAuth").field("auth", &self.auth).finish_non_exhaustive()
    }
}

#[cfg(feature = "nkeys")]
impl fmt::Debug for KeySigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeySigner({})", self.public_key())
    }
}

impl fmt::Display for SignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there is no signature")
    }
}

impl core::error::Error for SignError {}
