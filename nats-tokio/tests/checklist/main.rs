//! The client is run through the checklist of nats-testkit: in memory, with Tokio's paused clock.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod driver;
mod words;

use driver::TokioDriver;
use nats_testkit::checklist;
use nats_testkit::checklist::ROWS;

#[test]
fn every_row_is_passed() {
    let report = checklist::run::<TokioDriver>();
    println!("{report}");
    assert!(report.is_passed(), "{report}");
    // Of what waits to be written, the client does not tell; that it is bounded is a test in `tests/stalled.rs`.
    assert_eq!(report.not_run(), ["8 memory stays flat"]);
    for row in ROWS {
        assert!(report.results().iter().any(|result| result.row == row.number), "{row:?}");
    }
}
