//! The two machines for pulls behind one face.

use nats_proto::Instant;
use nats_proto::jetstream::ConsumerState;
use nats_proto::jetstream::Fetch;
use nats_proto::jetstream::FetchEndReason;
use nats_proto::jetstream::FetchOutput;
use nats_proto::jetstream::Handling;
use nats_proto::jetstream::InboxId;
use nats_proto::jetstream::Pull;
use nats_proto::jetstream::PullConsumer;
use nats_proto::jetstream::PullEndReason;
use nats_proto::jetstream::PullEvent;
use nats_proto::jetstream::PullOutput;
use nats_proto::jetstream::PullStatus;

/// How many pulls are open at once: one can be made while the last messages of another are coming.
const SLOTS: usize = 2;

/// What asks for messages.
#[derive(Debug)]
pub(super) enum Machine {
    /// Messages as they come.
    Pull(Box<PullConsumer<SLOTS>>),
    /// So many at once.
    Fetch(Box<Fetch>),
}

/// What a machine wants done.
#[derive(Debug)]
pub(super) enum Output {
    Subscribe(InboxId),
    Unsubscribe(InboxId),
    Pull(Pull),
    Ping,
    Probe,
    RequestInfo,
    Event(PullEvent),
    End(End),
    Nothing,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Pull(PullEndReason),
    Fetch(FetchEndReason),
}

impl Machine {
    pub(super) fn handle_message(&mut self, inbox: InboxId, bytes: u32, now: Instant) -> Handling {
        match self {
            Self::Pull(pull) => pull.handle_message(inbox, bytes, now),
            Self::Fetch(fetch) => fetch.handle_message(inbox, bytes, now),
        }
    }

    pub(super) fn handle_status(
        &mut self,
        inbox: InboxId,
        number: Option<u32>,
        status: PullStatus<'_>,
        now: Instant,
    ) {
        match self {
            Self::Pull(pull) => pull.handle_status(inbox, number, status, now),
            Self::Fetch(fetch) => fetch.handle_status(inbox, number, status, now),
        }
    }

    pub(super) fn handle_pin(&mut self) {
        match self {
            Self::Pull(pull) => pull.handle_pin(),
            Self::Fetch(fetch) => fetch.handle_pin(),
        }
    }

    pub(super) fn handle_info(&mut self, state: ConsumerState, now: Instant) {
        match self {
            Self::Pull(pull) => pull.handle_info(state, now),
            Self::Fetch(fetch) => fetch.handle_info(state, now),
        }
    }

    pub(super) fn handle_pong(&mut self) {
        if let Self::Pull(pull) = self {
            pull.handle_pong();
        }
    }

    pub(super) fn handle_not_permitted(&mut self, now: Instant) {
        match self {
            Self::Pull(pull) => pull.handle_not_permitted(),
            Self::Fetch(fetch) => fetch.handle_not_permitted(now),
        }
    }

    pub(super) fn handle_connected(&mut self) {
        match self {
            Self::Pull(pull) => pull.handle_connected(),
            Self::Fetch(fetch) => fetch.handle_connected(),
        }
    }

    pub(super) fn handle_disconnected(&mut self) {
        match self {
            Self::Pull(pull) => pull.handle_disconnected(),
            Self::Fetch(fetch) => fetch.handle_disconnected(),
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        match self {
            Self::Pull(pull) => pull.handle_timeout(now),
            Self::Fetch(fetch) => fetch.handle_timeout(now),
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Pull(pull) => pull.poll_timeout(),
            Self::Fetch(fetch) => fetch.poll_timeout(),
        }
    }

    pub(super) fn poll_output(&mut self, now: Instant) -> Option<Output> {
        Some(match self {
            Self::Pull(pull) => match pull.poll_output(now)? {
                PullOutput::Subscribe(inbox) => Output::Subscribe(inbox),
                PullOutput::Unsubscribe(inbox) => Output::Unsubscribe(inbox),
                PullOutput::Pull(pull) => Output::Pull(pull),
                PullOutput::Ping => Output::Ping,
                PullOutput::Probe => Output::Probe,
                PullOutput::RequestInfo => Output::RequestInfo,
                PullOutput::Event(event) => Output::Event(event),
                PullOutput::End(end) => Output::End(End::Pull(end)),
                _ => Output::Nothing,
            },
            Self::Fetch(fetch) => match fetch.poll_output(now)? {
                FetchOutput::Subscribe(inbox) => Output::Subscribe(inbox),
                FetchOutput::Unsubscribe(inbox) => Output::Unsubscribe(inbox),
                FetchOutput::Pull(pull) => Output::Pull(pull),
                FetchOutput::RequestInfo => Output::RequestInfo,
                FetchOutput::End(end) => Output::End(End::Fetch(end)),
                _ => Output::Nothing,
            },
        })
    }

    /// Whether what is given back would come at once again.
    pub(super) fn is_leaving(&self) -> bool {
        match self {
            Self::Pull(pull) => pull.is_leaving(),
            Self::Fetch(fetch) => fetch.is_lingering(),
        }
    }

    /// The end, if that is all that is to be done.
    pub(super) fn poll_end(&mut self) -> Option<End> {
        match self {
            Self::Pull(_) => None,
            Self::Fetch(fetch) => fetch.poll_end().map(End::Fetch),
        }
    }

    /// Releases messages that the application is done with.
    pub(super) fn release(&mut self, messages: u32, bytes: u32) {
        if let Self::Pull(pull) = self {
            pull.release(messages, bytes);
        }
    }

    /// Whether more messages would be asked for.
    pub(super) fn has_demand(&self) -> bool {
        match self {
            Self::Pull(pull) => pull.has_demand(),
            Self::Fetch(_) => false,
        }
    }

    /// Asks for nothing more, and gives back what comes.
    pub(super) fn stop(&mut self, now: Instant) {
        match self {
            Self::Pull(pull) => pull.stop(now),
            Self::Fetch(fetch) => fetch.cancel(now),
        }
    }

    /// Asks for nothing more.
    pub(super) fn drain(&mut self, now: Instant) {
        if let Self::Pull(pull) = self {
            pull.drain(now);
        }
    }
}
