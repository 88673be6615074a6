//! The servers' own pauses: a client that does next to nothing, and so is as fast as they are.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use nats_proto::jetstream::DeliveryInfo;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::actor::Actor;
use crate::consumers::Tally;

/// How long it rests after each answer, and after each refusal.
const PACE: Duration = Duration::from_millis(50);
const REST: Duration = Duration::from_millis(20);
/// How long it waits for an answer before it asks again.
const PATIENCE: Duration = Duration::from_millis(600);
/// How long a server may take to greet.
const GREETING: Duration = Duration::from_millis(500);

/// Where probers are connected: with the server of the client beside them, while that runs.
pub(crate) struct Place {
    ports: Vec<u16>,
    node: AtomicUsize,
}

impl Place {
    pub(crate) fn new(ports: Vec<u16>) -> Self {
        Self { ports, node: AtomicUsize::new(0) }
    }

    /// Moves there.
    pub(crate) fn set(&self, node: usize) {
        self.node.store(node, Relaxed);
    }
}

/// A connection that asks for one thing at a time.
struct Connection {
    stream: TcpStream,
    node: usize,
    read: Vec<u8>,
}

/// A message, as much as is of interest.
struct Received {
    /// The subscription's subject, or the stream's.
    subject: String,
    reply: Option<String>,
    payload: Vec<u8>,
}

impl Connection {
    /// Connects to the server at that place, or the next that answers.
    async fn open(place: &Place, inbox: &str) -> Self {
        loop {
            let first = place.node.load(Relaxed);
            for node in (first..first + place.ports.len()).map(|node| node % place.ports.len()) {
                let opened =
                    tokio::time::timeout(GREETING, Self::connect(node, place.ports[node], inbox));
                if let Ok(Ok(connection)) = opened.await {
                    // Its own server comes first, and is where it stays.
                    place.set(node);
                    return connection;
                }
            }
            tokio::time::sleep(REST).await;
        }
    }

    async fn connect(node: usize, port: u16, inbox: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let mut connection = Self { stream, node, read: Vec::new() };
        connection.line().await?;
        let hello = "CONNECT {\"verbose\":false,\"headers\":true,\"no_responders\":true}";
        connection.send(&format!("{hello}\r\nSUB probe.{inbox}.* 1\r\nPING\r\n")).await?;
        while connection.line().await? != "PONG" {}
        Ok(connection)
    }

    async fn send(&mut self, text: &str) -> io::Result<()> {
        self.stream.write_all(text.as_bytes()).await
    }

    async fn fill(&mut self) -> io::Result<()> {
        let mut chunk = [0; 4096];
        let len = self.stream.read(&mut chunk).await?;
        if len == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.read.extend_from_slice(&chunk[..len]);
        Ok(())
    }

    /// The next line.
    async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some((line, len)) = self.first_line() {
                self.read.drain(..len);
                return Ok(line);
            }
            self.fill().await?;
        }
    }

    /// The first line of what was read, and how long it is with its end.
    fn first_line(&self) -> Option<(String, usize)> {
        let end = self.read.windows(2).position(|bytes| bytes == b"\r\n")?;
        Some((String::from_utf8_lossy(&self.read[..end]).into_owned(), end + 2))
    }

    /// The next message, if all of it was read.
    async fn next(&mut self) -> io::Result<Option<Received>> {
        while let Some((line, start)) = self.first_line() {
            let words: Vec<_> = line.split(' ').collect();
            let numbers = match words[0] {
                "MSG" => 1,
                "HMSG" => 2,
                other => {
                    self.read.drain(..start);
                    if other == "PING" {
                        self.send("PONG\r\n").await?;
                    }
                    continue;
                }
            };
            let (names, numbers) = words.split_at(words.len() - numbers);
            let numbers: Vec<usize> = numbers.iter().flat_map(|number| number.parse()).collect();
            let (headers, len) = match *numbers {
                [len] => (0, len),
                [headers, len] => (headers, len),
                _ => return Err(io::ErrorKind::InvalidData.into()),
            };
            if self.read.len() < start + len + 2 {
                return Ok(None);
            }
            let payload = self.read[start + headers..start + len].to_vec();
            self.read.drain(..start + len + 2);
            let subject = names[1].to_owned();
            let reply = names.get(3).copied().map(str::to_owned);
            return Ok(Some(Received { subject, reply, payload }));
        }
        Ok(None)
    }

    /// Has something asked for, and returns the answers until `is_it` is pleased by one, or for a while.
    async fn ask(
        &mut self,
        question: &str,
        mut is_it: impl FnMut(&Received) -> Option<String>,
    ) -> io::Result<bool> {
        self.send(question).await?;
        let end = tokio::time::Instant::now() + PATIENCE;
        loop {
            let Some(received) = self.next().await? else {
                match tokio::time::timeout_at(end, self.fill()).await {
                    Ok(filled) => filled?,
                    Err(_) => return Ok(false),
                }
                continue;
            };
            // A status: there is nothing, or nobody.
            let is_refused = received.payload.is_empty() && received.reply.is_none();
            if let Some(answer) = is_it(&received) {
                self.send(&answer).await?;
                return Ok(true);
            }
            if is_refused {
                return Ok(false);
            }
        }
    }
}

