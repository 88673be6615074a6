use std::format;
use std::vec;
use std::vec::Vec;

use super::*;
use crate::jetstream::consume::inbox::PullId;
use crate::jetstream::consume::pull::Pull;
use crate::jetstream::time::Timestamp;

const ANY_TIME: DeliverPolicy = DeliverPolicy::ByStartTime(Timestamp::from_nanos(7));
const POLICIES: [DeliverPolicy; 6] = [
    DeliverPolicy::All,
    DeliverPolicy::Last,
    DeliverPolicy::LastPerSubject,
    DeliverPolicy::New,
    DeliverPolicy::ByStartSequence(3),
    ANY_TIME,
];

/// What can go wrong with a consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Gap,
    TooFar,
    HeartbeatTells,
    Stalled,
    Deleted,
    NoResponders,
    GoneAfterReconnect,
    MissedAfterReconnect,
    SilentAfterReconnect,
    CreateFails(u8),
    CreateIsSilent(u8),
}

const FAULTS: [Fault; 13] = [
    Fault::Gap,
    Fault::TooFar,
    Fault::HeartbeatTells,
    Fault::Stalled,
    Fault::Deleted,
    Fault::NoResponders,
    Fault::GoneAfterReconnect,
    Fault::MissedAfterReconnect,
    Fault::SilentAfterReconnect,
    Fault::CreateFails(1),
    Fault::CreateFails(20),
    Fault::CreateIsSilent(1),
    Fault::CreateIsSilent(20),
];

/// A reader, and what it has wanted so far.
struct Reader {
    ordered: OrderedConsumer,
    now: Instant,
    pull: Option<Pull>,
    created: Vec<(u32, DeliverPolicy)>,
    /// When.
    created_at: Vec<Instant>,
    deleted: Vec<u32>,
    asked: Vec<u32>,
    events: Vec<OrderedEvent>,
    end: Option<OrderedEndReason>,
}

impl Reader {
    fn new(policy: DeliverPolicy) -> Self {
        let ordered = OrderedConsumer::new(PullConfig::new(100), policy).unwrap();
        Self::of(ordered)
    }

    fn of(mut ordered: OrderedConsumer) -> Self {
        ordered.handle_connected();
        let mut reader = Self {
            ordered,
            now: Instant::from_millis(1),
            pull: None,
            created: Vec::new(),
            created_at: Vec::new(),
            deleted: Vec::new(),
            asked: Vec::new(),
            events: Vec::new(),
            end: None,
        };
        reader.poll();
        reader
    }

    fn poll(&mut self) {
        while let Some(output) = self.ordered.poll_output(self.now) {
            assert_eq!(self.end, None, "{output:?} behind the end");
            match output {
                OrderedOutput::Create { serial, policy } => {
                    assert!(self.created.iter().all(|(known, _)| *known < serial));
                    self.created.push((serial, policy));
                    self.created_at.push(self.now);
                }
                OrderedOutput::Delete { serial } => self.deleted.push(serial),
                OrderedOutput::RequestInfo { serial } => self.asked.push(serial),
                OrderedOutput::Pull(PullOutput::Pull(pull)) => self.pull = Some(pull),
                OrderedOutput::Pull(_) => {}
                OrderedOutput::Event(event) => self.events.push(event),
                OrderedOutput::End(reason) => self.end = Some(reason),
            }
        }
    }

    /// Lets time pass until it wants to do something.
    fn wait(&mut self) {
        let at = self.ordered.poll_timeout().expect("it waits for nothing");
        self.now = self.now.max(at);
        self.ordered.handle_timeout(self.now);
        self.poll();
    }

    fn serial(&self) -> u32 {
        self.created.last().unwrap().0
    }

    fn id(&self) -> PullId {
        self.pull.unwrap().id
    }

    /// How many milliseconds there were between creations.
    fn pauses(&self) -> Vec<u64> {
        let millis: Vec<_> = self.created_at.iter().map(|at| at.as_millis()).collect();
        millis.windows(2).map(|two| two[1] - two[0]).collect()
    }

    /// The server creates the consumer, which begins behind `base`.
    fn create(&mut self, base: u64) {
        let delivered = SequenceInfo { consumer_sequence: 0, stream_sequence: base };
        self.ordered.handle_created(self.serial(), delivered, self.now);
        self.poll();
    }

