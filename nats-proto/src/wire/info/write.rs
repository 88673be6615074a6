//! Writing INFO, as a server does.

use crate::ascii::Decimal;
use crate::error::Full;
use crate::setters::setters;
use crate::storage::Sink;
use crate::wire::json::put_string;

/// What a server says about itself.
///
/// ```
/// use nats_proto::wire::{Info, SendBuf};
///
/// let mut memory = [0; 256];
/// let mut out = SendBuf::new(&mut memory);
/// Info::DEFAULT.server_id("S1").version("0.1.0").encode(&mut out)?;
/// assert!(out.as_ref().starts_with(br#"INFO {"server_id":"S1","#));
/// # Ok::<(), nats_proto::Full>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Info<'a> {
    /// The server's unique id.
    pub server_id: &'a str,
    /// The server's name.
    pub server_name: &'a str,
    /// The server's version.
    pub version: &'a str,
    /// The host it listens on.
    pub host: &'a str,
    /// The port it listens on. Default 4222.
    pub port: u16,
    /// The number of the client.
    pub client_id: u64,
    /// The longest headers and payload together in bytes. Default 1 MiB.
    pub max_payload: u32,
    /// The version of the protocol. Default 1.
    pub proto: u8,
    /// Whether messages may have headers. Default true.
    pub headers: bool,
    /// Whether credentials are needed.
    pub auth_required: bool,
    /// Whether TLS is needed.
    pub tls_required: bool,
    /// Whether the server is about to shut down.
    pub lame_duck: bool,
    /// The challenge to be signed with an NKey; left out if empty.
    pub nonce: &'a str,
    /// Where else clients can connect to; left out if empty.
    pub connect_urls: &'a [&'a str],
}

impl Info<'static> {
    /// Every field at its default, and the texts empty.
    pub const DEFAULT: Self = Self {
        server_id: "",
        server_name: "",
        version: "",
        host: "0.0.0.0",
        port: 4222,
        client_id: 0,
        max_payload: 1 << 20,
        proto: 1,
        headers: true,
        auth_required: false,
        tls_required: false,
        lame_duck: false,
        nonce: "",
        connect_urls: &[],
    };
}

impl<'a> Info<'a> {
    setters! {
        server_id: &'a str,
        server_name: &'a str,
        version: &'a str,
        host: &'a str,
        port: u16,
        client_id: u64,
        max_payload: u32,
        proto: u8,
        headers: bool,
        auth_required: bool,
        tls_required: bool,
        lame_duck: bool,
        nonce: &'a str,
        connect_urls: &'a [&'a str],
    }
}

impl Default for Info<'static> {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Info<'_> {
    /// Writes the line.
    ///
    /// # Errors
    ///
    /// [`Full`] if it does not fit; nothing is written then.
    pub fn encode(&self, out: &mut impl Sink) -> Result<(), Full> {
        let mut len = Length(0);
        self.put(&mut len);
        out.reserve(len.0)?;
        self.put(out);
        Ok(())
    }

    fn put(&self, out: &mut impl Sink) {
        let mut separator = "INFO {";
        let mut key = |name: &str, out: &mut dyn FnMut(&[u8])| {
            for part in [separator, "\"", name, "\":"] {
                out(part.as_bytes());
            }
            separator = ",";
        };
        for (name, text, is_optional) in [
            ("server_id", self.server_id, false),
            ("server_name", self.server_name, false),
            ("version", self.version, false),
            ("host", self.host, false),
            ("nonce", self.nonce, true),
        ] {
            if !(is_optional && text.is_empty()) {
                key(name, &mut |part| out.put(part));
                put_string(text, out);
            }
        }
        for (name, number) in [
            ("port", self.port.into()),
            ("client_id", self.client_id),
            ("max_payload", self.max_payload.into()),
            ("proto", self.proto.into()),
        ] {
            key(name, &mut |part| out.put(part));
            out.put(Decimal::new(number).as_bytes());
        }
        for (name, flag, is_optional) in [
            ("headers", self.headers, false),
            ("auth_required", self.auth_required, true),
            ("tls_required", self.tls_required, true),
            ("ldm", self.lame_duck, true),
        ] {
            if flag || !is_optional {
                key(name, &mut |part| out.put(part));
                out.put(if flag { b"true" } else { b"false" });
            }
        }
        if !self.connect_urls.is_empty() {
            key("connect_urls", &mut |part| out.put(part));
            for (at, url) in self.connect_urls.iter().enumerate() {
                out.put(if at == 0 { b"[" } else { b"," });
                put_string(url, out);
            }
            out.put(b"]");
        }
        out.put(b"}\r\n");
    }
}

/// Counts what it is given.
struct Length(usize);

impl Sink for Length {
    fn reserve(&mut self, _: usize) -> Result<(), Full> {
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }
}
