//! Making and changing consumers.

use nats_proto::Filter;
use nats_proto::jetstream::ApiSubject;
use nats_proto::jetstream::ConsumerName;
use nats_proto::jetstream::ErrorCode;
use serde_json::Value;
use serde_json::json;

use super::Config;
use super::Consumer;
use super::Info;
use crate::jetstream::error::ApiError;
use crate::jetstream::error::Error;
use crate::jetstream::json;
use crate::jetstream::stream::Stream;

/// What is to be done if there is a consumer of that name, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Create,
    Update,
    CreateOrUpdate,
}

impl Stream {
    /// A consumer by its name, without asking the server whether it is there.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidName`].
    pub fn consumer(&self, name: &str) -> Result<Consumer, Error> {
        let stream = self.checked_name()?;
        Ok(Consumer::new(self.context.clone(), stream, ConsumerName::new(name)?))
    }

    /// A consumer that is there.
    ///
    /// # Errors
    ///
    /// [`Error`]; of the class [`NotFound`](crate::jetstream::ErrorClass::NotFound) if there is none.
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed by asking.
    pub async fn get_consumer(&self, name: &str) -> Result<Consumer, Error> {
        let consumer = self.consumer(name)?;
        consumer.info().await?;
        Ok(consumer)
    }

    /// Makes a consumer. If there is one of that name with the same configuration, that is as good.
    ///
    /// Servers before 2.10 change the configuration of one that is there, so whether there is one is asked
    /// first. Nothing keeps two clients from doing that at the same time.
    ///
    /// # Errors
    ///
    /// [`Error`]; of the class [`AlreadyExists`](crate::jetstream::ErrorClass::AlreadyExists) if there is
    /// another one of that name. [`Error::Unsupported`] if the server has made it without a field of the
    /// configuration that it does not know: the consumer is there then.
    ///
    /// # Cancel safety
    ///
    /// The consumer may be made even if the answer is not waited for.
    pub async fn create_consumer(&self, config: Config) -> Result<Consumer, Error> {
        let asked = to_json(&config)?;
        if let Some(name) = config.consumer_name() {
            match self.consumer_as_json(name).await {
                Ok(existing) => return self.same_or_error(name, &asked, &existing),
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        self.send_consumer(&config, &asked, Action::Create).await
    }

    /// The consumer of that name, or a new one with this configuration. One that is there is not
    /// changed.
    ///
    /// # Errors
    ///
    /// [`Error`].
    ///
    /// # Cancel safety
    ///
    /// As [`create_consumer`](Self::create_consumer).
    pub async fn get_or_create_consumer(&self, config: Config) -> Result<Consumer, Error> {
        if let Some(name) = config.consumer_name() {
            match self.get_consumer(name).await {
                Err(error) if error.is_not_found() => {}
                consumer => return consumer,
            }
        }
        let asked = to_json(&config)?;
        self.send_consumer(&config, &asked, Action::Create).await
    }

    /// Makes a consumer, or gives the one of that name exactly this configuration: what is not in it goes
    /// back to its default. [`update_consumer`](Self::update_consumer) changes single settings.
    ///
    /// # Errors
    ///
    /// [`Error`].
    ///
    /// # Cancel safety
    ///
    /// As [`create_consumer`](Self::create_consumer).
    pub async fn create_or_update_consumer(&self, config: Config) -> Result<Consumer, Error> {
        let asked = to_json(&config)?;
        self.send_consumer(&config, &asked, Action::CreateOrUpdate).await
    }

    /// Changes the configuration of a consumer: the closure gets what it is, and changes what it wants.
    ///
    /// What the closure does not touch stays as it is, also what this version does not know. Of two
    /// updates at the same time, the later one wins.
    ///
    /// # Errors
    ///
    /// [`Error`].
    ///
    /// # Cancel safety
    ///
    /// The consumer may be changed even if the answer is not waited for.
    pub async fn update_consumer(
        &self,
        name: &str,
        change: impl FnOnce(&mut Config) + Send,
    ) -> Result<Info, Error> {
        let mut whole = self.consumer_as_json(name).await?;
        let mut config: Config =
            serde_json::from_value(whole.clone()).map_err(Error::invalid_response)?;
        let before = to_json(&config)?;
        change(&mut config);
        let after = to_json(&config)?;
        let filters = ["filter_subject", "filter_subjects"];
        if filters.iter().any(|key| before.get(key) != after.get(key))
            && let Value::Object(whole) = &mut whole
        {
            // One filter and several are different fields, and a consumer has one of them.
            whole.retain(|key, _| !filters.contains(&key.as_str()));
        }
        let original = whole.clone();
        json::apply_changes(&mut whole, &before, &after);
        let asked = json::changed_fields(&original, &whole);
        let answer = self.send_json(&config, &whole, &asked, Action::Update).await?;
        serde_json::from_value(answer).map_err(Error::invalid_response)
    }

    /// Deletes a consumer.
    ///
    /// # Errors
    ///
    /// [`Error`].
    ///
    /// # Cancel safety
    ///
    /// It may be deleted even if the answer is not waited for.
    pub async fn delete_consumer(&self, name: &str) -> Result<(), Error> {
        self.consumer(name)?.delete().await
    }

    /// The configuration of a consumer that is there.
    async fn consumer_as_json(&self, name: &str) -> Result<Value, Error> {
        let subject = ApiSubject::consumer_info(self.checked_name()?, ConsumerName::new(name)?);
        let mut info = self.context.call_raw(subject, None::<&()>).await?;
        Ok(info.get_mut("config").map(Value::take).unwrap_or_default())
    }

    fn same_or_error(
        &self,
        name: &str,
        asked: &Value,
        existing: &Value,
    ) -> Result<Consumer, Error> {
        if json::missing_field(asked, existing).is_none() {
            let info = json!({ "config": existing });
            return Ok(self.consumer(name)?.with_info(info));
        }
        Err(Error::Api(ApiError {
            status: 400,
            code: ErrorCode::CONSUMER_ALREADY_EXISTS,
            description: "consumer already exists".to_owned(),
        }))
    }

    async fn send_consumer(
        &self,
        config: &Config,
        asked: &Value,
        action: Action,
    ) -> Result<Consumer, Error> {
        let answer = self.send_json(config, asked, asked, action).await?;
        let name = answer.get("name").and_then(Value::as_str).unwrap_or_default();
        Ok(self.consumer(name)?.with_info(answer))
    }

    async fn send_json(
        &self,
        config: &Config,
        whole: &Value,
        asked: &Value,
        action: Action,
    ) -> Result<Value, Error> {
        let stream = self.checked_name()?;
        let name = config.consumer_name().map(ConsumerName::new).transpose()?;
        for subject in &config.filter_subjects.0 {
            Filter::new(subject)?;
        }
        let subject = match (name, config.filter_subjects.0.as_slice()) {
            (None, _) => ApiSubject::consumer_create_unnamed(stream),
            (Some(name), [filter]) => {
                ApiSubject::consumer_create_filtered(stream, name, Filter::new(filter)?)
            }
            (Some(name), _) => ApiSubject::consumer_create(stream, name),
        };
        let mut body = json!({ "stream_name": stream.as_str(), "config": whole });
        let action = match action {
            Action::Create => Some("create"),
            Action::Update => Some("update"),
            Action::CreateOrUpdate => None,
        };
        if let (Some(action), Value::Object(body)) = (action, &mut body) {
            body.insert("action".to_owned(), action.into());
        }
        let answer = self.context.call_raw(subject, Some(&body)).await?;
        let echo = answer.get("config").unwrap_or(&Value::Null);
        match json::missing_field(asked, echo) {
            Some(field) => Err(Error::Unsupported { field }),
            None => Ok(answer),
        }
    }
}

fn to_json(config: &Config) -> Result<Value, Error> {
    serde_json::to_value(config).map_err(Error::invalid_response)
}
