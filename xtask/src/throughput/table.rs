//! The tables.

use std::fmt::Write as _;

use super::JOBS;

/// A program, built in one way.
pub(super) struct Column {
    pub(super) title: String,
    pub(super) level: &'static str,
    /// For every job, how many instructions a message takes, and how many there are in a second.
    pub(super) cells: Vec<(u64, u64)>,
}

/// All of the README.
pub(super) fn write(columns: &[Column]) -> String {
    let mut text = HEAD.to_owned();
    let mut levels: Vec<_> = columns.iter().map(|column| column.level).collect();
    levels.dedup();
    for (title, figure) in FIGURES {
        for level in &levels {
            // A string takes what it is given.
            let _ = write!(text, "\n{title}, `opt-level` `{level}`:\n\n| a message |");
            let shown: Vec<_> = columns.iter().filter(|column| column.level == *level).collect();
            for column in &shown {
                let _ = write!(text, " {} |", column.title);
            }
            let _ = writeln!(text, "\n|---|{}", "---|".repeat(shown.len()));
            for (at, job) in JOBS.iter().enumerate() {
                let _ = write!(text, "| {} |", job.name);
                for column in &shown {
                    let cell = column.cells.get(at).map(figure).unwrap_or_default();
                    let _ = write!(text, " {cell} |");
                }
                text.push('\n');
            }
        }
    }
    text
}

type Figure = fn(&(u64, u64)) -> u64;

const FIGURES: &[(&str, Figure)] = &[
    ("Instructions a message takes", |cell| cell.0),
    ("Messages a second, in this emulator", |cell| cell.1),
];

const HEAD: &str = "\
# Messages over a network

What a device makes of its messages, network and all: nats-embassy with nats-server, beside minimq 0.13 with
mosquitto. Written by `cargo xtask throughput`, which boots these programs in QEMU, once for each figure and
round; the median of three.

The device is the Cortex-M3 of [`../lm3s6965`](../lm3s6965/src/lib.rs) with 64 KiB of RAM. All programs have
the same `embassy-net`, without Nagle's algorithm, with 1 KiB for a socket to receive and 1 KiB to send; the
clients have 1 KiB for each, too. A subject, or topic, is `device.seven.telemetry`, with slashes for MQTT.

| program | what it is |
|---|---|
| `Client` | nats-embassy: one task, and another one that moves the bytes; messages wait in 24 places |
| `Client`, wide | the same with 2 KiB to send, in two halves |
| `Link` | nats-embassy in a single task: messages are lent from where they were received |
| minimq, prompt | MQTT 5, QoS 0, in a single task, which lends messages, too; flushing does not wait |
| minimq | the same over `embassy-net`'s socket as it is: minimq flushes after every message, and that waits until the other side has acknowledged it |
| no client | the bytes that NATS would have, made before and written in blocks, or read and not looked at |

*Published* is until the server says that it has all of them: PONG, or the acknowledgement of the last message,
which alone has QoS 1. *Received* is from the first message to the last, while the host sends as fast as it
can. Nothing is dropped; a program fails if it is.

Instructions are counted by QEMU with `-icount`, sleep excluded, driver and TCP included. They vary by a few
per cent, since the host's network decides which packets come together. Messages a second are by the host's
clock, on a machine with other work: the emulator's speed more than the programs', so compare only within a
row, and rather look at the instructions.

What is not the same:

- A message takes more bytes in NATS than in MQTT, since numbers are text: 49 instead of 43 for 16 bytes
  published, 51 instead of 43 received; 162 and 164 instead of 156 for 128 bytes.
- nats-embassy copies a message that is published to one half of its memory, and writes that out while the other
  one is filled, so a packet has at most 512 bytes. minimq writes every message to the socket, whose 1 KiB make
  one packet, and the application does nothing else meanwhile. `Client`, wide, has packets of that size, too.
- minimq reads a message in three or four steps, from the socket, where nats-embassy reads as much as there is.
- nats-embassy checks subjects, here once. minimq takes any text.
";
