//! Which module uses items of which other one.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::modules::Modules;
use super::source::Word;

/// A module uses items that another one defines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Import {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) names: Vec<String>,
}

/// A path as it is written: `crate::wire::Publish`.
type Path<'s> = Vec<&'s str>;

/// What a module's text says.
struct Text<'s> {
    /// Names that `use` brings in, and what they stand for.
    uses: BTreeMap<&'s str, Path<'s>>,
    /// Modules of which everything is brought in.
    globs: Vec<Path<'s>>,
    /// All paths, those of `use` among them.
    paths: Vec<Path<'s>>,
}

/// All imports between modules neither of which is inside of the other.
pub(super) fn of(modules: &Modules) -> Vec<Import> {
    let words: Vec<_> = (0..modules.len()).map(|module| modules.words(module)).collect();
    let texts: Vec<_> = words.iter().map(|words| Text::read(words)).collect();
    let resolver = Resolver { modules, texts: &texts };
    let mut found: BTreeMap<(usize, usize), BTreeSet<String>> = BTreeMap::new();
    for (from, text) in texts.iter().enumerate() {
        for path in &text.paths {
            let Some(to) = resolver.definer(from, path, 0) else { continue };
            if !modules.are_one(from, to) {
                let name = path.last().copied().unwrap_or_default().to_owned();
                found.entry((from, to)).or_default().insert(name);
            }
        }
    }
    found
        .into_iter()
        .map(|((from, to), names)| Import { from, to, names: names.into_iter().collect() })
        .collect()
}

struct Resolver<'s> {
    modules: &'s Modules,
    texts: &'s [Text<'s>],
}

impl Resolver<'_> {
    /// The module that defines what `path` means in the module `from`, if it is of this crate.
    fn definer(&self, from: usize, path: &[&str], depth: usize) -> Option<usize> {
        let (&first, rest) = path.split_first()?;
        match first {
            "crate" => self.descend(self.modules.find("")?, rest, depth),
            "self" => self.descend(from, rest, depth),
            "super" => {
                let mut module = self.modules.parent(from)?;
                let mut rest = rest;
                while let Some(behind) = rest.strip_prefix(&["super"]) {
                    module = self.modules.parent(module)?;
                    rest = behind;
                }
                self.descend(module, rest, depth)
            }
            _ => {
                let is_child = self.modules.child(from, first).is_some();
                is_child.then(|| self.descend(from, path, depth))?
            }
        }
    }

    /// The module that defines what `path` means inside of `module`.
    fn descend(&self, module: usize, path: &[&str], depth: usize) -> Option<usize> {
        let Some((&first, rest)) = path.split_first() else { return Some(module) };
        if let Some(child) = self.modules.child(module, first) {
            return self.descend(child, rest, depth);
        }
        // A re-export; those that lead in circles do not compile.
        let text = self.texts.get(module)?;
        if depth < 16 {
            if let Some(target) = text.uses.get(first) {
                let whole: Vec<_> = target.iter().chain(rest).copied().collect();
                return self.definer(module, &whole, depth + 1).or(Some(module));
            }
            for glob in &text.globs {
                let whole: Vec<_> = glob.iter().chain(path).copied().collect();
                let found = self.definer(module, &whole, depth + 1);
                if let Some(found) = found.filter(|&found| found != module) {
                    return Some(found);
                }
            }
        }
        Some(module)
    }
}

impl<'s> Text<'s> {
    fn read(words: &[Word<'s>]) -> Self {
        let mut text = Self { uses: BTreeMap::new(), globs: Vec::new(), paths: Vec::new() };
        let mut rest = words;
        while let Some((&first, behind)) = rest.split_first() {
            rest = match first {
                Word::Name("use") => text.read_use(behind),
                Word::Name(_) => text.read_path(rest),
                _ => behind,
            };
        }
        text
    }

    /// Reads a path, and returns what follows it.
    fn read_path<'w>(&mut self, words: &'w [Word<'s>]) -> &'w [Word<'s>] {
        let mut path = Vec::new();
        let mut rest = words;
        while let [Word::Name(name), behind @ ..] = rest {
            path.push(*name);
            rest = behind;
            match behind {
                [Word::Path, behind @ ..] => rest = behind,
                _ => break,
            }
        }
        if path.len() > 1 {
            self.paths.push(path);
        }
        rest
    }

    /// Reads what follows `use`, and returns what follows the semicolon.
    fn read_use<'w>(&mut self, words: &'w [Word<'s>]) -> &'w [Word<'s>] {
        let end = words.iter().position(|word| *word == Word::Mark(';')).unwrap_or(words.len());
        let (tree, behind) = words.split_at_checked(end).unwrap_or((words, &[]));
        self.read_tree(tree, Vec::new());
        behind
    }

    /// Reads one tree of a `use`, and returns what follows it.
    fn read_tree<'w>(&mut self, words: &'w [Word<'s>], mut path: Path<'s>) -> &'w [Word<'s>] {
        let mut rest = words;
        loop {
            match rest {
                [Word::Name("as"), Word::Name(alias), behind @ ..] => {
                    self.add_use(alias, path);
                    return behind;
                }
                [Word::Name(name), behind @ ..] => {
                    path.push(*name);
                    rest = behind;
                }
                [Word::Path, behind @ ..] => rest = behind,
                [Word::Mark('*'), behind @ ..] => {
                    self.globs.push(path.clone());
                    self.paths.push(path);
                    return behind;
                }
                [Word::Mark('{'), behind @ ..] => {
                    rest = behind;
                    loop {
                        match rest {
                            [Word::Mark('}'), behind @ ..] => return behind,
                            [Word::Mark(','), behind @ ..] => rest = behind,
                            [] => return rest,
                            _ => rest = self.read_tree(rest, path.clone()),
                        }
                    }
                }
                _ => {
                    if let Some(&name) = path.last() {
                        self.add_use(name, path);
                    }
                    return rest;
                }
            }
        }
    }

    fn add_use(&mut self, name: &'s str, mut path: Path<'s>) {
        if path.last() == Some(&"self") && path.len() > 1 {
            path.pop();
        }
        let name = if name == "self" { path.last().copied().unwrap_or(name) } else { name };
        self.uses.insert(name, path.clone());
        self.paths.push(path);
    }
}
