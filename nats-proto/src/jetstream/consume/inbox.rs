//! The inboxes for a consumer's messages and statuses.

use crate::error::Full;
use crate::inbox::Inbox;
use crate::inbox::RequestId;
use crate::inbox::unique;
use crate::message::Message;
use crate::rng::RngSeed;
use crate::storage::Buffer;
use crate::storage::put_all;
use crate::subject::Filter;
use crate::subject::Subject;

/// The inboxes of one consumer: `<prefix>.<unique>.<inbox>.*`.
///
/// A [`PullConsumer`](crate::jetstream::PullConsumer) or [`Fetch`](crate::jetstream::Fetch) says which to subscribe to. Each
/// pull has a reply subject of its own in its inbox, whose last token is the pull's number: so messages
/// are distinguished by their subscription, and statuses by their subject.
///
/// ```
/// use nats_proto::jetstream::{InboxId, PullId, PullInbox};
/// use nats_proto::wire::ArrayBuf;
/// use nats_proto::{Inbox, RngSeed};
///
/// let seed = RngSeed([7; 16]); // from a true source of entropy
/// let inbox = PullInbox::<ArrayBuf<64>>::new(Inbox::<()>::DEFAULT_PREFIX, seed)?;
/// let (mut filter, mut reply) = (ArrayBuf::<64>::new(), ArrayBuf::<64>::new());
/// let filter = inbox.filter(InboxId(1), &mut filter)?;
/// let reply = inbox.reply(PullId { inbox: InboxId(1), number: 70 }, &mut reply)?;
/// assert!(filter.matches(reply));
/// assert_eq!(PullId::number_in(reply.as_bytes()), Some(70));
/// # Ok::<(), nats_proto::Full>(())
/// ```
#[derive(Clone, Debug)]
pub struct PullInbox<T> {
    /// The prefix and the unique token, each followed by a dot.
    start: T,
}

/// Which inbox of a consumer. None is used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct InboxId(pub u32);

/// Which pull of a consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PullId {
    /// Where its messages come to.
    pub inbox: InboxId,
    /// Its number in the inbox.
    pub number: u32,
}

impl<T: Buffer + Default> PullInbox<T> {
    /// New inboxes below `prefix`.
    ///
    /// # Errors
    ///
    /// [`Full`] if what they all begin with, 24 bytes longer than `prefix`, does not fit into `T`.
    pub fn new(prefix: Subject<'_>, seed: RngSeed) -> Result<Self, Full> {
        let mut start = T::default();
        put_all(&[prefix.as_bytes(), b".", &unique(seed), b"."], &mut start)?;
        Ok(Self { start })
    }

    /// Inboxes beside that of a client, which does not match them: `<prefix>.<unique>.<number>.<inbox>.*`.
    /// Each consumer of the client has another number.
    ///
    /// # Errors
    ///
    /// [`Full`] if what they all begin with, up to 8 bytes longer than the inbox's filter, does not fit
    /// into `T`.
    pub fn beside<B: Buffer>(inbox: &Inbox<B>, number: u32) -> Result<Self, Full> {
        let mut start = T::default();
        let number = RequestId(number.into());
        put_all(&[inbox.name(), b".", number.digits(&mut [0; 11]), b"."], &mut start)?;
        Ok(Self { start })
    }
}

impl<T: Buffer> PullInbox<T> {
    /// What to subscribe to for an inbox: up to 8 bytes longer than what they all begin with.
    ///
    /// # Errors
    ///
    /// [`Full`] if it does not fit into `text`.
    pub fn filter<'t, B: Buffer>(
        &self,
        InboxId(inbox): InboxId,
        text: &'t mut B,
    ) -> Result<Filter<'t>, Full> {
        let text = self.write(inbox, b"*", text)?;
        Filter::new(text).map_err(|_| Full)
    }

    /// The reply subject of a pull: up to 13 bytes longer than what they all begin with.
    ///
    /// # Errors
    ///
    /// [`Full`] if it does not fit into `text`.
    pub fn reply<'t, B: Buffer>(&self, pull: PullId, text: &'t mut B) -> Result<Subject<'t>, Full> {
        let number = RequestId(pull.number.into());
        let text = self.write(pull.inbox.0, number.digits(&mut [0; 11]), text)?;
        // A subject, and digits.
        Ok(Subject::from_checked(text))
    }

    fn write<'t, B: Buffer>(
        &self,
        inbox: u32,
        end: &[u8],
        text: &'t mut B,
    ) -> Result<&'t str, Full> {
        text.truncate(0);
        let inbox = RequestId(inbox.into());
        put_all(&[self.start.as_ref(), inbox.digits(&mut [0; 11]), b".", end], text)?;
        let text: &'t B = text;
        core::str::from_utf8(text.as_ref()).map_err(|_| Full)
    }
}

