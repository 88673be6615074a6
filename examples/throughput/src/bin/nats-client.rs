//! NATS with nats-embassy's client.
#![no_std]
#![no_main]

#[path = "../client.rs"]
mod client;

/// In two halves, of which each makes a packet.
const TX: usize = throughput::BUFFER;
