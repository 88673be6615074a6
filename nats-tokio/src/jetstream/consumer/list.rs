//! All consumers of a stream, a page at a time.

use nats_proto::jetstream::ApiSubject;
use nats_proto::jetstream::StreamName;
use serde::de::DeserializeOwned;

use super::Info;
use crate::jetstream::page::Pages;
use crate::jetstream::page::pages;
use crate::jetstream::stream::Stream;

pages! {
    /// The names of consumers, 1,024 of them in memory at the most. A [`Stream`](futures_core::Stream).
    ConsumerNames: String = "consumers";
    /// Consumers' configurations and states, 256 of them in memory at the most. A
    /// [`Stream`](futures_core::Stream).
    ConsumerInfos: Info = "consumers";
}

impl Stream {
    /// The names of all its consumers.
    pub fn consumer_names(&self) -> ConsumerNames {
        ConsumerNames(self.pages(ApiSubject::consumer_names))
    }

    /// All its consumers' configurations and states.
    pub fn consumers(&self) -> ConsumerInfos {
        ConsumerInfos(self.pages(ApiSubject::consumer_list))
    }

    fn pages<'a, T: DeserializeOwned + Unpin>(
        &'a self,
        list: impl FnOnce(StreamName<'a>) -> ApiSubject<'a>,
    ) -> Pages<T> {
        // The name was checked when the handle was made.
        let subject = self.checked_name().map(|name| self.context.subject(list(name)));
        Pages::new(self.context.clone(), subject.unwrap_or_default())
    }
}
