//! Single messages of a stream.

use bytes::Bytes;
use nats_proto::Headers;
use nats_proto::Status;
use nats_proto::Subject;
use nats_proto::jetstream::ApiSubject;
use nats_proto::jetstream::ErrorCode;
use nats_proto::jetstream::Timestamp;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use super::Stream;
use crate::HeaderMap;
use crate::Message;
use crate::jetstream::base64;
use crate::jetstream::error::ApiError;
use crate::jetstream::error::Error;

/// A message as a stream has it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StoredMessage {
    /// What it was published to.
    pub subject: String,
    /// Its sequence number in the stream.
    pub sequence: u64,
    /// When it was stored.
    pub time: Timestamp,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its payload.
    pub payload: Bytes,
}

/// Which message.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Which<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_by_subj: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_by_subj: Option<&'a str>,
}

impl<'a> Which<'a> {
    const fn at(sequence: u64) -> Self {
        Self { seq: Some(sequence), last_by_subj: None, next_by_subj: None }
    }

    fn last_of(subject: &'a str) -> Result<Self, Error> {
        nats_proto::Filter::new(subject)?;
        Ok(Self { last_by_subj: Some(subject), ..Self::default() })
    }

    fn from(sequence: u64, subject: &'a str) -> Result<Self, Error> {
        nats_proto::Filter::new(subject)?;
        Ok(Self { seq: Some(sequence), next_by_subj: Some(subject), ..Self::default() })
    }
}

impl Stream {
    /// The message of that sequence number, from the stream's leader.
    ///
    /// # Errors
    ///
    /// [`Error`]; of the class [`NotFound`](crate::jetstream::ErrorClass::NotFound) if there is none.
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed by asking.
    pub async fn get(&self, sequence: u64) -> Result<StoredMessage, Error> {
        self.get_from_leader(Which::at(sequence)).await
    }

    /// The last message of a subject, which may have wildcards, from the stream's leader.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed by asking.
    pub async fn get_last(&self, subject: &str) -> Result<StoredMessage, Error> {
        self.get_from_leader(Which::last_of(subject)?).await
    }

    /// The first message of a subject, which may have wildcards, from that sequence number on, from
    /// the stream's leader.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed by asking.
    pub async fn get_next(&self, sequence: u64, subject: &str) -> Result<StoredMessage, Error> {
        self.get_from_leader(Which::from(sequence, subject)?).await
    }

    /// As [`get`](Self::get), from any server that has the stream: sooner, and perhaps not the newest.
    /// The stream has to [allow it](super::Config::allow_direct) (ADR-31).
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get); [`Error::NoResponders`], or with servers before 2.10
    /// [`Error::TimedOut`], if the stream does not allow it.
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed by asking.
    pub async fn direct_get(&self, sequence: u64) -> Result<StoredMessage, Error> {
        self.get_from_any(Which::at(sequence)).await
    }

    /// As [`get_last`](Self::get_last), from any server that has the stream.
    ///
    /// # Errors
    ///
    /// As [`direct_get`](Self::direct_get).
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed by asking.
    pub async fn direct_get_last(&self, subject: &str) -> Result<StoredMessage, Error> {
        self.get_from_any(Which::last_of(subject)?).await
    }

    /// As [`get_next`](Self::get_next), from any server that has the stream.
    ///
    /// # Errors
    ///
    /// As [`direct_get`](Self::direct_get).
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed by asking.
    pub async fn direct_get_next(
        &self,
        sequence: u64,
        subject: &str,
    ) -> Result<StoredMessage, Error> {
        self.get_from_any(Which::from(sequence, subject)?).await
    }

    /// Deletes a message. What it was cannot be read from the disk any more.
    ///
    /// # Errors
    ///
    /// [`Error`].
    ///
    /// # Cancel safety
    ///
    /// It may be deleted even if the answer is not waited for.
    pub async fn delete_message(&self, sequence: u64) -> Result<(), Error> {
        self.delete_one(&serde_json::json!({ "seq": sequence })).await
    }

    /// Deletes a message, without writing over what is on the disk: faster.
    ///
    /// # Errors
    ///
    /// [`Error`].
    ///
    /// # Cancel safety
    ///
    /// It may be deleted even if the answer is not waited for.
    pub async fn delete_message_fast(&self, sequence: u64) -> Result<(), Error> {
        self.delete_one(&serde_json::json!({ "seq": sequence, "no_erase": true })).await
    }

    async fn delete_one(&self, body: &Value) -> Result<(), Error> {
        let subject = ApiSubject::message_delete(self.checked_name()?);
        self.context.call_raw(subject, Some(body)).await.map(drop)
    }

    async fn get_from_leader(&self, which: Which<'_>) -> Result<StoredMessage, Error> {
        let subject = ApiSubject::message_get(self.checked_name()?);
        read_stored(&self.context.call_raw(subject, Some(&which)).await?)
    }

    async fn get_from_any(&self, which: Which<'_>) -> Result<StoredMessage, Error> {
        let name = self.checked_name()?;
        let subject = which.last_by_subj.and_then(|subject| Subject::new(subject).ok());
        let reply = match subject {
            Some(subject) => {
                self.context.ask(ApiSubject::direct_get_last(name, subject), Vec::new()).await?
            }
            None => {
                let body = serde_json::to_vec(&which);
                let body = body.map_err(Error::invalid_response)?;
                self.context.ask(ApiSubject::direct_get(name), body).await?
            }
        };
        Ok(read_direct(&reply)?.message)
    }
}

