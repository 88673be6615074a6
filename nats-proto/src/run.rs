//! What nom's own `take_while` and `char` are, without their panics: nom splits its input with
//! functions that check the length again, and a compiler that optimizes for size leaves that in.

use nom::Err::Error;
use nom::IResult;
use nom::error::ErrorKind;
use nom::error::ParseError;

/// The bytes up to the first that is not of that kind.
#[inline]
pub(crate) fn run(input: &[u8], is_in: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    let len = input.iter().position(|&byte| !is_in(byte)).unwrap_or(input.len());
    let (run, rest) = input.split_at_checked(len).unwrap_or((input, &[]));
    (rest, run)
}

/// Like [`run`], but not empty.
#[inline]
pub(crate) fn run1<'b, E: ParseError<&'b [u8]>>(
    is_in: impl Fn(u8) -> bool,
) -> impl Fn(&'b [u8]) -> IResult<&'b [u8], &'b [u8], E> {
    move |input| match run(input, &is_in) {
        (_, []) => Err(Error(E::from_error_kind(input, ErrorKind::TakeWhile1))),
        found => Ok(found),
    }
}
