//! PING and PONG: keeping alive and flushing are one sequence of numbers.

use crate::error::Full;
use crate::storage::Sink;
use crate::wire::PING;
use crate::wire::PONG;

/// Something handed to the connection before a certain PING: it has reached the server when the
/// PONG is back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) struct FlushId {
    pub(super) epoch: u32,
    pub(super) number: u32,
}

impl FlushId {
    /// Whether that is no PING: none was written yet.
    pub(super) const fn is_first(self) -> bool {
        self.number == 0
    }
}

/// How a flush stands.
///
/// Exhaustive on purpose: there is no fourth state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum FlushState {
    /// The PONG is not back yet.
    Pending,
    /// The server has processed everything.
    Done,
    /// The connection was lost in between: the server may have processed it, or not.
    Lost,
}

/// The PINGs of one connection in both directions. PONGs come in the order of the PINGs, so counting is
/// enough.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pings {
    /// How many PINGs were written.
    written: u32,
    /// How many of them were answered.
    answered: u32,
    /// How many were asked for.
    asked: u32,
    /// How many PINGs of the keep-alive timer went unanswered. Those of a flush do not count.
    unanswered: u8,
    /// How many PONGs the server is waiting for.
    owed: u32,
}

impl Pings {
    /// Asks for a PING after everything that was written to the connection so far, and returns its
    /// number. One that is not yet written serves all who ask.
    pub(super) const fn request(&mut self) -> u32 {
        if self.asked == self.written { self.request_another() } else { self.asked }
    }

    /// Asks for another PING than those that are due already, and returns its number.
    pub(super) const fn request_another(&mut self) -> u32 {
        self.asked = self.asked.wrapping_add(1);
        self.asked
    }

    /// The number of the PING that is written next.
    pub(super) const fn next(&self) -> u32 {
        self.written.wrapping_add(1)
    }

    /// The number of the PING that the next PONG answers.
    pub(super) const fn awaited(&self) -> u32 {
        self.answered.wrapping_add(1)
    }

    /// A keep-alive PING is due. Returns how many were left unanswered before.
    pub(super) const fn keep_alive(&mut self) -> u8 {
        let before = self.unanswered;
        self.unanswered = self.unanswered.saturating_add(1);
        self.request();
        before
    }

    /// Asks for a PING whose answer is the last chance that the server has. Returns whether it is news: a
    /// second one waits for the first.
    pub(super) const fn probe(&mut self) -> bool {
        if self.unanswered == u8::MAX {
            return false;
        }
        self.unanswered = u8::MAX;
        self.request();
        true
    }

    /// A PING came: it is to be answered.
    pub(super) const fn handle_ping(&mut self) {
        self.owed = self.owed.saturating_add(1);
    }

    /// A PONG came. Returns the number of the PING it answers, if there is one.
    pub(super) const fn handle_pong(&mut self) -> Option<u32> {
        self.unanswered = 0;
        if self.answered == self.written {
            return None;
        }
        self.answered = self.answered.wrapping_add(1);
        Some(self.answered)
    }

    /// Whether the PING of that number was answered.
    pub(super) const fn is_answered(&self, number: u32) -> bool {
        is_reached(number, self.answered)
    }

    /// The number of the last PING that was answered.
    pub(super) const fn answered(&self) -> u32 {
        self.answered
    }

    /// The number of the last PING.
    pub(super) const fn written(&self) -> u32 {
        self.written
    }

    pub(super) const fn has_transmit(&self) -> bool {
        self.asked != self.written || self.owed > 0
    }

    pub(super) fn transmit_pongs(&mut self, out: &mut impl Sink) -> Result<(), Full> {
        while self.owed > 0 {
            out.reserve(PONG.len())?;
            out.put(PONG);
            self.owed -= 1;
        }
        Ok(())
    }

    /// Writes the PINGs that were asked for.
    pub(super) fn transmit_pings(&mut self, out: &mut impl Sink) -> Result<(), Full> {
        self.transmit_up_to(self.asked, out)
    }

    /// Writes the PINGs that come before that of `number`.
    pub(super) fn transmit_before(&mut self, number: u32, out: &mut impl Sink) -> Result<(), Full> {
        self.transmit_up_to(number.wrapping_sub(1), out)
    }

    fn transmit_up_to(&mut self, number: u32, out: &mut impl Sink) -> Result<(), Full> {
        while self.written != number {
            out.reserve(PING.len())?;
            out.put(PING);
            self.written = self.written.wrapping_add(1);
        }
        Ok(())
    }
}

/// Whether PINGs are answered up to that number. Numbers that come later are close ahead, also around
/// the end of their range.
pub(super) const fn is_reached(number: u32, answered: u32) -> bool {
    answered.wrapping_sub(number) < u32::MAX / 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::ArrayBuf;

    type Line = ArrayBuf<64>;

    #[test]
    fn one_ping_serves_all_who_ask_before_it_is_written() {
        let mut pings = Pings::default();
        let mut out = Line::new();
        let (first, second) = (pings.request(), pings.request());
        assert_eq!(first, second);
        pings.transmit_pings(&mut out).unwrap();
        let third = pings.request();
        pings.transmit_pings(&mut out).unwrap();
        assert_eq!(out, b"PING\r\nPING\r\n");
        assert!(!pings.is_answered(first));
        pings.handle_pong();
        assert!(pings.is_answered(first) && !pings.is_answered(third));
        pings.handle_pong();
        assert!(pings.is_answered(third));
        assert_eq!(pings.handle_pong(), None, "nobody asked");
    }

    #[test]
    fn one_of_ones_own_comes_before_those_that_were_asked_for_later() {
        let mut pings = Pings::default();
        let (first, own, all) = (pings.request(), pings.request_another(), pings.request());
        assert_eq!((first, own, all), (1, 2, 2));
        let mut out = Line::new();
        pings.transmit_before(own, &mut out).unwrap();
        assert_eq!(out, b"PING\r\n");
        pings.transmit_pings(&mut out).unwrap();
        assert_eq!((&out[..], pings.has_transmit()), (&b"PING\r\nPING\r\n"[..], false));
    }

    #[test]
    fn numbers_wrap_around() {
        let last = u32::MAX - 1;
        let mut pings = Pings { written: last, answered: last, asked: last, ..Pings::default() };
        for _ in 0..3 {
            let number = pings.request();
            pings.transmit_pings(&mut Line::new()).unwrap();
            assert!(!pings.is_answered(number));
            pings.handle_pong();
            assert!(pings.is_answered(number));
        }
    }

    #[test]
    fn pongs_are_owed_until_there_is_room() {
        let mut pings = Pings::default();
        pings.handle_ping();
        pings.handle_ping();
        let mut out = ArrayBuf::<8>::new();
        assert_eq!(pings.transmit_pongs(&mut out), Err(Full));
        assert_eq!(out, b"PONG\r\n");
        out = ArrayBuf::new();
        assert_eq!(pings.transmit_pongs(&mut out), Ok(()));
        assert_eq!((&out[..], pings.has_transmit()), (&b"PONG\r\n"[..], false));
    }

    #[test]
    fn any_pong_shows_that_the_server_is_alive() {
        let mut pings = Pings::default();
        assert_eq!((pings.keep_alive(), pings.keep_alive()), (0, 1));
        pings.handle_pong();
        assert_eq!(pings.keep_alive(), 0);
    }
}
