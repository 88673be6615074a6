//! INFO: a server's state and options, read as it arrives.

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

/// The table of INFO's fields. A row is a getter, its key's variant, the name in JSON and what the getter's
/// documentation says; the field, the reading and the reset are made from it.
macro_rules! fields {
    (
        flags { $($flag:ident, $Flag:ident = $flag_name:literal: $flag_doc:literal;)* }
        texts { $($(#[$on:meta])? $text:ident, $Text:ident = $text_name:literal: $text_doc:literal;)* }
        numbers { $($number:ident, $Number:ident = $number_name:literal: $type:ty, $number_doc:literal;)* }
    ) => {
        /// What INFO said, as far as a client can use it.
        ///
        /// `T` holds the nonce, `N` the informational strings: `ArrayBuf<N>` or `Vec<u8>`. One that
        /// does not fit is left out.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        pub struct ServerInfo<T, N = T> {
            $($(#[$on])? $text: N,)*
            $($number: $type,)*
            nonce: T,
            flags: Flags,
            cut: bool,
        }

        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        enum Key {
            // The flags come first: their numbers are their bits in `Flags`.
            $($Flag,)*
            $($(#[$on])? $Text,)*
            $($Number,)*
            Nonce,
            ConnectUrls,
            Unknown,
        }

        impl Key {
            /// The keys and their names in JSON.
            const TABLE: &'static [(&'static str, Self)] = &[
                $(($flag_name, Self::$Flag),)*
                $($(#[$on])? ($text_name, Self::$Text),)*
                $(($number_name, Self::$Number),)*
                ("nonce", Self::Nonce),
                ("connect_urls", Self::ConnectUrls),
            ];

            const FLAGS: usize = [$($flag_name),*].len();
        }

        impl<T, N: Buffer> ServerInfo<T, N> {
            $(
                #[doc = $flag_doc]
                #[must_use]
                pub const fn $flag(&self) -> bool {
                    self.flags.get(Key::$Flag)
                }
            )*

            $(
                $(#[$on])?
                #[doc = $text_doc]
                #[must_use]
                pub fn $text(&self) -> &str {
                    core::str::from_utf8(self.$text.as_ref()).unwrap_or_default()
                }
            )*

            $(
                #[doc = $number_doc]
                #[must_use]
                pub const fn $number(&self) -> $type {
                    self.$number
                }
            )*

            const fn text_mut(&mut self, key: Key) -> Option<&mut N> {
                match key {
                    $($(#[$on])? Key::$Text => Some(&mut self.$text),)*
                    _ => None,
                }
            }

            /// A value that is no number, or out of range, counts as missing.
            fn set_number(&mut self, key: Key, number: Option<u64>) {
                match key {
                    $(Key::$Number => {
                        self.$number =
                            number.and_then(|number| number.try_into().ok()).unwrap_or_default();
                    })*
                    _ => {}
                }
            }
        }
    };
}

fields! {
    flags {
        headers, Headers = "headers": "Whether messages may have headers.";
        auth_required, AuthRequired = "auth_required": "Whether the server insists on credentials.";
        tls_required, TlsRequired = "tls_required": "Whether the server insists on TLS.";
        tls_verify, TlsVerify = "tls_verify": "Whether the server insists on a client certificate.";
        tls_available, TlsAvailable = "tls_available": "Whether the server offers TLS to clients that want it.";
        lame_duck, LameDuckMode = "ldm": "Whether the server is in lame duck mode: it is about to shut down.";
        jetstream, JetStream = "jetstream": "Whether the server has JetStream.";
    }
    texts {
        server_id, ServerId = "server_id": "The server's unique id.";
        server_name, ServerName = "server_name": "The server's name.";
        version, Version = "version": "The server's version: `2.15.1`.";
        client_ip, ClientIp = "client_ip": "The address at which the server sees this client.";
        domain, Domain = "domain": "The JetStream domain; empty for the default one.";
        #[cfg(feature = "alloc")]
        cluster, Cluster = "cluster": "The name of the cluster; empty if it is in none.";
    }
    numbers {
        client_id, ClientId = "client_id": u64, "The number that the server gave to this client.";
        max_payload, MaxPayload = "max_payload": u32,
            "The longest headers and payload together in bytes; zero if the server did not say.";
        proto, Proto = "proto": u8, "The version of the protocol: 1 if INFO may come again.";
    }
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

impl Key {
    fn from_name(name: &[u8]) -> Self {
        let row = Self::TABLE.iter().find(|(known, _)| known.as_bytes() == name);
        row.map_or(Self::Unknown, |&(_, key)| key)
    }

    const fn bit(self) -> u32 {
        1 << self as u32
    }
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

impl<T: Buffer, N: Buffer> ServerInfo<T, N> {
    /// The challenge to be signed with an NKey; empty if the server sent no challenge.
    #[must_use]
    pub fn nonce(&self) -> &str {
        core::str::from_utf8(self.nonce.as_ref()).unwrap_or_default()
    }

    /// Whether a text or a URL did not fit, and was left out.
    #[must_use]
    pub const fn is_truncated(&self) -> bool {
        self.cut
    }

    fn set_text(&mut self, key: Key, text: Option<&[u8]>) {
        let is_kept = match key {
            Key::Nonce => replace(&mut self.nonce, text),
            key => self.text_mut(key).is_none_or(|field| replace(field, text)),
        };
        self.cut |= !is_kept;
    }

    fn forget(&mut self, key: Key) {
        if let Some(field) = self.text_mut(key) {
            field.truncate(0);
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

    const fn bit(key: Key) -> Option<u16> {
        if (key as usize) < Key::FLAGS { Some(1 << key as u16) } else { None }
    }
}

/// Replaces the text, and returns whether the new one fits.
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
