//! The name that a certificate has to be for.

use core::net::IpAddr;

use super::certificate::Certificate;
use super::der::Malformed;
use super::der::Reader;
use super::der::tag;

const DNS: u8 = tag::simple(2);
const ADDRESS: u8 = tag::simple(7);
/// 2.5.4.3
const COMMON_NAME: &[u8] = &[0x55, 4, 3];

/// The name that a server has to prove.
#[derive(Clone, Copy)]
pub(super) enum ServerName<'n> {
    /// Without a dot at its end.
    Dns(&'n str),
    Address(IpAddr),
}

impl<'n> ServerName<'n> {
    /// `None` for what is neither an address nor a name that may stand in a certificate.
    pub(super) fn read(name: &'n str) -> Option<Self> {
        let inside = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
        if let Ok(address) = inside.unwrap_or(name).parse() {
            return Some(Self::Address(address));
        }
        /// RFC 1035, section 2.3.4, as text.
        const MAX_LEN: usize = 253;
        let name = name.strip_suffix('.').unwrap_or(name);
        let is_known = |byte| matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_');
        let is_label = |label: &str| !label.is_empty() && label.bytes().all(is_known);
        (name.len() <= MAX_LEN && name.split('.').all(is_label)).then_some(Self::Dns(name))
    }

    /// The name, if it is one. Addresses are not sent to a server (RFC 6066, section 3).
    pub(super) const fn to_tell(self) -> Option<&'n str> {
        match self {
            Self::Dns(name) => Some(name),
            Self::Address(_) => None,
        }
    }

    /// Whether a certificate is made out to this name: one of its alternative names, and the common
    /// name if it has no alternatives at all.
    pub(super) fn is_in(self, certificate: &Certificate<'_>) -> Result<bool, Malformed> {
        let Some(names) = certificate.extensions.names else {
            return self.is_common_name(certificate.subject);
        };
        let mut names = Reader::new(names);
        let mut is_found = false;
        // To the end: what is malformed there is a fault of all of it.
        while !names.is_empty() {
            let name = names.element()?;
            is_found |= match (name.tag, self) {
                (DNS, Self::Dns(expected)) => matches(name.content, expected.as_bytes()),
                (ADDRESS, Self::Address(IpAddr::V4(expected))) => name.content == expected.octets(),
                (ADDRESS, Self::Address(IpAddr::V6(expected))) => name.content == expected.octets(),
                _ => false,
            };
        }
        Ok(is_found)
    }

    fn is_common_name(self, subject: &[u8]) -> Result<bool, Malformed> {
        let Self::Dns(expected) = self else { return Ok(false) };
        let mut parts = Reader::new(subject);
        while !parts.is_empty() {
            let mut set = parts.inside(tag::SET)?;
            while !set.is_empty() {
                let mut part = set.inside(tag::SEQUENCE)?;
                let kind = part.expect(tag::OID)?;
                let value = part.element()?;
                if kind == COMMON_NAME && matches(value.content, expected.as_bytes()) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Whether an authority may sign for this name, by the name constraints in its certificate (RFC
    /// 5280, section 4.2.1.10). Not if it says something about names of other kinds.
    pub(super) fn is_allowed_by(self, constraints: &[u8]) -> Result<bool, Malformed> {
        let mut constraints = Reader::new(constraints);
        let permitted = constraints.optional(tag::composed(0))?;
        let excluded = constraints.optional(tag::composed(1))?;
        constraints.end()?;
        let permitted = self.search(permitted.unwrap_or_default())?;
        let excluded = self.search(excluded.unwrap_or_default())?;
        let is_permitted = permitted.is_found || !permitted.is_of_this_kind;
        let is_understood = !permitted.is_of_other_kind && !excluded.is_of_other_kind;
        Ok(is_understood && is_permitted && !excluded.is_found)
    }

    fn search(self, subtrees: &[u8]) -> Result<Subtrees, Malformed> {
        let mut list = Reader::new(subtrees);
        let mut found = Subtrees::default();
        while !list.is_empty() {
            let mut subtree = list.inside(tag::SEQUENCE)?;
            let base = subtree.element()?;
            // A minimum or a maximum, which are always as they are by default, and so not there.
            subtree.end()?;
            match (base.tag, self) {
                (DNS, Self::Dns(name)) => {
                    found.is_of_this_kind = true;
                    found.is_found |= is_below(name.as_bytes(), base.content);
                }
                (ADDRESS, _) if !matches!(base.content.len(), 8 | 32) => return Err(Malformed),
                (ADDRESS, Self::Address(address)) => {
                    found.is_of_this_kind = true;
                    found.is_found |= is_within(address, base.content);
                }
                (DNS | ADDRESS, _) => {}
                _ => found.is_of_other_kind = true,
            }
        }
        Ok(found)
    }
}

/// What a list of name constraints says.
#[derive(Default)]
struct Subtrees {
    is_found: bool,
    is_of_this_kind: bool,
    is_of_other_kind: bool,
}

/// Whether a name in a certificate is the one that is expected. `*.` stands for one label, and not in
/// front of the last label of all.
fn matches(certified: &[u8], expected: &[u8]) -> bool {
    let Some(parent) = certified.strip_prefix(b"*.") else {
        return certified.eq_ignore_ascii_case(expected);
    };
    let Some(dot) = expected.iter().position(|byte| *byte == b'.') else { return false };
    let expected_parent = expected.get(dot.saturating_add(1)..).unwrap_or_default();
    parent.contains(&b'.') && parent.eq_ignore_ascii_case(expected_parent)
}

/// Whether a name is this one, or has more labels before it.
fn is_below(name: &[u8], base: &[u8]) -> bool {
    // A dot at the beginning is not in the RFC, and common: without the name itself.
    let (base, is_itself_meant) = match base.strip_prefix(b".") {
        Some(base) => (base, false),
        None => (base, true),
    };
    let Some(at) = name.len().checked_sub(base.len()) else { return false };
    let (front, tail) = name.split_at_checked(at).unwrap_or_default();
    let is_on_edge =
        base.is_empty() || front.ends_with(b".") || (front.is_empty() && is_itself_meant);
    is_on_edge && tail.eq_ignore_ascii_case(base)
}

/// Whether an address is in a network: its address, and a mask as long.
fn is_within(address: IpAddr, network: &[u8]) -> bool {
    fn is_same(address: &[u8], network: &[u8]) -> bool {
        let Some((base, mask)) = network.split_at_checked(address.len()) else { return false };
        let mut bytes = address.iter().zip(base).zip(mask);
        mask.len() == address.len() && bytes.all(|((one, other), mask)| (one ^ other) & mask == 0)
    }
    match address {
        IpAddr::V4(address) => is_same(&address.octets(), network),
        IpAddr::V6(address) => is_same(&address.octets(), network),
    }
}

#[cfg(test)]
mod tests;
