//! The fuzzer's corpus, as a regression test.

#[test]
fn the_corpus() {
    let folder = format!("{}/../../fuzz/corpus/session_life", env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let life = nats_sim::live(&std::fs::read(&path).unwrap(), None, false);
        assert_eq!(life.checks.violation(), None, "{}", path.display());
        assert!(life.counts.links > 0, "{} never connects", path.display());
        count += 1;
    }
    assert!(count > 0, "{folder} is empty");
}
