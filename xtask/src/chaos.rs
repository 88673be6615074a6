//! The client among servers that are killed, shut down and made to hang.

use std::fs;
use std::path::Path;

use crate::Outcome;
use crate::run::cargo;
use crate::run::root;
use crate::run::run;
use crate::run::target;
use crate::tools;

/// Where the results with JetStream are.
const RESULTS: &str = "tests/CHAOS-JETSTREAM.md";

/// Runs for `--minutes M`, by default one; with JetStream for so many messages and faults.
pub(crate) fn chaos() -> Outcome {
    let arguments: Vec<_> = std::env::args().skip(2).collect();
    if let [first, rest @ ..] = arguments.as_slice()
        && first == "--jetstream"
    {
        return jetstream(rest);
    }
    let mut command = cargo(&["run", "--quiet", "--release", "--package", "nats-tests"]);
    command.args(["--example", "chaos", "--"]).args(arguments);
    run(command.env("NATS_SERVER", tools::server()?).env("NATS_PY_PATH", tools::nats_py()?))
}

/// With `--old` on the oldest supported server. A whole run is recorded.
fn jetstream(arguments: &[String]) -> Outcome {
    let is_old = arguments.iter().any(|argument| argument == "--old");
    let arguments: Vec<_> = arguments.iter().filter(|argument| *argument != "--old").collect();
    let server = if is_old { tools::old_server()? } else { tools::server()? };
    let report = target().join("chaos-jetstream.md");
    let mut command = cargo(&["run", "--quiet", "--package", "nats-tests", "--all-features"]);
    command.args(["--example", "chaos-jetstream", "--", "--report"]).arg(&report).args(&arguments);
    command.env("NATS_SERVER", server).env("NATS_PY_PATH", tools::nats_py()?);
    // One that shows something bad is recorded, too.
    let outcome = run(&mut command);
    if arguments.is_empty() && report.exists() {
        record(&report)?;
    }
    outcome
}

/// Puts a report in the place of the last one with the same server.
fn record(report: &Path) -> Outcome {
    let read = |path: &Path| {
        fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
    };
    let path = root().join(RESULTS);
    let results = with_section(&read(&path)?, read(report)?.trim_end());
    fs::write(&path, results).map_err(|error| error.to_string())?;
    println!("recorded in {RESULTS}");
    Ok(())
}

/// The text with one of its sections replaced, or added: they begin with `## ` and a title.
fn with_section(text: &str, section: &str) -> String {
    let title = section.lines().next().unwrap_or_default();
    let mut parts = text.trim_end().split("\n## ");
    let mut whole = parts.next().unwrap_or_default().trim_end().to_owned();
    let mut is_there = false;
    for part in parts {
        let part = format!("## {}", part.trim_end());
        let is_same = part.lines().next() == Some(title);
        is_there |= is_same;
        whole = format!("{whole}\n\n{}", if is_same { section } else { &part });
    }
    if !is_there {
        whole = format!("{whole}\n\n{section}");
    }
    whole + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_takes_the_place_of_the_last_one() {
        let text = with_section("# All\n\nIt is so.\n", "## one\n\n1");
        assert_eq!(text, "# All\n\nIt is so.\n\n## one\n\n1\n");
        let text = with_section(&text, "## two\n\n2\n\n- so");
        assert_eq!(text, "# All\n\nIt is so.\n\n## one\n\n1\n\n## two\n\n2\n\n- so\n");
        let text = with_section(&text, "## one\n\n3");
        assert_eq!(text, "# All\n\nIt is so.\n\n## one\n\n3\n\n## two\n\n2\n\n- so\n");
    }
}