    fn fail(&mut self, failure: CreateFailure) {
        self.ordered.handle_create_failed(self.serial(), failure, self.now);
        self.poll();
    }

    fn deliver(&mut self, consumer_sequence: u64, stream_sequence: u64) -> OrderedHandling {
        let text = format!("$JS.ACK.S.C.1.{stream_sequence}.{consumer_sequence}.0.0");
        let delivery = DeliveryInfo::parse(text.as_bytes()).unwrap();
        let handling = self.ordered.handle_message(self.id().inbox, 100, &delivery, self.now);
        self.poll();
        handling
    }

    fn tell(&mut self, status: PullStatus<'_>, heartbeat: Option<Heartbeat>) -> bool {
        let PullId { inbox, number } = self.id();
        let idle = self.ordered.handle_status(inbox, Some(number), status, heartbeat, self.now);
        self.poll();
        idle
    }

    fn reconnect(&mut self) {
        self.ordered.handle_disconnected();
        self.poll();
        self.ordered.handle_connected();
        self.poll();
    }

    fn answer(&mut self, info: OrderedInfo) {
        self.ordered.handle_info(self.serial(), info, self.now);
        self.poll();
    }

    /// Something happens, so that there is a new consumer in the end.
    fn suffer(&mut self, fault: Fault, received: u64) {
        let next = received + 1;
        match fault {
            Fault::Gap => assert_eq!(self.deliver(next + 1, 900), OrderedHandling::Drop),
            Fault::TooFar => {
                let last = next.saturating_sub(1).max(1);
                if received == 0 {
                    assert_eq!(self.deliver(2, 900), OrderedHandling::Drop);
                } else {
                    assert_eq!(self.deliver(last, 900), OrderedHandling::Drop);
                }
            }
            Fault::HeartbeatTells => {
                let at = Heartbeat { consumer_sequence: next, stream_sequence: 900 };
                assert!(!self.tell(PullStatus::Heartbeat, Some(at)));
            }
            Fault::Stalled => self.wait(),
            Fault::Deleted => assert!(!self.tell(PullStatus::ConsumerDeleted, None)),
            Fault::NoResponders => assert!(!self.tell(PullStatus::NoResponders, None)),
            Fault::GoneAfterReconnect => {
                self.reconnect();
                self.answer(OrderedInfo::NotFound);
            }
            Fault::MissedAfterReconnect => {
                self.reconnect();
                let at = SequenceInfo { consumer_sequence: next, stream_sequence: 900 };
                self.answer(OrderedInfo::Exists(at));
            }
            Fault::SilentAfterReconnect => {
                self.reconnect();
                self.wait();
            }
            Fault::CreateFails(times) => {
                self.tell(PullStatus::ConsumerDeleted, None);
                for _ in 0..times {
                    self.fail(CreateFailure::Unavailable);
                    self.wait();
                }
            }
            Fault::CreateIsSilent(times) => {
                self.tell(PullStatus::ConsumerDeleted, None);
                for _ in 0..times {
                    // Until it is given up, and then until the next one.
                    self.wait();
                    self.wait();
                }
            }
        }
    }
}

/// Where a consumer begins that follows one which began with `policy` behind 40, and has delivered up to
/// `cursor`.
fn expected(policy: DeliverPolicy, cursor: Option<u64>) -> DeliverPolicy {
    match cursor {
        Some(cursor) => DeliverPolicy::ByStartSequence(cursor + 1),
        None if policy == DeliverPolicy::LastPerSubject => policy,
        None => DeliverPolicy::ByStartSequence(41),
    }
}

