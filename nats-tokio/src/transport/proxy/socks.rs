//! SOCKS5 (RFC 1928), with a user's name and password (RFC 1929).

use tokio_socks::Error;
use tokio_socks::tcp::Socks5Stream;

use super::address::Credentials;
use crate::error::ProxyError;
use crate::transport::Transport;

/// Asks for a connection to `host`, which the proxy looks up if it is a name.
pub(super) async fn tunnel(
    stream: Box<dyn Transport>,
    host: &str,
    port: u16,
    credentials: Option<&Credentials>,
) -> Result<Box<dyn Transport>, ProxyError> {
    let target = (host, port);
    let opened = match credentials {
        Some(Credentials { user, password }) => {
            Socks5Stream::connect_with_password_and_socket(stream, target, user, password).await
        }
        None => Socks5Stream::connect_with_socket(stream, target).await,
    };
    opened.map(Socks5Stream::into_inner).map_err(meaning)
}

fn meaning(error: Error) -> ProxyError {
    match error {
        Error::Io(error) => ProxyError::Lost(error),
        Error::NoAcceptableAuthMethods
        | Error::AuthorizationRequired
        | Error::PasswordAuthFailure(_) => ProxyError::Credentials,
        Error::NetworkUnreachable
        | Error::HostUnreachable
        | Error::ConnectionRefused
        | Error::TtlExpired => ProxyError::ServerUnreachable(error.to_string()),
        Error::GeneralSocksServerFailure
        | Error::ConnectionNotAllowedByRuleset
        | Error::CommandNotSupported
        | Error::AddressTypeNotSupported => ProxyError::Refused(error.to_string()),
        // All that we say is checked already, but for how long the name is.
        Error::InvalidTargetAddress("overlong domain") => ProxyError::NameTooLong,
        _ => ProxyError::Malformed,
    }
}
