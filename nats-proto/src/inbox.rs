//! Inboxes: one subscription for the replies to all requests, with an id in each reply subject.

use core::fmt;

use crate::ascii;
use crate::error::Full;
use crate::rng::Rng;
use crate::rng::RngSeed;
use crate::storage::Buffer;
use crate::storage::put_all;
use crate::subject::Filter;
use crate::subject::Subject;

/// Twenty-two characters out of 62 are 131 bits, the length of a NUID.
const UNIQUE_LEN: usize = 22;

/// The inbox of a connection: `_INBOX.<unique>.*`.
///
/// Every request has a reply subject of its own in it, whose last token says which request.
///
/// ```
/// use nats_proto::wire::ArrayBuf;
/// use nats_proto::{Inbox, RngSeed, Subject, RequestId};
///
/// let seed = RngSeed([7; 16]); // from a true source of entropy
/// let inbox = Inbox::<ArrayBuf<64>>::new(Inbox::<()>::DEFAULT_PREFIX, seed)?;
/// let mut text = ArrayBuf::<64>::new();
/// let reply = inbox.reply(RequestId(5), &mut text)?;
/// assert!(inbox.filter().matches(reply));
/// assert_eq!(inbox.request_id(reply.as_bytes()), Some(RequestId(5)));
/// # Ok::<(), nats_proto::Full>(())
/// ```
#[derive(Clone, Debug)]
pub struct Inbox<T> {
    /// The filter, wildcard and all.
    filter: T,
}

/// Which request a reply is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RequestId(pub u64);

impl Inbox<()> {
    /// What the inboxes of all clients begin with.
    pub const DEFAULT_PREFIX: Subject<'static> = Subject::from_static("_INBOX");
}

impl<T: Buffer + Default> Inbox<T> {
    /// A new inbox below `prefix`.
    ///
    /// # Errors
    ///
    /// [`Full`] if its filter, 25 bytes longer than `prefix`, does not fit into `T`.
    pub fn new(prefix: Subject<'_>, seed: RngSeed) -> Result<Self, Full> {
        let mut filter = T::default();
        let unique = unique(seed);
        put_all(&[prefix.as_bytes(), b".", &unique, b".*"], &mut filter)?;
        Ok(Self { filter })
    }
}

impl<T: Buffer> Inbox<T> {
    /// What to subscribe to.
    #[must_use]
    pub fn filter(&self) -> Filter<'_> {
        let text = core::str::from_utf8(self.filter.as_ref()).unwrap_or_default();
        Filter::new(text).unwrap_or(const { Filter::from_static(">") })
    }

    /// The subject for the reply to one request.
    ///
    /// # Errors
    ///
    /// [`Full`] if it does not fit into `text`.
    pub fn reply<'t, B: Buffer>(
        &self,
        request_id: RequestId,
        text: &'t mut B,
    ) -> Result<Subject<'t>, Full> {
        self.put(b".", request_id, text)
    }

    /// The subject for the replies to a request that may get several, and a subscription of its own
    /// for them: [`filter`](Self::filter) does not match it. As long as [`reply`](Self::reply).
    ///
    /// # Errors
    ///
    /// [`Full`] if it does not fit into `text`.
    pub fn replies<'t, B: Buffer>(
        &self,
        request_id: RequestId,
        text: &'t mut B,
    ) -> Result<Subject<'t>, Full> {
        self.put(b"-", request_id, text)
    }

    fn put<'t, B: Buffer>(
        &self,
        separator: &[u8],
        request_id: RequestId,
        text: &'t mut B,
    ) -> Result<Subject<'t>, Full> {
        text.truncate(0);
        let mut digits = [0; 11];
        let name = self.name();
        put_all(&[name, separator, request_id.digits(&mut digits)], text)?;
        let text: &'t B = text;
        let text = core::str::from_utf8(text.as_ref()).map_err(|_| Full)?;
        // A filter without its wildcard, and digits in its place.
        Ok(Subject::from_checked(text))
    }

    /// Which request a message to `subject` answers, be it [one](Self::reply) of
    /// [several](Self::replies); `None` if none of this inbox.
    #[inline]
    #[must_use]
    pub fn request_id(&self, subject: &[u8]) -> Option<RequestId> {
        match subject.strip_prefix(self.name())? {
            [b'.' | b'-', digits @ ..] => RequestId::parse(digits),
            _ => None,
        }
    }

    /// The filter without what follows its name.
    pub(crate) fn name(&self) -> &[u8] {
        self.filter.as_ref().strip_suffix(b".*").unwrap_or_default()
    }
}

