//! Lives from many seeds, or one of them step by step: `cargo xtask sim`.

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Instant;

use nats_sim::Checks;
use nats_sim::Counts;
use nats_sim::bytes_of;
use nats_sim::live;

const USAGE: &str = "usage: nats-sim [--seeds COUNT] [--from SEED]    many lives
       nats-sim --seed SEED                     one life, told step by step
       nats-sim --input FILE                    the life that a fuzzer found";

struct Options {
    seeds: u64,
    from: u64,
    /// One life alone.
    bytes: Option<Vec<u8>>,
}

fn main() -> ExitCode {
    let options = match options() {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match options.bytes {
        Some(bytes) => tell(&bytes),
        None => run(options.from, options.seeds),
    }
}

fn options() -> Result<Options, String> {
    let mut options = Options { seeds: 10_000, from: 0, bytes: None };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} what?"))?;
        let number = || value.parse::<u64>().map_err(|error| format!("{name} {value}: {error}"));
        match name.as_str() {
            "--seeds" => options.seeds = number()?,
            "--from" => options.from = number()?,
            "--seed" => options.bytes = Some(bytes_of(number()?)),
            "--input" => {
                let bytes = std::fs::read(&value).map_err(|error| format!("{value}: {error}"))?;
                options.bytes = Some(bytes);
            }
            _ => return Err(format!("{name}?")),
        }
    }
    Ok(options)
}

/// One life, told on standard error.
fn tell(bytes: &[u8]) -> ExitCode {
    let life = live(bytes, None, true);
    if let Some(violation) = life.checks.violation() {
        eprintln!("VIOLATION: {violation}");
        return ExitCode::FAILURE;
    }
    eprintln!("{} checks, nothing found", life.checks.total());
    ExitCode::SUCCESS
}

/// The results of histories: the counts, and the first seed that went wrong.
#[derive(Default)]
struct Outcome {
    checks: Checks,
    counts: Counts,
    wrong: Option<(u64, String)>,
}

fn run(from: u64, seeds: u64) -> ExitCode {
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
                outcome.add(seed);
                is_wrong.fetch_or(outcome.wrong.is_some(), Relaxed);
            }
            outcome
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().filter_map(|worker| worker.join().ok()).collect()
    });
    let mut all = Outcome::default();
    for outcome in &outcomes {
        all.checks.add(&outcome.checks);
        all.counts.add(&outcome.counts);
    }
    all.print(start);
    let wrong = outcomes.into_iter().filter_map(|outcome| outcome.wrong).min();
    let Some((seed, what)) = wrong else { return ExitCode::SUCCESS };
    eprintln!("\nseed {seed}: VIOLATION: {what}");
    eprintln!("step by step: cargo xtask sim --seed {seed}");
    ExitCode::FAILURE
}

impl Outcome {
    fn add(&mut self, seed: u64) {
        match catch_unwind(AssertUnwindSafe(|| live(&bytes_of(seed), None, false))) {
            Ok(life) => {
                self.checks.add(&life.checks);
                self.counts.add(&life.counts);
                self.wrong = life.checks.violation().map(|found| (seed, found.to_string()));
            }
            Err(_) => self.wrong = Some((seed, "a panic, see above".into())),
        }
    }

    fn print(&self, start: Instant) {
        for (invariant, count) in self.checks.counts() {
            println!("{count:>12}  {}", invariant.text());
        }
        let Counts { lives, operations, links, cuts, messages, turns, seconds } = self.counts;
        println!(
            "{lives} lives of {} h in {:.1} s: {operations} operations, {links} connections, \
             {cuts} cuts, {messages} messages, {turns} turns, {} checks",
            seconds / 3600,
            start.elapsed().as_secs_f64(),
            self.checks.total()
        );
    }
}
