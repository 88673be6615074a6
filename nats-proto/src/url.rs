//! Addresses of servers: `nats://user:password@host:4222`.

#[cfg(test)]
mod tests;

use core::fmt;

use crate::ascii::Decimal;
use crate::ascii::hex_digit;
use crate::error::Full;
use crate::storage::Sink;
use crate::storage::put_all;

/// A server's address, as people write it.
///
/// The scheme (`nats://`), the port (4222) and the credentials may be left out; an IPv6 address
/// stands in brackets, and may have a zone, by name or number: `[fe80::1%eth0]`.
/// [`list`](Self::list) takes several, separated by commas.
///
/// In a user's name, a password and a token, `/`, `?`, `#` and `,` are written `%2F`, `%3F`, `%23`
/// and `%2C`. An address with an `@` after its host is refused, as that is what becomes of such a
/// secret that is not escaped; in a path it is `%40`. A comma that is not escaped is the end of the
/// address, and cannot be distinguished from one between two.
///
/// ```
/// use nats_proto::{Scheme, ServerUrl};
///
/// let url = ServerUrl::new("tls://s3cr%20et@demo.example")?;
/// assert_eq!((url.scheme(), url.host(), url.port()), (Scheme::Tls, "demo.example", 4222));
/// assert!(url.user().is_some_and(|token| token.is("s3cr et")));
/// assert!(url.password().is_none());
/// # Ok::<(), nats_proto::UrlError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ServerUrl<'a> {
    scheme: Scheme,
    user: Option<&'a str>,
    password: Option<&'a str>,
    host: &'a str,
    port: Option<u16>,
    path: &'a str,
}

/// The table of schemes. A row is a scheme's variant, its name, the port if none is given, and whether it is a
/// WebSocket and asks for TLS.
macro_rules! schemes {
    ($($(#[$doc:meta])* $scheme:ident = $name:literal: $port:literal, websocket: $websocket:literal, tls: $tls:literal;)*) => {
        /// The way a connection is made. Exhaustive on purpose: a driver has a transport for each, or
        /// refuses it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        pub enum Scheme {
            $($(#[$doc])* $scheme,)*
        }

        impl Scheme {
            const ALL: &'static [Self] = &[$(Self::$scheme),*];

            /// The scheme's name.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$scheme => $name,)*
                }
            }

            /// The port if none is given.
            #[must_use]
            pub const fn default_port(self) -> u16 {
                match self {
                    $(Self::$scheme => $port,)*
                }
            }

            /// Whether the connection is a WebSocket: `ws` or `wss`. Its TLS, if any, is below it.
            #[must_use]
            pub const fn is_websocket(self) -> bool {
                match self {
                    $(Self::$scheme => $websocket,)*
                }
            }

            /// Whether the address asks for TLS: `tls` or `wss`. A server may insist on it in any case.
            #[must_use]
            pub const fn is_tls(self) -> bool {
                match self {
                    $(Self::$scheme => $tls,)*
                }
            }
        }
    };
}

schemes! {
    /// TCP, and TLS if the server insists.
    Nats = "nats": 4222, websocket: false, tls: false;
    /// TLS.
    Tls = "tls": 4222, websocket: false, tls: true;
    /// WebSocket.
    Ws = "ws": 80, websocket: true, tls: false;
    /// WebSocket over TLS.
    Wss = "wss": 443, websocket: true, tls: true;
}

/// A user's name, password or token, in which `%XX` stands for a byte.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PercentEncoded<'a>(&'a str);

/// Why a text is no server's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UrlError {
    /// The scheme is not `nats`, `tls`, `ws` or `wss`.
    Scheme,
    /// The host is missing, or is no name and no address.
    Host,
    /// The port is not a number from 1 to 65535.
    Port,
    /// There is an `@` after the host, as if a password or token had a `/`, `?` or `#` in it that
    /// is not [escaped](ServerUrl).
    Unescaped,
    /// One of the addresses in a list is invalid.
    Entry {
        /// Which, from 1. Those that are empty count.
        number: usize,
        /// Why.
        error: &'static Self,
    },
}

