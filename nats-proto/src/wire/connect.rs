//! CONNECT: a client's credentials and options.

#[cfg(test)]
mod tests;

mod view;

use core::fmt;

pub use view::ConnectView;

use super::json::put_string;
use crate::ascii::Decimal;
use crate::error::Full;
use crate::setters::setters;
use crate::storage::Sink;
use crate::storage::copy;

/// CONNECT: the client's credentials and options.
///
/// The texts are borrowed: a session keeps no secrets. What is `None` is left out; the truth values
/// are always sent, because nats-server's own default for `verbose` and `pedantic` is *on*.
///
/// ```
/// use nats_proto::wire::Connect;
///
/// let mut line = Vec::new();
/// # #[cfg(feature = "alloc")]
/// Connect { name: Some("sensor"), ..Connect::DEFAULT }.encode(&mut line)?;
/// # #[cfg(feature = "alloc")]
/// assert!(line.starts_with(br#"CONNECT {"verbose":false,"pedantic":false,"#));
/// # let _: &Vec<u8> = &line;
/// # Ok::<(), nats_proto::Full>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Connect<'a> {
    /// Whether the server confirms every operation with +OK. Default false.
    pub verbose: bool,
    /// Whether the server checks subjects. Default false.
    pub pedantic: bool,
    /// Whether this client insists on TLS. Default false.
    pub tls_required: bool,
    /// A token.
    pub auth_token: Option<&'a str>,
    /// A user's name.
    pub user: Option<&'a str>,
    /// A user's password.
    pub pass: Option<&'a str>,
    /// A user's JWT.
    pub jwt: Option<&'a str>,
    /// The public NKey.
    pub nkey: Option<&'a str>,
    /// The signature of the server's nonce in unpadded base64url.
    pub sig: Option<&'a str>,
    /// The connection's name, for monitoring.
    pub name: Option<&'a str>,
    /// The client's language. Default `rust`.
    pub lang: &'a str,
    /// The client's version. Default this crate's.
    pub version: &'a str,
    /// The version of the protocol. Default 1: INFO may come again.
    pub protocol: u8,
    /// Whether the server delivers this connection's messages to its own subscriptions. Default
    /// true.
    pub echo: bool,
    /// Whether messages may have headers. Default true.
    pub headers: bool,
    /// Whether a request without responders is answered with status 503. Needs headers.
    /// Default true.
    pub no_responders: bool,
}

impl Connect<'static> {
    /// No credentials, no name, and every field at its default.
    pub const DEFAULT: Self = Self {
        verbose: false,
        pedantic: false,
        tls_required: false,
        auth_token: None,
        user: None,
        pass: None,
        jwt: None,
        nkey: None,
        sig: None,
        name: None,
        lang: "rust",
        version: env!("CARGO_PKG_VERSION"),
        protocol: 1,
        echo: true,
        headers: true,
        no_responders: true,
    };
}

impl<'a> Connect<'a> {
    setters! {
        verbose: bool,
        pedantic: bool,
        tls_required: bool,
        auth_token: Option<&'a str>,
        user: Option<&'a str>,
        pass: Option<&'a str>,
        jwt: Option<&'a str>,
        nkey: Option<&'a str>,
        sig: Option<&'a str>,
        name: Option<&'a str>,
        lang: &'a str,
        version: &'a str,
        protocol: u8,
        echo: bool,
        headers: bool,
        no_responders: bool,
    }
}

