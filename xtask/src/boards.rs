//! Firmware for boards: built, not run. The laptop runs.

use crate::Outcome;
use crate::firmware::build;
use crate::run::cargo;
use crate::run::root;
use crate::run::run;
use crate::run::target;
use crate::tools;

struct Board {
    /// Its folder below `examples`.
    folder: &'static str,
    target: &'static str,
    /// What else has to be built for it, besides `core`.
    arguments: &'static [&'static str],
}

const CONFIG: &str = "--config";
/// Without a network to join, there would be nothing to link but the words that say so.
const NETWORK: &str = "env.WIFI_NETWORK='lab'";

const BOARDS: &[Board] = &[
    Board { folder: "stm32f4", target: "thumbv7em-none-eabihf", arguments: &[] },
    Board { folder: "rp", target: "thumbv6m-none-eabi", arguments: &[CONFIG, NETWORK] },
    Board {
        folder: "esp32c6",
        target: "riscv32imac-unknown-none-elf",
        // The driver of the radio allocates.
        arguments: &["-Zbuild-std=core,alloc", CONFIG, NETWORK],
    },
];

/// Builds the firmware of all boards, and has a device on this machine talk to a server.
pub(crate) fn boards() -> Outcome {
    for Board { folder, target, arguments } in BOARDS {
        let image = build(folder, &format!("board-{folder}"), target, arguments)?;
        println!("{folder}: {}", image.display());
    }
    laptop()
}

fn laptop() -> Outcome {
    let server = tools::server()?;
    let folder = target().join("boards");
    run(cargo(&["build", "--quiet", "--locked"])
        .current_dir(root().join("examples/embassy-std"))
        .env("CARGO_TARGET_DIR", &folder))?;
    run(cargo(&["run", "--quiet", "--package", "nats-tests", "--example", "board"])
        .env("NATS_SERVER", &server)
        .env("BOARD", folder.join("debug/board-embassy-std")))
}
