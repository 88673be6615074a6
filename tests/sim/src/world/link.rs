//! A link: what is on its way, who is at the other end, and what a cut does to it.

use std::time::Duration;

use nats_proto::Instant;
use nats_proto::Store;
use nats_proto::session::DisconnectReason;

use super::World;
use crate::app::Recipient;
use crate::checks::Invariant;
use crate::cluster::Mood;
use crate::flaw::Flaw;
use crate::server::Peer;
use crate::wire::Cut;
use crate::wire::Direction;
use crate::wire::Pipe;

/// What the driver has of a connection.
#[derive(Debug)]
pub(super) enum Line {
    None,
    /// It will be known at `at` what becomes of it; or never, if there is no `server` that answers.
    Opening {
        server: Option<usize>,
        at: Instant,
    },
    Open(Box<Link>),
}

#[derive(Debug)]
pub(super) struct Link {
    pub(super) number: u32,
    pub(super) server: usize,
    pub(super) peer: Peer,
    pub(super) up: Pipe,
    pub(super) down: Pipe,
    /// Nothing arrives any more, and there is no error.
    pub(super) is_silent: bool,
    /// When the server closes it.
    pub(super) closes: Option<Instant>,
    /// How many messages the driver took for this link.
    pub(super) handed: usize,
    /// Whether the application knows that the server is about to shut down.
    pub(super) is_lame_known: bool,
}

impl<S: Store<Recipient = Recipient>> World<S> {
    /// A server is being connected to.
    pub(super) fn open(&mut self, host: &str, port: u16) {
        let at = self.now + Duration::from_millis(self.rng.below(self.conditions.delay + 1));
        let server = self.cluster.find(host, port);
        let mood = server.and_then(|index| self.cluster.get(index)).map(|server| server.mood);
        let is_ignored = mood == Some(Mood::Ignores);
        // An unknown server refuses.
        let server = if is_ignored { None } else { Some(server.unwrap_or(usize::MAX)) };
        self.line = Line::Opening { server, at };
    }

    /// What became of it, if that is known by now.
    pub(super) fn opened(&mut self) -> Option<Result<(), DisconnectReason>> {
        let Line::Opening { server: Some(server), at } = self.line else { return None };
        if at > self.now {
            return None;
        }
        let mood = self.cluster.get(server).map(|server| server.mood);
        if !matches!(mood, Some(Mood::Accepts | Mood::Locks)) {
            self.line = Line::None;
            return Some(Err(DisconnectReason::Unreachable));
        }
        self.links += 1;
        let peer = self.cluster.accept(server);
        self.line = Line::Open(Box::new(Link {
            number: self.links,
            server,
            peer,
            up: Pipe::default(),
            down: Pipe::default(),
            is_silent: false,
            closes: None,
            handed: 0,
            is_lame_known: false,
        }));
        Some(Ok(()))
    }

    pub(super) fn link(&self) -> Option<&Link> {
        match &self.line {
            Line::Open(link) => Some(link),
            _ => None,
        }
    }

    pub(super) fn link_mut(&mut self) -> Option<&mut Link> {
        match &mut self.line {
            Line::Open(link) => Some(link),
            _ => None,
        }
    }

    /// The link of that number, if it is this one or the one before.
    pub(super) fn link_of(&self, number: u32) -> Option<&Link> {
        [self.link(), self.last.as_deref()].into_iter().flatten().find(|link| link.number == number)
    }

    /// The driver drops the link. What is on its way may arrive all the same.
    pub(super) fn hang_up(&mut self) {
        if let Line::Open(mut link) = std::mem::replace(&mut self.line, Line::None) {
            let rest = link.up.take(Instant::from_millis(u64::MAX), usize::MAX);
            if !link.is_silent && !link.up.is_closed() && self.rng.percent(50) {
                link.peer.receive(&rest, &mut self.around().0);
            }
            self.last = Some(link);
        }
    }

    /// Moves bytes both ways, as they arrive. Returns whether there were any.
    pub(super) fn carry(&mut self) -> bool {
        let is_truncated = self.break_link();
        self.shut_down();
        let has_written = self.write();
        let went_up = self.carry_up();
        let was_served = self.serve();
        let came_down = self.carry_down();
        is_truncated | has_written | went_up | was_served | came_down
    }

    /// How many bytes may go that way before the cut.
    fn allowed(&self, direction: Direction) -> usize {
        let carried = match direction {
            Direction::Up => self.carried.0,
            Direction::Down => self.carried.1,
        };
        let left = self
            .cut
            .filter(|cut| cut.direction == direction)
            .map_or(u64::MAX, |cut| cut.after.saturating_sub(carried));
        usize::try_from(left).unwrap_or(usize::MAX).min(self.conditions.chunk)
    }

