//! The build cost of a dependency: crates, and time to build them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::time::Instant;

use crate::Outcome;
use crate::run::cargo;
use crate::run::output;
use crate::run::root;
use crate::run::target;

/// A table of its own, as there is nothing raw to compare with.
struct Kind {
    name: &'static str,
    ours: Dependency,
    peer: Dependency,
    /// How many crates there may be, and what share of the other's processor time.
    goals: Option<(usize, Option<f64>)>,
}

/// How a client is asked for; none is its defaults.
struct Dependency {
    folder: &'static str,
    is_ours: bool,
    features: Option<&'static [&'static str]>,
}

const fn ours(folder: &'static str, features: Option<&'static [&'static str]>) -> Dependency {
    Dependency { folder, is_ours: true, features }
}

const fn peer(folder: &'static str, features: Option<&'static [&'static str]>) -> Dependency {
    Dependency { folder, is_ours: false, features }
}

const KINDS: &[Kind] = &[
    Kind {
        name: "core NATS over TCP (async-nats: no features; it has no TLS-free build)",
        ours: ours("ours-tcp", Some(&[])),
        peer: peer("async-nats-tcp", Some(&[])),
        goals: Some((25, Some(0.25))),
    },
    Kind {
        name: "with TLS (`ring`)",
        ours: ours("ours-tls", Some(&["ring"])),
        peer: peer("async-nats-tls", Some(&["ring"])),
        goals: Some((43, None)),
    },
    Kind {
        name: "JetStream over TCP (async-nats: with `ring`)",
        ours: ours("ours-jetstream", Some(&["jetstream"])),
        peer: peer("async-nats-jetstream", Some(&["jetstream", "nuid", "ring"])),
        goals: Some((28, None)),
    },
    Kind {
        name: "default features (async-nats: JetStream, WebSocket and more)",
        ours: ours("ours-default", None),
        peer: peer("async-nats-default", None),
        goals: None,
    },
];

const HEAD: &str = "\
| a clean release build | crates: nats-tokio | async-nats | CPU s (wall s): nats-tokio | async-nats | × async-nats | goals |
|---|---|---|---|---|---|---|
";

/// What one build took.
struct Cost {
    crates: usize,
    cpu: f64,
    wall: f64,
}

/// Builds everything from nothing, prints the table line by line, and returns it.
pub(super) fn table(progress: impl Fn(&str)) -> Outcome<String> {
    let mut table = HEAD.to_owned();
    print!("\n{HEAD}");
    for kind in KINDS {
        let Kind { name, goals, .. } = kind;
        progress(&format!("building {name}: nats-tokio"));
        let ours = kind.ours.build()?;
        progress(&format!("building {name}: async-nats"));
        let peer = kind.peer.build()?;
        let mark = |is_met| if is_met { "✓" } else { "✗" };
        let goals = goals.map_or_else(String::new, |(crates, share)| {
            let crates = format!("≤ {crates} crates {}", mark(ours.crates <= crates));
            let share = share.map(|share| {
                let is_met = ours.cpu <= share * peer.cpu;
                format!(", ≤ {:.0} % of the time {}", share * 100.0, mark(is_met))
            });
            crates + &share.unwrap_or_default()
        });
        let line = format!(
            "| {name} | {} | {} | {:.0} ({:.0}) | {:.0} ({:.0}) | {:.2} | {goals} |\n",
            ours.crates,
            peer.crates,
            ours.cpu,
            ours.wall,
            peer.cpu,
            peer.wall,
            peer.cpu / ours.cpu
        );
        print!("{line}");
        table += &line;
    }
    Ok(table)
}

impl Dependency {
    fn build(&self) -> Outcome<Cost> {
        let folder = self.write().map_err(|error| error.to_string())?;
        let tree = ["tree", "--quiet", "--edges", "normal,build", "--prefix", "none"];
        let tree = output(cargo(&tree).args(["--format", "{p}"]).current_dir(&folder))?;
        // The first is the program itself; a star says that something was there before.
        let crates = tree.lines().skip(1).map(|line| line.trim_end_matches(" (*)"));
        let crates = crates.filter(|line| !line.is_empty()).collect::<BTreeSet<_>>().len();
        // What is downloaded is not in the time.
        output(cargo(&["fetch", "--quiet"]).current_dir(&folder))?;
        let (before, start) = (children_cpu()?, Instant::now());
        output(
            cargo(&["build", "--quiet", "--release"])
                .current_dir(&folder)
                .env("CARGO_TARGET_DIR", folder.join("target")),
        )?;
        let wall = start.elapsed().as_secs_f64();
        Ok(Cost { crates, cpu: children_cpu()? - before, wall })
    }

    /// Writes a package that publishes one message, without anything built.
    fn write(&self) -> std::io::Result<PathBuf> {
        let folder = target().join("bench").join("building").join(self.folder);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(folder.join("src"))?;
        // The versions that everything else is measured with.
        fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock"))?;
        let (name, place) = if self.is_ours {
            ("nats-tokio", format!("path = {:?}", root().join("nats-tokio")))
        } else {
            ("async-nats", format!("version = \"{}\"", peer_version()?))
        };
        let features = self.features.map_or_else(String::new, |features| {
            format!(", default-features = false, features = {features:?}")
        });
        let manifest = format!(
            "[package]\nname = \"probe\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n\
             {name} = {{ {place}{features} }}\n\
             tokio = {{ version = \"1\", default-features = false, features = [\"rt\"] }}\n"
        );
        fs::write(folder.join("Cargo.toml"), manifest)?;
        let library = name.replace('-', "_");
        let main = format!(
            "fn main() {{\n    let runtime = tokio::runtime::Builder::new_current_thread()\
             .enable_all().build().unwrap();\n    runtime.block_on(async {{\n        \
             let client = {library}::connect(\"nats://127.0.0.1\").await.unwrap();\n        \
             client.publish(\"a\", \"b\".into()).await.unwrap();\n        \
             client.flush().await.unwrap();\n    }});\n}}\n"
        );
        // Ours takes any payload, so that nothing has to say which.
        let main = if self.is_ours { main.replace("\"b\".into()", "\"b\"") } else { main };
        fs::write(folder.join("src").join("main.rs"), main)?;
        Ok(folder)
    }
}

fn peer_version() -> std::io::Result<String> {
    let lock = fs::read_to_string(root().join("Cargo.lock"))?;
    super::machine::version(&lock, "async-nats")
        .ok_or_else(|| std::io::Error::other("async-nats is not in Cargo.lock"))
}

/// The processor time of all programs that were started and have ended, in seconds.
fn children_cpu() -> Outcome<f64> {
    let text =
        fs::read_to_string(Path::new("/proc/self/stat")).map_err(|error| error.to_string())?;
    // Behind the name, which may hold anything: the 14th and 15th are user and system time of the
    // children, in hundredths of a second.
    let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks = fields.skip(13).take(2).map(str::parse::<f64>);
    let ticks = ticks.sum::<Result<f64, _>>().map_err(|error| error.to_string())?;
    Ok(ticks / 100.0)
}
