//! Those who take messages, and what they got.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

use nats_tokio::jetstream::Consumer;
use nats_tokio::jetstream::Context;
use nats_tokio::jetstream::DeliveryInfo;
use nats_tokio::jetstream::Message;
use nats_tokio::jetstream::Messages;
use nats_tokio::jetstream::WorkerError;
use nats_tokio::jetstream::consumer::Config;
use nats_tokio::jetstream::consumer::DeliverPolicy;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::actor::Actor;

/// How long a message may take before it is delivered again.
const ACK_WAIT: Duration = Duration::from_secs(10);
/// How many messages the reader asks for ahead, and how many confirmations it waits for at a time.
const MAX_MESSAGES: u32 = 100;
const MAX_ACKS: usize = 32;
/// How often the server says that it is alive: a silence twice as long is noticed.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(1);
/// How many messages the worker works on at a time.
const CONCURRENCY: u32 = 16;
/// How long it waits before it tries again what has failed.
const REST: Duration = Duration::from_millis(50);

/// What came of a consumer's messages.
pub(crate) struct Tally {
    pub(crate) consumer: &'static str,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// How often each message was handed out, by its sequence number.
    seen: Vec<u8>,
    /// The messages before this one have all been handed out.
    floor: usize,
    /// Of those whose acknowledgement was confirmed: how many had been handed out by then, and when.
    confirmed: HashMap<u64, (u64, Instant)>,
    counts: Counts,
}

/// How many messages.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counts {
    /// Handed out by our client, and to the prober.
    pub(crate) handed_out: u64,
    pub(crate) to_prober: u64,
    /// Handed out once more.
    pub(crate) again: u64,
    /// Acknowledgements that were confirmed, and that were not.
    pub(crate) confirmed: u64,
    pub(crate) unconfirmed: u64,
    /// Handed out once more, and its acknowledgement was confirmed while it was on its way.
    pub(crate) crossed: u64,
    /// Delivered once more after the acknowledgement was confirmed.
    pub(crate) after_confirmed: u64,
    /// How often the consumer was made anew.
    pub(crate) made_anew: u64,
    /// Errors after which messages went on.
    pub(crate) told: u64,
}

impl Tally {
    /// For so many messages, more or less.
    pub(crate) fn new(consumer: &'static str, messages: usize) -> Self {
        let seen = vec![0; messages];
        let confirmed = HashMap::with_capacity(messages);
        let state = State { seen, confirmed, floor: 1, ..State::default() };
        Self { consumer, state: Mutex::new(state) }
    }

    fn handed_out(&self, delivery: &DeliveryInfo<'_>) {
        let mut state = self.state.lock().expect("no panic");
        state.counts.handed_out += 1;
        state.note(delivery, "our client");
    }

    pub(crate) fn handed_to_prober(&self, delivery: &DeliveryInfo<'_>) {
        let mut state = self.state.lock().expect("no panic");
        state.counts.to_prober += 1;
        state.note(delivery, "the prober");
    }

    fn acknowledged(&self, sequence: u64, is_confirmed: bool) {
        let mut state = self.state.lock().expect("no panic");
        if is_confirmed {
            state.counts.confirmed += 1;
            let now = state.counts.handed_out;
            state.confirmed.insert(sequence, (now, Instant::now()));
        } else {
            state.counts.unconfirmed += 1;
        }
    }

    /// The consumer is another one, which knows nothing of acknowledgements.
    fn made_anew(&self) {
        let mut state = self.state.lock().expect("no panic");
        state.counts.made_anew += 1;
        state.confirmed.clear();
    }

    fn told(&self) {
        self.state.lock().expect("no panic").counts.told += 1;
    }

    /// The first message that was not handed out.
    fn first_missing(&self) -> u64 {
        let mut state = self.state.lock().expect("no panic");
        while state.seen.get(state.floor).is_some_and(|count| *count > 0) {
            state.floor += 1;
        }
        state.floor as u64
    }

    /// How many of these first messages of the stream were not handed out.
    pub(crate) fn missing(&self, last: u64) -> usize {
        let state = self.state.lock().expect("no panic");
        (1..=last as usize).filter(|at| state.seen.get(*at).is_none_or(|count| *count == 0)).count()
    }

    pub(crate) fn counts(&self) -> Counts {
        self.state.lock().expect("no panic").counts
    }
}

