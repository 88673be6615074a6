//! Publishes messages as fast as a server takes them. They are made before, so both protocols cost the same.

use std::io;
use std::io::Read;
use std::io::Write;
use std::net::Ipv4Addr;
use std::net::TcpStream;
use std::time::Duration;

use crate::Outcome;

/// How long a server may take for anything.
const PATIENCE: Duration = Duration::from_secs(20);
/// How many messages are written at once.
const BLOCK: u32 = 1000;

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Nats,
    /// Version 3.1.1, which a broker translates into 5.
    Mqtt,
}

impl Protocol {
    /// Where messages go. Both are of the same length.
    pub(super) const fn subject(self) -> &'static str {
        match self {
            Self::Nats => "device.seven.telemetry",
            Self::Mqtt => "device/seven/telemetry",
        }
    }

    /// What a client says first, and how the answer ends.
    const fn greeting(self) -> (&'static [u8], &'static [u8]) {
        match self {
            Self::Nats => (b"CONNECT {\"verbose\":false}\r\nPING\r\n", b"PONG\r\n"),
            // CONNECT as `flood`, in a session that begins and ends now.
            Self::Mqtt => (b"\x10\x11\0\x04MQTT\x04\x02\0\0\0\x05flood", b"\x20\x02\0\0"),
        }
    }

    /// What the server answers after everything else.
    const fn ping(self) -> (&'static [u8], &'static [u8]) {
        match self {
            Self::Nats => (b"PING\r\n", b"PONG\r\n"),
            Self::Mqtt => (b"\xC0\0", b"\xD0\0"),
        }
    }

    fn message(self, len: usize) -> Vec<u8> {
        let subject = self.subject();
        let payload = "x".repeat(len);
        match self {
            Self::Nats => format!("PUB {subject} {len}\r\n{payload}\r\n").into_bytes(),
            Self::Mqtt => {
                let body = [&[0, 22], subject.as_bytes(), payload.as_bytes()].concat();
                [&b"\x30"[..], &remaining(body.len()), &body].concat()
            }
        }
    }
}

/// A length as MQTT has it: seven bits in a byte, the lowest ones first.
fn remaining(mut len: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let [lowest, ..] = len.to_le_bytes();
        len >>= 7;
        if len == 0 {
            bytes.push(lowest);
            return bytes;
        }
        bytes.push(lowest | 0x80);
    }
}

/// Publishes `count` messages, and waits until the server has them.
pub(super) fn flood(protocol: Protocol, port: u16, len: usize, count: u32) -> Outcome {
    publish(protocol, port, len, count).map_err(|error| format!("{protocol:?}: {error}"))
}

fn publish(protocol: Protocol, port: u16, len: usize, count: u32) -> io::Result<()> {
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    ask(&mut socket, protocol.greeting())?;
    let message = protocol.message(len);
    let block = message.repeat(BLOCK as usize);
    let mut left = count;
    while left > 0 {
        let now = left.min(BLOCK);
        let (bytes, _) = block.split_at(now as usize * message.len());
        socket.write_all(bytes)?;
        left -= now;
    }
    ask(&mut socket, protocol.ping())
}

fn ask(socket: &mut TcpStream, (question, answer): (&[u8], &[u8])) -> io::Result<()> {
    socket.write_all(question)?;
    let mut heard = Vec::new();
    let mut buffer = [0; 4096];
    while !heard.ends_with(answer) {
        let len = socket.read(&mut buffer)?;
        if len == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        heard.extend(buffer.iter().take(len));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_those_of_mqtt() {
        assert_eq!(remaining(0), [0]);
        assert_eq!(remaining(127), [127]);
        assert_eq!(remaining(128), [0x80, 1]);
        assert_eq!(remaining(16_384), [0x80, 0x80, 1]);
    }

    #[test]
    fn the_greeting_says_how_long_it_is() {
        let (greeting, _) = Protocol::Mqtt.greeting();
        assert_eq!(usize::from(greeting[1]), greeting.len() - 2);
    }
}
