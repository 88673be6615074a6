//! Ten seconds of every fuzz target.

use std::fs;
use std::process::Command;
use std::sync::Mutex;
use std::thread;

use crate::Outcome;
use crate::run::output;
use crate::run::program;
use crate::run::root;
use crate::run::run;
use crate::tools;

const SECONDS: u32 = 10;
/// Each keeps one processor busy.
const AT_ONCE: usize = 2;

/// Fuzzes every target, beginning with the corpus that is kept with it, some at a time.
pub(crate) fn fuzz() -> Outcome {
    let cargo_fuzz = tools::cargo_fuzz()?;
    let fuzz = || {
        let mut command = program(&cargo_fuzz);
        // Sanitizers on a stable compiler.
        command.env("RUSTC_BOOTSTRAP", "1");
        command
    };
    let targets = output(fuzz().arg("list"))?;
    run(fuzz().arg("build"))?;
    let left = Mutex::new(targets.lines());
    let next = || left.lock().map_or(None, |mut left| left.next());
    let work = || -> Outcome {
        while let Some(name) = next() {
            run_target(fuzz(), name)?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, Outcome>| thread.join();
        let panicked = |_| Err("a thread panicked".into());
        threads.into_iter().try_for_each(|thread| join(thread).unwrap_or_else(panicked))
    })
}

fn run_target(mut fuzz: Command, name: &str) -> Outcome {
    // New inputs go to the first folder, which is not kept.
    let grown = format!("fuzz/artifacts/{name}/grown");
    fs::create_dir_all(root().join(&grown)).map_err(|error| error.to_string())?;
    let kept = format!("fuzz/corpus/{name}");
    run(fuzz
        .args(["run", name, &grown, &kept, "--"])
        .arg(format!("-max_total_time={SECONDS}"))
        .args(["-max_len=2048", "-verbosity=0", "-print_final_stats=1"]))
}
