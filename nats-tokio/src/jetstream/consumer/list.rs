//! All consumers of a stream, a page at a time.

use nats_proto::jetstream::ApiSubject;

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
        let subject = self.checked_name().map(ApiSubject::consumer_names);
        let subject = subject.map(|subject| self.context.subject(subject)).unwrap_or_default();
        ConsumerNames(Pages::new(self.context.clone(), subject))
    }

    /// All its consumers' configurations and states.
    pub fn consumers(&self) -> ConsumerInfos {
        let subject = self.checked_name().map(ApiSubject::consumer_list);
        let subject = subject.map(|subject| self.context.subject(subject)).unwrap_or_default();
        ConsumerInfos(Pages::new(self.context.clone(), subject))
    }
}
