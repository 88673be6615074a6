//! The clients of the examples are run through the checklist of nats-testkit.

#![expect(clippy::unwrap_used, reason = "tests")]

mod blocking;

use nats_testkit::checklist;

use blocking::BlockingDriver;

#[test]
fn blocking_passes() {
    let report = checklist::run::<BlockingDriver>();
    println!("{report}");
    assert!(report.is_passed(), "{report}");
    assert_eq!(
        report.not_run(),
        ["3 TLS", "8 memory stays flat", "13 perhaps lost", "18 a slow consumer"]
    );
}
