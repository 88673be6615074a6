//! A server that does not read: whatever it sends, and whatever the application does, memory stays
//! flat, and when it reads again everything is right.

use std::alloc::GlobalAlloc;
use std::alloc::Layout;
use std::alloc::System;
use std::collections::HashSet;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Context;
use std::task::Waker;
use std::time::Duration;

use bytes::Buf;
use bytes::BytesMut;
use nats_proto::wire::ClientOp;
use nats_proto::wire::Decoded;
use nats_proto::wire::Decoder;
use nats_proto::wire::FromClient;
use nats_tokio::Client;
use nats_tokio::ConnectOptions;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::DuplexStream;

/// Knows how much is in use.
struct Counting;

static USED: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

fn note(more: usize, less: usize) {
    let used = USED.fetch_add(more, Relaxed) + more;
    MOST.fetch_max(used, Relaxed);
    USED.fetch_sub(less, Relaxed);
}

// SAFETY: everything is passed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 0);
        // SAFETY: as promised by our caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        note(0, layout.size());
        // SAFETY: as promised by our caller.
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        note(new_size, layout.size());
        // SAFETY: as promised by our caller.
        unsafe { System.realloc(ptr, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How much more memory may be in use at any time than before. What there is: two times 64 KiB of
/// lines, a read buffer or two of 64 KiB, 256 KiB of messages, each with as much again where memory
/// grows in powers of two; and some 5000 subscriptions whose SUB is in the first and whose UNSUB has
/// no room, of which there can be no more however often it is done.
const FLAT: usize = 3 * 1024 * 1024;

/// What was the most that was in use during some work, beyond what was before.
struct Watch(usize);

impl Watch {
    fn start() -> Self {
        let used = USED.load(Relaxed);
        MOST.store(used, Relaxed);
        Self(used)
    }

    fn check(&self, what: &str) {
        let more = MOST.load(Relaxed).saturating_sub(self.0);
        assert!(more < FLAT, "{what}: {} KiB more", more / 1024);
    }
}

/// The server's end.
struct Peer {
    pipe: DuplexStream,
    decoder: Decoder<FromClient>,
    buffer: BytesMut,
}

/// What a server has heard.
#[derive(Default)]
struct Heard {
    pings: usize,
    pongs: usize,
    subscriptions: HashSet<u64>,
    messages: Vec<String>,
}

impl Peer {
    async fn new(mut pipe: DuplexStream) -> Self {
        pipe.write_all(b"INFO {\"headers\":true,\"max_payload\":1000000}\r\n").await.unwrap();
        let mut peer = Self { pipe, decoder: Decoder::default(), buffer: BytesMut::new() };
        peer.hear(|heard| heard.pings == 1).await;
        peer.pipe.write_all(b"PONG\r\n").await.unwrap();
        peer
    }

    /// Reads until it has heard enough, and insists on what a server can make sense of.
    async fn hear(&mut self, is_enough: impl Fn(&Heard) -> bool) -> Heard {
        let mut heard = Heard::default();
        loop {
            let len = match self.decoder.decode(&self.buffer).unwrap() {
                Decoded::Frame { op, len } => {
                    heard.note(&op);
                    len
                }
                Decoded::Skip { len } => len,
                _ => {
                    assert_ne!(self.pipe.read_buf(&mut self.buffer).await.unwrap(), 0);
                    continue;
                }
            };
            self.buffer.advance(len);
            if is_enough(&heard) {
                return heard;
            }
        }
    }

    /// Reads until everything is said, which the last message says.
    async fn hear_all(&mut self, client: &Client) -> Heard {
        let last = client.publish("last", "");
        let hearing = self.hear(|heard| heard.messages.last().is_some_and(|last| last == "last"));
        let (published, heard) = tokio::join!(last, hearing);
        published.unwrap();
        heard
    }

    /// The client is as good as new.
    async fn check(&mut self, client: &Client) {
        let mut subscriber = client.subscribe("still").await.unwrap();
        let sid = subscriber.sid();
        let serving = async {
            let heard = self.hear(|heard| heard.pings == 1).await;
            assert_eq!(heard.subscriptions, HashSet::from([sid.0]));
            let message = format!("MSG still {} 4\r\nhere\r\nPONG\r\n", sid.0);
            self.pipe.write_all(message.as_bytes()).await.unwrap();
        };
        let (flushed, ()) = tokio::join!(client.flush(), serving);
        flushed.unwrap();
        assert_eq!(subscriber.next().await.unwrap().payload(), b"here");
        drop(subscriber);
        self.hear_all(client).await;
    }
}

impl Heard {
    fn note(&mut self, op: &ClientOp<'_>) {
        match op {
            ClientOp::Ping => self.pings += 1,
            ClientOp::Pong => self.pongs += 1,
            ClientOp::Subscribe(args) => {
                assert!(self.subscriptions.insert(args.sid.0), "twice");
            }
            ClientOp::Unsubscribe(args) if args.max.is_none() => {
                self.subscriptions.remove(&args.sid.0);
            }
            ClientOp::Publish(message) => self.messages.push(message.subject().to_owned()),
            _ => {}
        }
    }
}

/// A client whose server does not read any more.
async fn stalled() -> (Client, Peer) {
    let (ours, theirs) = tokio::io::duplex(4096);
    let options = ConnectOptions::new();
    let (client, peer) = tokio::join!(options.connect_stream(ours), Peer::new(theirs));
    let client = client.unwrap();
    // As much as may wait, and the pipe is full.
    while client.publish("filler", "0123456789").try_send().is_ok() {}
    tokio::time::sleep(Duration::from_millis(1)).await;
    while client.publish("filler", "0123456789").try_send().is_ok() {}
    (client, peer)
}

fn poll_once(future: impl Future) {
    let mut future = pin!(future);
    let _ = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
}

/// One test, since all of them measure the memory of the whole process.
#[test]
fn memory_is_flat_behind_a_server_that_does_not_read() {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        pings().await;
        pings_before_the_login().await;
        flushes().await;
        pairs().await;
        ever_lower_maxima().await;
        waiting_publishers().await;
    });
}

