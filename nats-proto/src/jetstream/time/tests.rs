use std::string::ToString;

use proptest::prelude::*;

use super::*;
use crate::storage::ArrayBuf;

#[test]
fn known_times() {
    let table = [
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59.999999999Z", -1),
        ("2000-02-29T12:00:00Z", 951_825_600_000_000_000),
        ("2026-11-28T09:33:28.288328594Z", 1_795_858_408_288_328_594),
        ("2026-11-28T09:33:31.7006326Z", 1_795_858_411_700_632_600),
        ("2030-01-01T00:00:00Z", 1_893_456_000_000_000_000),
        ("1677-09-21T00:12:43.145224192Z", i64::MIN),
        ("2262-04-11T23:47:16.854775807Z", i64::MAX),
    ];
    for (text, nanos) in table {
        assert_eq!(Timestamp::parse(text), Ok(Timestamp(nanos)), "{text}");
        assert_eq!(Timestamp(nanos).to_string(), text);
    }
}

#[test]
fn other_forms() {
    let noon = Timestamp::parse("2026-11-28T12:00:00Z").unwrap();
    for text in [
        "2026-11-28t12:00:00z",
        "2026-11-28T12:00:00.000Z",
        "2026-11-28T12:00:00.0000000009Z",
        "2026-11-28T12:00:00-00:00",
        "2026-11-28T13:30:00+01:30",
        "2026-11-27T23:00:00-13:00",
    ] {
        assert_eq!(Timestamp::parse(text), Ok(noon), "{text}");
    }
}

#[test]
fn what_is_no_time() {
    for text in [
        "",
        "2026-11-28",
        "2026-11-28T12:00:00",
        "2026-11-28 12:00:00Z",
        "2026-13-28T12:00:00Z",
        "2026-00-28T12:00:00Z",
        "2026-11-31T12:00:00Z",
        "2025-02-29T12:00:00Z",
        "1900-02-29T12:00:00Z",
        "2026-11-28T24:00:00Z",
        "2026-11-28T12:60:00Z",
        "2026-11-28T12:00:60Z",
        "2026-11-28T12:00:00.Z",
        "2026-11-28T12:00:00.5",
        "2026-11-28T12:00:00+1:00",
        "2026-11-28T12:00:00+01:00 ",
        "2026-11-28T12:00:00+24:00",
        "+026-11-28T12:00:00Z",
        "1795858408500000000",
    ] {
        assert_eq!(Timestamp::parse(text), Err(TimestampError::Malformed), "{text}");
    }
    for text in [
        "0001-01-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "1677-09-21T00:12:43.145224191Z",
        "2262-04-11T23:47:16.854775808Z",
    ] {
        assert_eq!(Timestamp::parse(text), Err(TimestampError::OutOfRange), "{text}");
    }
}

#[test]
fn a_time_that_is_not_set() {
    assert_eq!(Timestamp::parse_optional("0001-01-01T00:00:00Z"), Ok(None));
    assert_eq!(Timestamp::parse_optional("1970-01-01T00:00:00Z"), Ok(Some(Timestamp(0))));
    assert_eq!(Timestamp::parse_optional("never"), Err(TimestampError::Malformed));
}

#[test]
fn a_time_is_written_whole_or_not() {
    let mut out = ArrayBuf::<29>::new();
    assert_eq!(Timestamp(1).encode(&mut out), Err(Full));
    assert_eq!(Timestamp(0).encode(&mut out), Ok(()));
    assert_eq!(out, b"1970-01-01T00:00:00Z");
}

/// Every day of eight centuries, counted one by one.
#[test]
fn dates_are_those_of_a_calendar() {
    let (mut year, mut month, mut day) = (1600, 1, 1);
    for days in days_since_1970(1600, 1, 1)..=days_since_1970(2400, 12, 31) {
        assert_eq!(date(days), (year, month, day));
        assert_eq!(days_since_1970(year, month, day), days);
        day += 1;
        if day > days_in(year, month) {
            (day, month) = (1, month + 1);
        }
        if month > 12 {
            (month, year) = (1, year + 1);
        }
    }
    assert_eq!(date(0), (1970, 1, 1));
}

proptest! {
    #[test]
    fn times_come_back(nanos: i64) {
        let time = Timestamp::from_nanos(nanos);
        let text = time.to_string();
        prop_assert!((20..=30).contains(&text.len()));
        prop_assert_eq!(Timestamp::parse(&text), Ok(time));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[0-9TtZz:.+ -]{0,36}") {
        if let Ok(time) = Timestamp::parse(&text) {
            prop_assert_eq!(Timestamp::parse(&time.to_string()), Ok(time));
        }
    }
}
