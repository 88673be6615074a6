//! A program in QEMU.

use std::io::BufRead;
use std::io::BufReader;
use std::path::PathBuf;
use std::process::Stdio;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use super::Job;
use super::flood::Protocol;
use super::flood::flood;
use crate::Outcome;
use crate::run::program;

/// 12.5 MHz, while QEMU lets every instruction take a nanosecond.
const INSTRUCTIONS_PER_CYCLE: u64 = 80;

/// A program, and the server that it connects to.
pub(super) struct Device {
    pub(super) image: PathBuf,
    pub(super) protocol: Protocol,
    pub(super) port: u16,
}

/// What a program says when it is done.
pub(super) struct Sample {
    /// How many messages were measured.
    count: u32,
    /// How long they took, in cycles of the device's clock.
    cycles: u64,
    /// For how many of these it slept.
    idle: u64,
    /// How long they took here.
    elapsed: Duration,
}

impl Sample {
    fn read(line: &str, elapsed: Duration) -> Option<Self> {
        let mut words = line.split(' ');
        let count = words.next()?.parse().ok()?;
        let mut number = || words.next()?.parse().ok();
        let sample = Self { count, cycles: number()?, idle: number()?, elapsed };
        (count > 0 && !elapsed.is_zero()).then_some(sample)
    }

    /// How many instructions a message took, where they are counted.
    pub(super) fn instructions(&self) -> u64 {
        self.cycles.saturating_sub(self.idle) * INSTRUCTIONS_PER_CYCLE / u64::from(self.count)
    }

    /// How many messages there were in a second.
    pub(super) fn rate(&self) -> u64 {
        let per_second = u128::from(self.count) * 1_000_000_000 / self.elapsed.as_nanos().max(1);
        u64::try_from(per_second).unwrap_or(u64::MAX)
    }
}

impl Device {
    /// Boots the program, which does a job and ends. With `-icount shift=0` an instruction takes a
    /// nanosecond; without it, it takes what it takes.
    pub(super) fn run(&self, job: Job, count: u32, is_counted: bool) -> Outcome<Sample> {
        let Job { kind, len, .. } = job;
        let Self { image, protocol, port } = self;
        let (protocol, port, subject) = (*protocol, *port, protocol.subject());
        let arguments = format!(
            "enable=on,target=native,arg=device,arg={kind},arg={count},arg={len},\
             arg=10.0.2.2:{port},arg={subject}"
        );
        let mut command = program("timeout");
        command.args(["--kill-after=5", "60", "qemu-system-arm", "-machine", "lm3s6965evb"]);
        command.args(["-nic", "user,model=stellaris", "-nographic", "-monitor", "none"]);
        command.args(["-serial", "none", "-semihosting-config", &arguments, "-kernel"]);
        command.arg(image);
        if is_counted {
            command.args(["-icount", "shift=0"]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        let (mut said, mut begun) = (String::new(), Instant::now());
        let mut elapsed = Duration::ZERO;
        let mut flooding = None;
        if let Some(stdout) = child.stdout.take() {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                match line.as_str() {
                    "ready" => {
                        flooding = Some(thread::spawn(move || flood(protocol, port, len, count)))
                    }
                    "begin" => begun = Instant::now(),
                    _ => {
                        elapsed = begun.elapsed();
                        said.push_str(&line);
                    }
                }
            }
        }
        let ended = child.wait_with_output().map_err(|error| error.to_string())?;
        if let Some(flooding) = flooding {
            flooding.join().map_err(|_| "the flood panicked")??;
        }
        match Sample::read(&said, elapsed) {
            Some(sample) if ended.status.success() => Ok(sample),
            _ => {
                let errors = String::from_utf8_lossy(&ended.stderr);
                Err(format!("{}: {}: {said} {errors}", image.display(), ended.status))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_read() {
        let second = Duration::from_secs(1);
        let sample = Sample::read("1000 30000 5000", second / 2).unwrap();
        assert_eq!((sample.instructions(), sample.rate()), (2000, 2000));
        for line in ["", "1 2", "0 2 1", "x y z"] {
            assert!(Sample::read(line, second).is_none(), "{line}");
        }
    }
}
