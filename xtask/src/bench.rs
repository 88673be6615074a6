//! The benchmarks: our client, async-nats and no client at all, in turns.

mod building;
mod check;
mod figure;
mod goal;
mod instructions;
mod machine;
mod measure;
mod measured;
mod pictures;
mod plot;
mod process;
mod report;
mod row;
mod rows;
mod sample;
mod series;
mod table;

pub(crate) use self::instructions::instructions;
use self::measure::Laboratory;
use self::row::Row;
use self::series::Progress;
use crate::Outcome;
use crate::run::cargo;
use crate::run::root;
use crate::run::run;
use crate::run::target;

/// How often every program runs; the median counts.
const ROUNDS: usize = 5;
/// What a short version makes of that, and of the number of messages.
const QUICK_ROUNDS: usize = 1;
const QUICK_SHARE: u32 = 10;

/// What stands for the table of what building takes.
const BUILDING: &str = "building";

const USAGE: &str = "\
options of `bench`:
  --row TEXT  only the rows whose names contain it, or `building`; may be repeated; writes nothing
  --quick     a tenth of the messages, once, nothing built; written below the target folder
  --rounds N  how often everything runs; 5
  --check     a few rows, and whether they reach what benches/ratios.toml says
  --record    writes benches/ratios.toml";

/// What follows `bench`.
#[derive(Debug, Default)]
struct Options {
    rows: Vec<String>,
    rounds: Option<usize>,
    is_quick: bool,
    is_check: bool,
    is_record: bool,
}

impl Options {
    fn read(mut words: impl Iterator<Item = String>) -> Outcome<Self> {
        let mut options = Self::default();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--row" => options.rows.push(words.next().ok_or(USAGE)?),
                "--rounds" => {
                    let rounds = words.next().and_then(|rounds| rounds.parse().ok());
                    options.rounds = Some(rounds.ok_or(USAGE)?);
                }
                "--quick" => options.is_quick = true,
                "--check" => options.is_check = true,
                "--record" => options.is_record = true,
                _ => return Err(USAGE.to_owned()),
            }
        }
        Ok(options)
    }
}

/// Runs every row, prints the tables, and writes them down.
pub(crate) fn bench() -> Outcome {
    let options = Options::read(std::env::args().skip(2))?;
    build()?;
    if options.is_check {
        return check::check();
    }
    if options.is_record {
        return check::record();
    }
    compare(&options)
}

fn build() -> Outcome {
    run(&mut cargo(&["build", "--quiet", "--release", "--package", "nats-bench", "--bins"]))
}

fn compare(options: &Options) -> Outcome {
    let shorten = |row: &Row| {
        let count = if options.is_quick { (row.count / QUICK_SHARE).max(1) } else { row.count };
        Row { count, ..*row }
    };
    let rows: Vec<_> = rows::selected(&options.rows).map(shorten).collect();
    let is_building = options.rows.iter().any(|row| row == BUILDING)
        || options.rows.is_empty() && !options.is_quick;
    if rows.is_empty() && !is_building {
        return Err("there is no such row".to_owned());
    }
    let rounds = if options.is_quick { QUICK_ROUNDS } else { ROUNDS };
    let rounds = options.rounds.unwrap_or(rounds);
    let laboratory = Laboratory::new(&rows)?;
    let mut progress = Progress::new(rows.len() * rounds);
    let mut measured = Vec::new();
    print!("{}", table::HEAD);
    for row in rows {
        let row = series::measure(&laboratory, row, rounds, &mut progress);
        print!("{}", table::line(&row));
        measured.push(row);
    }
    let mut building = String::new();
    if is_building {
        building = building::table(|what| {
            progress.clear();
            progress.say(what);
        })?;
        progress.clear();
    }
    if options.rows.is_empty() {
        let below_target = options.is_quick || options.rounds.is_some();
        let folder = if below_target { target().join("bench") } else { root().join("benches") };
        report::write(&folder, &measured, &building, rounds)?;
    }
    let failures = measured.iter().flat_map(|row| &row.runs).filter_map(|run| run.failure.clone());
    let failures: Vec<_> = failures.collect();
    if failures.is_empty() { Ok(()) } else { Err(failures.join("; ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read() {
        let read = |text: &str| Options::read(text.split_whitespace().map(str::to_owned));
        let options = read("--row sub --row pub --quick --rounds 3").unwrap();
        assert_eq!((options.rows.len(), options.rounds, options.is_quick), (2, Some(3), true));
        assert!(read("--row").is_err() && read("--rounds x").is_err() && read("fast").is_err());
    }

    #[test]
    fn every_row_has_a_name_of_its_own() {
        let names: Vec<_> = rows::selected(&[]).map(|row| row.name).collect();
        let unique: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(names.len(), unique.len());
    }
}
