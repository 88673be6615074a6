//! What asks for messages: a fetch, and its inboxes.

use nats_proto::Instant;
use nats_proto::Store;
use nats_proto::jetstream::ApiPrefix;
use nats_proto::jetstream::ApiSubject;
use nats_proto::jetstream::ConsumerName;
use nats_proto::jetstream::ConsumerState;
use nats_proto::jetstream::Fetch;
use nats_proto::jetstream::FetchConfig;
use nats_proto::jetstream::FetchOutput;
use nats_proto::jetstream::InboxId;
use nats_proto::jetstream::Pull;
use nats_proto::jetstream::PullInbox;
use nats_proto::jetstream::StreamName;
use nats_proto::wire::ArrayBuf;
use nats_proto::wire::Publish;

use super::fetch_error::FetchError;
use super::goal::Goal;
use crate::error::PublishError;
use crate::error::SubscribeError;
use crate::state::State;
use crate::state::attempt::Attempts;
use crate::state::sizes::Sizes;
use crate::state::slot_owner::SlotOwner;

/// How long the subject of a pull may be, and how long its body, in bytes.
const SUBJECT: usize = 192;
const BODY: usize = 128;

/// Asks for messages of a consumer.
pub(super) struct Puller<'d> {
    prefix: ApiPrefix<'d>,
    pub(super) stream: StreamName<'d>,
    pub(super) name: ConsumerName<'d>,
    pub(super) owner: SlotOwner,
    pub(super) machine: Fetch,
    /// The inboxes that are subscribed to.
    pub(super) inbox: Option<InboxId>,
    former: Option<InboxId>,
    /// A pull for which there was no room yet.
    unsent: Option<Pull>,
    /// Which connection it is about.
    connects: u32,
    is_connected: bool,
}

impl<'d> Puller<'d> {
    pub(super) const fn new(
        prefix: ApiPrefix<'d>,
        stream: StreamName<'d>,
        name: ConsumerName<'d>,
        owner: SlotOwner,
    ) -> Self {
        Self {
            prefix,
            stream,
            name,
            owner,
            machine: Fetch::new(),
            inbox: None,
            former: None,
            unsent: None,
            connects: 0,
            is_connected: false,
        }
    }

    /// Whether it waits for a connection, or for room.
    pub(super) const fn needs_room(&self) -> bool {
        !self.is_connected || self.unsent.is_some()
    }

