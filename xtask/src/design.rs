//! Checks that every function that DESIGN.md names in its paths exists.

#[cfg(test)]
mod tests;

use std::fs;
use std::path::Path;

use crate::Outcome;
use crate::run::root;

const DOCUMENT: &str = "DESIGN.md";

/// What a step begins with, and the folder that it stands for.
const CRATES: &[(&str, &str)] = &[
    ("proto/", "nats-proto/src/"),
    ("tokio/", "nats-tokio/src/"),
    ("embassy/", "nats-embassy/src/"),
];

/// Fails with the steps that are not in the code, and if there are no steps at all.
pub(crate) fn check() -> Outcome {
    let text = fs::read_to_string(root().join(DOCUMENT))
        .map_err(|error| format!("{DOCUMENT}: {error}"))?;
    let steps = steps(&text);
    if steps.is_empty() {
        return Err(format!("{DOCUMENT} follows no path through the code"));
    }
    let stale: Vec<_> = steps.iter().filter(|step| !step.exists(&root())).map(Step::text).collect();
    if stale.is_empty() {
        return Ok(());
    }
    Err(format!("{DOCUMENT} names functions that are not there: {}", stale.join(", ")))
}

/// A function in a file: `tokio/driver.rs:turn`.
#[derive(Debug, PartialEq, Eq)]
struct Step<'t> {
    folder: &'static str,
    name: &'t str,
    file: &'t str,
    function: &'t str,
}

impl Step<'_> {
    fn text(&self) -> String {
        format!("{}{}:{}", self.name, self.file, self.function)
    }

    fn exists(&self, root: &Path) -> bool {
        let code = fs::read_to_string(root.join(self.folder).join(self.file));
        code.is_ok_and(|code| defines(&code, self.function))
    }
}

/// The steps of a text: what stands between backticks and has the form of one.
fn steps(text: &str) -> Vec<Step<'_>> {
    text.split('`').skip(1).step_by(2).filter_map(step).collect()
}

fn step(text: &str) -> Option<Step<'_>> {
    let (name, folder) = CRATES.iter().find(|(name, _)| text.starts_with(name))?;
    let (file, function) = text.strip_prefix(name)?.split_once(".rs:")?;
    let file = text.get(name.len()..name.len() + file.len() + ".rs".len())?;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    function.bytes().all(is_name).then_some(Step { folder, name, file, function })
}

/// Whether a function of that name is defined in the code.
fn defines(code: &str, function: &str) -> bool {
    code.match_indices("fn ").any(|(at, found)| {
        let rest = code.get(at + found.len()..).unwrap_or_default();
        rest.strip_prefix(function).is_some_and(|rest| rest.starts_with(['(', '<']))
    })
}
