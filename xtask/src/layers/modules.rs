//! The modules of a crate, a file each.

use std::fs;
use std::path::Path;

use super::source::Word;
use super::source::without_tests;
use super::source::words;

/// The modules of a crate. The first is its root.
pub(super) struct Modules(Vec<Module>);

struct Module {
    /// `session::pool`, empty for the root.
    name: String,
    source: String,
}

impl Modules {
    /// Reads the sources in a folder.
    pub(super) fn read(folder: &Path) -> Result<Self, String> {
        let mut files = Vec::new();
        collect(folder, "", &mut files)?;
        Ok(Self::new(files))
    }

    /// The modules with these paths below the source folder, and their texts.
    pub(super) fn new(files: Vec<(String, String)>) -> Self {
        let module = |(path, source): (String, String)| Module { name: name_of(&path), source };
        let mut modules: Vec<_> = files.into_iter().map(module).collect();
        modules.retain(|module| !module.name.split("::").any(|part| part == "tests"));
        modules.sort_by(|one, other| one.name.cmp(&other.name));
        Self(modules)
    }

    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn name(&self, module: usize) -> &str {
        self.0.get(module).map_or("", |module| &module.name)
    }

    /// The words of a module without its tests.
    pub(super) fn words(&self, module: usize) -> Vec<Word<'_>> {
        without_tests(words(self.0.get(module).map_or("", |module| &module.source)))
    }

    /// The module with that name.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.0.binary_search_by(|module| module.name.as_str().cmp(name)).ok()
    }

    /// The module with that name directly inside of another one.
    pub(super) fn child(&self, module: usize, name: &str) -> Option<usize> {
        let parent = self.name(module);
        if parent.is_empty() { self.find(name) } else { self.find(&format!("{parent}::{name}")) }
    }

    pub(super) fn parent(&self, module: usize) -> Option<usize> {
        let name = self.name(module);
        if name.is_empty() {
            return None;
        }
        self.find(name.rsplit_once("::").map_or("", |(parent, _)| parent))
    }

    /// Whether one of them is inside of the other.
    pub(super) fn are_one(&self, one: usize, other: usize) -> bool {
        let (one, other) = (self.name(one), self.name(other));
        let (outer, inner) = if one.len() <= other.len() { (one, other) } else { (other, one) };
        let rest = inner.strip_prefix(outer);
        outer.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    }
}

/// The name of the module in the file with that path.
fn name_of(path: &str) -> String {
    let path = path.strip_suffix(".rs").unwrap_or(path);
    let path = path.strip_suffix("/mod").unwrap_or(path);
    if path == "lib" { String::new() } else { path.replace('/', "::") }
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<(String, String)>) -> Result<(), String> {
    let told = |error: std::io::Error| format!("{}: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(told)? {
        let entry = entry.map_err(told)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{path}/"), files)?;
        } else if name.ends_with(".rs") {
            files.push((path, fs::read_to_string(entry.path()).map_err(told)?));
        }
    }
    Ok(())
}
