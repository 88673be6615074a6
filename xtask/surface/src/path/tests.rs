use super::*;

#[test]
fn other_crates_are_without_modules() {
    for (long, short) in [
        (
            "pub fn own::a::B::c(self) -> bytes::bytes::Bytes",
            "pub fn own::a::B::c(self) -> bytes::Bytes",
        ),
        (
            "impl nom::error::ParseError<&[u8]> for own::a::B",
            "impl nom::ParseError<&[u8]> for own::a::B",
        ),
        (
            "pub fn bytes::bytes_mut::BytesMut::put(&mut self, &[u8])",
            "pub fn bytes::BytesMut::put(&mut self, &[u8])",
        ),
        ("pub use own::rustls = rustls", "pub use own::rustls = rustls"),
        (
            "pub const own::A<'a>::B: core::time::Duration",
            "pub const own::A<'a>::B: core::time::Duration",
        ),
        (
            "pub fn own::f<T: a::b::C>(T) -> <T as a::b::C>::D where T::E: core::fmt::Debug",
            "pub fn own::f<T: a::C>(T) -> <T as a::C>::D where T::E: core::fmt::Debug",
        ),
        ("pub fn &str::into_servers(self)", "pub fn &str::into_servers(self)"),
        (
            "pub use own::function = other::module::function",
            "pub use own::function = other::module::function",
        ),
    ] {
        assert_eq!(shorten(long, "own"), short);
    }
}