impl Default for Connect<'static> {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Connect<'_> {
    /// The length of the line in bytes, line end included. A server limits it
    /// (`max_control_line`).
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        let mut window = Window { skip: usize::MAX, out: &mut [], len: 0 };
        self.put(&mut window);
        usize::MAX - window.skip
    }

    /// Writes the line.
    ///
    /// # Errors
    ///
    /// [`Full`] if it does not fit; nothing is written then.
    pub fn encode(&self, out: &mut impl Sink) -> Result<(), Full> {
        out.reserve(self.encoded_len())?;
        self.put(out);
        Ok(())
    }

    /// Writes the part of the line that begins `skip` bytes into it, as much as fits into `out`,
    /// and returns how much that is: zero at the end.
    ///
    /// With a JWT in it, CONNECT is longer than a small device's buffer.
    ///
    /// ```
    /// use nats_proto::wire::Connect;
    ///
    /// let connect = Connect { jwt: Some("eyJ0eXAi..."), ..Connect::DEFAULT };
    /// let mut buffer = [0; 16];
    /// let mut sent = 0;
    /// loop {
    ///     let len = connect.encode_part(sent, &mut buffer);
    ///     if len == 0 {
    ///         break;
    ///     }
    ///     // socket.write_all(&buffer[..len])
    ///     sent += len;
    /// }
    /// assert_eq!(sent, connect.encoded_len());
    /// ```
    pub fn encode_part(&self, skip: usize, out: &mut [u8]) -> usize {
        let mut window = Window { skip, out, len: 0 };
        self.put(&mut window);
        window.len
    }

    fn put(&self, out: &mut impl Sink) {
        put_flag("CONNECT {\"verbose\":", self.verbose, out);
        put_flag(",\"pedantic\":", self.pedantic, out);
        put_flag(",\"tls_required\":", self.tls_required, out);
        put_text(",\"auth_token\":", self.auth_token, out);
        put_text(",\"user\":", self.user, out);
        put_text(",\"pass\":", self.pass, out);
        put_text(",\"jwt\":", self.jwt, out);
        put_text(",\"nkey\":", self.nkey, out);
        put_text(",\"sig\":", self.sig, out);
        put_text(",\"name\":", self.name, out);
        put_text(",\"lang\":", Some(self.lang), out);
        put_text(",\"version\":", Some(self.version), out);
        out.put(b",\"protocol\":");
        out.put(Decimal::new(self.protocol.into()).as_bytes());
        put_flag(",\"echo\":", self.echo, out);
        put_flag(",\"headers\":", self.headers, out);
        put_flag(",\"no_responders\":", self.no_responders, out);
        out.put(b"}\r\n");
    }
}

fn put_text(key: &str, text: Option<&str>, out: &mut impl Sink) {
    if let Some(text) = text {
        out.put(key.as_bytes());
        put_string(text, out);
    }
}

fn put_flag(key: &str, value: bool, out: &mut impl Sink) {
    out.put(key.as_bytes());
    out.put(if value { b"true" } else { b"false" });
}

/// A sink that keeps the bytes after the first `skip`, as far as they fit.
struct Window<'o> {
    skip: usize,
    out: &'o mut [u8],
    /// How much of `out` is written.
    len: usize,
}

impl Sink for Window<'_> {
    fn reserve(&mut self, _: usize) -> Result<(), Full> {
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) {
        let skipped = self.skip.min(bytes.len());
        self.skip -= skipped;
        let bytes = bytes.get(skipped..).unwrap_or_default();
        let spare = self.out.get_mut(self.len..).unwrap_or_default();
        let len = bytes.len().min(spare.len());
        if let (Some(spare), Some(bytes)) = (spare.get_mut(..len), bytes.get(..len)) {
            copy(bytes, spare);
            self.len += len;
        }
    }
}

impl fmt::Debug for Connect<'_> {
    /// Shows which credentials there are, and not what they are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect")
            .field("verbose", &self.verbose)
            .field("pedantic", &self.pedantic)
            .field("tls_required", &self.tls_required)
            .field("has_auth_token", &self.auth_token.is_some())
            .field("user", &self.user)
            .field("has_pass", &self.pass.is_some())
            .field("has_jwt", &self.jwt.is_some())
            .field("nkey", &self.nkey)
            .field("has_sig", &self.sig.is_some())
            .field("name", &self.name)
            .field("lang", &self.lang)
            .field("version", &self.version)
            .field("protocol", &self.protocol)
            .field("echo", &self.echo)
            .field("headers", &self.headers)
            .field("no_responders", &self.no_responders)
            .finish()
    }
}
