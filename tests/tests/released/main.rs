//! Ended subscriptions and requests leave no memory behind, in every state of the connection.

#![expect(unsafe_code, reason = "an allocator that counts")]

mod jetstream;

use std::alloc::GlobalAlloc;
use std::alloc::Layout;
use std::alloc::System;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use nats_tokio::Client;
use nats_tokio::ConnectOptions;
use nats_tokio::ConnectionStatus;
use nats_tokio::RequestError;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::io::DuplexStream;
use tokio::sync::Mutex;
use tokio::sync::mpsc;

/// Counts the bytes that are in use.
struct Counting;

static USED: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is passed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        USED.fetch_add(layout.size(), Relaxed);
        // SAFETY: as promised by our caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        USED.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as promised by our caller.
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        USED.fetch_add(new_size, Relaxed);
        USED.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as promised by our caller.
        unsafe { System.realloc(ptr, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The count is one for all tests.
static ALONE: Mutex<()> = Mutex::const_new(());

const KIB: usize = 1024;

const INFO: &str = "INFO {\"server_id\":\"S\",\"headers\":true,\"max_payload\":67108864}\r\n";

/// How a server goes on when it has let a client in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Server {
    Reads,
    ReadsNothing,
    IsGone,
}

/// Reads until the client has asked for a PONG.
async fn accept(stream: &mut DuplexStream) {
    stream.write_all(INFO.as_bytes()).await.unwrap();
    let mut seen = Vec::new();
    while !seen.ends_with(b"PING\r\n") {
        stream.read_buf(&mut seen).await.unwrap();
    }
    stream.write_all(b"PONG\r\n").await.unwrap();
}

/// A client, and its server's end; `None` if that reads all by itself, or is gone.
async fn connected(server: Server) -> (Client, Option<DuplexStream>) {
    let (sender, mut streams) = mpsc::channel(1);
    let options = ConnectOptions::new().connector(move |_| {
        let sender = sender.clone();
        async move {
            let (ours, theirs) = tokio::io::duplex(64 * KIB);
            match sender.try_send(theirs) {
                Ok(()) => Ok(ours),
                Err(_) => Err(std::io::ErrorKind::ConnectionRefused.into()),
            }
        }
    });
    let accepting = async {
        let mut stream = streams.recv().await.unwrap();
        // Nobody is accepted after this one.
        streams.close();
        accept(&mut stream).await;
        stream
    };
    let (client, mut stream) = tokio::join!(options.connect("a"), accepting);
    let client = client.unwrap();
    match server {
        Server::Reads => {
            tokio::spawn(async move {
                let mut seen = vec![0; 64 * KIB];
                while stream.read(&mut seen).await.is_ok_and(|read| read > 0) {}
            });
            (client, None)
        }
        Server::ReadsNothing => (client, Some(stream)),
        Server::IsGone => {
            drop(stream);
            while client.status() == ConnectionStatus::Connected {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            (client, None)
        }
    }
}

/// How much more memory is in use after `work` than before, once that was done a few times.
async fn growth(client: &Client, work: impl AsyncFn(&Client)) -> usize {
    for _ in 0..100 {
        work(client).await;
    }
    tokio::task::yield_now().await;
    let before = USED.load(Relaxed);
    for round in 0..20_000 {
        work(client).await;
        if round % 64 == 0 {
            // The driver and the server have a turn.
            tokio::task::yield_now().await;
        }
    }
    tokio::time::sleep(Duration::from_millis(10)).await;
    USED.load(Relaxed).saturating_sub(before)
}

async fn assert_flat(server: Server, limit: usize, work: impl AsyncFn(&Client)) {
    let _alone = ALONE.lock().await;
    let (client, _stream) = connected(server).await;
    let grown = growth(&client, work).await;
    assert!(grown < limit, "{} KiB more", grown / KIB);
}

#[tokio::test(start_paused = true)]
async fn subscriptions_that_were_dropped() {
    for server in [Server::Reads, Server::IsGone] {
        assert_flat(server, 64 * KIB, async |client| {
            drop(client.subscribe("a.subject.of.some.length").await.unwrap());
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn subscriptions_that_ended_in_every_way() {
    for server in [Server::Reads, Server::IsGone] {
        assert_flat(server, 64 * KIB, async |client| {
            let subscribers = [
                client.subscribe("a.subject").await.unwrap(),
                client.subscribe("a.subject").await.unwrap(),
                client.subscribe("a.subject").max_messages(0).await.unwrap(),
            ];
            subscribers[0].handle().unsubscribe();
            subscribers[1].handle().unsubscribe_after(0);
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn subscriptions_behind_a_server_that_reads_nothing() {
    // What is on its way is bounded: 64 KiB in the pipe, and the client's room for control lines with
    // what it has to remember of them.
    let ended = async |client: &Client| {
        let subscribing = client.subscribe("a.subject.of.some.length");
        let made = tokio::time::timeout(Duration::from_millis(1), subscribing).await;
        drop(made);
    };
    assert_flat(Server::ReadsNothing, 4096 * KIB, ended).await;
}

#[tokio::test(start_paused = true)]
async fn maxima_that_fall_behind_a_server_that_reads_nothing() {
    let _alone = ALONE.lock().await;
    let (client, _stream) = connected(Server::ReadsNothing).await;
    let subscriber = client.subscribe("a").await.unwrap();
    let lower = |maxima: std::ops::Range<u64>| {
        maxima.rev().for_each(|max| subscriber.unsubscribe_after(max));
    };
    // Until the room for control lines is used up.
    lower(1_100_000..1_110_000);
    let before = USED.load(Relaxed);
    lower(1_000_000..1_100_000);
    let grown = USED.load(Relaxed).saturating_sub(before);
    assert!(grown < 64 * KIB, "{} KiB more", grown / KIB);
}

#[tokio::test(start_paused = true)]
async fn requests_that_were_dropped_or_late() {
    for server in [Server::Reads, Server::IsGone] {
        assert_flat(server, 64 * KIB, async |client| {
            // Nothing of it is kept for another connection.
            if server == Server::Reads {
                let request = client.request("service", "x").timeout(Duration::from_millis(1));
                assert_eq!(request.await.unwrap_err(), RequestError::TimedOut);
            }
            drop(client.request("service", "x"));
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn buffers_of_long_messages() {
    const LONG: usize = 32 * 1024 * KIB;
    let _alone = ALONE.lock().await;
    let (client, stream) = connected(Server::ReadsNothing).await;
    let mut stream = stream.unwrap();
    let mut subscriber = client.subscribe("a").await.unwrap();
    let before = USED.load(Relaxed);
    let long = vec![b'x'; LONG];
    for _ in 0..6 {
        stream.write_all(format!("MSG a 1 {LONG}\r\n").as_bytes()).await.unwrap();
        stream.write_all(&long).await.unwrap();
        stream.write_all(b"\r\n").await.unwrap();
        assert_eq!(subscriber.next().await.unwrap().payload().len(), LONG);
    }
    drop(long);
    for _ in 0..200 {
        stream.write_all(b"MSG a 1 1\r\nx\r\n").await.unwrap();
        drop(subscriber.next().await.unwrap());
    }
    let grown = USED.load(Relaxed).saturating_sub(before);
    assert!(grown < 1024 * KIB, "{} KiB more", grown / KIB);
}

#[tokio::test(start_paused = true)]
async fn subscribers_that_have_messages_left_when_they_end() {
    let _alone = ALONE.lock().await;
    let (client, stream) = connected(Server::ReadsNothing).await;
    let mut stream = stream.unwrap();
    let mut before = 0;
    for round in 0..5000_u32 {
        let subscriber = client.subscribe("a").max_messages(1).await.unwrap();
        let message = format!("MSG a {} 1\r\nx\r\n", subscriber.sid());
        stream.write_all(message.as_bytes()).await.unwrap();
        let mut seen = [0; 1024];
        while subscriber.ended().is_none() {
            tokio::task::yield_now().await;
        }
        let _ = stream.read(&mut seen).await.unwrap();
        if round == 100 {
            before = USED.load(Relaxed);
        }
        // Dropped with a message that was not taken.
    }
    let grown = USED.load(Relaxed).saturating_sub(before);
    assert!(grown < 512 * KIB, "{} KiB more", grown / KIB);
}
