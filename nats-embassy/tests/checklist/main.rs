//! `Client` and `Link` are run through the checklist of nats-testkit: in memory, with a clock that jumps.

#![expect(clippy::unwrap_used, reason = "tests")]

mod client;
mod clock;
mod link;
mod transport;
mod words;

use nats_testkit::checklist;

use client::ClientDriver;
use link::LinkDriver;

#[test]
fn a_client_passes_every_row() {
    let report = checklist::run::<ClientDriver>();
    println!("{report}");
    assert!(report.is_passed(), "{report}");
    assert_eq!(report.not_run(), ["8 memory stays flat", "13 perhaps lost"]);
}

#[test]
fn a_link_passes_every_row() {
    let report = checklist::run::<LinkDriver>();
    println!("{report}");
    assert!(report.is_passed(), "{report}");
    assert_eq!(
        report.not_run(),
        [
            "8 memory stays flat",
            "13 perhaps lost",
            "16 answered in another order",
            "18 a slow consumer",
        ]
    );
}
