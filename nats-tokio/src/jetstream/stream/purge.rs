//! Removing messages from a stream.

use std::future::Future;
use std::future::IntoFuture;
use std::pin::Pin;

use nats_proto::Filter;
use nats_proto::jetstream::ApiSubject;
use serde::Deserialize;
use serde::Serialize;

use super::Stream;
use crate::jetstream::error::Error;

/// Removes messages from a stream, all unless it is said which: a future once awaited, whose output is
/// how many were removed. Made by [`Stream::purge`].
#[derive(Debug)]
#[must_use = "nothing is removed unless it is awaited"]
pub struct Purge<'a> {
    stream: &'a Stream,
    request: Request<'a>,
}

#[derive(Debug, Default, Serialize)]
struct Request<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keep: Option<u64>,
}

impl Stream {
    /// Removes messages: all of them, unless the builder is told which.
    ///
    /// ```no_run
    /// # async fn example(client: nats_tokio::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// # let jetstream = client.jetstream();
    /// # let config = nats_tokio::jetstream::stream::Config::new("ORDERS", ["orders.>"]);
    /// let orders = jetstream.get_or_create_stream(config).await?;
    /// let removed = orders.purge().filter("orders.old.>").keep(1).await?;
    /// println!("{removed} messages are gone");
    /// # orders.delete().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn purge(&self) -> Purge<'_> {
        Purge { stream: self, request: Request::default() }
    }
}

impl<'a> Purge<'a> {
    /// Only messages of these subjects.
    pub const fn filter(mut self, filter: &'a str) -> Self {
        self.request.filter = Some(filter);
        self
    }

    /// Only messages before this sequence number. Not together with [`keep`](Self::keep).
    pub const fn before(mut self, sequence: u64) -> Self {
        self.request.seq = Some(sequence);
        self
    }

    /// All but the last so many. Not together with [`before`](Self::before).
    pub const fn keep(mut self, messages: u64) -> Self {
        self.request.keep = Some(messages);
        self
    }

    async fn send(self) -> Result<u64, Error> {
        #[derive(Deserialize)]
        struct Purged {
            purged: u64,
        }
        if let Some(filter) = self.request.filter {
            Filter::new(filter)?;
        }
        let subject = ApiSubject::stream_purge(self.stream.checked_name()?);
        let purged: Purged = self.stream.context.call(subject, Some(&self.request)).await?;
        Ok(purged.purged)
    }
}

impl<'a> IntoFuture for Purge<'a> {
    type Output = Result<u64, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
