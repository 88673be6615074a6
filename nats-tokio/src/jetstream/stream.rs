//! Streams: making, changing, asking and deleting them.

mod config;
mod create;
mod direct;
mod info;
mod list;
mod message;
mod purge;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use nats_proto::jetstream::ApiSubject;
use nats_proto::jetstream::StreamName;
use serde_json::Value;

pub use config::Compression;
pub use config::Config;
pub use config::ConsumerLimits;
pub use config::DiscardPolicy;
pub use config::External;
pub use config::PersistMode;
pub use config::Placement;
pub use config::Republish;
pub use config::RetentionPolicy;
pub use config::Source;
pub use config::SourceConsumer;
pub use config::StorageType;
pub use config::SubjectTransform;
pub(in crate::jetstream) use config::choices;
pub use direct::DirectBatch;
pub use direct::DirectLast;
pub use info::ClusterInfo;
pub use info::Info;
pub use info::PeerInfo;
pub use info::SourceError;
pub use info::SourceInfo;
pub use info::State;
pub use list::StreamInfos;
pub use list::StreamNames;
pub use message::StoredMessage;
#[cfg(any(test, fuzzing))]
pub(in crate::jetstream) use message::read_stored;
pub use purge::Purge;

use super::context::Context;
use super::error::Error;
use super::json;

/// A stream, by its name. Cheap to clone; it knows nothing of the stream's state.
#[derive(Clone)]
pub struct Stream {
    pub(super) context: Context,
    name: Arc<str>,
}

/// How many entries of a list an answer has at most.
const PAGE: u64 = 100_000;

impl Stream {
    pub(super) fn new(context: Context, name: StreamName<'_>) -> Self {
        Self { context, name: name.as_str().into() }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name again as what it was checked to be.
    pub(super) fn checked_name(&self) -> Result<StreamName<'_>, Error> {
        Ok(StreamName::new(&self.name)?)
    }

    /// Its configuration and state.
    ///
    /// # Errors
    ///
    /// [`Error`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed by asking.
    pub async fn info(&self) -> Result<Info, Error> {
        self.context.call(ApiSubject::stream_info(self.checked_name()?), None::<&()>).await
    }

    /// The same, with how many messages each subject that the filter matches has:
    /// [`State::subjects`].
    ///
    /// Servers answer with 100,000 subjects at once; all of them are asked for.
    ///
    /// # Errors
    ///
    /// [`Error`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed by asking.
    pub async fn info_with_subjects(&self, filter: &str) -> Result<Info, Error> {
        let mut info = self.info_from(filter, 0).await?;
        let mut subjects = std::mem::take(&mut info.state.subjects);
        let mut offset = page_len(&subjects);
        let mut is_last = offset < PAGE;
        while !is_last {
            info = self.info_from(filter, offset).await?;
            let more = std::mem::take(&mut info.state.subjects);
            is_last = page_len(&more) < PAGE;
            offset += page_len(&more);
            subjects.extend(more);
        }
        info.state.subjects = subjects;
        Ok(info)
    }

    /// The subjects that the filter matches, from the one at that place of the list on, as many as an
    /// answer has.
    async fn subjects_from(&self, filter: &str, offset: u64) -> Result<Vec<String>, Error> {
        let info = self.info_from(filter, offset).await?;
        Ok(info.state.subjects.into_keys().collect())
    }

    async fn info_from(&self, filter: &str, offset: u64) -> Result<Info, Error> {
        nats_proto::Filter::new(filter)?;
        let subject = ApiSubject::stream_info(self.checked_name()?);
        let body = serde_json::json!({ "subjects_filter": filter, "offset": offset });
        self.context.call(subject, Some(&body)).await
    }

    /// The same, with the sequence numbers of messages that were deleted: [`State::deleted`].
    ///
    /// # Errors
    ///
    /// [`Error`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed by asking.
    pub async fn info_with_deleted(&self) -> Result<Info, Error> {
        let body = serde_json::json!({ "deleted_details": true });
        self.context.call(ApiSubject::stream_info(self.checked_name()?), Some(&body)).await
    }

    /// Changes the configuration: the closure gets what it is, and changes what it wants.
    ///
    /// What the closure does not touch stays as it is, also what this version does not know. Of two
    /// updates at the same time, the later one wins.
    ///
    /// # Errors
    ///
    /// [`Error`]; [`Error::Unsupported`] if the server has left something out.
    ///
    /// # Cancel safety
    ///
    /// The stream may be changed even if the answer is not waited for.
    pub async fn update(&self, change: impl FnOnce(&mut Config) + Send) -> Result<Info, Error> {
        let name = self.checked_name()?;
        let mut info = self.context.call_raw(ApiSubject::stream_info(name), None::<&()>).await?;
        let mut whole = info.get_mut("config").map(Value::take).unwrap_or_default();
        let mut config: Config =
            serde_json::from_value(whole.clone()).map_err(Error::invalid_response)?;
        let before = serde_json::to_value(&config).map_err(Error::invalid_response)?;
        change(&mut config);
        let after = serde_json::to_value(&config).map_err(Error::invalid_response)?;
        let original = whole.clone();
        json::apply_changes(&mut whole, &before, &after);
        // A server may have more to change than it was told: sealing a stream lifts limits, too.
        let asked = json::changed_fields(&original, &whole);
        create::send(&self.context, ApiSubject::stream_update(name), &whole, &asked).await
    }

    /// Deletes the stream, with all its messages and consumers.
    ///
    /// # Errors
    ///
    /// [`Error`].
    ///
    /// # Cancel safety
    ///
    /// The stream may be deleted even if the answer is not waited for.
    pub async fn delete(&self) -> Result<(), Error> {
        let subject = ApiSubject::stream_delete(self.checked_name()?);
        self.context.call_raw(subject, None::<&()>).await.map(drop)
    }

    /// Lets nothing be changed any more: no message is stored or removed. Cannot be undone.
    ///
    /// # Errors
    ///
    /// [`Error`].
    ///
    /// # Cancel safety
    ///
    /// As [`update`](Self::update).
    pub async fn seal(&self) -> Result<Info, Error> {
        self.update(|config| config.sealed = true).await
    }

    /// Lets another server become the leader. For tests of what that does to an application.
    ///
    /// # Errors
    ///
    /// [`Error`].
    ///
    /// # Cancel safety
    ///
    /// It may happen even if the answer is not waited for.
    pub async fn step_down(&self) -> Result<(), Error> {
        let subject = ApiSubject::stream_leader_stepdown(self.checked_name()?);
        self.context.call_raw(subject, None::<&()>).await.map(drop)
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("name", &self.name).finish_non_exhaustive()
    }
}

fn page_len(subjects: &BTreeMap<String, u64>) -> u64 {
    u64::try_from(subjects.len()).unwrap_or(PAGE)
}
