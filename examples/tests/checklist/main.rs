//! The clients of the examples are run through the checklist of nats-testkit.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "../../../nats-proto/docs/driver/checklist/driver.rs"]
mod driver;
#[path = "../../../nats-proto/docs/driver/checklist/network.rs"]
mod network;

use driver::BlockingDriver;
// The chapter of nats-proto shows the files of the driver and of this test as those of a crate of its own.
use nats_examples::blocking as my_driver;
use nats_testkit::checklist;

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
