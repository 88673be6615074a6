//! What the fuzz targets do with their input. In the crate, so that it always compiles, and so that
//! the unit tests run the corpus.

#[cfg(feature = "jetstream")]
pub use crate::jetstream::fuzzing::jetstream_json;
