//! A connection, as the test sees it.

use std::fmt;

use super::Network;
use super::world::End;
use super::world::Link;
use crate::server::Info;
use crate::server::Message;
use crate::server::Op;
use crate::server::Script;

/// The server's end of a connection: says what the test wants it to, and knows what the client said. Its
/// clones are the same connection.
#[derive(Clone)]
pub struct Connection {
    network: Network,
    number: usize,
}

impl Connection {
    pub(super) const fn new(network: Network, number: usize) -> Self {
        Self { network, number }
    }

    // What the client said -----------------------------------------------------------------------

    /// The operations that have come, whole ones only.
    #[must_use]
    pub fn ops(&self) -> Vec<Op> {
        self.link(|link| link.ops().to_vec())
    }

    /// The operations that have come, as texts.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.link(|link| link.ops().iter().map(Op::to_string).collect())
    }

    /// The messages that were published on this connection.
    #[must_use]
    pub fn published(&self) -> Vec<Message> {
        let message = |op: Op| match op {
            Op::Pub(message) => Some(message),
            _ => None,
        };
        self.ops().into_iter().filter_map(message).collect()
    }

    /// The number of the subscription to `filter` that was made last, ended or not.
    #[must_use]
    pub fn sid(&self, filter: &str) -> Option<u64> {
        self.ops().iter().rev().find_map(|op| match op {
            Op::Sub { filter: known, sid, .. } if known == filter => Some(*sid),
            _ => None,
        })
    }

    /// Whether the login is done, and both sides have the connection.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.link(|link| link.is_up())
    }

    /// Whether the client has its end of the connection.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.link(|link| link.is_held)
    }

    // What the server does -----------------------------------------------------------------------

    /// Changes how the server behaves on this connection.
    pub fn script(&self, change: impl FnOnce(&mut Script)) {
        self.link(|link| change(&mut link.peer.script));
    }

    /// Sends a line, or several with `|` between them.
    pub fn send(&self, lines: &str) {
        self.link(|link| lines.split('|').for_each(|line| link.peer.send_line(line)));
    }

    /// Sends bytes, whatever they are.
    pub fn send_bytes(&self, bytes: &[u8]) {
        self.link(|link| link.peer.send(bytes));
    }

    /// Sends a message to subscription `sid`, whether the server knows of that or not.
    pub fn deliver(&self, sid: u64, message: &Message) {
        self.link(|link| link.peer.send_message(sid, message));
    }

    /// Sends `-ERR`. The connection stays open.
    pub fn error(&self, text: &str) {
        self.link(|link| link.peer.send_error(text));
    }

    /// Changes INFO and sends it again.
    pub fn info(&self, change: impl FnOnce(&mut Info)) {
        self.link(|link| {
            change(&mut link.peer.script.info);
            link.peer.send_info();
        });
    }

    /// Announces that the server shuts down (lame duck mode), and that `others` can be connected to.
    pub fn lame_duck(&self, others: &[&str]) {
        self.info(|info| {
            info.lame_duck = true;
            info.connect_urls = others.iter().map(|host| format!("{host}:4222")).collect();
        });
    }

    /// Accepts no more bytes of the client's than `len`: it writes more and waits.
    pub fn stall_after(&self, len: usize) {
        self.script(|script| script.room = Some(len));
    }

    /// Accepts nothing that the client writes.
    pub fn stall(&self) {
        self.stall_after(0);
    }

    /// Accepts what the client writes, any number of bytes of it.
    pub fn resume(&self) {
        self.script(|script| script.room = None);
    }

    /// Answers nothing any more, and goes on to accept what is written: the server hangs.
    pub fn hang(&self) {
        self.script(|script| {
            script.answers_pings = false;
            script.delivers = false;
        });
    }

    /// Closes the connection. What was sent can be read before; as with TCP, the client's next write
    /// is lost, and those after it fail.
    pub fn close(&self) {
        self.link(|link| link.close(End::Closing));
    }

    /// Closes the connection at once. What was sent and not read is gone, and writing fails.
    pub fn cut(&self) {
        self.link(|link| {
            link.peer.output.clear();
            link.close(End::Closed);
        });
    }

    /// Breaks the connection: reading and writing fail, as after a reset.
    pub fn reset(&self) {
        self.link(|link| link.end = End::Broken);
    }

    /// Fails whatever is written. Reading goes on to wait.
    pub fn fail_writes(&self) {
        self.link(|link| link.fails_writes = true);
    }

    fn link<T: Default>(&self, act: impl FnOnce(&mut Link) -> T) -> T {
        self.network.act(|world| {
            let value = world.link(self.number).map(act);
            world.after_change(self.number);
            value.unwrap_or_default()
        })
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("log", &self.log()).finish_non_exhaustive()
    }
}