impl<'a> ServerUrl<'a> {
    /// Reads one address.
    ///
    /// # Errors
    ///
    /// [`UrlError`] if it is invalid.
    pub fn new(text: &'a str) -> Result<Self, UrlError> {
        let (scheme, text) = scheme(text.trim_ascii()).ok_or(UrlError::Scheme)?;
        let (authority, path) = split(text, |byte| matches!(byte, b'/' | b'?' | b'#'));
        if path.bytes().any(|byte| byte == b'@') {
            return Err(UrlError::Unescaped);
        }
        let path = if path == "/" { "" } else { path };
        // A password may contain an `@`, a host may not.
        let (info, address) = match authority.bytes().rposition(|byte| byte == b'@') {
            Some(at) => (authority.get(..at), authority.get(at + 1..).unwrap_or_default()),
            None => (None, authority),
        };
        let (user, password) = match info {
            Some(info) => {
                let (user, password) = split(info, |byte| byte == b':');
                (Some(user), password.get(1..))
            }
            None => (None, None),
        };
        let (host, behind) = host(address).ok_or(UrlError::Host)?;
        let port = match behind.as_bytes() {
            [] => None,
            [b':', digits @ ..] => Some(port(digits).ok_or(UrlError::Port)?),
            _ if address.starts_with('[') => return Err(UrlError::Port),
            // Something that is in no host's name.
            _ => return Err(UrlError::Host),
        };
        Ok(Self { scheme, user, password, host, port, path })
    }

    /// Reads the addresses in a list that is separated by commas. Empty ones are left out, so there
    /// may be none at all.
    ///
    /// An error says [which](UrlError::Entry) address it is about, if there is a comma.
    pub fn list(text: &'a str) -> impl Iterator<Item = Result<Self, UrlError>> + Clone {
        let is_one = text.bytes().all(|byte| byte != b',');
        let entries = (1..).zip(text.split([',']));
        entries.filter(|(_, entry)| !entry.trim_ascii().is_empty()).map(move |(number, entry)| {
            let url = Self::new(entry);
            if is_one { url } else { url.map_err(|error| error.of_entry(number)) }
        })
    }

    /// How the connection is made.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Whether there is a user's name, a password or a token in it.
    #[must_use]
    pub const fn has_user_info(&self) -> bool {
        self.user.is_some() || self.password.is_some()
    }

    /// The same address without the user's name, password or token: for a session, which keeps no
    /// secrets.
    #[must_use]
    pub const fn without_user_info(self) -> Self {
        Self { user: None, password: None, ..self }
    }

    /// The same server, connected to in another way.
    #[must_use]
    pub(crate) const fn with_scheme(self, scheme: Scheme) -> Self {
        Self { scheme, ..self }
    }

    /// The host's name or address, an IPv6 address without its brackets.
    #[must_use]
    pub const fn host(&self) -> &'a str {
        self.host
    }

    /// The port: the one given, or the scheme's.
    #[must_use]
    pub const fn port(&self) -> u16 {
        match self.port {
            Some(port) => port,
            None => self.scheme.default_port(),
        }
    }

    /// The user's name; a token, if there is no password.
    #[must_use]
    pub fn user(&self) -> Option<PercentEncoded<'a>> {
        self.user.filter(|user| !user.is_empty()).map(PercentEncoded)
    }

    /// The user's password.
    #[must_use]
    pub fn password(&self) -> Option<PercentEncoded<'a>> {
        self.password.map(PercentEncoded)
    }

    /// What follows the port, slash included: a WebSocket's path. There may be a secret in it,
    /// after a `?`.
    #[must_use]
    pub const fn path(&self) -> &'a str {
        self.path
    }

    /// The path without what follows `?` or `#`, which may be a secret.
    fn public_path(&self) -> &'a str {
        split(self.path, |byte| matches!(byte, b'?' | b'#')).0
    }

    /// Writes the address without credentials: `nats://host:4222`. A path is written whole, to be
    /// connected to; what is to be shown is [`Display`](fmt::Display)'s.
    ///
    /// # Errors
    ///
    /// [`Full`] if it does not fit; nothing is written then.
    pub fn encode(&self, out: &mut impl Sink) -> Result<(), Full> {
        let port = Decimal::new(self.port().into());
        let (open, close) = if self.has_colon() { ("[", "]") } else { ("", "") };
        let parts = [
            self.scheme.as_str().as_bytes(),
            b"://",
            open.as_bytes(),
            self.host.as_bytes(),
            close.as_bytes(),
            b":",
            port.as_bytes(),
            self.path.as_bytes(),
        ];
        put_all(&parts, out)
    }

    /// Whether the host is an IP address, not a name.
    #[must_use]
    pub fn is_ip_address(&self) -> bool {
        let is_in_v4 = |byte: u8| byte.is_ascii_digit() || byte == b'.';
        self.has_colon() || self.host.bytes().all(is_in_v4)
    }

    /// Whether the host is an IPv6 address. The standard library's search is larger.
    fn has_colon(&self) -> bool {
        self.host.bytes().any(|byte| byte == b':')
    }

    /// Whether this is the same server as `other`, whatever the credentials.
    #[must_use]
    pub fn is_same_server(&self, other: &ServerUrl<'_>) -> bool {
        self.scheme == other.scheme
            && self.host.eq_ignore_ascii_case(other.host)
            && self.port() == other.port()
            && self.path == other.path
    }
}

