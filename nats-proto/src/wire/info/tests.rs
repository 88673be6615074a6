use std::string::String;
use std::string::ToString;
use std::vec::Vec;

use super::*;
use crate::storage::ArrayBuf;

/// INFO of a nats-server 2.10 in a cluster, with what it says to no client besides.
const CLUSTER: &str = r#"{"server_id":"NDHVBXJ7XCZ4LB2UYMYEQUP5BTKAQ5SR2PGJOUKR4TYT3V3BDXGVIXTM","server_name":"n1","version":"2.10.7","proto":1,"git_commit":"fa8464d","go":"go1.21.5","host":"0.0.0.0","port":4222,"headers":true,"auth_required":true,"tls_required":true,"tls_verify":false,"max_payload":1048576,"jetstream":true,"client_id":18446744073709551615,"client_ip":"127.0.0.1","nonce":"nRzzSFMjNlYSrGI","cluster":"C1","connect_urls":["172.17.0.2:4222","[fe80::1]:4222","a.example:4222"],"domain":"hub","ldm":true,"xkey":"X","import":{"permissions":["connect_urls",{"nonce":"no"}]}}"#;

struct Reader {
    scanner: InfoScanner<ArrayBuf<64>>,
    info: ServerInfo<ArrayBuf<64>>,
    urls: Vec<String>,
}

impl Reader {
    fn new() -> Self {
        Self { scanner: InfoScanner::default(), info: ServerInfo::default(), urls: Vec::new() }
    }

    fn part(&mut self, json: &str, is_last: bool) -> Result<bool, JsonError> {
        let part = InfoPart { json: json.as_bytes(), is_last };
        self.scanner.push(part, &mut self.info, |url| self.urls.push(url.to_string()))
    }
}

fn assert_cluster(reader: &Reader) {
    let info = &reader.info;
    assert_eq!(info.server_id(), "NDHVBXJ7XCZ4LB2UYMYEQUP5BTKAQ5SR2PGJOUKR4TYT3V3BDXGVIXTM");
    assert_eq!((info.server_name(), info.version(), info.proto()), ("n1", "2.10.7", 1));
    assert_eq!((info.max_payload(), info.client_id()), (1_048_576, u64::MAX));
    assert_eq!((info.client_ip(), info.domain()), ("127.0.0.1", "hub"));
    assert_eq!(info.nonce(), "nRzzSFMjNlYSrGI");
    #[cfg(feature = "alloc")]
    assert_eq!(info.cluster(), "C1");
    assert!(info.headers() && info.auth_required() && info.tls_required());
    assert!(!info.tls_verify() && !info.tls_available());
    assert!(info.lame_duck() && info.jetstream() && !info.is_truncated());
    assert_eq!(reader.urls, ["172.17.0.2:4222", "[fe80::1]:4222", "a.example:4222"]);
}

#[test]
fn info_in_one_piece_and_at_every_split() {
    for split in 0..=CLUSTER.len() {
        let mut reader = Reader::new();
        assert_eq!(reader.part(&CLUSTER[..split], false), Ok(false));
        assert_eq!(reader.part(&CLUSTER[split..], true), Ok(true));
        assert_cluster(&reader);
    }
}

#[test]
fn info_byte_by_byte() {
    let mut reader = Reader::new();
    for at in 0..CLUSTER.len() {
        assert_eq!(reader.part(&CLUSTER[at..=at], false), Ok(false));
    }
    assert_eq!(reader.part("\r", true), Ok(true));
    assert_cluster(&reader);
}

#[test]
fn an_empty_info_is_one() {
    let mut reader = Reader::new();
    assert_eq!(reader.part("{}", true), Ok(true));
    assert_eq!(reader.info, ServerInfo::default());
}

#[test]
fn what_a_later_info_leaves_out_is_forgotten_when_it_ends() {
    let mut reader = Reader::new();
    reader.part(CLUSTER, true).unwrap();
    reader.part(r#"{"max_payload":5,"headers":"#, false).unwrap();
    assert_eq!((reader.info.max_payload(), reader.info.version()), (5, "2.10.7"));
    assert!(reader.info.headers(), "as it was, until the new value is there");
    reader.part("false}", true).unwrap();
    assert_eq!((reader.info.max_payload(), reader.info.version()), (5, ""));
    assert!(!reader.info.headers() && !reader.info.lame_duck());
    assert_eq!(reader.info.client_id(), 0);
}

#[test]
fn wrong_types_are_no_values() {
    let mut reader = Reader::new();
    let json = r#"{"version":7,"headers":"yes","max_payload":"big","client_id":-1,
        "proto":300,"connect_urls":"no:1","server_id":null,"nonce":["a"],"domain":{"x":1}}"#;
    assert_eq!(reader.part(json, true), Ok(true));
    assert_eq!(reader.info, ServerInfo::default());
    assert_eq!(reader.urls, [""; 0]);
}

#[test]
fn what_does_not_fit_is_left_out() {
    let mut reader = Reader::new();
    let long = "x".repeat(65);
    let json = std::format!(
        r#"{{"server_name":"{long}","{long}":1,"connect_urls":["{long}","b:1"],"version":"2"}}"#
    );
    assert_eq!(reader.part(&json, true), Ok(true));
    assert!(reader.info.is_truncated());
    assert_eq!((reader.info.server_name(), reader.info.version()), ("", "2"));
    assert_eq!(reader.urls, ["b:1"]);
    reader.part("{\"version\":\"3\"}", true).unwrap();
    assert!(!reader.info.is_truncated());
}

#[test]
fn malformed_info_is_an_error_and_the_next_one_is_not() {
    for json in ["", "5", "[]", "{\"a\"", "{\"max_payload\":1}}", "{}{}"] {
        let mut reader = Reader::new();
        assert_eq!(reader.part(json, true), Err(JsonError), "{json:?}");
        assert_eq!(reader.part("{\"version\":\"2\"}", true), Ok(true));
        assert_eq!(reader.info.version(), "2");
    }
}
