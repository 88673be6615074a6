//! Errors in words.

use std::error::Error;

use nats_tokio::ConnectError;

/// Whether several servers were tried, and all failed like that.
pub(crate) fn all_failed(error: &ConnectError, is_like: impl Fn(&ConnectError) -> bool) -> bool {
    let failures = error.failures();
    failures.len() > 1 && failures.iter().all(|failure| is_like(&failure.error))
}

/// An error and all that is behind it, as programs print it.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
