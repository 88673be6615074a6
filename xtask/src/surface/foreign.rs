//! The items of other crates in a listing.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

/// What begins a path and is no crate of somebody else's.
const NOT_FOREIGN: &[&str] = &["alloc", "core", "crate", "self", "std", "str"];

/// Names as `crate::Item`, each with a line that has it. Those of other crates that are exported by name are
/// among this crate's own: whoever needs them does not need the other crate.
pub(super) fn names<'a>(listing: &'a str, own: &str) -> BTreeMap<String, &'a str> {
    let exported: Vec<_> = listing
        .lines()
        .filter_map(|line| line.strip_prefix("pub use ")?.split_once(" = "))
        .map(|(_, source)| source)
        .filter(|source| source.starts_with("nats_proto::"))
        .collect();
    let mut names = BTreeMap::new();
    for line in listing.lines() {
        let line_paths = line
            .split(|letter: char| !(letter.is_alphanumeric() || letter == '_' || letter == ':'));
        let paths = line_paths.filter(|path| path.contains("::"));
        // A whole crate has no `::`.
        let whole = line.strip_prefix("pub use ").and_then(|line| Some(line.split_once(" = ")?.1));
        for path in paths.chain(whole).map(|path| path.trim_end_matches(':')) {
            let mut parts = path.split("::").filter(|part| !part.is_empty());
            let (Some(first), second) = (parts.next(), parts.next()) else { continue };
            let is_crate = first.starts_with(|letter: char| letter.is_lowercase());
            if path.starts_with("::") || !is_crate || first == own || NOT_FOREIGN.contains(&first) {
                continue;
            }
            let name =
                second.map_or_else(|| first.to_owned(), |second| format!("{first}::{second}"));
            if !exported.contains(&name.as_str()) {
                names.entry(name).or_insert(line);
            }
        }
    }
    names
}
