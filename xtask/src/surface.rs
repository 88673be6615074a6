//! The public surface of the packages: listed, so that a change shows in a diff, and with no types of other
//! crates but those that are meant to be there.

mod foreign;

use std::fs;
use std::path::PathBuf;

use crate::Outcome;
use crate::run::cargo;
use crate::run::output;
use crate::run::root;
use crate::run::run;
use crate::run::target;

/// A package, and whose types its own may name.
struct Package {
    name: &'static str,
    /// Those with which it is documented, if those are not all.
    features: Option<&'static str>,
    /// `crate::Item`, or a whole crate.
    allowed: &'static [&'static str],
    /// What is there today all the same: this list may only get shorter.
    exceptions: &'static [&'static str],
}

const PACKAGES: &[Package] = &[
    Package {
        name: "nats-proto",
        features: None,
        // heapless with the feature that has its version in its name.
        allowed: &["bytes", "defmt", "heapless"],
        exceptions: &[],
    },
    Package {
        name: "nats-tokio",
        features: None,
        allowed: &[
            "bytes",
            "futures_core::Stream",
            // For those who configure it themselves: the version of rustls is a part of this crate's.
            "rustls",
            // With `jetstream`: configurations are `Serialize`, and what servers say is `Deserialize`.
            "serde_core",
            "tokio::AsyncRead",
            "tokio::AsyncWrite",
            // Of `tokio::sync::watch`.
            "tokio::Receiver",
        ],
        exceptions: &["nats_proto::ApiError", "nats_proto::Outcome", "nats_proto::PublishError"],
    },
    Package {
        name: "nats-embassy",
        features: Some("defmt,ethernet,ipv4,ipv6,nal,net,nkeys,rsa,tls"),
        allowed: &[
            "defmt",
            "embassy_sync::RawMutex",
            "embassy_time::Duration",
            "embedded_io",
            "embedded_io_async",
            "embedded_nal",
            "embedded_nal_async",
            // With `net`: its argument.
            "embassy_net::Stack",
        ],
        exceptions: &[
            "heapless::VecInner",
            "heapless::VecStorageInner",
            // Whole, as a module of its own.
            "nats_proto",
        ],
    },
    Package {
        name: "nats-testkit",
        features: None,
        allowed: &[
            "futures_io",
            "nats_proto",
            "tokio::AsyncRead",
            "tokio::AsyncWrite",
            "tokio::ReadBuf",
        ],
        exceptions: &[],
    },
];

/// Compares the listings with those that are recorded, and looks for types of other crates; `--write` records.
pub(crate) fn surface() -> Outcome {
    let write = std::env::args().any(|argument| argument == "--write");
    let mut wrong = Vec::new();
    for package in PACKAGES {
        let listing = package.list()?;
        wrong.extend(package.judge(&listing));
        let path = root().join("xtask/surface").join(format!("{}.txt", package.name));
        if write {
            fs::write(&path, &listing).map_err(|error| format!("{}: {error}", path.display()))?;
        } else if let Some(difference) =
            difference(&fs::read_to_string(&path).unwrap_or_default(), &listing)
        {
            wrong.push(format!(
                "{}: the public surface is not what {} says:\n{difference}\n\
                 `cargo xtask surface --write` records it; a change that breaks programs belongs into the changelog",
                package.name,
                path.display(),
            ));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

impl Package {
    /// The listing of all that is public.
    fn list(&self) -> Outcome<String> {
        // Where nothing else is built: this compiler is told that it may do what stable ones do not.
        let folder = target().join("surface");
        let mut rustdoc = cargo(&["rustdoc", "--quiet", "--lib", "--package", self.name]);
        match self.features {
            None => rustdoc.arg("--all-features"),
            Some(features) => rustdoc.args(["--features", features]),
        };
        run(rustdoc
            .args(["--", "--cfg", "docsrs", "-Zunstable-options", "--output-format", "json"])
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_TARGET_DIR", &folder))?;
        let json: PathBuf = folder.join("doc").join(format!("{}.json", self.module()));
        output(cargo(&["run", "--quiet", "--package", "nats-surface", "--"]).arg(json))
    }

    fn module(&self) -> String {
        self.name.replace('-', "_")
    }

    /// What is wrong with the types of other crates that it names.
    fn judge(&self, listing: &str) -> Vec<String> {
        let names = foreign::names(listing, &self.module());
        let is_among = |name: &str, list: &[&str]| {
            list.iter().any(|listed| {
                name == *listed
                    || name.strip_prefix(listed).is_some_and(|rest| rest.starts_with("::"))
            })
        };
        let refused = names
            .iter()
            .filter(|(name, _)| !is_among(name, self.allowed) && !is_among(name, self.exceptions))
            .map(|(name, line)| format!("{}: {name} is not to be public: {line}", self.name));
        let unneeded = self
            .exceptions
            .iter()
            .filter(|exception| !names.keys().any(|name| is_among(name, &[exception])))
            .map(|exception| {
                format!("{}: the exception {exception} is not needed any more", self.name)
            });
        refused.chain(unneeded).collect()
    }
}

/// The lines that are only in one of two listings, with the sign that `diff` gives them.
fn difference(recorded: &str, found: &str) -> Option<String> {
    let only = |sign, text: &str, other: &str| {
        let other: std::collections::HashSet<_> = other.lines().collect();
        let lines = text.lines().filter(|line| !other.contains(line));
        lines.map(|line| format!("{sign} {line}")).collect::<Vec<_>>()
    };
    let lines = [only('-', recorded, found), only('+', found, recorded)].concat();
    (recorded != found).then(|| lines.join("\n"))
}
