//! Making streams.

use nats_proto::jetstream::ApiSubject;
use nats_proto::jetstream::StreamName;
use serde::Deserialize;
use serde_json::Value;

use super::Stream;
use super::config::Config;
use super::info::Info;
use crate::jetstream::context::Context;
use crate::jetstream::error::Error;
use crate::jetstream::json;

impl Context {
    /// A stream by its name, without asking the server whether it is there.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidName`].
    pub fn stream(&self, name: &str) -> Result<Stream, Error> {
        Ok(Stream::new(self.clone(), StreamName::new(name)?))
    }

    /// A stream that is there.
    ///
    /// # Errors
    ///
    /// [`Error`]; of the class [`NotFound`](crate::jetstream::ErrorClass::NotFound) if there is none.
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed by asking.
    pub async fn get_stream(&self, name: &str) -> Result<Stream, Error> {
        let stream = self.stream(name)?;
        stream.info().await?;
        Ok(stream)
    }

    /// Makes a stream. If there is one of that name with the same configuration, that is as good.
    ///
    /// # Errors
    ///
    /// [`Error`]; of the class [`AlreadyExists`](crate::jetstream::ErrorClass::AlreadyExists) if there is another one of that
    /// name, or with one of these subjects. [`Error::Unsupported`] if the server has made it without a
    /// field of the configuration that it does not know: the stream is there then.
    ///
    /// # Cancel safety
    ///
    /// The stream may be made even if the answer is not waited for.
    pub async fn create_stream(&self, config: Config) -> Result<Stream, Error> {
        let name = StreamName::new(&config.name)?;
        let config = to_json(&config)?;
        send(self, ApiSubject::stream_create(name), &config, &config).await?;
        Ok(Stream::new(self.clone(), name))
    }

    /// The stream of that name, or a new one with this configuration. One that is there is not
    /// changed.
    ///
    /// # Errors
    ///
    /// [`Error`].
    ///
    /// # Cancel safety
    ///
    /// As [`create_stream`](Self::create_stream).
    pub async fn get_or_create_stream(&self, config: Config) -> Result<Stream, Error> {
        match self.get_stream(&config.name).await {
            Err(error) if error.is_not_found() => self.create_stream(config).await,
            stream => stream,
        }
    }

    /// Makes a stream, or gives the one of that name exactly this configuration: what is not in it goes
    /// back to its default. [`Stream::update`] changes single settings.
    ///
    /// # Errors
    ///
    /// [`Error`].
    ///
    /// # Cancel safety
    ///
    /// As [`create_stream`](Self::create_stream).
    pub async fn create_or_update_stream(&self, config: Config) -> Result<Stream, Error> {
        let name = StreamName::new(&config.name)?;
        let value = to_json(&config)?;
        match send(self, ApiSubject::stream_update(name), &value, &value).await {
            Ok(_) => Ok(Stream::new(self.clone(), name)),
            Err(error) if error.is_not_found() => self.create_stream(config).await,
            Err(error) => Err(error),
        }
    }

    /// Deletes a stream, with all its messages and consumers.
    ///
    /// # Errors
    ///
    /// [`Error`]; of the class [`NotFound`](crate::jetstream::ErrorClass::NotFound) if there is none.
    ///
    /// # Cancel safety
    ///
    /// The stream may be deleted even if the answer is not waited for.
    pub async fn delete_stream(&self, name: &str) -> Result<(), Error> {
        self.stream(name)?.delete().await
    }

    /// The name of the stream that stores messages of this subject.
    ///
    /// # Errors
    ///
    /// [`Error`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed by asking.
    pub async fn stream_by_subject(&self, subject: &str) -> Result<Option<String>, Error> {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Names {
            #[serde(deserialize_with = "json::null_as_default")]
            streams: Vec<String>,
        }
        nats_proto::Filter::new(subject)?;
        let body = serde_json::json!({ "subject": subject });
        let names: Names = self.call(ApiSubject::stream_names(), Some(&body)).await?;
        Ok(names.streams.into_iter().next())
    }
}

fn to_json(config: &Config) -> Result<Value, Error> {
    serde_json::to_value(config).map_err(Error::invalid_response)
}

/// Sends a whole configuration, and looks whether the server has taken what was asked for in it.
pub(super) async fn send(
    context: &Context,
    subject: ApiSubject<'_>,
    config: &Value,
    asked: &Value,
) -> Result<Info, Error> {
    let answer = context.call_raw(subject, Some(config)).await?;
    let echo = answer.get("config").unwrap_or(&Value::Null);
    if let Some(field) = json::missing_field(asked, echo) {
        return Err(Error::Unsupported { field });
    }
    serde_json::from_value(answer).map_err(Error::invalid_response)
}