/// A name that is unique.
pub(crate) fn unique(seed: RngSeed) -> [u8; UNIQUE_LEN] {
    let mut rng = Rng::new(seed);
    core::array::from_fn(|_| ascii::base_62_digit(rng.below(62)))
}

impl RequestId {
    /// The token in base 62.
    pub(crate) fn digits(self, digits: &mut [u8; 11]) -> &[u8] {
        ascii::base_62(self.0, digits)
    }

    /// Reads what [`digits`](Self::digits) wrote.
    pub(crate) fn parse(digits: &[u8]) -> Option<Self> {
        ascii::parse_base_62(digits).map(Self)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(core::str::from_utf8(self.digits(&mut [0; 11])).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use proptest::prelude::*;

    use super::*;
    use crate::storage::ArrayBuf;

    type Text = ArrayBuf<48>;

    fn inbox(seed: u8) -> Inbox<Text> {
        Inbox::new(Inbox::<()>::DEFAULT_PREFIX, RngSeed([seed; 16])).unwrap()
    }

    #[test]
    fn looks_like_every_clients_inbox() {
        let first = inbox(1);
        let text = first.filter().as_str();
        let unique = text.strip_prefix("_INBOX.").unwrap().strip_suffix(".*").unwrap();
        assert_eq!(unique.len(), UNIQUE_LEN);
        assert!(unique.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_ne!(text, inbox(2).filter().as_str());
    }

    #[test]
    fn foreign_subjects_are_no_replies() {
        let inbox = inbox(1);
        let prefix = inbox.filter().as_str().strip_suffix('*').unwrap().to_string();
        assert_eq!(inbox.request_id(std::format!("{prefix}A").as_bytes()), Some(RequestId(10)));
        for last in ["", "A.B", "-", "é", "zzzzzzzzzzzz", "A "] {
            assert_eq!(inbox.request_id(std::format!("{prefix}{last}").as_bytes()), None, "{last}");
        }
        assert_eq!(inbox.request_id(b"_INBOX.other.A"), None);
    }

    #[test]
    fn room_is_checked() {
        let long = Subject::from_static("a.prefix.of.twenty.8");
        assert!(Inbox::<Text>::new(long, RngSeed([0; 16])).is_ok());
        assert!(Inbox::<ArrayBuf<44>>::new(long, RngSeed([0; 16])).is_err());
        let mut short = ArrayBuf::<30>::new();
        assert_eq!(inbox(1).reply(RequestId(62), &mut short), Err(Full));
    }

    proptest! {
        #[test]
        fn tokens_come_back(value: u64, shift in 0u32..64) {
            let request_id = RequestId(value >> shift);
            let mut text = Text::new();
            let reply = inbox(3).reply(request_id, &mut text).unwrap();
            prop_assert_eq!(inbox(3).request_id(reply.as_bytes()), Some(request_id));
            prop_assert!(reply.as_str().ends_with(&request_id.to_string()));
            let len = reply.as_bytes().len();
            let several = inbox(3).replies(request_id, &mut text).unwrap();
            prop_assert!(!inbox(3).filter().matches(several) && several.as_bytes().len() == len);
            prop_assert_eq!(inbox(3).request_id(several.as_bytes()), Some(request_id));
        }
    }
}
