//! NATS with nats-embassy's client, and twice the memory for sending.
#![no_std]
#![no_main]

#[path = "../client.rs"]
mod client;

/// In two halves, of which each makes a packet.
const TX: usize = 2 * throughput::BUFFER;
