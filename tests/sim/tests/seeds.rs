//! Histories from seeds: a few of those that `cargo xtask sim` runs.

use nats_sim::Checks;
use nats_sim::Counts;
use nats_sim::bytes_of;
use nats_sim::live;

const SEEDS: u64 = 300;

#[test]
fn random_lives() {
    let (mut checks, mut counts) = (Checks::default(), Counts::default());
    for seed in 0..SEEDS {
        let life = live(&bytes_of(seed), None, false);
        if let Some(violation) = life.checks.violation() {
            panic!("seed {seed}: {violation}\nstep by step: cargo xtask sim --seed {seed}");
        }
        checks.add(&life.checks);
        counts.add(&life.counts);
    }
    for (invariant, count) in checks.counts() {
        assert!(count > 0, "nobody looked whether {}", invariant.text());
    }
    assert!(counts.links > SEEDS && counts.cuts > SEEDS / 2, "{counts:?}");
}

#[test]
fn a_seed_is_a_life() {
    for seed in 0..20 {
        let [first, second] = [(); 2].map(|()| live(&bytes_of(seed), None, false));
        assert_eq!(format!("{first:?}"), format!("{second:?}"), "seed {seed}");
    }
}

#[test]
fn any_bytes_are_a_life() {
    let bytes: Vec<u8> = (0..=255).collect();
    for len in 0..bytes.len() {
        let life = live(&bytes[..len], None, false);
        assert_eq!(life.checks.violation(), None, "{len} bytes");
    }
}
