//! The job of a program: the arguments that the host gives.

use semihosting::experimental::env::Args;
use semihosting::experimental::env::args;
use semihosting::process::exit;
use static_cell::StaticCell;

static ARGUMENTS: StaticCell<Args<128>> = StaticCell::new();

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Messages are published, and the server says that it has them.
    Publish,
    /// Messages are received, which the host sends as fast as it can.
    Receive,
}

/// What is to be done, and how often.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    /// What is to be done.
    pub kind: Kind,
    /// How many messages, two at least.
    pub count: u32,
    /// How long their payloads are, in bytes.
    pub len: usize,
    /// The server's address and port.
    pub server: &'static str,
    /// Where messages go, and come from.
    pub subject: &'static str,
}

impl Job {
    /// The longest payload.
    pub const MAX_LEN: usize = 128;

    /// Reads the arguments, in the order of the fields. Without them there is nothing to do.
    #[must_use]
    pub fn read() -> Self {
        let Ok(arguments) = args() else { exit(2) };
        let mut arguments = ARGUMENTS.init(arguments).into_iter().filter_map(Result::ok).skip(1);
        let mut argument = || arguments.next().unwrap_or_default();
        let kind = match argument() {
            "publish" => Kind::Publish,
            "receive" => Kind::Receive,
            _ => exit(2),
        };
        let (Ok(count), Ok(len)) = (argument().parse(), argument().parse()) else { exit(2) };
        if count < 2 || len > Self::MAX_LEN {
            exit(2);
        }
        Self { kind, count, len, server: argument(), subject: argument() }
    }

    /// What is in every message.
    #[must_use]
    pub fn payload(&self) -> &'static [u8] {
        static PAYLOAD: [u8; Job::MAX_LEN] = [b'x'; Job::MAX_LEN];
        PAYLOAD.get(..self.len).unwrap_or_default()
    }
}
