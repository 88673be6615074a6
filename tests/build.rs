//! Collects the programs in the texts of this project, for `tests/programs`, which runs them: every block of
//! Rust that `cargo test` compiles and does not run.

#[path = "tests/programs/not_run.rs"]
mod not_run;

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use not_run::NOT_RUN;

/// Where texts are, below the root of the workspace. Folders are searched for `.md` and `.rs` files.
const TEXTS: &[&str] = &[
    "README.md",
    "CONTRIBUTING.md",
    "DESIGN.md",
    "benches/README.md",
    "examples",
    "nats-embassy/README.md",
    "nats-embassy/docs",
    "nats-embassy/src",
    "nats-proto/README.md",
    "nats-proto/docs",
    "nats-proto/src",
    "nats-testkit/README.md",
    "nats-testkit/docs",
    "nats-testkit/src",
    "nats-tokio/README.md",
    "nats-tokio/docs",
    "nats-tokio/src",
    "tests/README.md",
];

/// Below which there are no texts.
const PASSED_OVER: &[&str] = &["target", "node_modules"];

/// A block of Rust.
struct Block {
    name: String,
    code: String,
}

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for text in TEXTS {
        println!("cargo::rerun-if-changed={}", root.join(text).display());
        find(&root.join(text), &mut files);
    }
    files.sort();
    let mut blocks = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("a text");
        let name = file.strip_prefix(&root).expect("below the root").display().to_string();
        blocks.extend(blocks_of(&name, &text));
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo says where")).join("programs.rs");
    fs::write(out, generate(&blocks)).expect("the programs are written");
}

fn find(path: &Path, files: &mut Vec<PathBuf>) {
    let is_text = path.extension().is_some_and(|end| end == "md" || end == "rs");
    if path.is_file() && is_text {
        files.push(path.to_owned());
    }
    let Ok(entries) = fs::read_dir(path) else { return };
    for entry in entries.map_while(Result::ok) {
        if !PASSED_OVER.iter().any(|name| *name == entry.file_name()) {
            find(&entry.path(), files);
        }
    }
}

/// The blocks of a file that are compiled, and not run, each with a name that survives edits.
fn blocks_of(file: &str, text: &str) -> Vec<Block> {
    let is_code = file.ends_with(".rs");
    let mut count = BTreeMap::<String, u32>::new();
    let mut blocks = Vec::new();
    let (mut heading, mut open) = (String::new(), None::<String>);
    // Of code: the blocks of a comment are named after what follows it.
    let mut unnamed = 0;
    for line in text.lines() {
        let trimmed = line.trim_start();
        let line = match is_code {
            true => ["///", "//!"].iter().find_map(|start| trimmed.strip_prefix(start)),
            false => Some(line),
        };
        let Some(line) = line else {
            if !trimmed.starts_with("#[") && unnamed > 0 {
                heading = item(trimmed);
                let from = blocks.len() - unnamed;
                for block in &mut blocks[from..] {
                    rename(block, file, &heading, &mut count);
                }
                unnamed = 0;
            }
            continue;
        };
        let line = line.strip_prefix(' ').filter(|_| is_code).unwrap_or(line);
        match (line.trim_start().strip_prefix("```"), &mut open) {
            (Some(_), Some(code)) => {
                let code = std::mem::take(code);
                open = None;
                if !code.is_empty() {
                    let mut block = Block { name: String::new(), code };
                    match is_code {
                        true => unnamed += 1,
                        false => rename(&mut block, file, &heading, &mut count),
                    }
                    blocks.push(block);
                }
            }
            (Some(words), None) => {
                open = Some(if is_meant(words, file) { "\n".to_owned() } else { String::new() })
            }
            // What is not meant stays empty.
            (None, Some(code)) if !code.is_empty() => {
                code.push_str(shown(line));
                code.push('\n');
            }
            (None, Some(_)) => {}
            (None, None) => {
                if let Some(title) = line.strip_prefix('#').filter(|_| !is_code) {
                    heading = title.trim_start_matches('#').trim().to_owned();
                }
            }
        }
    }
    blocks
}

/// Whether these words behind the fence mean Rust that is not run elsewhere.
fn is_meant(words: &str, file: &str) -> bool {
    let words: Vec<_> =
        words.split([',', ' ']).map(str::trim).filter(|word| !word.is_empty()).collect();
    let is_left_out = words.iter().any(|word| matches!(*word, "no_run" | "ignore"));
    // Markdown that is no crate's documentation.
    let is_loose = words.contains(&"rust") && !file.starts_with("nats-");
    is_left_out || is_loose
}

/// A line as rustdoc compiles it: what is hidden stands behind `#`.
fn shown(line: &str) -> &str {
    let trimmed = line.trim_start();
    match trimmed {
        "#" => "",
        _ => trimmed.strip_prefix("# ").unwrap_or(line),
    }
}

/// The name of the item that a line begins: `pub const fn name(…`.
fn item(line: &str) -> String {
    let mut words = line.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
    let kinds = ["fn", "struct", "enum", "trait", "mod", "type"];
    let mut name = String::new();
    while let Some(word) = words.next() {
        if kinds.contains(&word) {
            name = words.next().unwrap_or_default().to_owned();
        }
    }
    name
}

fn rename(block: &mut Block, file: &str, heading: &str, count: &mut BTreeMap<String, u32>) {
    let name = if heading.is_empty() { file.to_owned() } else { format!("{file}, {heading}") };
    let number = count.entry(name.clone()).or_default();
    *number += 1;
    block.name = if *number == 1 { name } else { format!("{name}, {number}") };
}

/// A module for each block that can be run, and a table of all.
fn generate(blocks: &[Block]) -> String {
    const ALLOW: &str = "#[allow(warnings, clippy::all, clippy::restriction)]";
    let (mut modules, mut table) = (String::new(), String::new());
    for (number, Block { name, code }) in blocks.iter().enumerate() {
        let is_left_out = NOT_RUN.iter().any(|(known, _)| known == name);
        let run = if is_left_out {
            None
        } else if code.contains("fn main()") {
            Some("std::process::Termination::report(main())")
        } else if code.contains("async fn example(client: nats_tokio::Client)") {
            Some("super::with_client(async |client| super::Ended::failure(example(client).await))")
        } else {
            None
        };
        let call = run.map_or_else(|| "None".to_owned(), |_| format!("Some(block_{number}::run)"));
        if let Some(run) = run {
            let body = format!("pub(super) fn run() -> std::process::ExitCode {{ {run} }}");
            write!(modules, "{ALLOW}\nmod block_{number} {{\n{code}\n{body}\n}}\n")
                .expect("a text");
        }
        let is_interrupted = code.contains("ctrl_c()") || code.contains("signal::unix");
        let needs_jetstream = code.contains("jetstream");
        writeln!(
            table,
            "Block {{ name: {name:?}, run: {call}, is_interrupted: {is_interrupted}, \
             needs_jetstream: {needs_jetstream} }},"
        )
        .expect("a text");
    }
    format!("{modules}\nconst BLOCKS: &[Block] = &[\n{table}];\n")
}
