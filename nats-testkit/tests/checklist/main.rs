//! A client of a few hundred lines passes the checklist, and every mistake that can be planted in it is
//! noticed by the row that is about it.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod client;
mod driver;
mod fault;

use nats_testkit::checklist;
use nats_testkit::checklist::ROWS;

use driver::Reference;
use fault::FAULTS;

#[test]
fn the_reference_passes_everything() {
    let report = checklist::run::<Reference>();
    println!("{report}");
    assert!(report.is_passed(), "{report}");
    assert_eq!(report.not_run(), [""; 0]);
    assert_eq!(report.results().len(), 85);
}

#[test]
fn every_mistake_is_noticed_by_its_row() {
    let mut missed = Vec::new();
    for (fault, row) in FAULTS {
        fault::plant(Some(fault));
        let report = checklist::run_row::<Reference>(row);
        if report.is_passed() {
            missed.push(format!("{fault:?} is not noticed by row {row}"));
        }
    }
    fault::plant(None);
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn every_row_notices_a_mistake() {
    for row in ROWS {
        assert!(FAULTS.iter().any(|(_, number)| *number == row.number), "{row:?}");
    }
}
