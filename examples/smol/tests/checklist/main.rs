//! The client in every situation that a client has to be able to deal with, in memory and with a clock that
//! jumps.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod driver;

use driver::SmolDriver;
use nats_testkit::checklist;

#[test]
fn every_row_is_passed() {
    let report = checklist::run::<SmolDriver>();
    println!("{report}");
    assert!(report.is_passed(), "{report}");
}
