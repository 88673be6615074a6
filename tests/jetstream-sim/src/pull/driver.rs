//! A driver on a consumer's machine.

use std::collections::HashMap;
use std::collections::HashSet;

use nats_proto::Instant;
use nats_proto::jetstream::Handling;
use nats_proto::jetstream::InboxId;
use nats_proto::jetstream::Pull;
use nats_proto::jetstream::PullConsumer;
use nats_proto::jetstream::PullEndReason;
use nats_proto::jetstream::PullOutput;
use nats_proto::jetstream::PullStatus;

use super::setup::Setup;
use crate::flaw::Flaw;

/// What a client sends.
#[derive(Clone, Copy, Debug)]
pub(super) enum Line {
    Subscribe(InboxId),
    /// UNSUB and PING.
    Unsubscribe(InboxId, u64),
    Pull(Pull, Option<u64>),
    Ping(u64),
    Info,
    Ack(u64),
    Nak(u64),
}

/// With room for one pull or for two.
#[derive(Debug)]
pub(super) enum Machine {
    One(PullConsumer<1>),
    Two(PullConsumer<2>),
}

macro_rules! both {
    ($($vis:vis fn $name:ident($($arg:ident: $type:ty),*) $(-> $result:ty)?;)*) => {$(
        $vis fn $name(&mut self $(, $arg: $type)*) $(-> $result)? {
            match self {
                Self::One(machine) => machine.$name($($arg),*),
                Self::Two(machine) => machine.$name($($arg),*),
            }
        }
    )*};
}

impl Machine {
    both! {
        fn handle_connected();
        fn handle_disconnected();
        fn handle_message(inbox: InboxId, bytes: u32, now: Instant) -> Handling;
        fn handle_pin();
        fn handle_status(inbox: InboxId, number: Option<u32>, status: PullStatus<'_>, now: Instant);
        fn handle_pong();
        pub(super) fn handle_info(state: nats_proto::jetstream::ConsumerState, now: Instant);
        pub(super) fn handle_timeout(now: Instant);
        pub(super) fn release(messages: u32, bytes: u32);
        pub(super) fn stop(now: Instant);
        pub(super) fn drain(now: Instant);
        pub(super) fn poll_output(now: Instant) -> Option<PullOutput>;
        pub(super) fn poll_timeout() -> Option<Instant>;
        pub(super) fn buffered() -> u32;
        pub(super) fn outstanding() -> u32;
    }
}

#[derive(Debug)]
pub(super) struct Driver {
    flaw: Option<Flaw>,
    pub(super) machine: Machine,
    pub(super) is_connected: bool,
    pub(super) end: Option<PullEndReason>,
    /// Subscribed to; those that are being left, until the number of the PONG.
    inboxes: HashSet<InboxId>,
    leaving: HashMap<u64, InboxId>,
    pings: u64,
    /// The PING that the machine wants to hear of.
    ping: Option<u64>,
    pin: Option<u64>,
    /// The last pull of each inbox.
    last: HashMap<InboxId, u32>,
}

pub(super) const fn instant(now: u64) -> Instant {
    Instant::from_millis(now)
}

impl Driver {
    pub(super) fn new(setup: &Setup, flaw: Option<Flaw>) -> Self {
        let config = setup.config(flaw == Some(Flaw::LeavesYoungPulls));
        #[expect(clippy::expect_used, reason = "the simulation's own numbers")]
        let machine = if setup.slots == 1 {
            Machine::One(PullConsumer::new(config).expect("valid"))
        } else {
            Machine::Two(PullConsumer::new(config).expect("valid"))
        };
        Self {
            flaw,
            machine,
            is_connected: false,
            end: None,
            inboxes: HashSet::new(),
            leaving: HashMap::new(),
            pings: 0,
            ping: None,
            pin: None,
            last: HashMap::new(),
        }
    }

    pub(super) fn connect(&mut self) {
        self.is_connected = true;
        self.machine.handle_connected();
    }

    pub(super) fn disconnect(&mut self) {
        if self.is_connected {
            self.is_connected = false;
            self.machine.handle_disconnected();
        }
        if self.flaw != Some(Flaw::KeepsInboxes) {
            self.inboxes.clear();
        }
        self.leaving.clear();
        self.ping = None;
    }

    pub(super) fn knows(&self, inbox: InboxId) -> bool {
        self.inboxes.contains(&inbox)
    }

    /// Whether the application gets a message.
    pub(super) fn receive(
        &mut self,
        inbox: InboxId,
        size: u32,
        pin: Option<u64>,
        now: u64,
    ) -> bool {
        if pin.is_some() {
            self.pin = pin;
            self.machine.handle_pin();
        }
        let size = if self.flaw == Some(Flaw::MiscountsBytes) { size - 1 } else { size };
        match self.machine.handle_message(inbox, size, instant(now)) {
            Handling::Deliver => true,
            Handling::Nak => self.flaw == Some(Flaw::DeliversLateMessages),
        }
    }

    pub(super) fn handle_status(
        &mut self,
        inbox: InboxId,
        number: u32,
        status: PullStatus<'static>,
        now: u64,
    ) {
        let (number, status) = match self.flaw {
            Some(Flaw::TakesLateStatuses) => (self.last.get(&inbox).copied(), status),
            Some(Flaw::LosesNumbers) => (None, status),
            Some(Flaw::NoPauseForLargeMessages) if status == PullStatus::MessageTooLarge => {
                (Some(number), PullStatus::RequestTimeout)
            }
            _ => (Some(number), status),
        };
        self.machine.handle_status(inbox, number, status, instant(now));
    }

    pub(super) fn handle_pong(&mut self, number: u64) {
        if let Some(inbox) = self.leaving.remove(&number) {
            self.inboxes.remove(&inbox);
        }
        if self.ping == Some(number) {
            self.ping = None;
            self.machine.handle_pong();
        }
    }

    /// Does what the machine wants, and says what to send.
    pub(super) fn perform(&mut self, output: PullOutput) -> Option<Line> {
        match output {
            PullOutput::Subscribe(inbox) => {
                self.inboxes.insert(inbox);
                Some(Line::Subscribe(inbox))
            }
            PullOutput::Unsubscribe(inbox) => {
                self.pings += 1;
                self.leaving.insert(self.pings, inbox);
                Some(Line::Unsubscribe(inbox, self.pings))
            }
            PullOutput::Pull(pull) => {
                self.last.insert(pull.id.inbox, pull.id.number);
                Some(Line::Pull(pull, self.pin.filter(|_| pull.is_pinned)))
            }
            PullOutput::Ping => {
                self.pings += 1;
                self.ping = Some(self.pings);
                Some(Line::Ping(self.pings))
            }
            PullOutput::RequestInfo => Some(Line::Info),
            PullOutput::End(end) => {
                self.end = Some(end);
                None
            }
            _ => None,
        }
    }
}
