#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nats_tokio::fuzzing::jetstream_json(data));
