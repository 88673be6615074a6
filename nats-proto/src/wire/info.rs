//! What a server says about itself, read as it arrives.

#[cfg(test)]
mod tests;

mod write;

pub use write::Info;

use super::json::JsonError;
use super::json::Scanner;
use super::json::Token;
use super::json::TokenKind;
use crate::ascii::parse_decimal;
use crate::storage::Buffer;

/// INFO, or a part of it: a cluster's can be longer than any buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct InfoPart<'b> {
    /// The JSON, from where the previous part ended.
    pub json: &'b [u8],
    /// Whether INFO ends with this part.
    pub is_last: bool,
}

/// What INFO said, as far as a client can use it.
///
/// `T` holds the nonce, `N` the texts that nothing depends on: `ArrayBuf<N>` or
/// `Vec<u8>`. One that does not fit is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ServerInfo<T, N = T> {
    server_id: N,
    server_name: N,
    version: N,
    nonce: T,
    client_ip: N,
    domain: N,
    #[cfg(feature = "alloc")]
    cluster: N,
    client_id: u64,
    max_payload: u32,
    proto: u8,
    flags: Flags,
    cut: bool,
}

/// Reads INFO part by part into a [`ServerInfo`], in constant memory.
///
/// ```
/// use nats_proto::wire::{ArrayBuf, InfoPart, InfoScanner, ServerInfo};
///
/// let mut scanner = InfoScanner::<ArrayBuf<64>>::default();
/// let mut info: ServerInfo<ArrayBuf<64>> = ServerInfo::default();
/// let mut urls = Vec::new();
/// for (json, is_last) in [
///     (r#"{"version":"2.15"#, false),
///     (r#".1","connect_urls":["10.0.0.1:4222","10.0.0.2:4222"]}"#, true),
/// ] {
///     let part = InfoPart { json: json.as_bytes(), is_last };
///     scanner.push(part, &mut info, |url| urls.push(url.to_owned()))?;
/// }
/// assert_eq!(info.version(), "2.15.1");
/// assert_eq!(urls, ["10.0.0.1:4222", "10.0.0.2:4222"]);
/// # Ok::<(), nats_proto::wire::JsonError>(())
/// ```
#[derive(Clone, Debug)]
pub struct InfoScanner<T> {
    json: Scanner<T>,
    key: Key,
    /// The keys that this INFO has had so far, one bit each.
    seen: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
struct Flags(u16);

macro_rules! keys {
    ($($(#[$on:meta])? $key:ident = $name:literal),* $(,)?) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        enum Key {
            $($(#[$on])? $key,)*
            Unknown,
        }

        impl Key {
            /// The keys and their names, in the order of their bits.
            const TABLE: &'static [(&'static str, Self)] = &[$($(#[$on])? ($name, Self::$key)),*];

            fn from_name(name: &[u8]) -> Self {
                let row = Self::TABLE.iter().find(|(known, _)| known.as_bytes() == name);
                row.map_or(Self::Unknown, |&(_, key)| key)
            }

            const fn bit(self) -> u32 {
                1 << self as u32
            }
        }
    };
}

keys! {
    Headers = "headers",
    AuthRequired = "auth_required",
    TlsRequired = "tls_required",
    TlsVerify = "tls_verify",
    TlsAvailable = "tls_available",
    LameDuckMode = "ldm",
    JetStream = "jetstream",
    ServerId = "server_id",
    ServerName = "server_name",
    Version = "version",
    Nonce = "nonce",
    ClientIp = "client_ip",
    Domain = "domain",
    #[cfg(feature = "alloc")]
    Cluster = "cluster",
    ClientId = "client_id",
    MaxPayload = "max_payload",
    Proto = "proto",
    ConnectUrls = "connect_urls",
}

impl<T: Buffer + Default> InfoScanner<T> {
    /// Reads a part, hands each of `connect_urls` to `url`, and says whether INFO is complete.
    ///
    /// A value stays what it was until the new one is read; what an INFO leaves out becomes what
    /// it is by default when that INFO ends.
    ///
    /// # Errors
    ///
    /// [`JsonError`] if INFO is not a JSON object. The next part is taken for the first of a new
    /// INFO then.
    pub fn push<N: Buffer>(
        &mut self,
        part: InfoPart<'_>,
        info: &mut ServerInfo<T, N>,
        mut url: impl FnMut(&str),
    ) -> Result<bool, JsonError> {
        let result = self.read(part, info, &mut url);
        if result.is_err() || part.is_last {
            self.json.reset();
            self.seen = 0;
        }
        result
    }

    fn read<N: Buffer>(
        &mut self,
        part: InfoPart<'_>,
        info: &mut ServerInfo<T, N>,
        url: &mut impl FnMut(&str),
    ) -> Result<bool, JsonError> {
        for &byte in part.json {
            if let Some(token) = self.json.push(byte)? {
                self.token(token, info, url);
            }
        }
        if !part.is_last {
            return Ok(false);
        }
        if !self.json.is_done() {
            return Err(JsonError);
        }
        info.cut &= self.seen != 0;
        for (_, key) in Key::TABLE {
            if self.seen & key.bit() == 0 {
                info.forget(*key);
            }
        }
        Ok(true)
    }

    fn token<N: Buffer>(
        &mut self,
        token: Token,
        info: &mut ServerInfo<T, N>,
        url: &mut impl FnMut(&str),
    ) {
        let text = self.json.text();
        match (token.depth, token.kind) {
            (1, TokenKind::Key) => {
                if self.seen == 0 {
                    info.cut = false;
                }
                self.key = text.map_or(Key::Unknown, Key::from_name);
                if self.key != Key::Unknown {
                    self.seen |= self.key.bit();
                }
            }
            (1, TokenKind::Bool(value)) => info.flags.set(self.key, value),
            (1, TokenKind::Number) => info.set_number(self.key, text.and_then(decimal_text)),
            (1, TokenKind::String) => info.set_text(self.key, text),
            (2, TokenKind::String) if self.key == Key::ConnectUrls => {
                match text.map(core::str::from_utf8) {
                    Some(Ok(text)) => url(text),
                    _ => info.cut = true,
                }
            }
            _ => {}
        }
    }
}

impl<T: Buffer + Default> Default for InfoScanner<T> {
    fn default() -> Self {
        Self { json: Scanner::new(T::default()), key: Key::Unknown, seen: 0 }
    }
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name(&self) -> &str {
            core::str::from_utf8(self.$name.as_ref()).unwrap_or_default()
        }
    )*};
}

macro_rules! flags {
    ($($(#[$doc:meta])* $name:ident = $key:ident;)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub const fn $name(&self) -> bool {
            self.flags.get(Key::$key)
        }
    )*};
}

impl<T: Buffer, N: Buffer> ServerInfo<T, N> {
    texts! {
        /// The server's unique id.
        server_id;
        /// The server's name.
        server_name;
        /// The server's version: `2.15.1`.
        version;
        /// The challenge to be signed with an NKey; empty if there is none.
        nonce;
        /// The address that the server sees this client at.
        client_ip;
        /// The JetStream domain; empty for the default one.
        domain;
    }

    #[cfg(feature = "alloc")]
    texts! {
        /// The name of the cluster; empty if it is in none.
        cluster;
    }

    flags! {
        /// Whether messages may have headers.
        headers = Headers;
        /// Whether the server insists on credentials.
        auth_required = AuthRequired;
        /// Whether the server insists on TLS.
        tls_required = TlsRequired;
        /// Whether the server insists on a client certificate.
        tls_verify = TlsVerify;
        /// Whether the server speaks TLS with those who want it.
        tls_available = TlsAvailable;
        /// Whether the server is about to shut down, and clients had better leave.
        lame_duck = LameDuckMode;
        /// Whether the server has JetStream.
        jetstream = JetStream;
    }

    /// The number that the server gave to this client.
    #[must_use]
    pub const fn client_id(&self) -> u64 {
        self.client_id
    }

    /// The longest headers and payload together in bytes; zero if the server did not say.
    #[must_use]
    pub const fn max_payload(&self) -> u32 {
        self.max_payload
    }

    /// The version of the protocol: 1 if INFO may come again.
    #[must_use]
    pub const fn proto(&self) -> u8 {
        self.proto
    }

    /// Whether a text or a URL did not fit, and was left out.
    #[must_use]
    pub const fn is_truncated(&self) -> bool {
        self.cut
    }

    fn set_text(&mut self, key: Key, text: Option<&[u8]>) {
        let is_kept = match key {
            Key::Nonce => replace(&mut self.nonce, text),
            key => self.note_mut(key).is_none_or(|note| replace(note, text)),
        };
        self.cut |= !is_kept;
    }

    const fn note_mut(&mut self, key: Key) -> Option<&mut N> {
        match key {
            Key::ServerId => Some(&mut self.server_id),
            Key::ServerName => Some(&mut self.server_name),
            Key::Version => Some(&mut self.version),
            Key::ClientIp => Some(&mut self.client_ip),
            Key::Domain => Some(&mut self.domain),
            #[cfg(feature = "alloc")]
            Key::Cluster => Some(&mut self.cluster),
            _ => None,
        }
    }

    /// A number that is no such thing, or out of range, is none.
    fn set_number(&mut self, key: Key, number: Option<u64>) {
        match key {
            Key::ClientId => self.client_id = number.unwrap_or_default(),
            Key::MaxPayload => {
                self.max_payload = number.and_then(|n| u32::try_from(n).ok()).unwrap_or_default();
            }
            Key::Proto => {
                self.proto = number.and_then(|n| u8::try_from(n).ok()).unwrap_or_default();
            }
            _ => {}
        }
    }

    fn forget(&mut self, key: Key) {
        if let Some(note) = self.note_mut(key) {
            note.truncate(0);
        }
        if key == Key::Nonce {
            self.nonce.truncate(0);
        }
        self.set_number(key, None);
        self.flags.set(key, false);
    }
}

impl Flags {
    const fn set(&mut self, key: Key, value: bool) {
        if let Some(bit) = Self::bit(key) {
            self.0 = if value { self.0 | bit } else { self.0 & !bit };
        }
    }

    const fn get(self, key: Key) -> bool {
        match Self::bit(key) {
            Some(bit) => self.0 & bit != 0,
            None => false,
        }
    }

    /// The flags are the first keys.
    const fn bit(key: Key) -> Option<u16> {
        if (key as u32) <= Key::JetStream as u32 { Some(1 << key as u16) } else { None }
    }
}

/// Puts `text` in place of what was there, and says whether it fits.
fn replace(field: &mut impl Buffer, text: Option<&[u8]>) -> bool {
    field.truncate(0);
    let Some(text) = text.filter(|text| field.reserve(text.len()).is_ok()) else { return false };
    field.put(text);
    true
}

/// A number without sign, fraction or exponent.
fn decimal_text(text: &[u8]) -> Option<u64> {
    if text.iter().all(u8::is_ascii_digit) { parse_decimal(text) } else { None }
}