    /// Finds out what became of the connection. Returns whether one was lost.
    pub(super) fn note_connection<R: Sizes<'d>>(&mut self, state: &State<'d, R>) -> bool {
        let connects = state.statistics.connects;
        let is_connected = state.session.is_ready();
        let is_lost = self.is_connected && (!is_connected || connects != self.connects);
        if is_lost {
            self.machine.handle_disconnected();
            (self.inbox, self.former, self.unsent) = (None, None, None);
        }
        if is_connected {
            self.machine.handle_connected();
        }
        (self.is_connected, self.connects) = (is_connected, connects);
        is_lost
    }

    /// Does all that is to be done, with so many free slots. Returns whether that is the end.
    pub(super) fn pump<R: Sizes<'d>>(
        &mut self,
        state: &mut State<'d, R>,
        goal: &mut Goal,
        free: u32,
        now: Instant,
    ) -> Result<bool, FetchError> {
        if state.check_open().is_err() {
            return Err(FetchError::Closed);
        }
        self.machine.handle_timeout(now);
        loop {
            if let Some(pull) = self.unsent.take() {
                self.send(state, pull)?;
                if self.unsent.is_some() {
                    return Ok(false);
                }
            }
            if let Some(output) = self.machine.poll_output(now) {
                if self.act(state, goal, output, now)? {
                    return Ok(true);
                }
            } else if self.machine.is_active() {
                break;
            } else {
                self.start(goal, free, now)?;
            }
        }
        // A pull of an earlier call may take longer than this one.
        Ok(now >= goal.deadline && goal.waits)
    }

    /// Asks for as many messages as are wanted, and there are slots for.
    fn start(&mut self, goal: &mut Goal, free: u32, now: Instant) -> Result<(), FetchError> {
        if free == 0 {
            return Err(FetchError::NoSlots);
        }
        goal.has_started = true;
        let config = FetchConfig::new(goal.left.min(free));
        let config = if goal.waits { config.wait_until(goal.deadline, now) } else { config };
        self.machine.start(config, now);
        Ok(())
    }

    /// Does what the machine wants. Returns whether that is the end.
    fn act<R: Sizes<'d>>(
        &mut self,
        state: &mut State<'d, R>,
        goal: &mut Goal,
        output: FetchOutput,
        now: Instant,
    ) -> Result<bool, FetchError> {
        match output {
            FetchOutput::Subscribe(inbox) => self.subscribe(state, inbox)?,
            FetchOutput::Unsubscribe(inbox) => self.unsubscribe(state, inbox),
            FetchOutput::Pull(pull) => self.unsent = Some(pull),
            // It has no memory for the answer.
            FetchOutput::RequestInfo => self.machine.handle_info(ConsumerState::Unknown, now),
            FetchOutput::End(end) if goal.is_over(end, now)? => {
                goal.left = 0;
                return Ok(true);
            }
            _ => {}
        }
        Ok(false)
    }

    fn subscribe<R: Sizes<'d>>(
        &mut self,
        state: &mut State<'d, R>,
        inbox: InboxId,
    ) -> Result<(), FetchError> {
        if self.former.is_some() {
            // There is room for one.
            self.drop_former(state);
        }
        let mut text = <R::Store as Store>::Text::default();
        let too_long = SubscribeError::Session(nats_proto::session::SubscribeError::Full);
        let filter = self.inboxes(state).and_then(|inboxes| inboxes.filter(inbox, &mut text).ok());
        let filter = filter.ok_or(FetchError::Subscribe(too_long))?;
        let sid = state.subscribe(filter, None, self.owner).map_err(FetchError::Subscribe)?;
        state.delivery.begin_inbox(self.owner, sid);
        self.former = self.inbox.replace(inbox);
        Ok(())
    }

    fn unsubscribe<R: Sizes<'d>>(&mut self, state: &mut State<'d, R>, inbox: InboxId) {
        let [current, former] = state.delivery.inboxes(self.owner);
        let sid = if self.inbox == Some(inbox) {
            self.inbox = None;
            current
        } else if self.former == Some(inbox) {
            self.former = None;
            former
        } else {
            return;
        };
        state.change(|session| session.drain_subscription(sid));
    }

    fn drop_former<R: Sizes<'d>>(&mut self, state: &mut State<'d, R>) {
        self.former = None;
        let [_, former] = state.delivery.inboxes(self.owner);
        state.change(|session| session.unsubscribe(former, None));
    }

    /// Writes a pull, or keeps it if there is no room.
    fn send<R: Sizes<'d>>(
        &mut self,
        state: &mut State<'d, R>,
        pull: Pull,
    ) -> Result<(), FetchError> {
        let mut reply = <R::Store as Store>::Text::default();
        let (mut subject, mut body) = (ArrayBuf::<SUBJECT>::new(), ArrayBuf::<BODY>::new());
        let next = ApiSubject::consumer_next(self.stream, self.name);
        let too_long = FetchError::Publish(PublishError::TooLong { max: SUBJECT });
        let subject = next.encode(self.prefix, &mut subject).map_err(|_| too_long)?;
        pull.request().encode(&mut body).map_err(|_| too_long)?;
        let inboxes = self.inboxes(state).ok_or(too_long)?;
        let reply = inboxes.reply(pull.id, &mut reply).map_err(|_| too_long)?;
        let message = Publish { reply: Some(reply), ..Publish::new(subject, &body) };
        match state.publish(&message, None) {
            Ok(()) => {
                state.delivery.begin_pull(self.owner, pull.id.number);
                Ok(())
            }
            Err(PublishError::Full) => {
                self.unsent = Some(pull);
                Ok(())
            }
            Err(PublishError::Closed) => Err(FetchError::Closed),
            Err(error) => Err(FetchError::Publish(error)),
        }
    }

    fn inboxes<R: Sizes<'d>>(
        &self,
        state: &State<'d, R>,
    ) -> Option<PullInbox<<R::Store as Store>::Text>> {
        PullInbox::beside(&state.inbox, self.owner.0.into()).ok()
    }
}
