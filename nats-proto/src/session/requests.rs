//! Requests that wait for their replies.

use crate::error::Full;
use crate::inbox::RequestId;
use crate::storage::Slot;
use crate::storage::SlotMap;
use crate::storage::Table;
use crate::time::Instant;

/// The requests in flight: a table with a limit, whose places are free again as soon as a request
/// is answered, given up or late. A reply that comes after that finds nothing.
///
/// `R` is the caller's: whom to wake. `L` is `heapless::Vec<Slot<Pending<R>>, N>` or
/// `Vec<Slot<Pending<R>>>`.
///
/// ```
/// use core::time::Duration;
/// use nats_proto::{Instant, Pending, Requests, Slot};
///
/// let now = Instant::from_millis(0);
/// let mut requests = Requests::<&str, heapless::Vec<Slot<Pending<&str>>, 2>>::default();
/// let first = requests.open("first", now + Duration::from_secs(1))?;
/// let second = requests.open("second", now + Duration::from_secs(2))?;
///
/// assert_eq!(requests.close(first), Some("first")); // answered
/// assert_eq!(requests.close(first), None); // a second reply
///
/// let deadline = requests.poll_timeout().unwrap();
/// requests.expire(deadline, |_, _| {}); // nobody is late yet
/// let deadline = requests.poll_timeout().unwrap();
/// requests.expire(deadline, |request_id, who| assert_eq!((request_id, *who), (second, "second")));
/// # Ok::<(), nats_proto::Full>(())
/// ```
#[derive(Clone, Debug)]
pub struct Requests<R, L> {
    pending: SlotMap<Pending<R>, L>,
    /// No deadline is earlier than this.
    earliest: Instant,
}

/// A request in flight.
#[derive(Clone, Debug)]
pub struct Pending<R> {
    recipient: R,
    /// Until when to wait; [`NEVER`] once that is past.
    deadline: Instant,
}

/// The deadline of a request that is late, and the last one there can be.
const NEVER: Instant = Instant::from_millis(u64::MAX);
const LAST: Instant = Instant::from_millis(u64::MAX - 1);

impl<R, L: Table<Slot<Pending<R>>> + Default> Default for Requests<R, L> {
    fn default() -> Self {
        Self { pending: SlotMap::new(L::default()), earliest: NEVER }
    }
}

impl<R, L: Table<Slot<Pending<R>>>> Requests<R, L> {
    /// Enters a request that waits until `deadline`.
    ///
    /// # Errors
    ///
    /// [`Full`] if too many are in flight.
    pub fn open(&mut self, recipient: R, deadline: Instant) -> Result<RequestId, Full> {
        // A deadline that never comes is still one.
        let deadline = deadline.min(LAST);
        let key = self.pending.insert(Pending { recipient, deadline })?;
        self.earliest = self.earliest.min(deadline);
        Ok(RequestId(key))
    }

    /// Ends a request: it is answered, or nobody waits for it any more.
    pub fn close(&mut self, request_id: RequestId) -> Option<R> {
        self.pending.remove(request_id.0).map(|pending| pending.recipient)
    }

    /// Who waits for the reply to a request.
    pub fn get_mut(&mut self, request_id: RequestId) -> Option<&mut R> {
        self.pending.get_mut(request_id.0).map(|pending| &mut pending.recipient)
    }

    /// How many requests are in flight, those included that are late and not closed.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.pending.len()
    }

    /// Whether no request is in flight.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// When to call [`expire`](Self::expire) next. It may turn out to be too early, since an
    /// answered request takes no time to look for the next deadline.
    #[must_use]
    pub const fn poll_timeout(&self) -> Option<Instant> {
        if self.earliest.as_millis() == NEVER.as_millis() { None } else { Some(self.earliest) }
    }

    /// Calls `late` once for every request whose deadline has passed. They stay in the table until
    /// they are closed.
    ///
    /// Takes time in proportion to the table; call it no more often than the precision needs.
    pub fn expire(&mut self, now: Instant, mut late: impl FnMut(RequestId, &mut R)) {
        let now = now.min(LAST);
        if now < self.earliest {
            return;
        }
        self.earliest = NEVER;
        for (key, pending) in self.pending.iter_mut() {
            if pending.deadline <= now {
                pending.deadline = NEVER;
                late(RequestId(key), &mut pending.recipient);
            }
            self.earliest = self.earliest.min(pending.deadline);
        }
    }

    /// Calls `fails` for every request that is not late, and gives up those for which it returns
    /// true: they will not be answered.
    ///
    /// They stay in the table until they are closed.
    pub fn fail(&mut self, mut fails: impl FnMut(RequestId, &mut R) -> bool) {
        for (key, pending) in self.pending.iter_mut() {
            if pending.deadline != NEVER && fails(RequestId(key), &mut pending.recipient) {
                pending.deadline = NEVER;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    type Small = Requests<u8, heapless::Vec<Slot<Pending<u8>>, 3>>;

    const fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    fn late(requests: &mut Small, now: u64) -> Vec<u8> {
        let mut late = Vec::new();
        requests.expire(at(now), |_, recipient| late.push(*recipient));
        late
    }

    #[test]
    fn every_request_is_late_once() {
        let mut requests = Small::default();
        for (recipient, deadline) in [(1, 30), (2, 10), (3, 20)] {
            requests.open(recipient, at(deadline)).unwrap();
        }
        assert_eq!(requests.poll_timeout(), Some(at(10)));
        assert_eq!(late(&mut requests, 9), []);
        assert_eq!(late(&mut requests, 20), [2, 3]);
        assert_eq!((late(&mut requests, 20), requests.poll_timeout()), (Vec::new(), Some(at(30))));
        assert_eq!(late(&mut requests, 99), [1]);
        assert_eq!((requests.poll_timeout(), requests.len()), (None, 3));
    }

    #[test]
    fn the_table_is_bounded_and_places_are_used_again() {
        let mut requests = Small::default();
        for round in 0..1_000_000_u64 {
            let request_id = requests.open(0, at(round)).unwrap();
            assert_eq!(requests.close(request_id), Some(0));
        }
        let request_ids: [_; 3] = core::array::from_fn(|_| requests.open(1, at(5)).unwrap());
        assert_eq!(requests.open(1, at(5)), Err(Full));
        assert!(requests.get_mut(request_ids[0]).is_some());
        requests.close(request_ids[0]);
        assert!(requests.get_mut(request_ids[0]).is_none());
        assert!(requests.open(1, at(5)).is_ok());
    }

    #[test]
    fn failing_spares_those_that_are_late_already() {
        let mut requests = Small::default();
        requests.open(1, at(10)).unwrap();
        requests.open(2, at(20)).unwrap();
        assert_eq!(late(&mut requests, 10), [1]);
        let mut failed = Vec::new();
        requests.open(3, at(30)).unwrap();
        requests.fail(|_, recipient| {
            failed.push(*recipient);
            *recipient == 2
        });
        assert_eq!(failed, [2, 3]);
        assert_eq!(late(&mut requests, 99), [3]);
    }
}
