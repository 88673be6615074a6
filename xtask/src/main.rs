//! The project's chores: `cargo xtask` lists them.

mod bench;
mod boards;
mod chaos;
mod checks;
mod cycles;
mod design;
mod features;
mod firmware;
mod fuzz;
mod layers;
mod msrv;
mod package;
mod run;
mod semver;
mod sim;
mod size;
mod surface;
mod targets;
mod tests;
mod throughput;
mod tools;

use std::process::ExitCode;
use std::time::Instant;

/// What went wrong, in words.
type Outcome<T = ()> = Result<T, String>;

struct Task {
    name: &'static str,
    about: &'static str,
    run: fn() -> Outcome,
}

const TASKS: &[Task] = &[
    Task {
        name: "test",
        about: "all tests, on two versions of nats-server: NATS_SERVER and NATS_SERVER_OLD, or obtained",
        run: tests::test,
    },
    Task {
        name: "sim",
        about: "10,000 simulated lives of a session, 100,000 histories of JetStream (alone with \
                --jetstream); --seeds COUNT, --seed SEED for one told",
        run: sim::sim,
    },
    Task {
        name: "lint",
        about: "format, clippy, spelling, licences of dependencies, layers, features, length of files",
        run: checks::lint,
    },
    Task { name: "doc", about: "the documentation, without warnings", run: checks::doc },
    Task {
        name: "surface",
        about: "what is public, compared with what is recorded, and no types of others; --write records",
        run: surface::surface,
    },
    Task {
        name: "semver",
        about: "changes that a version number does not announce, since the last version or [REVISION]",
        run: semver::semver,
    },
    Task {
        name: "package",
        about: "the packages as they would be published, each built and its tests checked alone",
        run: package::package,
    },
    Task {
        name: "msrv",
        about: "each package on the oldest compiler that it declares, which rustup obtains",
        run: msrv::msrv,
    },
    Task { name: "targets", about: "the core for microcontrollers and wasm", run: targets::check },
    Task {
        name: "firmware",
        about: "firmware in QEMU, which it obtains, against real servers; [BOARD]",
        run: firmware::firmware,
    },
    Task {
        name: "size",
        about: "flash and RAM of a device, and that the core cannot panic; --write records",
        run: size::size,
    },
    Task {
        name: "boards",
        about: "firmware for real boards, built; a device on this machine, run",
        run: boards::boards,
    },
    Task { name: "fuzz", about: "ten seconds of every fuzz target", run: fuzz::fuzz },
    Task { name: "ci", about: "all of the above", run: ci },
    Task {
        name: "chaos",
        about: "the client among servers that fail: --minutes M; --jetstream [--old] for streams and consumers, recorded",
        run: chaos::chaos,
    },
    Task {
        name: "cycles",
        about: "instructions a message takes on a device, counted in QEMU, as a table",
        run: cycles::cycles,
    },
    Task {
        name: "throughput",
        about: "messages a second on a device in QEMU, beside minimq with mosquitto, as tables",
        run: throughput::throughput,
    },
    Task {
        name: "bench",
        about: "nats-tokio, async-nats and raw sockets side by side, half an hour; --help",
        run: bench::bench,
    },
    Task {
        name: "instructions",
        about: "how many instructions a message takes, under valgrind, which it obtains",
        run: bench::instructions,
    },
];

fn main() -> ExitCode {
    let name = std::env::args().nth(1);
    let Some(task) = TASKS.iter().find(|task| Some(task.name) == name.as_deref()) else {
        eprintln!("usage: cargo xtask TASK\n");
        for Task { name, about, .. } in TASKS {
            eprintln!("  {name:12} {about}");
        }
        return ExitCode::from(2);
    };
    let start = Instant::now();
    match (task.run)() {
        Ok(()) => {
            println!("xtask {}: passed in {} s", task.name, start.elapsed().as_secs());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("xtask {}: FAILED: {error}", task.name);
            ExitCode::FAILURE
        }
    }
}

fn ci() -> Outcome {
    let mut times = Vec::new();
    let mut outcome = Ok(());
    for task in TASKS.iter().take_while(|task| task.name != "ci") {
        println!("\n== {} ==", task.name);
        let start = Instant::now();
        outcome = (task.run)().map_err(|error| format!("{}: {error}", task.name));
        times.push(format!("{} {} s", task.name, start.elapsed().as_secs()));
        if outcome.is_err() {
            break;
        }
    }
    println!("\n{}", times.join(", "));
    outcome
}
