//! The client's name and credentials, and CONNECT made of them.

use core::fmt;

use super::Session;
use super::State;
use super::store::Store;
use crate::wire::Connect;

/// What CONNECT says of the client itself.
///
/// ```
/// use nats_proto::session::ClientInfo;
///
/// const CLIENT: ClientInfo<'static> = ClientInfo::DEFAULT.name(Some("sensor")).echo(false);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ClientInfo<'a> {
    name: Option<&'a str>,
    lang: &'a str,
    version: &'a str,
    echo: bool,
    verbose: bool,
    pedantic: bool,
}

/// The credentials to log in with. The texts are borrowed: a session keeps no secrets.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Auth<'a> {
    /// None.
    #[default]
    None,
    /// A user's name and password.
    UserAndPassword {
        /// The name.
        user: &'a str,
        /// The password.
        password: &'a str,
    },
    /// A token.
    Token(&'a str),
    /// An NKey.
    Nkey {
        /// The public key: `U` and 55 more characters.
        public: &'a str,
        /// The [nonce](super::Challenge::nonce), signed, in unpadded base64url: a
        /// [`SignatureText`](crate::nkeys::SignatureText).
        signature: &'a str,
    },
    /// A user's JWT.
    Jwt {
        /// The JWT.
        jwt: &'a str,
        /// The [nonce](super::Challenge::nonce), signed with the key that the JWT is about; `None`
        /// for a bearer token.
        signature: Option<&'a str>,
    },
}

/// There is a signature, and the server has not asked for one: it would refuse it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NoNonce;

impl ClientInfo<'static> {
    /// No name, this crate as the language's library, the client's own messages to its own
    /// subscriptions.
    pub const DEFAULT: Self = Self {
        name: None,
        lang: Connect::DEFAULT.lang,
        version: Connect::DEFAULT.version,
        echo: true,
        verbose: false,
        pedantic: false,
    };
}

impl Default for ClientInfo<'static> {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl<'a> ClientInfo<'a> {
    /// The connection's name, for monitoring. Default none.
    #[must_use]
    pub const fn name(self, name: Option<&'a str>) -> Self {
        Self { name, ..self }
    }

    /// The client's language. Default `rust`.
    #[must_use]
    pub const fn lang(self, lang: &'a str) -> Self {
        Self { lang, ..self }
    }

    /// The client's version. Default that of this crate.
    #[must_use]
    pub const fn version(self, version: &'a str) -> Self {
        Self { version, ..self }
    }

    /// Whether the server delivers this connection's messages to its own subscriptions. Default true.
    #[must_use]
    pub const fn echo(self, echo: bool) -> Self {
        Self { echo, ..self }
    }

    /// Whether the server confirms every operation with +OK. Default false.
    #[must_use]
    pub const fn verbose(self, verbose: bool) -> Self {
        Self { verbose, ..self }
    }

    /// Whether the server checks subjects. Default false.
    #[must_use]
    pub const fn pedantic(self, pedantic: bool) -> Self {
        Self { pedantic, ..self }
    }
}

impl Auth<'_> {
    /// Whether there is a signature.
    #[must_use]
    pub const fn is_signed(&self) -> bool {
        matches!(self, Self::Nkey { .. } | Self::Jwt { signature: Some(_), .. })
    }
}

impl<S: Store> Session<S> {
    /// Writes CONNECT, or as much of it as fits into `out`, and returns how many bytes that is.
    ///
    /// To be called as long as the phase is [`Login`](super::Phase::Login), each time with the same
    /// arguments: with a JWT, CONNECT is longer than a small device's buffer. PING follows of
    /// itself. What the server has said, and whether the connection is secure, is taken into
    /// account: `headers`, `no_responders` and `tls_required` are filled in.
    ///
    /// There may be a password in what is written: no other copy is made, and to wipe it is for the
    /// caller.
    ///
    /// # Errors
    ///
    /// [`NoNonce`]; nothing is written, and the driver gives the connection up with
    /// [`DisconnectReason::Auth`](super::DisconnectReason::Auth).
    pub fn log_in(
        &mut self,
        client: &ClientInfo<'_>,
        auth: &Auth<'_>,
        out: &mut [u8],
    ) -> Result<usize, NoNonce> {
        let State::LoggingIn { sent, is_secure } = self.state else {
            return Ok(0);
        };
        let connect = self.connect_line(client, auth)?;
        let len = connect.encode_part(sent, out);
        let sent = sent + len;
        self.state = if sent < connect.encoded_len() {
            State::LoggingIn { sent, is_secure }
        } else {
            State::AwaitingPong { is_ping_due: true }
        };
        Ok(len)
    }

    /// How many bytes [`log_in`](Self::log_in) would write in all, for a buffer of that length.
    ///
    /// # Errors
    ///
    /// [`NoNonce`], as there.
    pub fn log_in_len(&self, client: &ClientInfo<'_>, auth: &Auth<'_>) -> Result<usize, NoNonce> {
        Ok(self.connect_line(client, auth)?.encoded_len())
    }

    fn connect_line<'c>(
        &self,
        client: &ClientInfo<'c>,
        auth: &Auth<'c>,
    ) -> Result<Connect<'c>, NoNonce> {
        if auth.is_signed() && self.info.nonce().is_empty() {
            return Err(NoNonce);
        }
        let connect = Connect {
            verbose: client.verbose,
            pedantic: client.pedantic,
            tls_required: matches!(self.state, State::LoggingIn { is_secure: true, .. }),
            name: client.name,
            lang: client.lang,
            version: client.version,
            echo: client.echo,
            // Without headers, the server could not say that there are none.
            headers: self.info.headers(),
            no_responders: self.info.headers(),
            ..Connect::DEFAULT
        };
        Ok(match *auth {
            Auth::None => connect,
            Auth::UserAndPassword { user, password } => {
                Connect { user: Some(user), pass: Some(password), ..connect }
            }
            Auth::Token(token) => Connect { auth_token: Some(token), ..connect },
            Auth::Nkey { public, signature } => {
                Connect { nkey: Some(public), sig: Some(signature), ..connect }
            }
            Auth::Jwt { jwt, signature } => Connect { jwt: Some(jwt), sig: signature, ..connect },
        })
    }
}

impl fmt::Debug for Auth<'_> {
    /// Shows the kind, and not the secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::UserAndPassword { .. } => "UserAndPassword { .. }",
            Self::Token(_) => "Token(..)",
            Self::Nkey { .. } => "Nkey { .. }",
            Self::Jwt { .. } => "Jwt { .. }",
        })
    }
}

impl fmt::Display for NoNonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the server sent no nonce to sign")
    }
}

impl core::error::Error for NoNonce {}
