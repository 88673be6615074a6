//! Buckets of keys and values (ADR-8): streams in which the last message of a subject is a key's value.

pub(super) mod create;
pub(super) mod initial;
pub(super) mod name;
pub(super) mod operation;