/// A message in the answer of a stream's leader, whose headers and payload are in Base64.
#[derive(Deserialize)]
struct Encoded {
    subject: String,
    seq: u64,
    #[serde(with = "crate::jetstream::json::time::required")]
    time: Timestamp,
    #[serde(default)]
    hdrs: String,
    #[serde(default)]
    data: String,
}

/// Reads the answer of a stream's leader.
pub(in crate::jetstream) fn read_stored(answer: &Value) -> Result<StoredMessage, Error> {
    let message = answer.get("message").unwrap_or(&Value::Null);
    let message = Encoded::deserialize(message).map_err(Error::invalid_response)?;
    let decode = |text: &str| {
        let bytes = base64::decode(text.as_bytes());
        bytes.ok_or_else(|| Error::invalid_response("not base64"))
    };
    Ok(StoredMessage {
        subject: message.subject,
        sequence: message.seq,
        time: message.time,
        headers: Headers::from_bytes(&decode(&message.hdrs)?).into(),
        payload: decode(&message.data)?.into(),
    })
}

/// The reply to a direct get.
pub(super) struct Direct {
    pub(super) message: StoredMessage,
    /// How many more follow, if the server knows that many were asked for.
    pub(super) pending: Option<u64>,
    /// The sequence number of the one before it; zero for the first.
    pub(super) last_sequence: Option<u64>,
}

/// Reads a message as it was stored, with the server's headers behind its own.
pub(super) fn read_direct(reply: &Message) -> Result<Direct, Error> {
    let headers: Vec<_> = reply.headers().iter().collect();
    let Some(at) = headers.iter().rposition(|(name, _)| *name == "Nats-Stream") else {
        return Err(match reply.status() {
            Some(status) => Error::Api(status_error(status)),
            None => missing("Nats-Stream"),
        });
    };
    let (own, added) = headers.split_at(at);
    let find = |name: &str| added.iter().find(|(found, _)| *found == name).map(|(_, value)| *value);
    let number = |name: &str| find(name).and_then(|value| value.parse().ok());
    let text = |name: &str| find(name).ok_or_else(|| missing(name));
    let time = Timestamp::parse(text("Nats-Time-Stamp")?);
    let message = StoredMessage {
        subject: text("Nats-Subject")?.to_owned(),
        sequence: number("Nats-Sequence").ok_or_else(|| missing("Nats-Sequence"))?,
        time: time.map_err(Error::invalid_response)?,
        headers: own.iter().copied().collect(),
        payload: reply.payload_bytes(),
    };
    let pending = number("Nats-Num-Pending");
    Ok(Direct { message, pending, last_sequence: number("Nats-Last-Sequence") })
}

fn missing(header: &str) -> Error {
    Error::InvalidResponse(format!("no header `{header}`"))
}

pub(super) fn status_error(status: Status<'_>) -> ApiError {
    let description = String::from_utf8_lossy(status.description_bytes()).into_owned();
    let code = status.code().get();
    let is_missing = code == 404;
    let code_of_error = if is_missing { ErrorCode::MESSAGE_NOT_FOUND } else { ErrorCode(0) };
    ApiError { status: code, code: code_of_error, description }
}