impl PullId {
    /// The number of the pull that a status is about, by the status's subject. `None` if it is not
    /// that of a pull.
    #[must_use]
    pub fn number_in(subject: &[u8]) -> Option<u32> {
        let number = subject.rsplit(|byte| *byte == b'.').next()?;
        u32::try_from(RequestId::parse(number)?.0).ok()
    }
}

/// How many bytes of a pull's `max_bytes` a message takes: its subject, reply subject, headers and
/// payload, as nats-server counts them.
#[must_use]
pub fn pulled_size<B: AsRef<[u8]>>(message: &Message<B>) -> u32 {
    let layout = message.layout();
    let names = usize::from(layout.subject.len) + usize::from(layout.reply.len);
    u32::try_from(names + layout.body_len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::storage::ArrayBuf;
    use crate::wire::Decoded;
    use crate::wire::Decoder;
    use crate::wire::FromServer;
    use crate::wire::ServerOp;

    type Text = ArrayBuf<48>;

    fn inbox() -> PullInbox<Text> {
        PullInbox::new(Inbox::<()>::DEFAULT_PREFIX, RngSeed([1; 16])).unwrap()
    }

    #[test]
    fn room_is_checked() {
        let prefix = Subject::from_static("a.prefix");
        assert!(PullInbox::<ArrayBuf<32>>::new(prefix, RngSeed([0; 16])).is_ok());
        assert!(PullInbox::<ArrayBuf<31>>::new(prefix, RngSeed([0; 16])).is_err());
        let last = PullId { inbox: InboxId(u32::MAX), number: u32::MAX };
        let start = inbox().start.len();
        assert_eq!(inbox().reply(last, &mut Text::new()).unwrap().as_str().len(), start + 13);
        assert_eq!(inbox().filter(last.inbox, &mut Text::new()).unwrap().as_str().len(), start + 8);
        assert_eq!(inbox().reply(last, &mut ArrayBuf::<40>::new()), Err(Full));
    }

    #[test]
    fn beside_an_inbox_is_not_in_it() {
        let inbox = Inbox::<Text>::new(Inbox::<()>::DEFAULT_PREFIX, RngSeed([1; 16])).unwrap();
        let pulls = [1, 62].map(|number| PullInbox::<Text>::beside(&inbox, number).unwrap());
        let (mut reply, mut filter) = (Text::new(), Text::new());
        let filter = pulls[0].filter(InboxId(1), &mut filter).unwrap();
        for (pulls, is_it) in pulls.iter().zip([true, false]) {
            let id = PullId { inbox: InboxId(1), number: 7 };
            let reply = pulls.reply(id, &mut reply).unwrap();
            assert_eq!(filter.matches(reply), is_it);
            assert!(!inbox.filter().matches(reply) && inbox.request_id(reply.as_bytes()).is_none());
        }
    }

    #[test]
    fn what_is_no_pull() {
        for subject in ["", "a.", "a.-", "a.zzzzzz", "a.4gfFC4", "a.\u{e9}"] {
            assert_eq!(PullId::number_in(subject.as_bytes()), None, "{subject}");
        }
        assert_eq!(PullId::number_in(b"a.4gfFC3"), Some(u32::MAX));
    }

    #[test]
    fn sizes_are_those_of_the_server() {
        let frame = b"HMSG s.a 1 $JS.ACK.S.C.1.2.2.1795858409294391901.0 28 29\r\n\
            NATS/1.0\r\nNats-Msg-Id: a\r\n\r\nx\r\n";
        let Ok(Decoded::Frame { op: ServerOp::Message(message), .. }) =
            Decoder::<FromServer>::default().decode(frame)
        else {
            unreachable!()
        };
        assert_eq!(pulled_size(&message), 3 + 39 + 28 + 1);
    }

    proptest! {
        #[test]
        fn numbers_come_back(id: u32, number: u32, shift in 0u32..32) {
            let pull = PullId { inbox: InboxId(id >> shift), number: number >> shift };
            let (mut filter, mut reply) = (Text::new(), Text::new());
            let reply = inbox().reply(pull, &mut reply).unwrap().as_bytes().to_vec();
            prop_assert_eq!(PullId::number_in(&reply), Some(pull.number));
            let reply = core::str::from_utf8(&reply).unwrap();
            let filter = inbox().filter(pull.inbox, &mut filter).map(|filter| filter.matches(Subject::new(reply).unwrap()));
            prop_assert_eq!(filter, Ok(true));
        }
    }
}
