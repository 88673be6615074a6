//! Paths in a line of the listing.

#[cfg(test)]
mod tests;

/// Crates whose modules are public and stay.
const STANDARD: &[&str] = &["alloc", "core", "std"];

/// Takes the modules out of the paths of what is in other crates than `own`.
pub(crate) fn shorten(line: &str, own: &str) -> String {
    let mut short = String::new();
    let mut rest = line;
    while let Some(start) = rest.find(is_in_name) {
        let (before, path) = rest.split_at(start);
        let end = path.find(|letter| !is_in_name(letter) && letter != ':').unwrap_or(path.len());
        let (path, after) = path.split_at(end);
        short.push_str(before);
        short.push_str(&without_modules(path, own));
        rest = after;
    }
    short + rest
}

const fn is_in_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

fn without_modules(path: &str, own: &str) -> String {
    let Some((first, rest)) = path.split_once("::") else { return path.to_owned() };
    if first == own || STANDARD.contains(&first) {
        return path.to_owned();
    }
    let is_module = |name: &&str| !name.starts_with(|letter: char| letter.is_ascii_uppercase());
    let names: Vec<_> = rest.split("::").skip_while(is_module).collect();
    // A function.
    if names.is_empty() { path.to_owned() } else { format!("{first}::{}", names.join("::")) }
}
