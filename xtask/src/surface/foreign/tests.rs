use super::*;

fn found(listing: &str) -> Vec<String> {
    names(listing, "own").into_keys().collect()
}

#[test]
fn in_signatures_bounds_and_impls() {
    assert_eq!(
        found("pub fn own::f(&bytes::Bytes) -> core::option::Option<tokio::Receiver<own::A>>"),
        ["bytes::Bytes", "tokio::Receiver"]
    );
    assert_eq!(
        found("pub struct own::Session<M: embassy_sync::RawMutex + 'a>"),
        ["embassy_sync::RawMutex"]
    );
    assert_eq!(found("impl nom::ParseError<&[u8]> for own::DecodeError"), ["nom::ParseError"]);
    assert_eq!(found("pub fn bytes::BytesMut::put(&mut self, &[u8])"), ["bytes::BytesMut"]);
    assert_eq!(found("pub own::Event::Lost::reason: nats_proto::Lost"), ["nats_proto::Lost"]);
}

#[test]
fn not_of_this_crate_or_the_standard_library() {
    assert_eq!(
        found(
            "pub fn own::A<'a>::b(&self) -> <T as core::convert::TryInto<alloc::vec::Vec<u8>>>::Error"
        ),
        [""; 0]
    );
    assert_eq!(
        found(
            "pub const own::A<'a>::NONE: Self::B\nwhere crate::A: core::fmt::Debug, self::B: Copy\npub fn &str::into_servers(self)"
        ),
        [""; 0]
    );
}

#[test]
fn a_whole_crate() {
    assert_eq!(found("pub use own::rustls = rustls"), ["rustls"]);
}

#[test]
fn what_is_exported_by_name_may_be_used() {
    let used = "pub fn own::f() -> nats_proto::Sid";
    assert_eq!(found(used), ["nats_proto::Sid"]);
    assert_eq!(found(&format!("pub use own::Sid = nats_proto::Sid\n{used}")), [""; 0]);
    assert_eq!(found("pub use own::A = other::A\npub fn own::f() -> other::A"), ["other::A"]);
}
