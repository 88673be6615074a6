//! Every call of the core with inputs that nobody knows: nothing in the image may panic.
#![no_std]
#![no_main]

mod control;
mod data;
mod jetstream;
mod ordered;
mod texts;
mod values;

use nats_proto::Instant;
use nats_proto::wire::ArrayBuf;

use size::fill;
use size::input;
use size::output;
use size::put;

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    loop {
        data::from_server();
        data::from_client();
        data::encode();
        control::session::<nats_proto::Fixed<u8, 4, 1, 48>>();
        control::session::<nats_proto::Fixed<u8, 4, 3, 48>>();
        control::requests();
        control::request_many();
        texts::urls();
        texts::credentials();
        texts::errors();
        texts::info();
        texts::headers();
        texts::subjects();
        jetstream::names();
        jetstream::texts();
        jetstream::responses();
        jetstream::consumer::<1>();
        jetstream::consumer::<2>();
        jetstream::fetch();
        ordered::ordered();
        jetstream::window();
        jetstream::single();
        values::values();
    }
}

type Line = ArrayBuf<64>;

/// Bytes that nobody knows, in memory of the caller's.
fn bytes(memory: &mut [u8]) -> &[u8] {
    let len = fill(memory);
    memory.get(..len).unwrap_or_default()
}

/// A text that nobody knows.
fn text(memory: &mut [u8]) -> &str {
    core::str::from_utf8(bytes(memory)).unwrap_or_default()
}

fn flag() -> bool {
    input() & 1 != 0
}

fn number() -> usize {
    input() as usize
}

fn long() -> u64 {
    u64::from(input()) << 32 | u64::from(input())
}

fn now() -> Instant {
    Instant::from_millis(long())
}

fn say(text: Option<&str>) {
    put(text.unwrap_or_default().as_bytes());
}

fn tell(is_true: bool) {
    output(is_true.into());
}

fn count(number: usize) {
    output(number as u32);
}

fn count_long(number: u64) {
    output((number >> 32) as u32);
    output(number as u32);
}