#[test]
fn whatever_happens_it_goes_on_behind_the_last_message() {
    for policy in POLICIES {
        for received in [0, 1, 5] {
            for fault in FAULTS {
                let case = format!("{policy:?}, {received} received, {fault:?}");
                let mut reader = Reader::new(policy);
                assert_eq!(reader.created, [(1, policy)], "{case}");
                reader.create(40);
                for number in 1..=received {
                    let handling = reader.deliver(number, 40 + 10 * number);
                    assert_eq!(handling, OrderedHandling::Deliver, "{case}");
                }
                reader.suffer(fault, received);
                let cursor = (received > 0).then_some(40 + 10 * received);
                assert_eq!(reader.ordered.cursor(), cursor, "{case}");
                let (serial, policy) = (reader.serial(), expected(policy, cursor));
                assert!(serial > 1, "{case}");
                assert_eq!(reader.created.last(), Some(&(serial, policy)), "{case}");
                // Nothing of before is taken for something of now.
                let old = reader.deliver(received + 1, 950);
                assert_eq!(old, OrderedHandling::Drop, "{case}");
                reader.create(100);
                assert_eq!(reader.deliver(1, 1_000), OrderedHandling::Deliver, "{case}");
                assert_eq!(reader.created.len(), usize::try_from(serial).unwrap(), "{case}");
                // The others are deleted, unless the server has said that there are none.
                let left: Vec<_> = (1..serial).filter(|n| !reader.deleted.contains(n)).collect();
                let known = match fault {
                    Fault::GoneAfterReconnect => vec![1],
                    Fault::CreateFails(times) => (2..2 + u32::from(times)).collect(),
                    _ => vec![],
                };
                assert_eq!(left, known, "{case}");
            }
        }
    }
}

#[test]
fn without_an_answer_where_it_began_the_policy_stays() {
    for policy in POLICIES {
        let mut reader = Reader::new(policy);
        reader.fail(CreateFailure::Unavailable);
        reader.wait();
        assert_eq!(reader.created, [(1, policy), (2, policy)]);
    }
}

#[test]
fn a_consumer_that_missed_nothing_is_kept_over_connections() {
    let mut reader = Reader::new(DeliverPolicy::All);
    reader.create(0);
    for number in 1..=1_000 {
        assert_eq!(reader.deliver(number, number), OrderedHandling::Deliver);
        reader.ordered.release(1, 100);
        reader.reconnect();
        let at = SequenceInfo { consumer_sequence: number, stream_sequence: number };
        reader.answer(OrderedInfo::Exists(at));
    }
    assert_eq!((reader.created.len(), reader.asked.len()), (1, 1_000));
    assert_eq!((reader.deleted, reader.events), (vec![], vec![]));
}

#[test]
fn a_consumer_that_was_being_created_when_the_connection_was_lost_is_kept() {
    let mut reader = Reader::new(DeliverPolicy::New);
    reader.reconnect();
    assert_eq!(reader.asked, [1]);
    reader.answer(OrderedInfo::Exists(SequenceInfo { consumer_sequence: 0, stream_sequence: 7 }));
    assert_eq!(reader.created.len(), 1);
    assert_eq!(reader.deliver(1, 8), OrderedHandling::Deliver);

    // Or there is none.
    let mut reader = Reader::new(DeliverPolicy::New);
    reader.reconnect();
    reader.answer(OrderedInfo::NotFound);
    assert_eq!(reader.created, [(1, DeliverPolicy::New), (2, DeliverPolicy::New)]);
}

#[test]
fn who_may_not_ask_reads_on() {
    let mut reader = Reader::new(DeliverPolicy::All);
    reader.create(0);
    assert_eq!(reader.deliver(1, 1), OrderedHandling::Deliver);
    reader.reconnect();
    reader.answer(OrderedInfo::NotPermitted);
    assert_eq!(reader.deliver(3, 3), OrderedHandling::Drop);
    assert_eq!(reader.events, [OrderedEvent::Gap]);
    assert_eq!(reader.created.last(), Some(&(2, DeliverPolicy::ByStartSequence(2))));
}

#[test]
fn pauses_double_up_to_ten_seconds_until_a_message_comes() {
    let mut reader = Reader::new(DeliverPolicy::All);
    reader.create(0);
    for _ in 0..12 {
        let serial = reader.serial();
        reader.tell(PullStatus::ConsumerDeleted, None);
        if reader.serial() == serial {
            reader.wait();
        }
        reader.create(0);
    }
    let pauses = reader.pauses();
    assert_eq!(pauses[0], 0);
    for (at, pause) in pauses.iter().enumerate().skip(1) {
        let most = (250 << (at - 1)).min(10_000);
        assert!((most / 2..=most).contains(pause), "{pauses:?}");
    }
    assert_eq!(reader.deliver(1, 1), OrderedHandling::Deliver);
    let before = reader.now;
    reader.tell(PullStatus::ConsumerDeleted, None);
    assert_eq!(reader.created_at.last(), Some(&before));
}

