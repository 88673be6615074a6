//! HTTP's CONNECT (RFC 9110, section 9.3.6).

use data_encoding::BASE64;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use zeroize::Zeroizing;

use super::address::Credentials;
use crate::error::ProxyError;
use crate::transport::Transport;

/// How long the head of an answer may be in bytes.
const MAX_HEAD: usize = 8 * 1024;
const MAX_HEADERS: usize = 100;
/// How much of the words of an answer is told, in bytes.
const MAX_REASON: usize = 200;

/// Asks for a connection to `host`.
pub(super) async fn tunnel(
    mut stream: Box<dyn Transport>,
    host: &str,
    port: u16,
    credentials: Option<&Credentials>,
) -> Result<Box<dyn Transport>, ProxyError> {
    let (open, close) = if host.contains(':') { ("[", "]") } else { ("", "") };
    let authority = format!("{open}{host}{close}:{port}");
    let secret = credentials.map(basic);
    let login = secret.as_ref().map_or_else(Zeroizing::default, |secret| {
        Zeroizing::new(format!("Proxy-Authorization: Basic {}\r\n", **secret))
    });
    let request = Zeroizing::new(format!(
        "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{}\r\n",
        *login
    ));
    stream.write_all(request.as_bytes()).await.map_err(ProxyError::Lost)?;
    stream.flush().await.map_err(ProxyError::Lost)?;
    let head = read_head(&mut stream).await?;
    let (code, reason) = status(&head)?;
    // The credentials must not be shown because a proxy repeats them.
    let is_told = |reason: &str| {
        let password = credentials.map(|credentials| credentials.password.as_str());
        let secrets = [secret.as_ref().map(|secret| secret.as_str()), password];
        let mut secrets = secrets.into_iter().flatten().filter(|secret| !secret.is_empty());
        !reason.is_empty() && !secrets.any(|secret| reason.contains(secret))
    };
    let words = || match reason.get(..MAX_REASON).unwrap_or(reason) {
        _ if !is_told(reason) => code.to_string(),
        reason => format!("{code} {reason}"),
    };
    match code {
        200..=299 => Ok(stream),
        407 => Err(ProxyError::Credentials),
        502..=504 => Err(ProxyError::ServerUnreachable(words())),
        _ => Err(ProxyError::Refused(words())),
    }
}

/// User and password as HTTP has them (RFC 7617).
fn basic(credentials: &Credentials) -> Zeroizing<String> {
    let Credentials { user, password } = credentials;
    let text = Zeroizing::new(format!("{}:{}", **user, **password));
    Zeroizing::new(BASE64.encode(text.as_bytes()))
}

/// All until the empty line. Byte by byte, as what follows is the server's.
async fn read_head(stream: &mut Box<dyn Transport>) -> Result<Vec<u8>, ProxyError> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && !head.ends_with(b"\n\n") {
        if head.len() == MAX_HEAD {
            return Err(ProxyError::TooLong);
        }
        head.push(stream.read_u8().await.map_err(ProxyError::Lost)?);
        // A peer that is no proxy need not be read until there is an empty line.
        if !b"HTTP/".starts_with(head.get(..5).unwrap_or(&head)) {
            return Err(ProxyError::Malformed);
        }
    }
    Ok(head)
}

/// The status, and the words that explain it.
fn status(head: &[u8]) -> Result<(u16, &str), ProxyError> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    match response.parse(head) {
        Ok(_) => {
            let code = response.code.ok_or(ProxyError::Malformed)?;
            Ok((code, response.reason.unwrap_or_default()))
        }
        Err(httparse::Error::TooManyHeaders) => Err(ProxyError::TooLong),
        Err(_) => Err(ProxyError::Malformed),
    }
}