/// What a prober does.
pub(crate) enum Job {
    /// Publishes to the stream, and notes every acknowledgement.
    Publish,
    /// Takes messages of a consumer, one at a time, and acknowledges them.
    Consume(Arc<Tally>),
    /// Asks who leads the other stream, and notes every answer.
    Ask,
}

/// A client that does one thing after the other, on a connection that is made anew when it breaks.
pub(crate) struct Prober {
    pub(crate) place: Arc<Place>,
    pub(crate) actor: Arc<Actor>,
    pub(crate) job: Job,
}

impl Prober {
    /// Goes on for ever, unless it is paused.
    pub(crate) async fn run(self, mut running: watch::Receiver<bool>) {
        let mut connection = Connection::open(&self.place, self.inbox()).await;
        for number in 0_u64.. {
            if running.wait_for(|is_running| *is_running).await.is_err() {
                return;
            }
            if connection.node != self.place.node.load(Relaxed) {
                connection = Connection::open(&self.place, self.inbox()).await;
            }
            let done = match &self.job {
                Job::Publish => self.publish(&mut connection, number).await,
                Job::Consume(tally) => self.consume(&mut connection, number, tally).await,
                Job::Ask => self.ask(&mut connection, number).await,
            };
            match done {
                Ok(true) => tokio::time::sleep(PACE).await,
                Ok(false) => tokio::time::sleep(REST).await,
                Err(_) => connection = Connection::open(&self.place, self.inbox()).await,
            }
        }
    }

    /// A word in the subject of answers that no other prober has.
    fn inbox(&self) -> &'static str {
        match &self.job {
            Job::Publish => "publish",
            Job::Ask => "ask",
            Job::Consume(tally) => tally.consumer,
        }
    }

    async fn publish(&self, connection: &mut Connection, number: u64) -> io::Result<bool> {
        let reply = format!("probe.publish.{number}");
        let question = format!("PUB chaos.probe {reply} 5\r\nprobe\r\n");
        let is_it = |received: &Received| {
            let answer: serde_json::Value =
                serde_json::from_slice(&received.payload).unwrap_or_default();
            let is_stored = answer["error"].is_null() && answer["seq"].is_u64();
            (is_stored && received.subject == reply).then(|| {
                self.actor.mark();
                String::new()
            })
        };
        connection.ask(&question, is_it).await
    }

    async fn ask(&self, connection: &mut Connection, number: u64) -> io::Result<bool> {
        let reply = format!("probe.ask.{number}");
        let question = format!("PUB $JS.API.STREAM.INFO.CHAIN {reply} 0\r\n\r\n");
        let is_it = |received: &Received| {
            let answer: serde_json::Value =
                serde_json::from_slice(&received.payload).unwrap_or_default();
            let is_led = answer["cluster"]["leader"].as_str().is_some_and(|name| !name.is_empty());
            (is_led && received.subject == reply).then(|| {
                self.actor.mark();
                String::new()
            })
        };
        connection.ask(&question, is_it).await
    }

    async fn consume(
        &self,
        connection: &mut Connection,
        number: u64,
        tally: &Tally,
    ) -> io::Result<bool> {
        let body = "{\"batch\":1,\"expires\":500000000}";
        let question = format!(
            "PUB $JS.API.CONSUMER.MSG.NEXT.CHAOS.{name} probe.{name}.{number} {len}\r\n{body}\r\n",
            name = tally.consumer,
            len = body.len()
        );
        let is_it = |received: &Received| {
            let reply = received.reply.as_deref()?;
            let delivery = DeliveryInfo::parse(reply.as_bytes())?;
            self.actor.mark();
            tally.handed_to_prober(&delivery);
            Some(format!("PUB {reply} 4\r\n+ACK\r\n"))
        };
        connection.ask(&question, is_it).await
    }
}
