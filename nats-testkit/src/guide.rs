//! Chapters.

#[doc = include_str!("../docs/applications.md")]
pub mod applications {}

#[doc = include_str!("../docs/clients.md")]
pub mod clients {}
