//! Histories from seeds: a few of those that `cargo xtask sim` goes through.

use nats_jetstream_sim::Checks;
use nats_jetstream_sim::Kind;
use nats_jetstream_sim::bytes_of;
use nats_jetstream_sim::live;

const SEEDS: u64 = 2_000;

#[test]
fn random_histories() {
    let mut checks = Checks::default();
    for &kind in Kind::ALL {
        for seed in 0..SEEDS {
            let history = live(kind, &bytes_of(seed), None, false);
            if let Some(violation) = history.checks.violation() {
                panic!("{kind:?}, seed {seed}: {violation}");
            }
            checks.add(&history.checks);
        }
    }
    for (invariant, count) in checks.counts() {
        assert!(count > 0, "nobody looked whether {}", invariant.text());
    }
}

#[test]
fn a_seed_is_a_history() {
    for &kind in Kind::ALL {
        for seed in 0..20 {
            let [first, second] = [(); 2].map(|()| live(kind, &bytes_of(seed), None, false));
            assert_eq!(format!("{first:?}"), format!("{second:?}"), "{kind:?}, seed {seed}");
        }
    }
}

#[test]
fn any_bytes_are_a_history() {
    let bytes: Vec<u8> = (0..=255).collect();
    for &kind in Kind::ALL {
        for len in 0..bytes.len() {
            let history = live(kind, &bytes[..len], None, false);
            assert_eq!(history.checks.violation(), None, "{kind:?}, {len} bytes");
        }
    }
}
