//! All tests.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use crate::Outcome;
use crate::run::cargo;
use crate::run::is_ci;
use crate::run::run;
use crate::tools;

const NEEDS: &str = "\
All tests: about ten minutes on two cores where nothing is built yet, five later.
They need Rust, Python 3 with pip, Node.js with npm, and two versions of nats-server, which are obtained on
x86-64 Debian. Elsewhere NATS_SERVER and NATS_SERVER_OLD say where they are. What is missing is left out, and counted; where
CI is set, it is a failure.";

/// What the tests are run with.
struct Tools {
    server: Option<PathBuf>,
    old_server: Option<PathBuf>,
    nats_py: Option<PathBuf>,
    nats_js: Option<PathBuf>,
    /// What is not run for the lack of others.
    left_out: Vec<String>,
}

/// Runs the tests of all crates, and those that talk to a server on two versions of it.
pub(crate) fn test() -> Outcome {
    println!("{NEEDS}\n");
    let tools = Tools::find()?;
    let stages = stages(&tools);
    let count = stages.len();
    for (number, (about, mut command)) in stages.into_iter().enumerate() {
        println!("\n{} of {count}: {about}", number + 1);
        let begin = Instant::now();
        run(&mut command)?;
        println!("{about}: passed in {} s", begin.elapsed().as_secs());
    }
    for what in &tools.left_out {
        println!("NOT RUN: {what}");
    }
    println!("{count} parts passed, {} not run", tools.left_out.len());
    Ok(())
}

impl Tools {
    fn find() -> Outcome<Self> {
        let mut left_out = Vec::new();
        let mut optional = |what: &str, found: Outcome<PathBuf>| match found {
            Err(error) if !is_ci() => {
                left_out.push(format!("{what}: {error}"));
                Ok(None)
            }
            found => found.map(Some),
        };
        Ok(Self {
            server: optional("what needs a nats-server", tools::server())?,
            old_server: optional("what needs the oldest nats-server", tools::old_server())?,
            nats_py: optional("what needs nats-py, another client", tools::nats_py())?,
            nats_js: optional("what needs nats.js, another client", tools::nats_js())?,
            left_out,
        })
    }

    /// For tests that talk to a server.
    fn provide(&self, command: &mut Command, server: &Path) {
        command.env("NATS_SERVER", server).arg("--");
        // The variable, and what is in the names of tests that need it.
        let clients = [
            (&self.nats_py, "NATS_PY_PATH", "nats_py"),
            (&self.nats_js, "NATS_JS_PATH", "nats_js"),
        ];
        for (client, variable, name) in clients {
            match client {
                Some(path) => command.env(variable, path),
                None => command.args(["--skip", name]),
            };
        }
    }
}

/// What there is to run, in words.
fn stages(tools: &Tools) -> Vec<(String, Command)> {
    let mut stages = Vec::new();
    // It is another program.
    let core = cargo(&["test", "--quiet", "--package", "nats-proto"]);
    stages.push(("the core without an allocator".to_owned(), core));

    let mut all =
        cargo(&["test", "--quiet", "--workspace", "--exclude", "nats-bench", "--all-features"]);
    let about = match &tools.server {
        Some(server) => {
            tools.provide(&mut all, server);
            "all crates, with nats-server"
        }
        None => {
            all.args(["--exclude", "nats-tests"]);
            "all crates, without a server"
        }
    };
    stages.push((about.to_owned(), all));

    if let Some(server) = &tools.old_server {
        let mut old = cargo(&["test", "--quiet", "--package", "nats-tests", "--all-features"]);
        old.args(["--test", "real", "--test", "examples", "--test", "programs", "--test", "smol"]);
        tools.provide(&mut old, server);
        stages.push(("the oldest nats-server".to_owned(), old));
    }
    if let (Some(server), Some(nats_py)) = (&tools.server, &tools.nats_py) {
        // `cargo xtask chaos` goes on for as long as one likes.
        let mut chaos = cargo(&["run", "--quiet", "--package", "nats-tests", "--all-features"]);
        chaos.args(["--example", "chaos", "--", "--minutes", "0.3"]);
        chaos.env("NATS_SERVER", server).env("NATS_PY_PATH", nats_py);
        stages.push(("a few faults of servers".to_owned(), chaos));
    }
    stages
}
