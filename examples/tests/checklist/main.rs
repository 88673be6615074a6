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
    let absent: Vec<_> =
        report.not_run().into_iter().filter(|name| !name.starts_with("16 ")).collect();
    assert_eq!(
        absent,
        [
            "3 TLS",
            "5 timers while dialling",
            "8 memory stays flat",
            "10 an hour later, with a request",
            "10 a timer that is set while everything sleeps",
            "13 perhaps lost",
            "18 a slow consumer",
        ]
    );
}
