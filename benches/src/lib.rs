//! Shared by the benchmark programs: arguments, clocks, the line of JSON.

pub mod frames;
pub mod jetstream;
pub mod tls;

use std::fs;
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use serde_json::json;

/// The subject that messages are published to.
pub const SUBJECT: &str = "x";

/// The subject that ends the null server.
pub const DIE: &str = "die";

/// The arguments of a benchmark program.
#[derive(Clone, Debug)]
pub struct Arguments {
    /// What to do.
    pub command: String,
    options: Vec<(String, String)>,
}

impl Arguments {
    /// Reads the arguments of this process: a command, and pairs of `--name value`.
    ///
    /// # Panics
    ///
    /// If they are none.
    #[must_use]
    pub fn read() -> Self {
        let mut words = std::env::args().skip(1);
        let command = words.next().expect("a command");
        let mut options = Vec::new();
        while let Some(name) = words.next() {
            let value = words.next().unwrap_or_else(|| panic!("a value for {name}"));
            options.push((name.trim_start_matches("--").to_owned(), value));
        }
        Self { command, options }
    }

    /// The value of an option.
    #[must_use]
    pub fn text(&self, name: &str, default: &str) -> String {
        let found = self.options.iter().find(|(known, _)| known == name);
        found.map_or_else(|| default.to_owned(), |(_, value)| value.clone())
    }

    /// The value of an option that is a number.
    ///
    /// # Panics
    ///
    /// If it is none.
    #[must_use]
    pub fn number(&self, name: &str, default: usize) -> usize {
        let text = self.text(name, &default.to_string());
        text.parse().unwrap_or_else(|_| panic!("--{name} takes a number, not {text}"))
    }

    /// Where the server is.
    #[must_use]
    pub fn url(&self) -> String {
        self.text("url", "nats://127.0.0.1:4222")
    }

    /// The certificate to trust, where there is to be TLS.
    #[must_use]
    pub fn authority(&self) -> Option<PathBuf> {
        let path = self.text("ca", "");
        if path.is_empty() { None } else { Some(path.into()) }
    }
}

/// The host and port of a server.
#[must_use]
pub fn address(url: &str) -> &str {
    url.trim_start_matches("nats://")
}

/// What a benchmark has used up since it began.
#[derive(Clone, Copy, Debug)]
pub struct Meter {
    start: Instant,
    user: Duration,
    system: Duration,
}

impl Meter {
    /// Starts the clocks.
    #[must_use]
    pub fn start() -> Self {
        let (user, system) = cpu_time();
        Self { start: Instant::now(), user, system }
    }

    /// Starts the wall clock again, and not that of the processor.
    pub fn restart_wall(&mut self) {
        self.start = Instant::now();
    }

    /// Prints the line of JSON.
    pub fn report(self, bench: &str, count: usize, size: usize, more: &[(&str, Value)]) {
        let wall = self.start.elapsed().as_secs_f64();
        self.report_wall(wall, bench, count, size, more);
    }

    /// Prints the line of JSON, for something that took `wall` seconds.
    pub fn report_wall(
        self,
        wall: f64,
        bench: &str,
        count: usize,
        size: usize,
        more: &[(&str, Value)],
    ) {
        let (user, system) = cpu_time();
        let per_message = |time: Duration| time.as_nanos() as f64 / count.max(1) as f64;
        let (user, system) = (per_message(user - self.user), per_message(system - self.system));
        let mut line = json!({
            "bench": bench,
            "count": count,
            "size": size,
            "wall_s": wall,
            "msgs_s": count as f64 / wall,
            "cpu_ns": user + system,
            "user_ns": user,
            "sys_ns": system,
            "rss_kb": status("VmRSS:"),
            "hwm_kb": status("VmHWM:"),
            "threads": status("Threads:"),
        });
        for (name, value) in more {
            line[*name] = value.clone();
        }
        println!("{line}");
    }
}

/// The points of a distribution that are told, for a picture of it.
pub const QUANTILES: [f64; 13] =
    [0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999];

/// The times of requests one after the other.
#[derive(Clone, Debug, Default)]
pub struct Latencies(Vec<Duration>);

impl Latencies {
    /// Notes one.
    pub fn push(&mut self, latency: Duration) {
        self.0.push(latency);
    }

    /// Adds those of another.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// The percentiles, in microseconds; `quantiles_us` has those of [`QUANTILES`].
    #[must_use]
    pub fn percentiles(mut self) -> Vec<(&'static str, Value)> {
        self.0.sort_unstable();
        let at = |share: f64| {
            let index = (self.0.len() as f64 * share) as usize;
            let last = self.0.len().saturating_sub(1);
            self.0.get(index.min(last)).map_or(0.0, |time| time.as_secs_f64() * 1e6)
        };
        vec![
            ("p50_us", at(0.5).into()),
            ("p99_us", at(0.99).into()),
            ("p999_us", at(0.999).into()),
            ("quantiles", QUANTILES.to_vec().into()),
            ("quantiles_us", QUANTILES.map(at).to_vec().into()),
        ]
    }
}

/// Runs a benchmark in the flavour that `PEER_RT` asks for: `main` (several threads, the work in
/// the main one), `spawn` (several threads, the work in a task), `ct` (one thread).
///
/// # Panics
///
/// If there is no such flavour, or the benchmark panics.
pub fn run(work: impl Future<Output = ()> + Send + 'static) {
    let flavour = std::env::var("PEER_RT").unwrap_or_else(|_| "main".to_owned());
    let several = || {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.enable_all().build().expect("a runtime")
    };
    match flavour.as_str() {
        "main" => several().block_on(work),
        "spawn" => {
            let runtime = several();
            runtime.block_on(runtime.spawn(work)).expect("the benchmark");
        }
        "ct" => {
            let mut builder = tokio::runtime::Builder::new_current_thread();
            builder.enable_all().build().expect("a runtime").block_on(work);
        }
        other => panic!("PEER_RT is {other}, and not main, spawn or ct"),
    }
}

fn cpu_time() -> (Duration, Duration) {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::uninit();
    // SAFETY: getrusage fills what it is pointed to, or fails.
    let usage = unsafe {
        assert_eq!(libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()), 0);
        usage.assume_init()
    };
    let time = |time: libc::timeval| {
        Duration::from_secs(time.tv_sec as u64) + Duration::from_micros(time.tv_usec as u64)
    };
    (time(usage.ru_utime), time(usage.ru_stime))
}

/// A number in this process's status: memory in kB, threads.
#[must_use]
pub fn status(name: &str) -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse().unwrap_or(0)
}
