//! Lists of the API, which come a page at a time.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::Context as Task;
use std::task::Poll;
use std::task::ready;

use nats_proto::Filter;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::context::Context;
use super::error::Error;

type Answer = Pin<Box<dyn Future<Output = Result<Value, Error>> + Send>>;

/// A list, of which a page is in memory.
pub(super) struct Pages<T> {
    context: Context,
    /// Of the requests.
    subject: String,
    /// What the entries are to store, where they are streams.
    filter: Option<String>,
    entries: VecDeque<T>,
    /// How many entries were received.
    offset: u64,
    asking: Option<Answer>,
    is_over: bool,
}

impl<T: DeserializeOwned + Unpin> Pages<T> {
    pub(super) fn new(context: Context, subject: String) -> Self {
        let (entries, offset) = (VecDeque::new(), 0);
        Self { context, subject, filter: None, entries, offset, asking: None, is_over: false }
    }

    /// Only those that store messages of these subjects.
    pub(super) fn filter(self, filter: String) -> Self {
        Self { filter: Some(filter), ..self }
    }

    /// The next entry of the list that the answers have under `key`.
    pub(super) fn poll_next(
        &mut self,
        key: &str,
        task: &mut Task<'_>,
    ) -> Poll<Option<Result<T, Error>>> {
        loop {
            if let Some(entry) = self.entries.pop_front() {
                return Poll::Ready(Some(Ok(entry)));
            }
            if self.is_over {
                return Poll::Ready(None);
            }
            let asking = match &mut self.asking {
                Some(asking) => asking,
                none => none.insert(ask(
                    self.context.clone(),
                    self.subject.clone(),
                    self.filter.clone(),
                    self.offset,
                )),
            };
            let answer = ready!(asking.as_mut().poll(task));
            self.asking = None;
            if let Err(error) = answer.and_then(|answer| self.take(answer, key)) {
                self.is_over = true;
                return Poll::Ready(Some(Err(error)));
            }
        }
    }

    fn take(&mut self, mut answer: Value, key: &str) -> Result<(), Error> {
        let total = answer.get("total").and_then(Value::as_u64).unwrap_or_default();
        let page = answer.get_mut(key).map(Value::take).unwrap_or_default();
        // An empty list is `null`.
        let page: Option<VecDeque<T>> =
            serde_json::from_value(page).map_err(Error::invalid_response)?;
        self.entries = page.unwrap_or_default();
        self.offset += u64::try_from(self.entries.len()).unwrap_or_default();
        self.is_over = self.entries.is_empty() || self.offset >= total;
        Ok(())
    }
}

fn ask(context: Context, subject: String, filter: Option<String>, offset: u64) -> Answer {
    Box::pin(async move {
        let body = match &filter {
            Some(filter) => {
                Filter::new(filter)?;
                serde_json::json!({ "offset": offset, "subject": filter })
            }
            None => serde_json::json!({ "offset": offset }),
        };
        context.call_at(&subject, &body).await
    })
}

impl<T> fmt::Debug for Pages<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages").field("offset", &self.offset).finish_non_exhaustive()
    }
}

/// A public list for each kind of entry.
macro_rules! pages {
    ($($(#[$doc:meta])* $name:ident: $entry:ty = $key:literal;)*) => {$(
        $(#[$doc])*
        ///
        /// It ends after an error.
        #[derive(Debug)]
        #[must_use = "nothing is asked for until the first entry is"]
        pub struct $name(Pages<$entry>);

        impl $name {
            /// The next one; `None` after the last, and after an error.
            ///
            /// # Errors
            ///
            /// [`Error`](crate::jetstream::Error).
            ///
            /// # Cancel safety
            ///
            /// Nothing is lost: the answer is waited for by the next call.
            pub async fn next(&mut self) -> Option<Result<$entry, crate::jetstream::Error>> {
                std::future::poll_fn(|task| self.0.poll_next($key, task)).await
            }
        }

        impl futures_core::Stream for $name {
            type Item = Result<$entry, crate::jetstream::Error>;

            fn poll_next(
                self: std::pin::Pin<&mut Self>,
                task: &mut std::task::Context<'_>,
            ) -> std::task::Poll<Option<Self::Item>> {
                self.get_mut().0.poll_next($key, task)
            }
        }
    )*};
}
pub(super) use pages;
