//! The application of all example devices: telemetry from a counter, commands, requests.
//!
//! | subject | what happens |
//! |---|---|
//! | `device.ID.telemetry` | gets a number every 100 ms |
//! | `device.ID.command` | `blink N`, `burst N` and `stop` are obeyed and confirmed, a header `Trace` included |
//! | `device.ID.burst` | gets so many messages as fast as it can |
//! | `device.ID.status` | requests are answered with what was counted |
//! | `device.ID.flood` | is more than the device can deal with: 5 ms for every message |
//! | `devices.job` | is done by one of the devices, which sends it to `device.ID.done` |
//! | `hub.time` | is asked for the time once a second; the answer goes to `device.ID.time` |
//!
//! With feature `jetstream`, a `Reporter` besides takes samples and publishes each to `device.ID.sample`
//! until a stream has it.
#![no_std]

#[cfg(feature = "jetstream")]
mod reporter;

use core::fmt::Write as _;
use core::time::Duration;

use embassy_futures::join::join;
use embassy_futures::join::join5;
use embassy_futures::select::Either;
use embassy_futures::select::select;
use embassy_time::Timer;
use nats_embassy::Client;
use nats_embassy::CloseReason;
use nats_embassy::Event;
use nats_embassy::HeaderBuf;
use nats_embassy::Memory;
use nats_embassy::Message;
use nats_embassy::PendingLimits;
use nats_embassy::Publish;
use nats_embassy::Subject;
use nats_embassy::SubscribeError;
#[cfg(feature = "jetstream")]
pub use reporter::Reporter;

/// How many subscriptions a device takes of its resources, the one for replies included.
pub const SUBSCRIPTIONS: usize = if cfg!(feature = "jetstream") { 6 } else { 5 };

/// How many places for messages it takes.
pub const PLACES: usize = if cfg!(feature = "jetstream") { 9 } else { 8 };

/// How many requests it has under way at once; each sample that is published is one.
pub const REQUESTS: usize = if cfg!(feature = "jetstream") { 2 } else { 1 };

/// A short text.
type Text = heapless::String<96>;

/// Why a device stops.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum TransportError {
    /// There is too little room for its subscriptions.
    Subscribe(SubscribeError),
    /// The connection ended before it was told to stop.
    Stopped(CloseReason),
}

/// A device: its client and its name.
pub struct Device<'d, R: Memory<'d>> {
    client: Client<'d, R>,
    id: &'d str,
}

