//! All servers and connections of a network, without locks and wakers of their own.

use std::collections::BTreeMap;
use std::io;
use std::task::Waker;

use crate::server::Message;
use crate::server::Op;
use crate::server::Peer;
use crate::server::Script;

/// How often a client may ask the network for something without letting time pass, until it counts as
/// spinning.
const MAX_CALLS: u64 = 200_000;

#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) servers: Vec<ServerState>,
    pub(super) links: Vec<Link>,
    /// How often the network was asked for something since time passed.
    calls: u64,
    /// How the client broke a rule, apart from those of a connection.
    faults: Vec<String>,
    /// To be woken when the lock is released.
    pub(super) woken: Vec<Waker>,
}

/// What a server does with those who dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    Accepts,
    Refuses,
    /// Nobody gets an answer.
    Ignores,
}

#[derive(Debug)]
pub(super) struct ServerState {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) script: Script,
    pub(super) mood: Mood,
    pub(super) dials: usize,
    /// Those who wait for an answer.
    pub(super) waiting: Vec<Waker>,
}

/// The server's end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Open,
    /// It says nothing any more: reading ends after what was said. As with TCP, the first write after
    /// that is lost without a word, and the next one fails.
    Closing,
    /// The same, and writing fails.
    Closed,
    /// Reading and writing fail.
    Broken,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) server: usize,
    pub(super) peer: Peer,
    pub(super) end: End,
    /// Whether writing fails, while the server's end is open.
    pub(super) fails_writes: bool,
    /// Whether the client has its end.
    pub(super) is_held: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl World {
    pub(super) fn find(&self, host: &str, port: u16) -> Option<usize> {
        self.servers.iter().position(|server| server.host == host && server.port == port)
    }

    /// Counts a call of the client's.
    ///
    /// # Errors
    ///
    /// If there were too many since time passed.
    pub(super) fn count_call(&mut self) -> io::Result<()> {
        self.calls += 1;
        if self.calls < MAX_CALLS {
            return Ok(());
        }
        if self.calls == MAX_CALLS {
            self.report(format!("it spins: {MAX_CALLS} reads and writes, and no time passed"));
        }
        Err(io::Error::other("the client spins"))
    }

    pub(super) fn report(&mut self, fault: String) {
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    /// Time has passed.
    pub(super) const fn forget_calls(&mut self) {
        self.calls = 0;
    }

    /// Opens a connection to a server.
    pub(super) fn open(&mut self, server: usize) -> io::Result<usize> {
        let state = self.servers.get_mut(server).ok_or(io::ErrorKind::ConnectionRefused)?;
        self.links.push(Link {
            server,
            peer: Peer::new(state.script.clone()),
            end: End::Open,
            fails_writes: false,
            is_held: true,
            reader: None,
            writer: None,
        });
        Ok(self.links.len() - 1)
    }

    pub(super) fn link(&mut self, number: usize) -> io::Result<&mut Link> {
        self.links.get_mut(number).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Gives the client bytes of the server's; `None` if there are none yet.
    pub(super) fn read(
        &mut self,
        number: usize,
        memory: &mut [u8],
        waker: Option<&Waker>,
    ) -> io::Result<Option<usize>> {
        self.count_call()?;
        let link = self.link(number)?;
        if link.end == End::Broken {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let output = &mut link.peer.output;
        let len = memory.len().min(output.len()).min(link.peer.script.read_chunk);
        for (place, byte) in memory.iter_mut().zip(output.drain(..len)) {
            *place = byte;
        }
        if len > 0 || link.end != End::Open || memory.is_empty() {
            return Ok(Some(len));
        }
        link.reader = waker.cloned();
        Ok(None)
    }

    /// Takes bytes of the client's; `None` if the server accepts none now.
    pub(super) fn write(
        &mut self,
        number: usize,
        bytes: &[u8],
        waker: Option<&Waker>,
    ) -> io::Result<Option<usize>> {
        self.count_call()?;
        let link = self.link(number)?;
        match link.end {
            End::Broken => return Err(io::ErrorKind::ConnectionReset.into()),
            End::Closing => {
                link.end = End::Closed;
                return Ok(Some(bytes.len()));
            }
            End::Closed => return Err(io::ErrorKind::BrokenPipe.into()),
            End::Open if link.fails_writes => return Err(io::ErrorKind::BrokenPipe.into()),
            End::Open => {}
        }
        let script = &mut link.peer.script;
        let len = bytes.len().min(script.write_chunk).min(script.room.unwrap_or(usize::MAX));
        if len == 0 && !bytes.is_empty() {
            link.writer = waker.cloned();
            return Ok(None);
        }
        script.room = script.room.map(|room| room - len);
        self.receive(number, bytes.get(..len).unwrap_or_default());
        Ok(Some(len))
    }

    /// The server reads, and does what follows from it.
    fn receive(&mut self, number: usize, bytes: &[u8]) {
        let Ok(link) = self.link(number) else { return };
        link.peer.receive(bytes);
        let published = std::mem::take(&mut link.peer.published);
        for message in published {
            self.recipient(Some(number), &message);
        }
        self.after_change(number);
    }

    /// Delivers a message to all who have subscribed to it, wherever they are connected, and to one of
    /// each queue group. Who asked for a reply is told if that is nobody.
    pub(super) fn recipient(&mut self, from: Option<usize>, message: &Message) {
        let mut chosen = Vec::new();
        let mut groups = BTreeMap::new();
        for (number, link) in self.links.iter().enumerate().filter(|(_, link)| link.is_up()) {
            for (sid, queue) in link.peer.matching(&message.subject) {
                match queue {
                    None => chosen.push((number, sid)),
                    Some(queue) => drop(groups.entry(queue).or_insert((number, sid))),
                }
            }
        }
        chosen.extend(groups.into_values());
        for &(number, sid) in &chosen {
            if let Ok(link) = self.link(number) {
                link.peer.deliver(sid, message);
            }
            self.after_change(number);
        }
        if let (true, Some(reply), Some(from)) = (chosen.is_empty(), &message.reply, from) {
            let status = Message {
                subject: reply.clone(),
                headers: b"NATS/1.0 503\r\n\r\n".to_vec(),
                ..Message::default()
            };
            let Ok(link) = self.link(from) else { return };
            for (sid, _) in link.peer.matching(reply) {
                link.peer.deliver(sid, &status);
            }
            self.after_change(from);
        }
    }

    /// Wakes whoever waits for what has changed.
    pub(super) fn after_change(&mut self, number: usize) {
        let Some(link) = self.links.get_mut(number) else { return };
        if link.peer.is_closing && link.end == End::Open {
            link.end = End::Closing;
        }
        let is_over = link.end != End::Open;
        if is_over || !link.peer.output.is_empty() {
            self.woken.extend(link.reader.take());
        }
        if is_over || link.fails_writes || link.peer.script.room != Some(0) {
            self.woken.extend(link.writer.take());
        }
    }

    /// The client has let go of its end.
    pub(super) fn let_go(&mut self, number: usize) {
        let Some(link) = self.links.get_mut(number) else { return };
        link.is_held = false;
        link.close(End::Closed);
    }

    /// How clients broke rules: the network's, and those of a connection.
    pub(super) fn faults(&self) -> Vec<String> {
        let of_links = self.links.iter().flat_map(|link| {
            let host = self.servers.get(link.server).map_or("", |server| server.host.as_str());
            link.peer.faults.iter().map(move |fault| format!("{host}: {fault}"))
        });
        self.faults.iter().cloned().chain(of_links).collect()
    }
}

impl Link {
    /// Whether messages can be delivered.
    pub(super) fn is_up(&self) -> bool {
        self.end == End::Open && self.is_held && self.peer.is_logged_in
    }

    pub(super) fn close(&mut self, end: End) {
        if self.end == End::Open {
            self.end = end;
        }
    }

    pub(super) fn ops(&self) -> &[Op] {
        &self.peer.ops
    }
}
