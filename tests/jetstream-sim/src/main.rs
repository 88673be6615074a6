//! Histories from many seeds, or one of them step by step: `cargo xtask sim --jetstream`.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Instant;

use nats_jetstream_sim::History;
use nats_jetstream_sim::Kind;
use nats_jetstream_sim::bytes_of;
use nats_jetstream_sim::live;

const USAGE: &str = "usage: nats-jetstream-sim [--seeds COUNT] [--from SEED]  many histories
       nats-jetstream-sim --seed SEED                   one history, told step by step";

fn main() -> ExitCode {
    let (mut seeds, mut from, mut one) = (100_000, 0, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let number = arguments.next().and_then(|value| value.parse::<u64>().ok());
        match (name.as_str(), number) {
            ("--seeds", Some(number)) => seeds = number,
            ("--from", Some(number)) => from = number,
            ("--seed", Some(number)) => one = Some(number),
            _ => {
                eprintln!("{USAGE}");
                return ExitCode::from(2);
            }
        }
    }
    let mut code = ExitCode::SUCCESS;
    for &kind in Kind::ALL {
        let is_true = match one {
            Some(seed) => tell(kind, seed),
            None => run(kind, from, seeds),
        };
        if !is_true {
            code = ExitCode::FAILURE;
        }
    }
    code
}

/// One history, told on standard error.
fn tell(kind: Kind, seed: u64) -> bool {
    eprintln!("{kind:?}");
    let history = live(kind, &bytes_of(seed), None, true);
    match history.checks.violation() {
        Some(violation) => eprintln!("VIOLATION: {violation}"),
        None => eprintln!("nothing found"),
    }
    history.checks.violation().is_none()
}

/// What came of histories, and the first seed that went wrong.
#[derive(Default)]
struct Outcome {
    history: History,
    wrong: Option<(u64, String)>,
}

fn run(kind: Kind, from: u64, seeds: u64) -> bool {
    let start = Instant::now();
    let next = AtomicU64::new(from);
    let is_wrong = AtomicBool::new(false);
    let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let outcomes: Vec<Outcome> = thread::scope(|scope| {
        let work = || {
            let mut outcome = Outcome::default();
            while !is_wrong.load(Relaxed) {
                let seed = next.fetch_add(1, Relaxed);
                if seed >= from + seeds {
                    break;
                }
                outcome.add(kind, seed);
                is_wrong.fetch_or(outcome.wrong.is_some(), Relaxed);
            }
            outcome
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().filter_map(|worker| worker.join().ok()).collect()
    });
    let mut all = History::default();
    for outcome in &outcomes {
        all.checks.add(&outcome.history.checks);
        all.messages += outcome.history.messages;
        all.steps += outcome.history.steps;
    }
    for (invariant, count) in all.checks.counts().filter(|(_, count)| *count > 0) {
        println!("{count:>12}  {}", invariant.text());
    }
    println!(
        "{kind:?}: {seeds} histories in {:.1} s: {} messages, {} frames and lines",
        start.elapsed().as_secs_f64(),
        all.messages,
        all.steps
    );
    let wrong = outcomes.into_iter().filter_map(|outcome| outcome.wrong).min();
    let Some((seed, what)) = wrong else { return true };
    eprintln!("\n{kind:?}, seed {seed}: VIOLATION: {what}");
    eprintln!("step by step: cargo xtask sim --jetstream --seed {seed}");
    false
}

impl Outcome {
    fn add(&mut self, kind: Kind, seed: u64) {
        match catch_unwind(AssertUnwindSafe(|| live(kind, &bytes_of(seed), None, false))) {
            Ok(history) => {
                self.history.checks.add(&history.checks);
                self.history.messages += history.messages;
                self.history.steps += history.steps;
                let found = history.checks.violation();
                self.wrong = found.map(|found| (seed, found.to_string()));
            }
            Err(_) => self.wrong = Some((seed, "a panic, see above".into())),
        }
    }
}
