//! Checks the table of features in each README against `Cargo.toml`, so there is one text to maintain.

#[cfg(test)]
mod tests;

use std::fs;

use crate::Outcome;
use crate::package::PACKAGES;
use crate::run::root;

/// A feature, and what stands above it in comments that begin with `##`.
struct Feature<'a> {
    name: &'a str,
    about: String,
    /// What it turns on.
    enables: Vec<&'a str>,
}

/// Compares the tables of all packages.
pub(crate) fn check() -> Outcome {
    let wrong = PACKAGES
        .iter()
        .map(|package| {
            let folder = root().join(package);
            let read = |name: &str| {
                let path = folder.join(name);
                fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
            };
            let wrong = compare(&read("Cargo.toml")?, &read("README.md")?);
            Ok(wrong.into_iter().map(|wrong| format!("{package}: {wrong}")).collect::<Vec<_>>())
        })
        .collect::<Outcome<Vec<_>>>()?
        .concat();
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

/// What differs between a manifest and a README.
fn compare(manifest: &str, readme: &str) -> Vec<String> {
    let features = features(manifest);
    let mut wrong: Vec<_> =
        features.iter().filter_map(|feature| says_default(feature, &features)).collect();
    let expected: Vec<_> = features
        .iter()
        .filter(|feature| feature.name != "default")
        .map(|Feature { name, about, .. }| format!("| `{name}` | {about} |"))
        .collect();
    let found = rows(readme);
    if found != expected {
        wrong.push(format!(
            "the README's table of features is not what Cargo.toml says. It would have these rows:\n{}",
            expected.join("\n")
        ));
    }
    wrong
}

/// The features of a manifest, in order.
fn features(manifest: &str) -> Vec<Feature<'_>> {
    let mut features = Vec::new();
    let mut about = Vec::new();
    let section = manifest.lines().skip_while(|line| *line != "[features]").skip(1);
    for line in section.take_while(|line| !line.starts_with('[')) {
        if let Some(text) = line.strip_prefix("##") {
            about.push(text.trim());
        } else if let Some((name, list)) = line.split_once(" = [") {
            let enables =
                list.trim_end_matches(']').split(',').map(|name| name.trim().trim_matches('"'));
            features.push(Feature { name, about: about.join(" "), enables: enables.collect() });
            about.clear();
        }
    }
    features
}

/// What is wrong if a feature is on by default and does not say so, or says so and is not.
fn says_default(feature: &Feature<'_>, features: &[Feature<'_>]) -> Option<String> {
    let says = feature.about.contains("On by default");
    let is = feature.name != "default" && is_enabled(feature.name, "default", features);
    (says != is).then(|| {
        format!("the comment on feature {} has to say whether it is on by default", feature.name)
    })
}

/// Whether one feature turns another on, itself or through others.
fn is_enabled(name: &str, by: &str, features: &[Feature<'_>]) -> bool {
    let by = features.iter().find(|feature| feature.name == by);
    by.is_some_and(|by| {
        by.enables.iter().any(|other| *other == name || is_enabled(name, other, features))
    })
}

/// The rows that are about a feature.
fn rows(readme: &str) -> Vec<&str> {
    let section = readme.lines().skip_while(|line| *line != "## Features").skip(1);
    section
        .take_while(|line| !line.starts_with('#'))
        .filter(|line| line.starts_with("| `"))
        .collect()
}
