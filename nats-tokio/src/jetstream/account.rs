//! What JetStream an account has.

use std::collections::BTreeMap;

use nats_proto::jetstream::ApiSubject;
use nats_proto::jetstream::ErrorCode;
use serde::Deserialize;

use super::context::Context;
use super::error::ApiError;
use super::error::Error;
use super::json::null_as_default;

/// What JetStream an account has, and what of it is in use.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct AccountInfo {
    /// How many bytes of memory are in use.
    pub memory: u64,
    /// How many bytes of disk are in use.
    pub storage: u64,
    /// How many bytes of memory streams with a limit may use. Since 2.10.
    pub reserved_memory: u64,
    /// How many bytes of disk streams with a limit may use. Since 2.10.
    pub reserved_storage: u64,
    /// How many streams there are.
    pub streams: u64,
    /// How many consumers there are.
    pub consumers: u64,
    /// How much there may be.
    pub limits: AccountLimits,
    /// The servers' domain; empty if there is none.
    pub domain: String,
    /// The requests so far, and what the server can do.
    pub api: ApiInfo,
    /// Limits and use by tier, where an account has some for each number of replicas.
    #[serde(deserialize_with = "null_as_default")]
    pub tiers: BTreeMap<String, Tier>,
}

/// How much an account may use; -1 is without a limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct AccountLimits {
    /// Bytes of memory.
    pub max_memory: i64,
    /// Bytes of disk.
    pub max_storage: i64,
    /// Streams.
    pub max_streams: i64,
    /// Consumers.
    pub max_consumers: i64,
    /// Messages that a consumer may have unacknowledged.
    pub max_ack_pending: i64,
    /// Bytes of memory of a stream.
    pub memory_max_stream_bytes: i64,
    /// Bytes of disk of a stream.
    pub storage_max_stream_bytes: i64,
    /// Whether each stream has to have a limit in bytes.
    pub max_bytes_required: bool,
}

/// The requests of an account so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ApiInfo {
    /// What the server can do (ADR-44): 1 with 2.11, 2 with 2.12; zero before.
    pub level: u32,
    /// How many requests.
    pub total: u64,
    /// How many of them were errors.
    pub errors: u64,
}

/// Limits and use of one tier.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Tier {
    /// How many bytes of memory are in use.
    pub memory: u64,
    /// How many bytes of disk are in use.
    pub storage: u64,
    /// How many bytes of memory streams with a limit may use. Since 2.10.
    pub reserved_memory: u64,
    /// How many bytes of disk streams with a limit may use. Since 2.10.
    pub reserved_storage: u64,
    /// How many streams there are.
    pub streams: u64,
    /// How many consumers there are.
    pub consumers: u64,
    /// How much there may be.
    pub limits: AccountLimits,
}

impl Context {
    /// What JetStream the account has, and what of it is in use.
    ///
    /// # Errors
    ///
    /// [`Error`]; of the class [`NotEnabled`](super::ErrorClass::NotEnabled) if the server or the
    /// account has no JetStream.
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed by asking.
    pub async fn account_info(&self) -> Result<AccountInfo, Error> {
        let info = self.call(ApiSubject::account_info(), None::<&()>).await;
        info.map_err(|error| match error {
            // A server without JetStream does not subscribe to its API.
            Error::NoResponders => Error::Api(ApiError {
                status: 503,
                code: ErrorCode::NOT_ENABLED,
                description: "JetStream not enabled".to_owned(),
            }),
            error => error,
        })
    }
}
