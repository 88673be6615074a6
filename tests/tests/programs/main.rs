//! Every program in the READMEs, the guides and the documentation, as it stands: each has to end, and well,
//! with the broker of the examples and with the nats-server at `NATS_SERVER`; with a broker that refuses them,
//! somehow. Those on the bare core have to end well, too, if they are sent more than their buffers hold.
//!
//! They say `127.0.0.1:4222`, so that is where the servers are: in a network of their own where the system
//! has one to give, else on this machine's, for which no other server may be there.
//!
//! What is about JetStream runs with nats-server alone.
//!
//! `build.rs` collects them: all blocks of Rust that are compiled and not run. A block with a `main` is run as
//! it is. `async fn example(client: nats_tokio::Client)` gets a client, and answers to its requests; if it goes on
//! for ever, it has to end with its client. Whoever waits for Ctrl-C gets it. What needs something else stands in `not_run.rs`.

mod children;
mod not_run;
mod servers;

use std::collections::BTreeSet;
use std::fmt::Display;
use std::process::ExitCode;
use std::time::Duration;

use crate::children::Failed;
use crate::children::run;
use crate::not_run::NOT_RUN;
use crate::servers::Server;

include!(concat!(env!("OUT_DIR"), "/programs.rs"));

/// Where the texts say that the server is.
const ADDRESS: &str = "127.0.0.1:4222";
/// Programs without a client.
const BARE: &[&str] =
    &["README.md, A few lines each, 3", "nats-proto/README.md, A client on a plain socket"];
/// The program that is to be run, for a child of this process.
const PROGRAM: &str = "NATS_TESTS_PROGRAM";
/// How long an example may go on before its client is closed.
const PATIENCE: Duration = Duration::from_secs(1);

/// A block of Rust in a text.
struct Block {
    name: &'static str,
    /// `None` if it is no program.
    run: Option<fn() -> ExitCode>,
    is_interrupted: bool,
    /// Whether it wants a server with JetStream.
    needs_jetstream: bool,
}

/// How an example may end.
trait Ended {
    /// What went wrong.
    fn failure(self) -> Option<String>;
}

impl Ended for () {
    fn failure(self) -> Option<String> {
        None
    }
}

impl<E: Display> Ended for Result<(), E> {
    fn failure(self) -> Option<String> {
        self.err().map(|error| error.to_string())
    }
}

fn main() -> ExitCode {
    if let Ok(name) = std::env::var(PROGRAM) {
        let block = BLOCKS.iter().find(|block| block.name == name);
        return block.and_then(|block| block.run).expect("a program of that name")();
    }
    let filters = filters();
    if std::env::args().any(|word| word == "--list") {
        return ExitCode::SUCCESS;
    }
    let is_meant = |block: &&Block| {
        block.run.is_some()
            && (filters.is_empty() || filters.iter().any(|filter| block.name.contains(filter)))
    };
    let meant: Vec<_> = BLOCKS.iter().filter(is_meant).collect();
    let mut failures = check_list();
    if !meant.is_empty() {
        if let Some(code) = servers::in_a_network_of_our_own() {
            return code;
        }
        let all = |_: &&Block| true;
        let is_bare = |block: &&Block| BARE.contains(&block.name);
        for (server, is_for) in [
            (Server::broker as fn() -> Server, all as fn(&&Block) -> bool),
            (Server::real, all),
            (Server::refusing, all),
            (Server::long_winded, is_bare),
        ] {
            let server = server();
            let may_run = |block: &&Block| !block.needs_jetstream || server.has_jetstream();
            for block in meant.iter().copied().filter(is_for).filter(may_run) {
                let what = format!("{} with {}", block.name, server.name());
                match run(block) {
                    Ok(()) => println!("program {what}: ok"),
                    Err(Failed::Status(_)) if server.is_refusing() => {
                        println!("program {what}: ended");
                    }
                    Err(failure) => failures.push(format!("{what}: {failure}")),
                }
            }
        }
    }
    for failure in &failures {
        println!("program {failure}");
    }
    println!("{} programs, {} of which fail", meant.len(), failures.len());
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Parts of names, as cargo's own harness takes them; what is to be skipped is not among these.
fn filters() -> Vec<String> {
    let mut filters = Vec::new();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--skip" => drop(words.next()),
            option if option.starts_with('-') => {}
            _ => filters.push(word),
        }
    }
    filters
}

/// What is not run has a reason, and is there.
fn check_list() -> Vec<String> {
    let known: BTreeSet<_> = NOT_RUN.iter().map(|(name, _)| *name).collect();
    let found = BLOCKS.iter().filter(|block| block.run.is_none()).map(|block| block.name);
    let found: BTreeSet<_> = found.collect();
    let unknown = found.difference(&known).map(|name| {
        format!("{name}: make it a program that runs, or say in not_run.rs what it needs")
    });
    let gone =
        known.difference(&found).map(|name| format!("{name}: not_run.rs has it, no text does"));
    unknown.chain(gone).collect()
}

/// Whether this process runs a program whose requests JetStream answers.
fn is_for_jetstream() -> bool {
    let name = std::env::var(PROGRAM).unwrap_or_default();
    BLOCKS.iter().any(|block| block.name == name && block.needs_jetstream)
}

/// Runs an example with a client, and somebody who answers all requests but those to JetStream. If it goes on for ever, it has to
/// end with its client.
fn with_client(example: impl AsyncFnOnce(nats_tokio::Client) -> Option<String>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let failure = runtime.expect("a runtime").block_on(async {
        let client = nats_tokio::connect(ADDRESS).await.expect("a connection");
        let other = nats_tokio::connect(ADDRESS).await.expect("another connection");
        let mut everything = other.subscribe(">").await.expect("a subscription");
        other.flush().await.expect("the server has it");
        let has_streams = is_for_jetstream();
        tokio::spawn(async move {
            while let Some(message) = everything.next().await {
                if message.reply().is_some() && !has_streams {
                    let _ = other.respond(&message, "half past ten").await;
                }
            }
        });
        let mut example = std::pin::pin!(example(client.clone()));
        match tokio::time::timeout(PATIENCE, &mut example).await {
            Ok(failure) => failure,
            Err(_) => {
                client.close().await;
                // That it was closed may be an error to it.
                let _ = example.await;
                None
            }
        }
    });
    match failure {
        None => ExitCode::SUCCESS,
        Some(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}
