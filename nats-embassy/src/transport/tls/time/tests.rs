#![expect(clippy::cast_possible_truncation, reason = "short ones")]

use super::Reader;
use super::tag;
use super::time;

fn read(tag: u8, text: &str) -> Option<u64> {
    let bytes = [&[tag, text.len() as u8], text.as_bytes()].concat();
    time(&mut Reader::new(&bytes)).ok()
}

#[test]
fn seconds() {
    for (text, seconds) in [
        ("700101000000Z", 0),
        ("700101000001Z", 1),
        ("500101000000Z", 0),
        ("991231235959Z", 946_684_799),
        ("000101000000Z", 946_684_800),
        ("000229000000Z", 951_782_400),
        ("000301000000Z", 951_868_800),
        ("240229120000Z", 1_709_208_000),
        ("491231235959Z", 2_524_607_999),
    ] {
        assert_eq!(read(tag::UTC_TIME, text), Some(seconds), "{text}");
    }
    for (text, seconds) in [
        ("00000101000000Z", 0),
        ("19691231235959Z", 0),
        ("20500101000000Z", 2_524_608_000),
        ("21000301000000Z", 4_107_542_400),
        ("99991231235959Z", 253_402_300_799),
    ] {
        assert_eq!(read(tag::GENERALIZED_TIME, text), Some(seconds), "{text}");
    }
}

#[test]
fn every_day() {
    let mut days = 0;
    for year in 1970..2500 {
        for month in 1..=12 {
            for day in 1..=super::days_in(year, month) {
                assert_eq!(super::days_since_1970(year, month, day), Some(days));
                days += 1;
            }
        }
    }
}

#[test]
fn what_is_no_time() {
    for text in [
        "",
        "Z",
        "700101000000",
        "7001010000Z",
        "700101000000+0100",
        "701301000000Z",
        "700001000000Z",
        "700100000000Z",
        "700132000000Z",
        "700431000000Z",
        "230229000000Z",
        "700101240000Z",
        "700101006000Z",
        "700101000060Z",
        "70010100000 Z",
        "7001010000000Z",
        "19700101000000Z",
    ] {
        assert_eq!(read(tag::UTC_TIME, text), None, "{text}");
    }
    for text in ["700101000000Z", "21000229000000Z", "19700101000000.5Z"] {
        assert_eq!(read(tag::GENERALIZED_TIME, text), None, "{text}");
    }
    assert_eq!(read(tag::INTEGER, "700101000000Z"), None);
}
