#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nats_sim::session_life(data));
