//! A part of what is asked for: one request, and its replies.

use std::task::Context as Task;
use std::task::Poll;
use std::task::ready;

use nats_proto::RepliesEndReason;
use nats_proto::jetstream::ApiSubject;
use nats_proto::jetstream::ErrorCode;
use serde::Serialize;

use super::Next;
use crate::RequestError;
use crate::client::replies::Replies;
use crate::jetstream::error::ApiError;
use crate::jetstream::error::Error;
use crate::jetstream::stream::Stream;
use crate::jetstream::stream::message::StoredMessage;
use crate::jetstream::stream::message::read_direct;
use crate::jetstream::stream::message::status_error;

/// What is asked for.
#[derive(Debug, Default, Serialize)]
pub(super) struct Request<'a> {
    pub(super) batch: u32,
    pub(super) max_bytes: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) start_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_by_subj: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) multi_last: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) up_to_seq: Option<u64>,
}

/// One request, and its replies.
pub(super) enum Page {
    Asking(Next<Result<Replies, RequestError>>),
    Reading(Box<Reading>),
    Failed(Option<Error>),
}

pub(super) struct Reading {
    replies: Replies,
    /// The last message that came, and how many were to follow.
    last: Option<Last>,
}

#[derive(Clone, Copy)]
struct Last {
    sequence: u64,
    pending: u64,
}

/// What comes of it. After all but a message, the page is over.
pub(super) enum PageEvent {
    Message(StoredMessage),
    /// The only message, of a server that does not know of pages.
    Alone(StoredMessage),
    /// What follows the last message, if anything does, has to be asked for. Up to which sequence number the
    /// server has looked, if it says so.
    End {
        is_last: bool,
        up_to: Option<u64>,
    },
    /// The server does not serve such a request.
    Refused(ApiError),
    Failed(Error),
}

impl Page {
    pub(super) fn ask(stream: &Stream, request: &Request<'_>) -> Self {
        let body = serde_json::to_vec(request).map_err(Error::invalid_response);
        let (name, body) = match (stream.checked_name(), body) {
            (Ok(name), Ok(body)) => (name, body),
            (Err(error), _) | (_, Err(error)) => return Self::failed(error),
        };
        let context = &stream.context;
        let subject = context.subject(ApiSubject::direct_get(name));
        let asking = context.client().request_many(subject, body);
        Self::Asking(Box::pin(asking.timeout(context.request_timeout()).into_owned()))
    }

    /// What cannot be asked for.
    pub(super) const fn failed(error: Error) -> Self {
        Self::Failed(Some(error))
    }

    pub(super) fn poll(&mut self, task: &mut Task<'_>) -> Poll<PageEvent> {
        loop {
            match self {
                Self::Asking(asking) => match ready!(asking.as_mut().poll(task)) {
                    Ok(replies) => {
                        *self = Self::Reading(Box::new(Reading { replies, last: None }));
                    }
                    Err(error) => return Poll::Ready(PageEvent::Failed(error.into())),
                },
                Self::Reading(reading) => return reading.poll(task),
                Self::Failed(error) => {
                    let error = error.take().unwrap_or(Error::TimedOut);
                    return Poll::Ready(PageEvent::Failed(error));
                }
            }
        }
    }
}

impl Reading {
    fn poll(&mut self, task: &mut Task<'_>) -> Poll<PageEvent> {
        Poll::Ready(match ready!(self.replies.poll_reply(task)) {
            Some(Ok(reply)) => match read_direct(&reply) {
                Ok(direct) => match (direct.pending, direct.last_sequence) {
                    (None, _) => PageEvent::Alone(direct.message),
                    // One is missing between the last one and this one.
                    (Some(_), Some(before))
                        if self.last.is_some_and(|last| last.sequence != before) =>
                    {
                        PageEvent::End { is_last: false, up_to: None }
                    }
                    (Some(pending), _) => {
                        let sequence = direct.message.sequence;
                        self.last = Some(Last { sequence, pending });
                        PageEvent::Message(direct.message)
                    }
                },
                Err(error) => PageEvent::Failed(error),
            },
            Some(Err(error)) => self.interrupted(error.into()),
            None => self.end(),
        })
    }

    fn end(&mut self) -> PageEvent {
        let Some(RepliesEndReason::Status(code)) = self.replies.ended() else {
            return self.interrupted(Error::TimedOut);
        };
        let reply = self.replies.take_status();
        let number = |name| reply.as_ref()?.headers().get(name)?.parse().ok();
        match (code.get(), self.last) {
            (204, Some(last)) => {
                let pending = number("Nats-Num-Pending").unwrap_or(last.pending);
                PageEvent::End { is_last: pending == 0, up_to: number("Nats-UpTo-Sequence") }
            }
            // Asked again, the server would say the same.
            (204, None) => PageEvent::Failed(Error::invalid_response("an empty batch")),
            (404, _) => PageEvent::End { is_last: true, up_to: None },
            (status, _) => {
                PageEvent::Refused(match reply.as_ref().and_then(|reply| reply.status()) {
                    Some(status) => status_error(status),
                    None => ApiError { status, code: ErrorCode(0), description: String::new() },
                })
            }
        }
    }

    /// It ends before it is complete. If anything came, the rest can be asked for.
    fn interrupted(&self, error: Error) -> PageEvent {
        match self.last {
            Some(Last { pending: 0, .. }) => PageEvent::End { is_last: true, up_to: None },
            Some(_) => PageEvent::End { is_last: false, up_to: None },
            None => PageEvent::Failed(error),
        }
    }
}
