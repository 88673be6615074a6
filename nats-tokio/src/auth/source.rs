//! Sources of credentials: fixed ones, a file, a callback.

use std::error::Error;
use std::future::Future;
#[cfg(feature = "nkeys")]
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use nats_proto::session;

use super::Auth;
use super::Challenge;
use super::ResolvedAuth;
use super::UrlCredentials;
use crate::error::AuthError;
use crate::error::CredentialsError;

/// The options' credentials, or where to get them at every attempt.
#[derive(Clone)]
pub(crate) enum Source {
    Fixed(Auth),
    /// Told when connecting: options are set without a word.
    Invalid(CredentialsError),
    #[cfg(feature = "nkeys")]
    File(PathBuf),
    Callback(Arc<dyn Fn(Challenge) -> Asking + Send + Sync>),
}

type Asking = Pin<Box<dyn Future<Output = Result<Auth, Box<dyn Error + Send + Sync>>> + Send>>;

/// Getting credentials, which may take its time.
pub(crate) type Resolving = Pin<Box<dyn Future<Output = Result<ResolvedAuth, AuthError>> + Send>>;

impl Source {
    pub(crate) fn callback<F, A>(ask: F) -> Self
    where
        F: Fn(Challenge) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Auth, Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        Self::Callback(Arc::new(move |challenge| Box::pin(ask(challenge))))
    }

    const fn is_none(&self) -> bool {
        matches!(self, Self::Fixed(auth) if auth.is_none())
    }

    /// The credentials for the server of a challenge. Those of its URL come first. Nothing happens
    /// before it is polled.
    pub(crate) fn resolve_for(
        &self,
        of_urls: &UrlCredentials,
        challenge: &session::Challenge<'_>,
    ) -> Resolving {
        let of_url = of_urls.find(&challenge.server, self.is_none());
        let source = of_url.map_or_else(|| self.clone(), |auth| auth.clone().into());
        let challenge = Challenge {
            server: challenge.server.to_string(),
            nonce: challenge.nonce().unwrap_or_default().to_owned(),
            auth_required: challenge.auth_required,
        };
        Box::pin(source.resolve(challenge))
    }

    /// The credentials for a challenge.
    pub(super) async fn resolve(self, challenge: Challenge) -> Result<ResolvedAuth, AuthError> {
        let nonce = challenge.nonce.clone();
        let auth = match self {
            Self::Fixed(auth) => auth,
            Self::Invalid(error) => return Err(AuthError::Credentials(error)),
            #[cfg(feature = "nkeys")]
            Self::File(path) => read(path).await?,
            Self::Callback(ask) => ask(challenge).await.map_err(AuthError::Callback)?,
        };
        auth.resolve(nonce).await
    }
}

impl From<Auth> for Source {
    fn from(auth: Auth) -> Self {
        Self::Fixed(auth)
    }
}

impl From<Result<Auth, CredentialsError>> for Source {
    fn from(auth: Result<Auth, CredentialsError>) -> Self {
        auth.map_or_else(Self::Invalid, Self::Fixed)
    }
}

/// Reads a credentials file, on a thread for things that block.
#[cfg(feature = "nkeys")]
async fn read(path: PathBuf) -> Result<Auth, AuthError> {
    use std::io;
    use std::io::Read;

    use zeroize::Zeroizing;

    /// No credentials are longer.
    const MAX: usize = 1024 * 1024;

    let reading = tokio::task::spawn_blocking(move || {
        let file = std::fs::File::open(path)?;
        let len = file.metadata()?.len();
        // Room for all of it at once: a text that grows leaves copies behind.
        let room = usize::try_from(len).unwrap_or(MAX).min(MAX);
        let mut text = Zeroizing::new(String::with_capacity(room + 1));
        if file.take(MAX as u64 + 1).read_to_string(&mut text)? > MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(text)
    });
    let text = reading.await.unwrap_or_else(|error| Err(error.into())).map_err(AuthError::File)?;
    Auth::credentials(&text).map_err(AuthError::Credentials)
}
