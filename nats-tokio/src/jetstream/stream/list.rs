//! All streams of an account, a page at a time.

use nats_proto::jetstream::ApiSubject;

use super::info::Info;
use crate::jetstream::context::Context;
use crate::jetstream::page::Pages;
use crate::jetstream::page::pages;

pages! {
    /// The names of streams, 1,024 of them in memory at the most. A [`Stream`](futures_core::Stream).
    StreamNames: String = "streams";
    /// Streams' configurations and states, 256 of them in memory at the most. A
    /// [`Stream`](futures_core::Stream).
    StreamInfos: Info = "streams";
}

impl Context {
    /// The names of all streams, or [of some](StreamNames::subject).
    pub fn stream_names(&self) -> StreamNames {
        StreamNames(Pages::new(self.clone(), self.subject(ApiSubject::stream_names())))
    }

    /// All streams' configurations and states, or those [of some](StreamInfos::subject).
    pub fn streams(&self) -> StreamInfos {
        StreamInfos(Pages::new(self.clone(), self.subject(ApiSubject::stream_list())))
    }
}

impl StreamNames {
    /// Only those that store messages of a subject, or of some that a filter matches.
    pub fn subject(self, filter: impl Into<String>) -> Self {
        Self(self.0.filter(filter.into()))
    }
}

impl StreamInfos {
    /// Only those that store messages of a subject, or of some that a filter matches.
    pub fn subject(self, filter: impl Into<String>) -> Self {
        Self(self.0.filter(filter.into()))
    }
}
