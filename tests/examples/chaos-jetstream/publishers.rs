//! Those who publish, and what they were told.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use nats_tokio::jetstream::Context;
use nats_tokio::jetstream::PublishAck;
use nats_tokio::jetstream::PublishError;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::actor::Actor;

/// How long a message may take, several elections included.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How many messages of one publisher are under way at once.
const WINDOW: u32 = 64;
/// How long a publisher waits for an acknowledgement before it sends a message with an id again.
const ACK_WAIT: Duration = Duration::from_secs(1);
/// And one without an id, before it is told that it may be stored: the default.
const PLAIN_ACK_WAIT: Duration = Duration::from_secs(5);

/// How long it waits before it tries again what has failed.
const REST: Duration = Duration::from_millis(250);

/// What a publisher was told of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Untold,
    Stored,
    NotStored,
    MayBeStored,
}

/// How messages are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One after the other, without ids.
    Plain,
    /// One after the other, with ids, and each until it is stored.
    WithIds,
    /// Many at a time, with ids, and each until it is stored.
    Window,
    /// To a stream that nobody else publishes to, once and in order.
    ExactlyOnce,
}

/// A publisher, and what it was told.
pub(crate) struct Publisher {
    pub(crate) kind: Kind,
    pub(crate) subject: &'static str,
    pub(crate) actor: Arc<Actor>,
    fates: Mutex<Vec<Fate>>,
    /// How often a message was published once more after an error.
    pub(crate) once_more: AtomicU64,
    pub(crate) duplicates: AtomicU64,
}

/// When to publish.
pub(crate) struct Pace {
    /// The time from one message to the next.
    micros: AtomicU64,
    running: watch::Receiver<bool>,
    /// Whether it is enough as soon as all messages are there.
    is_last_lap: AtomicBool,
}

impl Pace {
    pub(crate) fn new(running: watch::Receiver<bool>) -> Self {
        Self { micros: AtomicU64::new(0), running, is_last_lap: AtomicBool::new(false) }
    }

    /// How long to rest after each message. Not at all, to begin with.
    pub(crate) fn set(&self, pause: Duration) {
        self.micros.store(pause.as_micros() as u64, Relaxed);
    }

    /// No more pauses: what is left of the messages is published.
    pub(crate) fn hurry(&self) {
        self.set(Duration::ZERO);
        self.is_last_lap.store(true, Relaxed);
    }

    /// Waits until so many messages may be published.
    async fn tick(&self, messages: usize) {
        let pause = Duration::from_micros(self.micros.load(Relaxed)) * messages as u32;
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        // The sender lives as long as the program.
        let _ = self.running.clone().wait_for(|is_running| *is_running).await;
    }
}

impl Publisher {
    pub(crate) fn new(kind: Kind, capacity: usize) -> Self {
        let (subject, name, patience) = match kind {
            Kind::Plain => ("chaos.plain", "one by one", PLAIN_ACK_WAIT),
            Kind::WithIds => ("chaos.ids", "one by one, with ids", ACK_WAIT),
            Kind::Window => ("chaos.window", "window of 64, with ids", ACK_WAIT),
            Kind::ExactlyOnce => ("chain", "exactly once", ACK_WAIT),
        };
        Self {
            kind,
            subject,
            actor: Arc::new(Actor::new(name, patience)),
            fates: Mutex::new(Vec::with_capacity(capacity)),
            once_more: AtomicU64::new(0),
            duplicates: AtomicU64::new(0),
        }
    }

    /// What was told of each message.
    pub(crate) fn fates(&self) -> Vec<Fate> {
        self.fates.lock().expect("no panic").clone()
    }

    /// Publishes so many messages, or more if there are faults still.
    pub(crate) async fn run(self: Arc<Self>, jetstream: Context, count: usize, pace: Arc<Pace>) {
        match self.kind {
            Kind::Plain => self.publish_one_by_one(&jetstream, count, &pace).await,
            Kind::WithIds => self.publish_with_ids(jetstream, count, &pace, 1).await,
            Kind::Window => self.publish_with_ids(jetstream, count, &pace, WINDOW).await,
            Kind::ExactlyOnce => {
                while !self.publish_exactly_once(&jetstream, count, &pace).await {}
            }
        }
    }

    /// The number of the next message, if there is to be one.
    fn next(&self, count: usize, pace: &Pace) -> Option<usize> {
        let mut fates = self.fates.lock().expect("no panic");
        if fates.len() >= count && pace.is_last_lap.load(Relaxed) {
            return None;
        }
        fates.push(Fate::Untold);
        Some(fates.len() - 1)
    }

    async fn publish_one_by_one(&self, jetstream: &Context, count: usize, pace: &Pace) {
        while let Some(number) = self.next(count, pace) {
            pace.tick(1).await;
            let publish = jetstream.publish(self.subject, number.to_string());
            self.note(number, &publish.timeout(TIMEOUT).retries(u8::MAX).await);
        }
    }