impl<'d, R: Memory<'d>> Device<'d, R> {
    /// A device of this name.
    pub const fn new(client: Client<'d, R>, id: &'d str) -> Self {
        Self { client, id }
    }

    /// Works until it is told to stop, and the server has everything.
    pub async fn run(&self, log: impl Fn(Event)) -> Result<(), TransportError> {
        let watch = async {
            while let Some(event) = self.client.next_event().await {
                log(event);
            }
        };
        let work =
            join5(self.measure(), self.serve(), self.flooded(), self.share_work(), self.ask());
        if let Either::First(obeyed) = select(self.obey(), join(work, watch)).await {
            obeyed?;
        }
        self.client.drain().await.map_err(TransportError::Stopped)
    }

    /// Publishes the number, made in place.
    async fn measure(&self) {
        let subject = self.subject("telemetry");
        let Ok(subject) = Subject::new(&subject) else { return };
        for number in 0_u32.. {
            let message = Publish::new(subject, &[]);
            let put = |space: &mut [u8]| {
                let mut text = heapless::String::<10>::new();
                // Ten digits are enough.
                let _ = write!(text, "{number}");
                space.iter_mut().zip(text.bytes()).for_each(|(place, byte)| *place = byte);
                text.len()
            };
            // It waits for a connection; after the last one there is nothing left to do.
            if self.client.publish_in_place(&message, 10, put).await.is_err() {
                return;
            }
            Timer::after_millis(100).await;
        }
    }

    /// Obeys commands, until the last one.
    async fn obey(&self) -> Result<(), TransportError> {
        let subject = self.subject("command");
        let commands = self.client.subscribe(subject.as_str(), PendingLimits::drop_newest(2));
        let mut commands = commands.map_err(TransportError::Subscribe)?;
        while let Some(command) = commands.next().await {
            let mut answer = Text::new();
            let text = core::str::from_utf8(command.payload()).unwrap_or_default();
            let _ = match text.split_once(' ') {
                Some(("blink", times)) => write!(answer, "blinked {times} times"),
                Some(("burst", count)) => {
                    let count = count.parse().unwrap_or_default();
                    self.burst(count).await;
                    write!(answer, "sent {count} messages")
                }
                _ if text == "stop" => write!(answer, "stopping"),
                _ => write!(answer, "what?"),
            };
            self.confirm(&command, answer.as_bytes()).await;
            if text == "stop" {
                break;
            }
        }
        Ok(())
    }

    /// Publishes as fast as it can.
    async fn burst(&self, count: u32) {
        let subject = self.subject("burst");
        for number in 0..count {
            let mut text = Text::new();
            // 16 bytes.
            let _ = write!(text, "{number:016}");
            let _ = self.client.publish(subject.as_str(), text.as_bytes()).await;
        }
    }

    /// Answers a command, with the header for tracing.
    async fn confirm(&self, command: &Message<'d, R>, payload: &[u8]) {
        let mut headers = HeaderBuf::<64>::new();
        if let Some(trace) = command.headers().get("Trace") {
            // One that is too long stays here.
            let _ = headers.append("Trace", trace);
        }
        // The command may have no reply subject, or its sender may be gone.
        let Some(reply) = command.reply_subject() else { return };
        let headers = headers.as_headers();
        let answer = Publish { headers, payload, ..Publish::new(reply, &[]) };
        let _ = self.client.publish_message(&answer).await;
    }

    /// Says how it is.
    async fn serve(&self) {
        let subject = self.subject("status");
        let requests = self.client.subscribe(subject.as_str(), PendingLimits::drop_newest(1));
        let Ok(mut requests) = requests else { return };
        while let Some(request) = requests.next().await {
            let count = self.client.statistics();
            let mut answer = Text::new();
            let _ = write!(
                answer,
                "connections={} received={} dropped={} oversized={}",
                count.connects, count.in_messages, count.dropped_messages, count.oversized_messages
            );
            let _ = self.client.respond(&request, answer.as_bytes()).await;
        }
    }

    /// Takes its time for every message.
    async fn flooded(&self) {
        let subject = self.subject("flood");
        let flood = self.client.subscribe(subject.as_str(), PendingLimits::drop_oldest(2));
        let Ok(mut flood) = flood else { return };
        while let Some(message) = flood.next().await {
            Timer::after_millis(5).await;
            drop(message);
        }
    }

    /// Does its share of what there is to do for all devices.
    async fn share_work(&self) {
        let subject = self.subject("done");
        let jobs =
            self.client.queue_subscribe("devices.job", "devices", PendingLimits::drop_newest(2));
        let Ok(mut jobs) = jobs else { return };
        while let Some(job) = jobs.next().await {
            let _ = self.client.publish(subject.as_str(), job.payload()).await;
        }
    }

    /// Asks what time it is.
    async fn ask(&self) {
        let subject = self.subject("time");
        loop {
            let asked = self.client.request("hub.time", b"", Duration::from_secs(2)).await;
            if let Ok(answer) = asked {
                let _ = self.client.publish(subject.as_str(), answer.payload()).await;
            }
            Timer::after_secs(1).await;
        }
    }

    fn subject(&self, what: &str) -> Text {
        subject(self.id, what)
    }
}

/// A subject of the device with this name.
fn subject(id: &str, what: &str) -> Text {
    let mut text = Text::new();
    // A name that is too long makes a subject that is none.
    let _ = write!(text, "device.{id}.{what}");
    text
}