impl State {
    fn note(&mut self, delivery: &DeliveryInfo<'_>, by: &str) {
        let at = delivery.stream_sequence as usize;
        if at >= self.seen.len() {
            self.seen.resize(at + 1, 0);
        }
        let count = &mut self.seen[at];
        self.counts.again += u64::from(*count > 0);
        *count = count.saturating_add(1);
        if let Some((handed_out, when)) = self.confirmed.get(&delivery.stream_sequence) {
            let since = self.counts.handed_out - handed_out;
            let ago = when.elapsed();
            eprintln!("{by}, {since} messages and {ago:?} after its confirmation: {delivery:?}");
            // What was asked for before may come behind a confirmation. No more than that was.
            match since <= u64::from(MAX_MESSAGES) {
                true => self.counts.crossed += 1,
                false => self.counts.after_confirmed += 1,
            }
        }
    }
}

/// The consumer, which is made where the first missing message is if there is none.
pub(crate) async fn find(jetstream: &Context, tally: &Tally) -> Consumer {
    let start_sequence = tally.first_missing();
    let config = Config {
        ack_wait: ACK_WAIT,
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence },
        max_ack_pending: 5_000,
        ..Config::durable(tally.consumer)
    };
    let stream = jetstream.stream("CHAOS").expect("a name");
    loop {
        match stream.get_or_create_consumer(config.clone()).await {
            Ok(consumer) => return consumer,
            Err(_) => tokio::time::sleep(REST).await,
        }
    }
}

/// Takes messages as they come, and has every acknowledgement confirmed.
pub(crate) async fn read(
    jetstream: Context,
    actor: Arc<Actor>,
    tally: Arc<Tally>,
    mut end: watch::Receiver<bool>,
) {
    loop {
        let consumer = find(&jetstream, &tally).await;
        let messages = consumer.messages().max_messages(MAX_MESSAGES).heartbeat(HEARTBEAT).await;
        let mut messages = messages.expect("messages");
        let mut acks = JoinSet::new();
        let is_over = loop {
            tokio::select! {
                next = take(&mut messages, &tally), if acks.len() < MAX_ACKS => {
                    let Some(message) = next else { break false };
                    let delivery = message.delivery().expect("a delivery");
                    let sequence = delivery.stream_sequence;
                    actor.mark();
                    tally.handed_out(&delivery);
                    acks.spawn(async move { (sequence, message.ack_confirmed().await.is_ok()) });
                }
                Some(done) = acks.join_next() => {
                    let (sequence, is_confirmed) = done.expect("no panic");
                    tally.acknowledged(sequence, is_confirmed);
                }
                _ = end.wait_for(|is_over| *is_over) => break true,
            }
        };
        if is_over {
            messages.stop().await;
            return;
        }
        drop(acks);
        tally.made_anew();
    }
}

/// The next message, or none because the consumer was deleted.
async fn take(messages: &mut Messages, tally: &Tally) -> Option<Message> {
    loop {
        match messages.next().await? {
            Ok(message) => return Some(message),
            Err(error) if error.is_end() => {
                eprintln!("reader: {error}");
                return None;
            }
            Err(error) => {
                eprintln!("reader goes on: {error}");
                tally.told();
            }
        }
    }
}

/// Works on messages, so many at a time.
pub(crate) async fn work(
    jetstream: Context,
    actor: Arc<Actor>,
    tally: Arc<Tally>,
    end: watch::Receiver<bool>,
) {
    loop {
        let consumer = find(&jetstream, &tally).await;
        let mut ended = end.clone();
        let shutdown = async move { drop(ended.wait_for(|is_over| *is_over).await) };
        let handler = |message: Message| {
            let (actor, tally) = (Arc::clone(&actor), Arc::clone(&tally));
            async move {
                let delivery = message.delivery().expect("a delivery");
                let sequence = delivery.stream_sequence;
                actor.mark();
                tally.handed_out(&delivery);
                // Some take their time.
                tokio::time::sleep(Duration::from_millis(sequence % 20)).await;
            }
        };
        let worker = consumer.worker(CONCURRENCY).heartbeat(HEARTBEAT);
        match worker.run_until(shutdown, handler).await {
            Ok(()) => return,
            Err(WorkerError::Messages(error)) => {
                eprintln!("worker: {error}");
                tally.made_anew();
            }
            // It is begun once more.
            Err(error) => eprintln!("worker: {error}"),
        }
    }
}