    async fn publish_with_ids(&self, jetstream: Context, count: usize, pace: &Pace, window: u32) {
        let publisher = jetstream.publisher().window(window).ack_wait(ACK_WAIT).timeout(TIMEOUT);
        let publisher = publisher.build();
        // So many are published in one go.
        let burst = (window as usize / 4).max(1);
        let mut under_way = JoinSet::new();
        let mut again = Vec::new();
        loop {
            pace.tick(burst).await;
            let mut numbers = std::mem::take(&mut again);
            numbers.extend(std::iter::from_fn(|| self.next(count, pace)).take(burst));
            if numbers.is_empty() && under_way.is_empty() {
                return;
            }
            for number in numbers {
                let (text, id) = (number.to_string(), format!("{}-{number}", self.subject));
                match publisher.publish(self.subject, &text).message_id(&id).await {
                    Ok(sent) => drop(under_way.spawn(async move { (number, sent.await) })),
                    Err(error) => {
                        self.note(number, &Err(error));
                        again.push(number);
                    }
                }
            }
            // Until there is room for the next.
            while under_way.len() > window as usize - burst
                || (again.is_empty() && !under_way.is_empty() && self.is_done(count, pace))
            {
                let Some(done) = under_way.join_next().await else { break };
                let (number, outcome) = done.expect("no panic");
                if !self.note(number, &outcome) {
                    again.push(number);
                }
            }
            while let Some(done) = under_way.try_join_next() {
                let (number, outcome) = done.expect("no panic");
                if !self.note(number, &outcome) {
                    again.push(number);
                }
            }
        }
    }

    /// Publishes until all is done, or something has failed: then the stream knows where to go on.
    async fn publish_exactly_once(&self, jetstream: &Context, count: usize, pace: &Pace) -> bool {
        let publisher = jetstream.publisher().ack_wait(ACK_WAIT).timeout(TIMEOUT);
        let publisher = match publisher.exactly_once("CHAIN", "chaos").await {
            Ok(publisher) => publisher,
            Err(error) => {
                eprintln!("{}: {error}", self.actor.name);
                tokio::time::sleep(REST).await;
                return false;
            }
        };
        // Messages are numbered from 1, and those before this one are in the stream.
        let mut number = publisher.last_number() as usize;
        self.fates.lock().expect("no panic")[..number].fill(Fate::Stored);
        let mut under_way = JoinSet::new();
        let mut is_good = true;
        while is_good {
            pace.tick(1).await;
            let is_known = number < self.fates.lock().expect("no panic").len();
            if !is_known && self.next(count, pace).is_none() {
                break;
            }
            match publisher.publish(self.subject, number.to_string()).await {
                Ok(sent) => drop(under_way.spawn(async move { (number, sent.await) })),
                Err(error) => is_good = self.note(number, &Err(error)),
            }
            number += 1;
            while let Some(done) = under_way.try_join_next() {
                let (number, outcome) = done.expect("no panic");
                is_good &= self.note(number, &outcome);
            }
        }
        while let Some(done) = under_way.join_next().await {
            let (number, outcome) = done.expect("no panic");
            is_good &= self.note(number, &outcome);
        }
        is_good
    }

    fn is_done(&self, count: usize, pace: &Pace) -> bool {
        let fates = self.fates.lock().expect("no panic");
        fates.len() >= count && pace.is_last_lap.load(Relaxed)
    }

    /// Notes what was told of a message, and returns whether it is stored.
    fn note(&self, number: usize, outcome: &Result<PublishAck, PublishError>) -> bool {
        let fate = match outcome {
            Ok(ack) => {
                self.actor.mark();
                self.duplicates.fetch_add(u64::from(ack.is_duplicate), Relaxed);
                Fate::Stored
            }
            Err(error) => {
                eprintln!("{}, message {number}: {error}", self.actor.name);
                self.once_more.fetch_add(u64::from(self.kind != Kind::Plain), Relaxed);
                if error.may_be_stored() { Fate::MayBeStored } else { Fate::NotStored }
            }
        };
        self.fates.lock().expect("no panic")[number] = fate;
        fate == Fate::Stored
    }
}

/// What is in the stream of a publisher's messages, compared with what it was told.
#[derive(Default)]
pub(crate) struct Comparison {
    pub(crate) published: usize,
    pub(crate) stored: usize,
    pub(crate) not_stored: usize,
    pub(crate) may_be_stored: usize,
    /// Stored, it was told, and not there.
    pub(crate) missing: usize,
    /// There more than once.
    pub(crate) twice: usize,
    /// Not stored, it was told, and there.
    pub(crate) there_all_the_same: usize,
    /// Before the one that was published before it.
    pub(crate) out_of_order: usize,
}

impl Publisher {
    /// Compares with the numbers that are in the stream, in its order.
    pub(crate) fn compare(&self, numbers: &[usize]) -> Comparison {
        let fates = self.fates();
        let mut copies = vec![0_u32; fates.len()];
        let mut last = None;
        let mut comparison = Comparison { published: fates.len(), ..Comparison::default() };
        for number in numbers {
            copies[*number] += 1;
            comparison.out_of_order += usize::from(last.is_some_and(|last| last > *number));
            last = Some(*number);
        }
        for (fate, copies) in fates.iter().zip(copies) {
            comparison.twice += usize::from(copies > 1);
            match fate {
                Fate::Stored => comparison.stored += 1,
                Fate::NotStored => comparison.not_stored += 1,
                Fate::MayBeStored | Fate::Untold => comparison.may_be_stored += 1,
            }
            comparison.missing += usize::from(*fate == Fate::Stored && copies == 0);
            let is_there = *fate == Fate::NotStored && copies > 0;
            comparison.there_all_the_same += usize::from(is_there);
        }
        comparison
    }
}
