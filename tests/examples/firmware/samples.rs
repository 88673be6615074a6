//! Samples that devices take, and keep until a stream of the leaf node has them. A stream at the hub sources
//! them.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;
use std::time::Instant;

use nats_tokio::Client;
use nats_tokio::jetstream::Context;
use nats_tokio::jetstream::Stream;
use nats_tokio::jetstream::consumer;
use nats_tokio::jetstream::consumer::AckPolicy;
use nats_tokio::jetstream::stream;
use nats_tokio::jetstream::stream::Source;

use crate::board::Board;
use crate::device::Device;
use crate::device::PASSWORD;
use crate::device::Setup;
use crate::line::Line;
use crate::site::PATIENCE;
use crate::site::Site;
use crate::site::number;
use crate::site::within;
use crate::site::within_time;
use crate::stop;

/// For how long the leaf is dead.
const OUTAGE: Duration = Duration::from_secs(60);

/// How long servers may take to find each other again. 40 s were seen.
const RECOVERY: Duration = Duration::from_secs(180);

/// As long as the outage, and all that comes before and after it.
const LIFETIME: Duration = Duration::from_secs(900);

/// How many samples a device keeps at least when it has gone on through the outage. It would be 240, but its
/// clock goes slowly on a machine that is busy.
const KEPT_AT_LEAST: u32 = 10;

const SAMPLES: &str = "device.*.sample";

/// Published after all samples.
const END: &str = "the end";

/// A device that takes samples, and what the hub has to have of it in the end.
struct Reporter<'a> {
    board: &'a Board,
    line: Line,
    device: Option<Device>,
    /// How many samples it took, between one start and the next.
    taken: Vec<u32>,
}

