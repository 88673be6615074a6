//! Ten seconds of every fuzz target.

use crate::Outcome;
use crate::run::output;
use crate::run::program;
use crate::run::run;
use crate::tools;

const SECONDS: u32 = 10;

/// Fuzzes every target, beginning with the corpus that is kept with it.
pub(crate) fn fuzz() -> Outcome {
    let cargo_fuzz = tools::cargo_fuzz()?;
    let fuzz = || {
        let mut command = program(&cargo_fuzz);
        // Sanitizers on a stable compiler.
        command.env("RUSTC_BOOTSTRAP", "1");
        command
    };
    let targets = output(fuzz().arg("list"))?;
    for name in targets.lines() {
        // New inputs go to the first folder, which is not kept.
        let grown = format!("fuzz/artifacts/{name}/grown");
        std::fs::create_dir_all(crate::run::root().join(&grown)).map_err(|e| e.to_string())?;
        let kept = format!("fuzz/corpus/{name}");
        run(fuzz()
            .args(["run", name, &grown, &kept, "--"])
            .arg(format!("-max_total_time={SECONDS}"))
            .args(["-max_len=2048", "-verbosity=0", "-print_final_stats=1"]))?;
    }
    Ok(())
}