#[test]
fn without_a_stream_it_asks_once_a_second_at_most_or_ends() {
    let mut reader = Reader::new(DeliverPolicy::All);
    reader.create(0);
    reader.tell(PullStatus::ConsumerDeleted, None);
    for _ in 0..8 {
        reader.fail(CreateFailure::StreamNotFound);
        reader.wait();
    }
    let pauses = reader.pauses();
    assert!(pauses[1..].iter().all(|pause| *pause >= 500), "{pauses:?}");
    assert!(pauses[6..].iter().all(|pause| *pause >= 5_000), "{pauses:?}");

    let ordered = OrderedConsumer::new(PullConfig::new(1), DeliverPolicy::All).unwrap();
    let mut reader = Reader::of(ordered.end_without_stream());
    reader.fail(CreateFailure::StreamNotFound);
    assert_eq!(reader.end, Some(OrderedEndReason::StreamDeleted));
    assert!(reader.ordered.is_over());
}

#[test]
fn what_the_first_consumer_is_refused_for_is_the_end() {
    let mut reader = Reader::new(DeliverPolicy::All);
    reader.fail(CreateFailure::Refused);
    assert_eq!(reader.end, Some(OrderedEndReason::Refused));
    let mut reader = Reader::new(DeliverPolicy::All);
    reader.create(0);
    reader.tell(PullStatus::ConsumerDeleted, None);
    reader.fail(CreateFailure::Refused);
    reader.wait();
    assert_eq!((reader.created.len(), reader.end), (3, None));
    reader.fail(CreateFailure::NotPermitted);
    assert_eq!(reader.end, Some(OrderedEndReason::NotPermitted));
}

#[test]
fn stopping_deletes_the_consumer() {
    let mut reader = Reader::new(DeliverPolicy::All);
    reader.create(0);
    reader.ordered.stop();
    reader.poll();
    assert_eq!(
        (reader.deleted.as_slice(), reader.end),
        (&[1][..], Some(OrderedEndReason::Stopped))
    );
    assert_eq!(reader.deliver(1, 1), OrderedHandling::Drop);
    // Also one that is only being created; but not one that is not.
    let mut reader = Reader::new(DeliverPolicy::All);
    reader.ordered.stop();
    reader.poll();
    assert_eq!(reader.deleted, [1]);
    let mut ordered = OrderedConsumer::new(PullConfig::DEFAULT, DeliverPolicy::All).unwrap();
    ordered.stop();
    let mut reader = Reader::of(ordered);
    assert_eq!((reader.deleted.as_slice(), reader.end), (&[][..], Some(OrderedEndReason::Stopped)));
    reader.ordered.stop();
    reader.poll();
}

#[test]
fn messages_that_were_seen_are_not_handed_out_again() {
    let mut reader = Reader::new(DeliverPolicy::LastPerSubject);
    reader.create(0);
    assert_eq!(reader.deliver(1, 5), OrderedHandling::Deliver);
    assert_eq!(reader.deliver(2, 5), OrderedHandling::Drop);
    assert_eq!(reader.deliver(3, 4), OrderedHandling::Drop);
    assert_eq!(reader.deliver(4, 6), OrderedHandling::Deliver);
    assert_eq!((reader.created.len(), reader.events.len()), (1, 0));
    // They do not take places either.
    assert_eq!(reader.pull.unwrap().batch, 100);
    reader.tell(PullStatus::RequestTimeout, None);
    assert_eq!(reader.pull.unwrap().batch, 98);
}

#[test]
fn a_server_says_when_there_is_nothing_more() {
    let mut reader = Reader::new(DeliverPolicy::All);
    reader.create(0);
    let at = Heartbeat { consumer_sequence: 0, stream_sequence: 9 };
    assert!(reader.tell(PullStatus::Heartbeat, Some(at)));
    assert!(reader.tell(PullStatus::RequestTimeout, None));
    assert!(!reader.tell(PullStatus::LeadershipChange, None));
}