/// Every sample is in the hub's stream once, those of the outage included, and those of a device that was
/// started again.
pub(crate) async fn outlive(boards: &[Board]) {
    let mut site = Site::start(1).await;
    let leaf = leaf_stream(&site).await;
    let hub = hub_stream(&site).await;

    let mut reporters = Vec::new();
    for board in boards {
        reporters.push(Reporter::boot(board, &site).await);
    }
    for reporter in &mut reporters {
        reporter.take_some(&site).await;
        reporter.finish(&site).await;
        reporter.boot_again(&site).await;
    }
    for reporter in &reporters {
        reporter.take_some(&site).await;
    }

    // Stored, and the device does not know: it has to publish the sample again, and the stream has to
    // know it again after its restart.
    reporters.iter().for_each(|reporter| reporter.line.set_deaf(true));
    for Reporter { board, line, .. } in &reporters {
        let lost = async {
            while !line.has_lost(r#"{"stream":"TELEMETRY""#) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        within(&format!("a lost acknowledgement for {}", board.name()), lost).await;
    }
    site.kill_leaf();
    reporters.iter().for_each(|reporter| reporter.line.set_deaf(false));
    tokio::time::sleep(OUTAGE).await;
    site.start_leaf();

    let back = Instant::now();
    for reporter in &mut reporters {
        let report = reporter.finish(&site).await;
        assert!(number(&report, "most") >= KEPT_AT_LEAST, "{report}");
        assert_ne!(number(&report, "duplicates"), 0, "{report}");
        println!("    {}: {report}", reporter.board.name());
    }
    publish_end(&site).await;
    let (stored, count) = read_all(&hub).await;
    println!("    the hub has {count} samples, {:.1} s after", back.elapsed().as_secs_f32());
    for reporter in &reporters {
        reporter.check(&stored);
    }
    let taken: u32 = reporters.iter().flat_map(|reporter| &reporter.taken).sum();
    assert_eq!(count, taken, "samples of devices that there are not");
    let info = leaf.info().await.expect("the leaf's stream");
    assert_eq!(info.state.messages, u64::from(taken) + 1, "each sample once, and the end");
    for reporter in &mut reporters {
        reporter.switch_off(&site).await;
    }
}

/// Without a stream that takes them, a device keeps the newest of its samples.
pub(crate) async fn overflow(board: &Board) {
    let site = Site::start(1).await;
    let mut reporter = Reporter::boot(board, &site).await;
    reporter.until(&site, "every 1", |report| number(report, "lost") > 0).await;
    let report = reporter.until(&site, "stop", |_| true).await;
    let [taken, kept, lost] = ["taken", "kept", "lost"].map(|name| number(&report, name));
    assert_eq!(taken, kept + lost, "{report}");
    assert_eq!(number(&report, "most"), kept, "{report}");

    let leaf = leaf_stream(&site).await;
    reporter.until(&site, "stop", |report| number(report, "kept") == 0).await;
    publish_end(&site).await;
    let (stored, count) = read_all(&leaf).await;
    let mut numbers: Vec<_> = stored.into_values().flatten().collect();
    // One that was being published while it was lost.
    if count > kept {
        numbers.remove(0);
    }
    assert!(numbers.iter().copied().eq(lost..taken), "{report}: {numbers:?}");
    println!("    {}: {report}", board.name());
    reporter.switch_off(&site).await;
}

impl<'a> Reporter<'a> {
    async fn boot(board: &'a Board, site: &Site) -> Self {
        let line = Line::start(site.ports()[0]).await;
        let device = Some(boot(board, &line));
        Self { board, line, device, taken: Vec::new() }
    }

    /// Has it take samples, until some have been acknowledged.
    async fn take_some(&self, site: &Site) {
        self.until(site, "every 250", |report| {
            number(report, "taken") - number(report, "kept") >= 8
        })
        .await;
    }

    /// Has it take no more samples, and waits until the stream has all of them.
    async fn finish(&mut self, site: &Site) -> String {
        let report = self.until(site, "stop", |report| number(report, "kept") == 0).await;
        assert_eq!(number(&report, "lost"), 0, "{report}");
        self.taken.push(number(&report, "taken"));
        report
    }

    /// Commands until what it reports is as it should be.
    async fn until(&self, site: &Site, command: &str, is_it: impl Fn(&str) -> bool) -> String {
        let subject = format!("device.{}.report", self.board.name());
        let waiting = async {
            loop {
                let report = site.ask(&subject, command).await;
                if is_it(&report) {
                    return report;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        within_time(RECOVERY, &subject, waiting).await
    }

    /// Switches it off and on: it counts from zero again.
    async fn boot_again(&mut self, site: &Site) {
        self.switch_off(site).await;
        self.device = Some(boot(self.board, &self.line));
    }

    async fn switch_off(&mut self, site: &Site) {
        if let Some(device) = self.device.take() {
            stop(site, self.board.name(), device).await;
        }
    }

    /// Nothing is missing between the first sample of a start and the last one.
    fn check(&self, stored: &BTreeMap<(String, String), BTreeSet<u32>>) {
        let of_device = stored.iter().filter(|((id, _), _)| id == self.board.name());
        let mut lens = Vec::new();
        for ((id, boot), numbers) in of_device {
            let complete = 0..u32::try_from(numbers.len()).expect("a few");
            assert!(numbers.iter().copied().eq(complete), "{id}, {boot}: {numbers:?}");
            lens.push(u32::try_from(numbers.len()).expect("a few"));
        }
        let mut taken = self.taken.clone();
        lens.sort_unstable();
        taken.sort_unstable();
        assert_eq!(lens, taken, "{}: what is stored, and what was taken", self.board.name());
    }
}

fn boot(board: &Board, line: &Line) -> Device {
    let setup = Setup::new(board, board.name(), &[line.port()], PASSWORD);
    Device::boot_with(&Setup { lifetime: LIFETIME, ..setup })
}

/// Where devices publish to. It knows a sample again for longer than a device keeps one.
async fn leaf_stream(site: &Site) -> Stream {
    let jetstream = patient(&site.client).domain("leaf0").expect("a domain");
    let config = stream::Config {
        duplicate_window: Duration::from_secs(600),
        ..stream::Config::new("TELEMETRY", [SAMPLES])
    };
    // It may not have found the hub yet.
    let created = async {
        loop {
            match jetstream.create_stream(config.clone()).await {
                Ok(stream) => return stream,
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    };
    within("the leaf's stream", created).await
}

async fn hub_stream(site: &Site) -> Stream {
    let config = stream::Config {
        sources: vec![Source::new("TELEMETRY").domain("leaf0")],
        ..stream::Config::new("SITES", [""; 0])
    };
    patient(&site.client).create_stream(config).await.expect("the hub's stream")
}

/// What the hub has once it has this, it has for good: sources are read in order.
async fn publish_end(site: &Site) {
    let client = nats_tokio::connect(&site.leaf_url()).await.expect("the leaf is up");
    let jetstream = patient(&client);
    let publish = jetstream.publish("device.none.sample", END).message_id(END);
    publish.await.expect("it is stored");
}

/// For servers on a machine that is busy.
fn patient(client: &Client) -> Context {
    client.jetstream().timeout(PATIENCE)
}

/// The numbers of all samples before the end, by device and start, and how many there are.
async fn read_all(stream: &Stream) -> (BTreeMap<(String, String), BTreeSet<u32>>, u32) {
    let config =
        consumer::Config { ack_policy: AckPolicy::None, ..consumer::Config::durable("check") };
    let consumer = stream.create_consumer(config).await.expect("a consumer");
    let mut messages = consumer.messages().await.expect("its messages");
    let (mut stored, mut count) = (BTreeMap::<_, BTreeSet<_>>::new(), 0);
    loop {
        let next = within_time(RECOVERY, "the end in the hub's stream", messages.next()).await;
        let message = match next.expect("no end") {
            Ok(message) => message,
            Err(error) => {
                assert!(!error.is_end(), "{error}");
                continue;
            }
        };
        let payload = String::from_utf8_lossy(message.payload()).into_owned();
        if payload == END {
            return (stored, count);
        }
        let words: Vec<_> = payload.split(' ').collect();
        let [boot, number, _time] = words[..] else { panic!("a sample: {payload}") };
        let id = message.subject().split('.').nth(1).expect("a device's subject").to_owned();
        let message_id = message.headers().get("Nats-Msg-Id").map(ToOwned::to_owned);
        assert_eq!(message_id, Some(format!("{id}.{boot}.{number}")), "{payload}");
        let numbers = stored.entry((id, boot.to_owned())).or_default();
        assert!(numbers.insert(number.parse().expect("a number")), "stored twice: {payload}");
        count += 1;
    }
}