impl fmt::Display for ServerUrl<'_> {
    /// Without credentials, and without what follows `?`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        let (scheme, host, port) = (self.scheme.as_str(), self.host, self.port());
        let path = self.public_path();
        write!(f, "{scheme}://{open}{host}{close}:{port}{path}")
    }
}

impl fmt::Debug for ServerUrl<'_> {
    /// Like [`Display`](fmt::Display).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerUrl({self})")
    }
}

impl<'a> PercentEncoded<'a> {
    /// The bytes, with `%XX` resolved. A `%` that no two hexadecimal digits follow is itself.
    pub fn bytes(self) -> impl Iterator<Item = u8> + 'a {
        let mut rest = self.0.as_bytes();
        core::iter::from_fn(move || {
            let (&first, behind) = rest.split_first()?;
            if let (b'%', [high, low, behind @ ..]) = (first, behind)
                && let (Some(high), Some(low)) = (hex_digit(*high), hex_digit(*low))
            {
                rest = behind;
                return Some((high << 4) | low);
            }
            rest = behind;
            Some(first)
        })
    }

    /// Whether this is `text`, once resolved.
    #[must_use]
    pub fn is(self, text: &str) -> bool {
        self.bytes().eq(text.bytes())
    }
}

impl fmt::Debug for PercentEncoded<'_> {
    /// It may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encoded(..)")
    }
}

impl UrlError {
    /// The same of an address in a list: the one of that number, from 1.
    #[must_use]
    pub const fn of_entry(self, number: usize) -> Self {
        let error = match self {
            Self::Scheme => &Self::Scheme,
            Self::Host => &Self::Host,
            Self::Port => &Self::Port,
            Self::Unescaped => &Self::Unescaped,
            Self::Entry { error, .. } => error,
        };
        Self::Entry { number, error }
    }
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Entry { number, .. } => return write!(f, "address {number} of the list"),
            Self::Unescaped => {
                "there is an @ after the host: in credentials, / ? # are written %2F %3F %23, and \
                 in a path @ is written %40"
            }
            Self::Scheme => "the scheme is not nats, tls, ws or wss",
            Self::Host => "the host is missing or malformed",
            Self::Port => "the port is not a number from 1 to 65535",
        })
    }
}

impl core::error::Error for UrlError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Entry { error, .. } => Some(*error),
            _ => None,
        }
    }
}

/// The text before `://`, and the rest.
fn scheme(text: &str) -> Option<(Scheme, &str)> {
    let (name, rest) = split(text, |byte| byte == b':');
    let Some(rest) = rest.strip_prefix("://") else {
        return Some((Scheme::Nats, text));
    };
    let scheme = Scheme::ALL.iter().find(|scheme| scheme.as_str().eq_ignore_ascii_case(name))?;
    Some((*scheme, rest))
}

/// The host, without brackets, and what follows it.
fn host(address: &str) -> Option<(&str, &str)> {
    let (host, behind) = match address.strip_prefix('[') {
        Some(address) => {
            let ends = |byte: u8| !byte.is_ascii_hexdigit() && !matches!(byte, b':' | b'.');
            let (ip, mut behind) = split(address, ends);
            if let Some(zone) = behind.strip_prefix('%') {
                // An interface's name or number, with or without the escape of RFC 6874.
                let ends = |byte: u8| {
                    !byte.is_ascii_alphanumeric()
                        && !matches!(byte, b'.' | b'-' | b'_' | b'~' | b'%')
                };
                let (zone, behind_zone) = split(zone, ends);
                behind = if zone.is_empty() { "" } else { behind_zone };
            }
            let host = address.get(..address.len() - behind.len()).filter(|_| !ip.is_empty())?;
            (host, behind.strip_prefix(']')?)
        }
        None => {
            // What a name in another script may consist of is for those to say who resolve it.
            let ends = |byte: u8| {
                byte.is_ascii()
                    && !byte.is_ascii_alphanumeric()
                    && !matches!(byte, b'.' | b'-' | b'_')
            };
            split(address, ends)
        }
    };
    (!host.is_empty()).then_some((host, behind))
}

/// A decimal number from 1 to 65535.
fn port(digits: &[u8]) -> Option<u16> {
    let mut port: u16 = 0;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        port = port.checked_mul(10)?.checked_add(digit.into())?;
    }
    (port > 0).then_some(port)
}

/// Splits before the first byte of that kind; at the end if there is no such byte.
///
/// Byte by byte: characters would bring their tables along, a pattern of the standard library its
/// search, and both are larger than all this on a device.
#[inline(never)]
fn split(text: &str, is_end: fn(u8) -> bool) -> (&str, &str) {
    let at = text.bytes().position(is_end).unwrap_or(text.len());
    text.split_at_checked(at).unwrap_or((text, ""))
}
