//! The situations, and what a client has to do in them.

/// A row of the checklist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Row {
    /// Its number, from 1.
    pub number: u8,
    /// The situation.
    pub situation: &'static str,
    /// What a client has to do in it.
    pub duty: &'static str,
}

const fn row(number: u8, situation: &'static str, duty: &'static str) -> Row {
    Row { number, situation, duty }
}

/// All rows of the checklist.
pub const ROWS: [Row; 21] = [
    row(
        1,
        "INFO, PONG, MSG, -ERR in one read; each byte in a read of its own",
        "decode until nothing whole is left; the same outcome in both",
    ),
    row(
        2,
        "bytes after the frame that lost the connection",
        "drop them; the next connection has a new decoder, an empty input and an empty output",
    ),
    row(3, "bytes between INFO and TLS", "close the connection"),
    row(
        4,
        "reading returns 0; writing fails; something is no operation",
        "report the loss with its reason, once, and connect again",
    ),
    row(
        5,
        "a dial that is slower than the connect timeout, and its socket comes after all",
        "go on with timers while dialling; drop what belongs to an older attempt",
    ),
    row(
        6,
        "lost between dial and INFO, INFO and PONG, in CONNECT half-written",
        "next server, with the back-off; nothing is published before the first PONG",
    ),
    row(
        7,
        "CONNECT longer than the buffer, as with a JWT",
        "write it in as many parts as it takes",
    ),
    row(
        8,
        "the server sends PINGs while a long write is stuck",
        "answer later; memory stays flat however many there are",
    ),
    row(
        9,
        "the output is full at SUB, at UNSUB, at PING",
        "whole lines only; no PUB before a SUB that was made earlier; progress or sleep, no spinning",
    ),
    row(
        10,
        "several timers due at once; the clock is far ahead, as after a suspend",
        "handle all of them before sleeping; set the timer again after every call",
    ),
    row(
        11,
        "published before there is a connection, while it is lost, while a lame duck is left",
        "keep, refuse or drop by policy; SUBs first; limits are checked again",
    ),
    row(
        12,
        "INFO later: smaller max_payload, other servers, lame duck mode",
        "the next publish respects it; the client moves, and nothing is lost",
    ),
    row(
        13,
        "a half-written PUB when the connection goes",
        "do not continue it on the next one; report it as perhaps lost",
    ),
    row(
        14,
        "a subscription is unsubscribed, has its maximum, is not permitted, or the client is closed",
        "end its stream; the table does not fill up",
    ),
    row(
        15,
        "MSG for a subscription that is gone; a message longer than the buffer",
        "drop it; count it as delivered, and report it",
    ),
    row(
        16,
        "a request: answered, 503, late, two replies, a reply too long, connection lost, inbox refused",
        "one outcome each, never more, and room again",
    ),
    row(
        17,
        "a flush before, during and across a loss; two flushes",
        "done or lost, never pending forever",
    ),
    row(
        18,
        "drain: no subscriptions, a slow consumer, messages kept, offline, lost meanwhile, twice",
        "it ends, and says that the server has everything only if it has",
    ),
    row(
        19,
        "close and drop in every state, a dial in flight included",
        "the socket is closed, and everybody who waits is told",
    ),
    row(
        20,
        "credentials refused twice; no server left",
        "stop with the reason; everybody who waits is told",
    ),
    row(
        21,
        "the server hangs: nothing is ever read or written",
        "stale after three ping intervals, also when the PING found no room",
    ),
];
