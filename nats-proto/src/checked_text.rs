//! Texts that are checked when they are made, and borrowed.

/// Makes the constructors and conversions of tuple structs around a checked `&str`. A row is a type, its
/// description, its error, and the check of a text.
macro_rules! checked_texts {
    ($($name:ident: $what:literal, $error:ident, |$text:ident| $check:expr;)*) => {$(
        impl<'a> $name<'a> {
            #[doc = concat!("Checks that `text` is a ", $what, ".")]
            ///
            /// # Errors
            ///
            /// The first rule that `text` breaks.
            #[inline]
            pub const fn new($text: &'a str) -> Result<Self, $error> {
                match $check {
                    Ok(()) => Ok(Self($text)),
                    Err(error) => Err(error),
                }
            }

            #[doc = concat!("A ", $what, " known when the program is written.")]
            ///
            /// # Panics
            ///
            #[doc = concat!("If `text` is not a ", $what, ". In a constant that is an error of the compiler.")]
            #[must_use]
            pub const fn from_static($text: &'static str) -> $name<'static> {
                match $check {
                    Ok(()) => $name($text),
                    Err(_) => panic!(concat!("not a valid ", $what)),
                }
            }

            /// The text.
            #[must_use]
            pub const fn as_str(self) -> &'a str {
                self.0
            }

            /// The text's bytes.
            #[must_use]
            pub const fn as_bytes(self) -> &'a [u8] {
                self.0.as_bytes()
            }
        }

        impl<'a> TryFrom<&'a str> for $name<'a> {
            type Error = $error;

            #[inline]
            fn try_from(text: &'a str) -> Result<Self, $error> {
                Self::new(text)
            }
        }

        #[cfg(feature = "alloc")]
        impl<'a> TryFrom<&'a alloc::string::String> for $name<'a> {
            type Error = $error;

            #[inline]
            fn try_from(text: &'a alloc::string::String) -> Result<Self, $error> {
                Self::new(text)
            }
        }

        impl fmt::Display for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.0)
            }
        }

        impl AsRef<str> for $name<'_> {
            fn as_ref(&self) -> &str {
                self.0
            }
        }
    )*};
}

pub(crate) use checked_texts;
