//! The fuzzer's corpus, as a regression test.

#[test]
fn the_corpus() {
    let folder = format!("{}/../../fuzz/corpus/jetstream_history", env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        nats_jetstream_sim::history(&std::fs::read(entry.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count > 0, "{folder} is empty");
}
