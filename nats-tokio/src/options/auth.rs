//! Options for credentials.

use std::error::Error;
use std::future::Future;
#[cfg(feature = "nkeys")]
use std::path::PathBuf;

use nats_proto::session::ClientInfo;

use crate::auth::Auth;
use crate::auth::Challenge;
use crate::auth::Source;
use crate::error::CredentialsError;
use crate::options::ConnectOptions;

/// # Logging in
///
/// The method called last counts. A URL's own credentials come first, for the server that it names;
/// the options' are for all others. If the options have none, servers that were not named but
/// discovered get those of the first URL that has some.
impl ConnectOptions {
    /// Logs in with a user's name and password.
    ///
    /// ```
    /// let options = nats_tokio::ConnectOptions::new().user_and_password("alice", "s3cr3t");
    /// # let _ = options;
    /// ```
    #[must_use]
    pub fn user_and_password(
        mut self,
        user: impl Into<String>,
        password: impl Into<String>,
    ) -> Self {
        self.auth = Auth::user_and_password(user, password).into();
        self
    }

    /// Logs in with a token.
    ///
    /// ```
    /// let options = nats_tokio::ConnectOptions::new().token("s3cr3t");
    /// # let _ = options;
    /// ```
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.auth = Auth::token(token).into();
        self
    }

    /// Logs in with a user's NKey, by signing the server's nonce. The seed (`SU...`) stays here.
    ///
    /// An invalid seed is [`ConnectError::InvalidCredentials`](crate::ConnectError) when
    /// connecting. A server that has no nonce is not told anything, and given up.
    #[cfg(feature = "nkeys")]
    #[must_use]
    pub fn nkey(mut self, seed: impl AsRef<str>) -> Self {
        self.auth = Auth::nkey(seed.as_ref()).into();
        self
    }

    /// Logs in with a user's NKey that is kept elsewhere, in a secure element for instance: its
    /// public half (`U...`), and what signs the server's nonce with the other.
    ///
    /// `sign` runs in the connection's task, so it must not block, and it must not take longer than
    /// [`connect_timeout`](Self::connect_timeout). If it fails, the server is given up.
    ///
    /// An invalid public key is [`ConnectError::InvalidCredentials`](crate::ConnectError) when
    /// connecting.
    #[must_use]
    pub fn nkey_with<F, S>(mut self, public_key: impl AsRef<str>, sign: F) -> Self
    where
        F: Fn(Vec<u8>) -> S + Send + Sync + 'static,
        S: Future<Output = Result<[u8; 64], Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        self.auth = Auth::nkey_with(public_key.as_ref(), sign).into();
        self
    }

    /// Logs in with a user's JWT, and what signs the server's nonce with the user's key: see
    /// [`nkey_with`](Self::nkey_with).
    #[must_use]
    pub fn jwt<F, S>(mut self, jwt: impl Into<String>, sign: F) -> Self
    where
        F: Fn(Vec<u8>) -> S + Send + Sync + 'static,
        S: Future<Output = Result<[u8; 64], Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        self.auth = Auth::jwt(jwt, sign).into();
        self
    }

    /// Logs in with what stands in the text of a credentials file: JWT and seed; a JWT alone, which
    /// must be a bearer's; or a seed alone.
    ///
    /// A text without credentials, or with a malformed seed, is
    /// [`ConnectError::InvalidCredentials`](crate::ConnectError) when connecting.
    #[cfg(feature = "nkeys")]
    #[must_use]
    pub fn credentials(mut self, text: impl AsRef<str>) -> Self {
        self.auth = Auth::credentials(text.as_ref()).into();
        self
    }

    /// Logs in with what stands in a credentials file (`.creds`), like
    /// [`credentials`](Self::credentials).
    ///
    /// It is read anew for every connection, so that it may be replaced while the client runs. A
    /// server for which it cannot be read, or has no credentials in it, is given up. Longer than
    /// 1 MiB is an error.
    ///
    /// ```
    /// # #[cfg(feature = "nkeys")] {
    /// let options = nats_tokio::ConnectOptions::new().credentials_file("/etc/nats/billing.creds");
    /// # let _ = options; }
    /// ```
    #[cfg(feature = "nkeys")]
    #[must_use]
    pub fn credentials_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.auth = Source::File(path.into());
        self
    }

    /// Logs in with what `ask` returns, which is asked for every connection.
    ///
    /// It runs in the connection's task, so it must not block, and it must not take longer than
    /// [`connect_timeout`](Self::connect_timeout). If it fails, the server is given up. Its error is
    /// the source of [`AuthError::Callback`](crate::AuthError), and shown in no event and no log, as
    /// it may name secrets.
    ///
    /// ```no_run
    /// # async fn fetch_token(_: &str) -> Result<String, std::io::Error> { Ok(String::new()) }
    /// # async fn example() -> Result<(), nats_tokio::ConnectError> {
    /// use nats_tokio::Auth;
    /// use nats_tokio::ConnectOptions;
    ///
    /// let client = ConnectOptions::new()
    ///     .auth_callback(|challenge| async move {
    ///         Ok(Auth::token(fetch_token(&challenge.server).await?))
    ///     })
    ///     .connect("nats://a.example")
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn auth_callback<F, A>(mut self, ask: F) -> Self
    where
        F: Fn(Challenge) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Auth, Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        self.auth = Source::callback(ask);
        self
    }

    /// Takes the credentials, which only the driver needs.
    pub(crate) fn take_auth(&mut self) -> Result<Source, CredentialsError> {
        match std::mem::replace(&mut self.auth, Auth::none().into()) {
            Source::Invalid(error) => Err(error),
            source => Ok(source),
        }
    }

    /// What CONNECT says of the client.
    pub(crate) fn client_info(&self) -> ClientInfo<'_> {
        ClientInfo::DEFAULT
            .name(self.name.as_deref())
            .version(env!("CARGO_PKG_VERSION"))
            .echo(self.echo)
            .pedantic(self.pedantic)
    }
}
