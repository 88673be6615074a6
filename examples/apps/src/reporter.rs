//! Samples that outlive connections and servers: each is kept until a stream has acknowledged it.

use core::cell::Cell;
use core::cell::RefCell;
use core::fmt::Write as _;

use embassy_futures::select::Either;
use embassy_futures::select::select;
use embassy_futures::select::select3;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::signal::Signal;
use embassy_time::Duration;
use embassy_time::Instant;
use embassy_time::Timer;
use heapless::Deque;
use heapless::String;
use nats_embassy::Client;
use nats_embassy::Memory;
use nats_embassy::PendingLimits;
use nats_embassy::jetstream::MayBeStored;
use nats_embassy::jetstream::MessageId;
use nats_embassy::jetstream::NotSent;
use nats_embassy::jetstream::PublishError;

use crate::Text;
use crate::subject;

/// How many samples are kept: with one every 250 ms those of two minutes.
///
/// With one more, the oldest is lost, and counted. So no sample is published for longer than that, and a
/// stream whose `duplicate_window` is longer has none twice.
const KEPT: usize = 512;

/// How long to wait before a sample that was refused is published again.
const PAUSE: Duration = Duration::from_millis(250);

/// Takes samples, and publishes each until a stream has it.
///
/// | subject | what happens |
/// |---|---|
/// | `device.ID.report` | `every MS` has it take a sample every so many milliseconds, `stop` no more; the answer is what it has counted |
/// | `device.ID.sample` | gets samples: `BOOT NUMBER TIME`, with the message id `ID.BOOT.NUMBER` |
///
/// `BOOT` is a random number, another one after each start: the numbers of samples begin anew then, and a
/// stream must not take them for those that it has. `TIME` is what is measured: the milliseconds since the
/// start.
pub struct Reporter<'d, R: Memory<'d>> {
    client: Client<'d, R>,
    id: &'d str,
    boot: u32,
    period: Cell<Option<Duration>>,
    samples: RefCell<Samples>,
    /// The period is another one.
    is_set: Signal<NoopRawMutex, ()>,
    /// There is a sample.
    is_taken: Signal<NoopRawMutex, ()>,
}

/// Samples that are not acknowledged, and what became of the others.
#[derive(Default)]
struct Samples {
    kept: Deque<u32, KEPT>,
    taken: u32,
    /// How many were kept at once.
    most: usize,
    lost: u32,
    duplicates: u32,
}

impl<'d, R: Memory<'d>> Reporter<'d, R> {
    /// A reporter for the device of this name, with a number that no start of it has had before.
    pub fn new(client: Client<'d, R>, id: &'d str, boot: u32) -> Self {
        Self {
            client,
            id,
            boot,
            period: Cell::default(),
            samples: RefCell::default(),
            is_set: Signal::new(),
            is_taken: Signal::new(),
        }
    }

    /// Works until the client ends.
    pub async fn run(&self) {
        select3(self.obey(), self.take(), self.publish()).await;
    }

    /// Obeys commands.
    async fn obey(&self) {
        let subject = subject(self.id, "report");
        let commands = self.client.subscribe(subject.as_str(), PendingLimits::drop_newest(1));
        let Ok(mut commands) = commands else { return };
        while let Some(command) = commands.next().await {
            match core::str::from_utf8(command.payload()).unwrap_or_default().split_once(' ') {
                Some(("every", millis)) => self.set_period(millis.parse().ok()),
                _ => self.set_period(None),
            }
            let mut answer = Text::new();
            let _ = self.samples.borrow().write(&mut answer);
            let _ = self.client.respond(&command, answer.as_bytes()).await;
        }
    }

    fn set_period(&self, millis: Option<u64>) {
        let period = millis.filter(|millis| *millis > 0).map(Duration::from_millis);
        if self.period.replace(period) != period {
            self.is_set.signal(());
        }
    }

    /// Takes samples, connected or not.
    async fn take(&self) {
        loop {
            let Some(period) = self.period.get() else {
                self.is_set.wait().await;
                continue;
            };
            // What was set counts for a sample that is due at the same time.
            if let Either::Second(()) = select(self.is_set.wait(), Timer::after(period)).await {
                self.samples.borrow_mut().push(Instant::now().as_millis() as u32);
                self.is_taken.signal(());
            }
        }
    }

    /// Publishes the oldest sample, until it is acknowledged, and then the next.
    async fn publish(&self) {
        let subject = subject(self.id, "sample");
        let mut id = Text::new();
        let _ = write!(id, "{}.{:08x}.", self.id, self.boot);
        let jetstream = self.client.jetstream();
        loop {
            let Some((number, time)) = self.oldest() else {
                self.is_taken.wait().await;
                continue;
            };
            let mut payload = String::<32>::new();
            // A number and a time of ten digits are the longest.
            let _ = write!(payload, "{:08x} {number} {time}", self.boot);
            let id = MessageId::numbered(&id, number.into());
            match jetstream.publish(subject.as_str(), payload.as_bytes()).message_id(id).await {
                Ok(ack) => self.samples.borrow_mut().acknowledge(number, ack.is_duplicate),
                Err(
                    PublishError::NotSent(NotSent::Closed)
                    | PublishError::MayBeStored(MayBeStored::Closed),
                ) => return,
                // Whatever the reason is: with its id it can be published again.
                Err(_) => Timer::after(PAUSE).await,
            }
        }
    }

    fn oldest(&self) -> Option<(u32, u32)> {
        self.samples.borrow().oldest()
    }
}

impl Samples {
    fn push(&mut self, time: u32) {
        if self.kept.is_full() {
            self.kept.pop_front();
            self.lost += 1;
        }
        // There is room.
        let _ = self.kept.push_back(time);
        self.taken += 1;
        self.most = self.most.max(self.kept.len());
    }

    /// The number of the oldest sample, and when it was taken.
    fn oldest(&self) -> Option<(u32, u32)> {
        let time = *self.kept.front()?;
        Some((self.taken - self.kept.len() as u32, time))
    }

    fn acknowledge(&mut self, number: u32, is_duplicate: bool) {
        self.duplicates += u32::from(is_duplicate);
        // Otherwise it has counted as lost already, while it was published.
        if self.oldest().is_some_and(|(oldest, _)| oldest == number) {
            self.kept.pop_front();
        }
    }

    fn write(&self, text: &mut Text) -> core::fmt::Result {
        let Self { kept, taken, most, lost, duplicates } = self;
        let kept = kept.len();
        write!(text, "taken={taken} kept={kept} most={most} lost={lost} duplicates={duplicates}")
    }
}