    /// Cuts the link if it is time.
    fn break_link(&mut self) -> bool {
        let Some(Cut { direction, is_gentle, .. }) = self.cut else { return false };
        if self.allowed(direction) > 0 {
            return false;
        }
        let forever = Instant::from_millis(u64::MAX);
        let (mut around, Line::Open(link)) = self.around() else { return false };
        match direction {
            Direction::Up if !is_gentle => link.down.clear(),
            Direction::Up => {}
            Direction::Down => {
                link.down.clear();
                let rest = link.up.take(forever, usize::MAX);
                if is_gentle && !link.is_silent {
                    link.peer.receive(&rest, &mut around);
                }
            }
        }
        link.peer.is_done = true;
        link.peer.output.clear();
        link.is_silent = false;
        link.up.clear();
        link.up.close();
        link.down.close();
        self.cut = None;
        self.counts.cuts += 1;
        self.say(|| format!("the link is cut: {direction:?}"));
        true
    }

    /// A server goes when it is time.
    fn shut_down(&mut self) {
        let now = self.now;
        let Line::Open(link) = &mut self.line else { return };
        if link.closes.is_some_and(|at| at <= now) {
            link.closes = None;
            link.peer.leave(None);
        }
        if let Some(server) = self.cluster.get_mut(link.server)
            && server.shuts_down.is_some_and(|at| at <= now)
        {
            server.shuts_down = None;
            server.is_lame = false;
            server.mood = Mood::Refuses;
            link.peer.leave(None);
        }
    }

    /// What the driver has for the socket goes as far as there is room.
    fn write(&mut self) -> bool {
        let (window, arrival) = (self.conditions.window, self.arrival());
        let Line::Open(link) = &mut self.line else { return false };
        let len = self.output.len().min(window.saturating_sub(link.up.len()));
        link.up.push(self.output.drain(..len), arrival);
        len > 0
    }

    fn carry_up(&mut self) -> bool {
        let (now, max) = (self.now, self.allowed(Direction::Up));
        let (mut around, Line::Open(link)) = self.around() else { return false };
        let bytes = link.up.take(now, max);
        if !link.is_silent {
            link.peer.receive(&bytes, &mut around);
        }
        self.carried.0 += bytes.len() as u64;
        !bytes.is_empty()
    }

    /// What the server says goes on its way.
    fn serve(&mut self) -> bool {
        let arrival = self.arrival();
        let Line::Open(link) = &mut self.line else { return false };
        let output = std::mem::take(&mut link.peer.output);
        let is_busy = !output.is_empty();
        if !link.is_silent {
            link.down.push(output, arrival);
            if link.peer.is_done {
                link.down.close();
            }
        }
        is_busy
    }

    fn carry_down(&mut self) -> bool {
        let (now, max) = (self.now, self.allowed(Direction::Down));
        let Line::Open(link) = &mut self.line else { return false };
        let bytes = link.down.take(now, max);
        let is_end = link.down.is_closed() && link.down.is_empty();
        self.carried.1 += bytes.len() as u64;
        if !bytes.is_empty() {
            self.receive(&bytes);
        } else if is_end && self.is_flawed(Flaw::IgnoresLoss) {
            self.hang_up();
        } else if is_end {
            let reason =
                if self.rng.percent(50) { DisconnectReason::Closed } else { DisconnectReason::Io };
            self.lose(reason);
        }
        !bytes.is_empty() || is_end
    }

    fn arrival(&mut self) -> Instant {
        self.now + Duration::from_millis(self.rng.below(self.conditions.delay + 1))
    }

    /// Whether nothing is on its way, and both ends are alive.
    pub(super) fn is_calm(&self) -> bool {
        self.link().is_some_and(|link| {
            link.up.is_empty()
                && link.down.is_empty()
                && !link.down.is_closed()
                && !link.is_silent
                && link.peer.output.is_empty()
        }) && self.output.is_empty()
    }

    /// Checks that a server in lame duck mode was left without losses.
    pub(super) fn check_left(&mut self) {
        let Line::Open(link) = &self.line else { return };
        let missing = self.app.wanted.iter().find(|wanted| {
            let sent = link.peer.sent.get(&wanted.sid).map_or(0, Vec::len);
            !wanted.is_over() && wanted.on_link(link.number) < sent
        });
        let is_processed = link.handed == link.peer.processed;
        self.checks.that(Invariant::LeftCleanly, missing.is_none() && is_processed, || {
            format!("{} of {} published, {missing:?}", link.peer.processed, link.handed)
        });
    }
}