async fn pings() {
    let (client, mut peer) = stalled().await;
    let watch = Watch::start();
    let pings = b"PING\r\n".repeat(1000);
    for _ in 0..1000 {
        peer.pipe.write_all(&pings).await.unwrap();
    }
    watch.check("10^6 PINGs");
    let mut pongs = peer.hear_all(&client).await.pongs;
    while pongs < 1_000_000 {
        pongs += peer.hear(|heard| heard.pongs > 0).await.pongs;
    }
    watch.check("10^6 PINGs, and their PONGs");
    peer.check(&client).await;
    let end = peer.hear_all(&client).await;
    assert_eq!((pongs, end.pongs), (1_000_000, 0), "one for each");
}

/// A client that is not let in does not take memory either.
async fn pings_before_the_login() {
    let (ours, mut theirs) = tokio::io::duplex(64);
    let connecting = tokio::spawn(ConnectOptions::new().connect_stream(ours));
    theirs.write_all(b"INFO {}\r\n").await.unwrap();
    let watch = Watch::start();
    let pings = b"PING\r\n".repeat(1000);
    for _ in 0..200 {
        theirs.write_all(&pings).await.unwrap();
    }
    watch.check("PINGs before the login");
    drop(theirs);
    assert!(connecting.await.unwrap().is_err());
}

async fn flushes() {
    let (client, mut peer) = stalled().await;
    let watch = Watch::start();
    for _ in 0..1_000_000 {
        poll_once(client.flush());
    }
    watch.check("10^6 flushes");
    let heard = peer.hear_all(&client).await;
    peer.pipe.write_all(&b"PONG\r\n".repeat(heard.pings)).await.unwrap();
    peer.check(&client).await;
}

async fn pairs() {
    let (client, mut peer) = stalled().await;
    let watch = Watch::start();
    let first = client.subscribe("first").await.unwrap();
    for _ in 0..100_000 {
        drop(client.subscribe("a.subject").await.unwrap());
    }
    let last = client.subscribe("last").await.unwrap();
    watch.check("10^5 subscriptions made and dropped");
    let heard = peer.hear_all(&client).await;
    assert_eq!(heard.subscriptions, HashSet::from([first.sid().0, last.sid().0]));
    peer.check(&client).await;
}

async fn ever_lower_maxima() {
    let (client, mut peer) = stalled().await;
    let subscriber = client.subscribe("a.subject").await.unwrap();
    let watch = Watch::start();
    for max in (1..=100_000).rev() {
        subscriber.unsubscribe_after(max);
    }
    watch.check("10^5 lower maxima");
    let heard = peer.hear_all(&client).await;
    assert_eq!(heard.subscriptions, HashSet::from([subscriber.sid().0]));
    drop(subscriber);
    peer.hear_all(&client).await;
    peer.check(&client).await;
}

async fn waiting_publishers() {
    let (client, mut peer) = stalled().await;
    let mut first = pin!(client.publish("first", [b'x'; 100]));
    assert!(first.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let watch = Watch::start();
    for _ in 0..1_000_000 {
        poll_once(client.publish("given.up", "x"));
    }
    watch.check("10^6 messages that were not waited for");
    let (published, heard) = tokio::join!(first, async {
        peer.hear(|heard| heard.messages.last().is_some_and(|last| last == "first")).await
    });
    published.unwrap();
    assert!(!heard.messages.iter().any(|subject| subject == "given.up"));
    peer.check(&client).await;
}
