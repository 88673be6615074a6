//! Checks that the folders of a crate are layers: no module imports one of a higher layer, and no modules
//! import each other in a circle.
//!
//! A module and what is inside of it count as one there. Tests do not count at all.

mod circles;
mod imports;
mod modules;
mod source;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use crate::Outcome;
use crate::run::root;

use imports::Import;
use modules::Modules;

/// The layers of one crate, the lowest first.
struct Crate {
    name: &'static str,
    layers: &'static [Layer],
    /// Imports that are there today all the same: this list may only get shorter.
    exceptions: &'static [(&'static str, &'static str)],
}

/// A layer and the modules that it consists of, with all that is inside of them.
struct Layer {
    name: &'static str,
    modules: &'static [&'static str],
}

const CRATES: &[Crate] = &[
    Crate {
        name: "nats-proto",
        layers: &[
            Layer {
                name: "base",
                modules: &["error", "time", "rng", "ascii", "checked_text", "setters"],
            },
            Layer { name: "storage", modules: &["storage"] },
            Layer {
                name: "values",
                modules: &[
                    "subject", "headers", "message", "status", "url", "inbox", "creds", "nkeys",
                ],
            },
            Layer { name: "wire", modules: &["wire"] },
            Layer { name: "session", modules: &["session"] },
            Layer {
                name: "values of JetStream",
                modules: &[
                    "jetstream::api",
                    "jetstream::error",
                    "jetstream::name",
                    "jetstream::pause",
                    "jetstream::response",
                    "jetstream::time",
                ],
            },
            Layer { name: "jetstream", modules: &["jetstream"] },
            Layer { name: "top", modules: &["format", "fuzzing", "guide"] },
        ],
        exceptions: &[],
    },
    Crate {
        name: "nats-tokio",
        layers: &[
            Layer {
                name: "values",
                modules: &[
                    "entropy",
                    "error",
                    "event",
                    "message",
                    "server_info",
                    "statistics",
                    "status",
                    "sync",
                ],
            },
            Layer { name: "authentication and transport", modules: &["auth", "transport"] },
            Layer { name: "options", modules: &["options"] },
            Layer { name: "state", modules: &["state"] },
            Layer { name: "driver", modules: &["driver"] },
            Layer { name: "client", modules: &["client", "guide"] },
            Layer { name: "jetstream", modules: &["jetstream"] },
            Layer { name: "top", modules: &["fuzzing"] },
        ],
        exceptions: &[],
    },
    Crate {
        name: "nats-embassy",
        layers: &[
            Layer {
                name: "values",
                modules: &[
                    "error", "event", "config", "auth", "fmt", "headers", "time", "server",
                    "wakers",
                ],
            },
            Layer { name: "transport", modules: &["transport"] },
            Layer { name: "state", modules: &["state"] },
            Layer { name: "memory", modules: &["memory"] },
            Layer { name: "runner", modules: &["runner"] },
            Layer { name: "client", modules: &["client"] },
            Layer { name: "jetstream", modules: &["jetstream"] },
            Layer { name: "top", modules: &["format"] },
        ],
        exceptions: &[],
    },
    Crate {
        name: "nats-testkit",
        layers: &[
            Layer { name: "base", modules: &["sync", "clock"] },
            Layer { name: "server", modules: &["server"] },
            Layer { name: "network", modules: &["network", "tokio", "futures_io"] },
            Layer { name: "driver", modules: &["driver", "executor"] },
            Layer { name: "checklist", modules: &["checklist"] },
            Layer { name: "top", modules: &["guide"] },
        ],
        exceptions: &[],
    },
];

/// Checks the crates that have layers.
pub(crate) fn check() -> Outcome {
    let mut faults = Vec::new();
    for one in CRATES {
        let modules = Modules::read(&root().join(one.name).join("src"))?;
        faults
            .extend(one.faults(&modules).into_iter().map(|fault| format!("{}: {fault}", one.name)));
    }
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
}

impl Crate {
    /// What is not as it should be, a line each.
    fn faults(&self, modules: &Modules) -> Vec<String> {
        let mut faults = self.homeless(modules);
        let imports = imports::of(modules);
        let mut used = BTreeSet::new();
        let is_excepted = |import: &Import| {
            let ends = (modules.name(import.from), modules.name(import.to));
            self.exceptions.contains(&ends)
        };
        let (excepted, counted): (Vec<_>, Vec<_>) = imports.into_iter().partition(is_excepted);
        for import in &excepted {
            used.insert((modules.name(import.from), modules.name(import.to)));
        }
        for import in &counted {
            let (from, to) = (modules.name(import.from), modules.name(import.to));
            if let (Some(lower), Some(higher)) = (self.layer_of(from), self.layer_of(to))
                && lower < higher
            {
                faults.push(format!(
                    "{from} ({}) imports {} of {to} ({})",
                    self.layer_name(lower),
                    import.names.join(", "),
                    self.layer_name(higher)
                ));
            }
        }
        for circle in circles::of(modules.len(), &counted) {
            let is_in =
                |import: &&Import| circle.contains(&import.from) && circle.contains(&import.to);
            let arrow = |import: &Import| {
                format!("{} → {}", modules.name(import.from), modules.name(import.to))
            };
            let arrows: Vec<_> = counted.iter().filter(is_in).map(arrow).collect();
            faults.push(format!("these import each other: {}", arrows.join(", ")));
        }
        for (from, to) in self.exceptions {
            if !used.contains(&(*from, *to)) {
                faults
                    .push(format!("{from} does not import {to} any more: no exception is needed"));
            }
        }
        faults
    }

    /// Modules that belong to no layer.
    fn homeless(&self, modules: &Modules) -> Vec<String> {
        let names = (0..modules.len()).map(|module| modules.name(module));
        names
            .filter(|name| !name.is_empty() && self.layer_of(name).is_none())
            .map(|name| format!("{name} is in no layer"))
            .collect()
    }

    /// The position of the layer that a module is in: that of the longest name which is its own or an
    /// ancestor's. The crate's root is in none.
    fn layer_of(&self, module: &str) -> Option<usize> {
        let is_in = |part: &str| {
            module.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        let longest = |layer: &Layer| {
            layer.modules.iter().filter(|part| is_in(part)).map(|part| part.len()).max()
        };
        self.layers
            .iter()
            .enumerate()
            .filter_map(|(at, layer)| longest(layer).map(|len| (len, at)))
            .max()
            .map(|(_, at)| at)
    }

    fn layer_name(&self, layer: usize) -> &'static str {
        self.layers.get(layer).map_or("", |layer| layer.name)
    }
}
