//! Bytes on their way.

use std::collections::VecDeque;

use nats_proto::Instant;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    Up,
    /// From the server to the client.
    Down,
}

/// Where, and how, a link is cut: once in a life.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    /// Among the bytes that go this way.
    pub direction: Direction,
    /// Behind so many of them, counted over all links.
    pub after: u64,
    /// Whether what is on its way in the other direction still arrives.
    pub is_gentle: bool,
}

/// One direction of a link: bytes arrive in their order, when their time has come.
#[derive(Debug, Default)]
pub(crate) struct Pipe {
    pieces: VecDeque<(Instant, VecDeque<u8>)>,
    len: usize,
    is_closed: bool,
}

impl Pipe {
    pub(crate) fn push(&mut self, bytes: impl IntoIterator<Item = u8>, arrival: Instant) {
        if self.is_closed {
            return;
        }
        let arrival = self.pieces.back().map_or(arrival, |(last, _)| arrival.max(*last));
        let piece: VecDeque<u8> = bytes.into_iter().collect();
        self.len += piece.len();
        if !piece.is_empty() {
            self.pieces.push_back((arrival, piece));
        }
    }

    /// At most `max` bytes of those that have arrived.
    pub(crate) fn take(&mut self, now: Instant, max: usize) -> Vec<u8> {
        let mut taken = Vec::new();
        while let Some((arrival, piece)) = self.pieces.front_mut() {
            if *arrival > now || taken.len() == max {
                break;
            }
            let len = piece.len().min(max - taken.len());
            taken.extend(piece.drain(..len));
            if piece.is_empty() {
                self.pieces.pop_front();
            }
        }
        self.len -= taken.len();
        taken
    }

    /// Nothing more goes in.
    pub(crate) const fn close(&mut self) {
        self.is_closed = true;
    }

    /// Nothing more comes out.
    pub(crate) fn clear(&mut self) {
        self.pieces.clear();
        self.len = 0;
    }

    pub(crate) const fn is_closed(&self) -> bool {
        self.is_closed
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// When the next byte arrives.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.pieces.front().map(|(arrival, _)| *arrival)
    }
}
