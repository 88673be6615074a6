//! Consumers: making, changing, asking and deleting them.

mod config;
mod create;
mod info;
mod list;
mod settings;

use std::fmt;
use std::sync::Arc;

use nats_proto::jetstream::ApiSubject;
use nats_proto::jetstream::ConsumerName;
use nats_proto::jetstream::StreamName;
use nats_proto::jetstream::Timestamp;
use serde_json::Value;
use serde_json::json;

pub use config::AckPolicy;
pub use config::Config;
pub use config::DeliverPolicy;
pub use config::FilterSubjects;
pub use config::PriorityPolicy;
pub use config::ReplayPolicy;
pub use info::HeldUp;
pub use info::Info;
pub use info::Paused;
pub use info::PriorityGroup;
pub use info::SequenceInfo;
pub use list::ConsumerInfos;
pub use list::ConsumerNames;
pub(super) use settings::Settings;

use super::context::Context;
use super::error::Error;
use super::idle::Idle;

/// A consumer, by its name and its stream's. Cheap to clone.
///
/// It knows nothing of the consumer's state. Of its configuration it knows what the last answer about it said,
/// to whoever made it, [got it](crate::jetstream::Stream::get_consumer) or asked for its [`info`](Self::info):
/// the `ack_wait`, whether acknowledgements are wanted, and whether deliveries are limited.
#[derive(Clone)]
pub struct Consumer {
    pub(super) context: Context,
    stream: Arc<str>,
    name: Arc<str>,
    pub(super) idle: Arc<Idle>,
    pub(super) settings: Arc<Settings>,
}

impl Consumer {
    pub(super) fn new(context: Context, stream: StreamName<'_>, name: ConsumerName<'_>) -> Self {
        Self {
            context,
            stream: stream.as_str().into(),
            name: name.as_str().into(),
            idle: Arc::default(),
            settings: Arc::default(),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name of its stream.
    #[must_use]
    pub fn stream_name(&self) -> &str {
        &self.stream
    }

    /// Both names again as what they were checked to be.
    pub(super) fn checked_names(&self) -> Result<(StreamName<'_>, ConsumerName<'_>), Error> {
        Ok((StreamName::new(&self.stream)?, ConsumerName::new(&self.name)?))
    }

    /// Its configuration and state.
    ///
    /// # Errors
    ///
    /// [`Error`]; of the class [`NotFound`](crate::jetstream::ErrorClass::NotFound) if there is none.
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed by asking.
    pub async fn info(&self) -> Result<Info, Error> {
        let (stream, name) = self.checked_names()?;
        let subject = ApiSubject::consumer_info(stream, name);
        let info = self.context.call(subject, None::<&()>).await?;
        self.settings.note(&info);
        Ok(info)
    }

    /// The consumer, and what an answer about it says.
    fn with_info(self, answer: Value) -> Self {
        if let Ok(info) = serde_json::from_value(answer) {
            self.settings.note(&info);
        }
        self
    }

    /// Deletes it.
    ///
    /// # Errors
    ///
    /// [`Error`].
    ///
    /// # Cancel safety
    ///
    /// It may be deleted even if the answer is not waited for.
    pub async fn delete(&self) -> Result<(), Error> {
        let (stream, name) = self.checked_names()?;
        self.context
            .call_raw(ApiSubject::consumer_delete(stream, name), None::<&()>)
            .await
            .map(drop)
    }

    /// Lets it deliver nothing until then. Needs a server from 2.11 on; an older one does not answer.
    ///
    /// # Errors
    ///
    /// [`Error`].
    ///
    /// # Cancel safety
    ///
    /// It may be paused even if the answer is not waited for.
    pub async fn pause(&self, until: Timestamp) -> Result<Paused, Error> {
        self.pause_request(&json!({ "pause_until": until.to_string() })).await
    }

    /// Lets it deliver again. Needs a server from 2.11 on.
    ///
    /// # Errors
    ///
    /// [`Error`].
    ///
    /// # Cancel safety
    ///
    /// It may be resumed even if the answer is not waited for.
    pub async fn resume(&self) -> Result<Paused, Error> {
        self.pause_request(&json!({})).await
    }

    /// Lets it start over: at that sequence number, or after the last message up to which all are
    /// acknowledged. Needs a server from 2.14 on.
    ///
    /// # Errors
    ///
    /// [`Error`].
    ///
    /// # Cancel safety
    ///
    /// It may start over even if the answer is not waited for.
    pub async fn reset(&self, sequence: Option<u64>) -> Result<Info, Error> {
        let (stream, name) = self.checked_names()?;
        let body = sequence.map(|sequence| json!({ "seq": sequence }));
        self.context.call(ApiSubject::consumer_reset(stream, name), body.as_ref()).await
    }

    /// Takes the pin from the client of a priority group that has it. Needs a server from 2.11 on.
    ///
    /// # Errors
    ///
    /// [`Error`].
    ///
    /// # Cancel safety
    ///
    /// It may be taken even if the answer is not waited for.
    pub async fn unpin(&self, group: &str) -> Result<(), Error> {
        let (stream, name) = self.checked_names()?;
        let subject = ApiSubject::consumer_unpin(stream, name);
        self.context.call_raw(subject, Some(&json!({ "group": group }))).await.map(drop)
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
        let (stream, name) = self.checked_names()?;
        let subject = ApiSubject::consumer_leader_stepdown(stream, name);
        self.context.call_raw(subject, None::<&()>).await.map(drop)
    }

    async fn pause_request(&self, body: &Value) -> Result<Paused, Error> {
        let (stream, name) = self.checked_names()?;
        self.context.call(ApiSubject::consumer_pause(stream, name), Some(body)).await
    }
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("stream", &self.stream)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
