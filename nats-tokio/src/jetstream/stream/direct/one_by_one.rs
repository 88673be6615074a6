//! The last message of each of many subjects, one request after the other.

use std::collections::VecDeque;

use nats_proto::Filter;
use nats_proto::Subject;

use crate::jetstream::error::Error;
use crate::jetstream::stream::Stream;
use crate::jetstream::stream::message::StoredMessage;

/// Which subjects there are is asked for where filters have wildcards.
pub(super) struct OneByOne {
    stream: Stream,
    /// The filters, and how many of them are done with or in `subjects`.
    filters: Vec<String>,
    begun: usize,
    /// Subjects whose turn comes, and the number of those of the same filter that were listed.
    subjects: VecDeque<String>,
    listed: u64,
    /// Whether the last filter that was begun may have more subjects.
    has_more: bool,
}

impl OneByOne {
    pub(super) const fn new(stream: Stream, filters: Vec<String>) -> Self {
        let subjects = VecDeque::new();
        Self { stream, filters, begun: 0, subjects, listed: 0, has_more: false }
    }

    pub(super) async fn next(mut self) -> (Self, Option<Result<StoredMessage, Error>>) {
        let next = self.find().await.transpose();
        (self, next)
    }

    async fn find(&mut self) -> Result<Option<StoredMessage>, Error> {
        loop {
            while let Some(subject) = self.subjects.pop_front() {
                match self.stream.direct_get_last(&subject).await {
                    // It was there when the subjects were listed.
                    Err(error) if error.is_not_found() => {}
                    found => return found.map(Some),
                }
            }
            if !self.list().await? {
                return Ok(None);
            }
        }
    }

    /// Finds the next subjects; returns whether that is not the end.
    async fn list(&mut self) -> Result<bool, Error> {
        if !self.has_more {
            self.begun += 1;
            self.listed = 0;
        }
        let done = self.begun - 1;
        let Some(filter) = self.filters.get(done) else { return Ok(false) };
        let subjects = if Subject::new(filter).is_ok() {
            self.has_more = false;
            vec![filter.clone()]
        } else {
            let subjects = self.stream.subjects_from(filter, self.listed).await?;
            self.listed += u64::try_from(subjects.len()).unwrap_or_default();
            self.has_more = !subjects.is_empty();
            subjects
        };
        // Those of an earlier filter had their turn.
        let earlier: Vec<_> = self.filters.iter().take(done).collect();
        let had_turn = |subject: &String| {
            let subject = Subject::new(subject);
            earlier.iter().any(|filter| match (Filter::new(filter), subject) {
                (Ok(filter), Ok(subject)) => filter.matches(subject),
                _ => false,
            })
        };
        self.subjects = subjects.into_iter().filter(|subject| !had_turn(subject)).collect();
        Ok(true)
    }
}
