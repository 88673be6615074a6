//! Where JetStream is asked: a client, the prefix of the API, and how long an answer may take.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::sync::OnceLock;
use std::time::Duration;

use nats_proto::Subject;
use nats_proto::SubjectError;
use nats_proto::jetstream::ApiPrefix;
use nats_proto::jetstream::ApiSubject;
use nats_proto::jetstream::ErrorCode;
use nats_proto::jetstream::NameError;
use nats_proto::jetstream::WindowConfig;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::ApiError;
use super::error::Error;
use super::window::Window;
use crate::Client;
use crate::Message;
use crate::entropy::seed;
use crate::state::shared::Shared;
use crate::sync::lock;

/// How long an answer may take, unless the application says otherwise.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How many messages that are published one by one may be under way. Who publishes more waits.
const MAX_IN_FLIGHT: u32 = 1024;

/// JetStream by way of a client: the streams of its account, or of another domain.
///
/// Made by [`Client::jetstream`]; cheap to clone. Nothing is sent until something is asked for.
#[derive(Clone)]
pub struct Context {
    client: Client,
    prefix: Prefix,
    timeout: Duration,
    window: Arc<OnceLock<Arc<SharedWindow>>>,
}

/// The window of the messages that are published one by one; all contexts of a client have the same.
struct SharedWindow(Arc<Window>);

impl Drop for SharedWindow {
    fn drop(&mut self) {
        self.0.let_go();
    }
}

#[derive(Clone)]
enum Prefix {
    Default,
    Domain(Arc<str>),
    Custom(Arc<str>),
}

impl Client {
    /// JetStream for the account that this client is of.
    ///
    /// ```no_run
    /// use nats_tokio::jetstream::stream;
    ///
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let jetstream = client.jetstream();
    /// let orders = jetstream.get_or_create_stream(stream::Config::new("ORDERS", ["orders.>"])).await?;
    /// println!("{} messages", orders.info().await?.state.messages);
    /// # orders.delete().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn jetstream(&self) -> Context {
        Context {
            client: self.clone(),
            prefix: Prefix::Default,
            timeout: TIMEOUT,
            window: Arc::default(),
        }
    }
}

impl Context {
    /// The streams of another domain, behind a leaf node.
    ///
    /// # Errors
    ///
    /// [`NameError`]: a domain is one token.
    pub fn domain(self, domain: &str) -> Result<Self, NameError> {
        ApiPrefix::domain(domain)?;
        Ok(Self { prefix: Prefix::Domain(domain.into()), ..self })
    }

    /// The streams of another account, whose API this one imports under another prefix than `$JS.API`:
    /// `JS.acc` for subjects such as `JS.acc.STREAM.INFO.ORDERS`.
    ///
    /// # Errors
    ///
    /// [`SubjectError`] if the prefix is not a subject.
    pub fn prefix(self, prefix: &str) -> Result<Self, SubjectError> {
        Subject::new(prefix)?;
        Ok(Self { prefix: Prefix::Custom(prefix.into()), ..self })
    }

    /// How long an answer may take, waiting for a connection included. Default: 5 s.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// The client.
    #[must_use]
    pub const fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        self.client.shared()
    }

    /// Where messages are that are published one by one.
    pub(super) fn window(&self) -> &Arc<Window> {
        let window = self.window.get_or_init(|| {
            let shared = self.shared();
            let mut place = lock(&shared.companion);
            let known = place.upgrade().and_then(|known| known.downcast::<SharedWindow>().ok());
            known.unwrap_or_else(|| {
                let config = WindowConfig::new(MAX_IN_FLIGHT).independent();
                let window = Window::start(shared, (config, MAX_IN_FLIGHT), seed(), None);
                let window = Arc::new(SharedWindow(window));
                *place = Arc::downgrade(&(Arc::clone(&window) as Arc<dyn Any + Send + Sync>));
                window
            })
        });
        &window.0
    }

    pub(super) fn api_prefix(&self) -> ApiPrefix<'_> {
        // Both were checked when they were set.
        match &self.prefix {
            Prefix::Default => ApiPrefix::DEFAULT,
            Prefix::Domain(domain) => ApiPrefix::domain(domain).unwrap_or_default(),
            Prefix::Custom(prefix) => {
                Subject::new(prefix).map(ApiPrefix::custom).unwrap_or_default()
            }
        }
    }

    pub(super) const fn request_timeout(&self) -> Duration {
        self.timeout
    }

    /// The whole subject of a request.
    pub(super) fn subject(&self, subject: ApiSubject<'_>) -> String {
        let mut text = Vec::with_capacity(64);
        // A vector has room for any subject.
        subject
            .encode(self.api_prefix(), &mut text)
            .map(|subject| subject.as_str().to_owned())
            .unwrap_or_default()
    }

    /// Makes a request and returns the answer as it came.
    ///
    /// # Cancel safety
    ///
    /// What was asked for may be done even if the answer is not waited for.
    pub(super) async fn ask(
        &self,
        subject: ApiSubject<'_>,
        body: Vec<u8>,
    ) -> Result<Message, Error> {
        let subject = self.subject(subject);
        Ok(self.client.request(&subject, body).timeout(self.timeout).await?)
    }

    /// Makes a request to a subject, with a body of JSON.
    ///
    /// # Cancel safety
    ///
    /// As [`ask`](Self::ask).
    pub(super) async fn call_at(&self, subject: &str, body: &Value) -> Result<Value, Error> {
        let request = self.client.request(subject, body.to_string());
        read_json(request.timeout(self.timeout).await?.payload())
    }

    /// Makes a request of the API with a body of JSON, or none.
    ///
    /// # Cancel safety
    ///
    /// As [`ask`](Self::ask).
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        subject: ApiSubject<'_>,
        body: Option<&(impl Serialize + Sync)>,
    ) -> Result<T, Error> {
        let value = self.call_raw(subject, body).await?;
        serde_json::from_value(value).map_err(Error::invalid_response)
    }

    /// The same, with the answer as JSON.
    ///
    /// # Cancel safety
    ///
    /// As [`ask`](Self::ask).
    pub(super) async fn call_raw(
        &self,
        subject: ApiSubject<'_>,
        body: Option<&(impl Serialize + Sync)>,
    ) -> Result<Value, Error> {
        let body = body.map(serde_json::to_vec).transpose();
        let body = body.map_err(Error::invalid_response)?;
        let reply = self.ask(subject, body.unwrap_or_default()).await?;
        read_json(reply.payload())
    }
}

/// An answer's JSON, unless it is an error.
pub(super) fn read_json(answer: &[u8]) -> Result<Value, Error> {
    let value: Value = serde_json::from_slice(answer).map_err(Error::invalid_response)?;
    match value.get("error") {
        None | Some(Value::Null) => Ok(value),
        Some(error) => Err(Error::Api(api_error(error))),
    }
}

fn api_error(error: &Value) -> ApiError {
    let number = |key| {
        let number = error.get(key).and_then(Value::as_u64);
        number.and_then(|number| u16::try_from(number).ok()).unwrap_or_default()
    };
    let description = error.get("description").and_then(Value::as_str).unwrap_or_default();
    ApiError {
        status: number("code"),
        code: ErrorCode(number("err_code")),
        description: description.to_owned(),
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("prefix", &self.api_prefix())
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
