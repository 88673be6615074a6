#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nats_proto::fuzzing::jetstream_reply(data));
