//! Where credentials come from.

use std::error::Error;
use std::future::Future;
#[cfg(feature = "nkeys")]
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use super::Auth;
use super::Challenge;
use super::ResolvedAuth;
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

impl Source {
    pub(crate) fn callback<F, A>(ask: F) -> Self
    where
        F: Fn(Challenge) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Auth, Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        Self::Callback(Arc::new(move |challenge| Box::pin(ask(challenge))))
    }

    pub(crate) const fn is_none(&self) -> bool {
        matches!(self, Self::Fixed(auth) if auth.is_none())
    }

    /// Answers a challenge.
    pub(crate) async fn prove(self, challenge: Challenge) -> Result<ResolvedAuth, AuthError> {
        let nonce = challenge.nonce.clone();
        let auth = match self {
            Self::Fixed(auth) => auth,
            Self::Invalid(error) => return Err(AuthError::Credentials(error)),
            #[cfg(feature = "nkeys")]
            Self::File(path) => read(path).await?,
            Self::Callback(ask) => ask(challenge).await.map_err(AuthError::Callback)?,
        };
        auth.prove(nonce).await
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
