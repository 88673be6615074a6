//! The report: a page with tables, and its pictures.

use std::fs;
use std::path::Path;

use super::machine;
use super::measured::Measured;
use super::pictures;
use super::rows::SECTIONS;
use super::table;
use crate::Outcome;

/// Writes `RESULTS.md` and the pictures into a folder.
pub(super) fn write(
    folder: &Path,
    measured: &[Measured],
    building: &str,
    rounds: usize,
) -> Outcome {
    let mut page = format!(
        "# Results\n\nWritten by `cargo xtask bench`, which ran everything in turns: {rounds} \
         rounds, the medians of which are here. [README](README.md) says what the programs do.\n\n\
         {}\n{NOTES}",
        machine::describe()?
    );
    for section in SECTIONS {
        let has = |name| section.rows.iter().any(|row| row.name == name);
        let lines = measured.iter().filter(|measured| has(measured.row.name)).map(table::line);
        let lines = lines.collect::<String>();
        page += &format!("\n## {}\n\n{}{lines}", section.title, table::HEAD);
    }
    if !building.is_empty() {
        page += &format!("\n## Building\n\n{building}{BUILDING}");
    }
    page += PICTURES;
    fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    let files = [("RESULTS.md", page)].into_iter().chain(pictures::all(measured));
    for (name, text) in files {
        fs::write(folder.join(name), text).map_err(|error| error.to_string())?;
        println!("{}", folder.join(name).display());
    }
    Ok(())
}

const NOTES: &str = "\
- **raw** is no client at all: prebuilt bytes, and a loop that only finds the frames.
- The other end is a server that costs next to nothing, unless nats-server is named. \"One CPU\" has
  both ends on the same.
- **×** is how many times as good nats-tokio is as the other: greater is better, whatever the unit.
- **CPU** is the client's own processor time per message, and of that in user space. Where two
  programs of a client take part, it is both together.
- Requests, and the first message: the 50th and the 99th percentile.
- A client is quoted at its best of three flavours of Tokio: the work in `main`, in a task, on one
  thread. Loss and peak memory are those of all three, and the worst counts.
- **✓** and **✗** say whether a goal is reached.
";

const BUILDING: &str = "
Crates are everything that is built besides the program itself. The time is the processor's, of the
compiler and all that it starts, for a program that connects and publishes.
";

const PICTURES: &str = "
## Pictures

![Throughput over the size of messages](throughput.svg)

![The same over TLS](throughput-tls.svg)

![How long requests take](latency.svg)
";
