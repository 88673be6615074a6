//! Counts allocations: none by the core, not per message by the Tokio client.

use std::alloc::GlobalAlloc;
use std::alloc::Layout;
use std::alloc::System;
use std::cell::Cell;
use std::io::Read;
use std::io::Write;
use std::net::TcpListener;

use nats_proto::Filter;
use nats_proto::Fixed;
use nats_proto::FixedRequests;
use nats_proto::HeaderBuf;
use nats_proto::Inbox;
use nats_proto::Instant;
use nats_proto::Outcome;
use nats_proto::RngSeed;
use nats_proto::Subject;
use nats_proto::Then;
use nats_proto::session::Auth;
use nats_proto::session::ClientInfo;
use nats_proto::session::Config;
use nats_proto::session::Confirmations;
use nats_proto::session::Flush;
use nats_proto::session::FlushState;
use nats_proto::session::Outstanding;
use nats_proto::session::Phase;
use nats_proto::session::Session;
use nats_proto::session::UserInfo;
use nats_proto::wire::ArrayBuf;
use nats_proto::wire::Decoded;
use nats_proto::wire::Decoder;
use nats_proto::wire::FromServer;
use nats_proto::wire::Limits;
use nats_proto::wire::Publish;
use nats_proto::wire::SendBuf;
use nats_proto::wire::ServerOp;
use nats_tokio::PendingLimits;

/// Counts what each thread asks for.
struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: everything is passed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: as promised by our caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: as promised by our caller.
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: as promised by our caller.
        unsafe { System.realloc(ptr, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> u64 {
    let before = COUNT.get();
    work();
    COUNT.get() - before
}

/// A whole life of a session: connect, subscribe, publish, request, receive, drain.
fn life() -> usize {
    let mut session = Session::<Fixed<u8, 4, 2, 64>>::new(Config::DEFAULT, RngSeed([1; 16]));
    let mut decoder = Decoder::<FromServer>::new(Limits::for_buffer(256));
    let mut requests = FixedRequests::<u8, 4>::default();
    let (mut flush, mut confirmations) = (Flush::new(), Confirmations::new());
    let prefix = Inbox::<()>::DEFAULT_PREFIX;
    let inbox = session.new_inbox::<ArrayBuf<64>>(prefix).unwrap();
    let now = Instant::from_millis(0);
    let mut memory = [0; 1024];
    let mut received = 0;

    session.add_servers("nats://user:password@server:4222", UserInfo::Allow).unwrap();
    session.connect(now);
    session.handle_open();
    let mut feed = |session: &mut Session<_>, mut input: &[u8]| {
        while let Decoded::Frame { op, len } = decoder.decode(input).unwrap() {
            match op {
                ServerOp::Message(message) => {
                    session.deliver(message.sid());
                    received += message.payload().len();
                    received += message.headers().iter().count();
                    received += usize::from(message.status().is_some());
                }
                ServerOp::Control(op) => {
                    session.handle_control(op, now);
                }
                _ => unreachable!(),
            }
            input = &input[len..];
        }
    };
    let info = br#"INFO {"server_id":"S","nonce":"abc","headers":true,"max_payload":1000,"connect_urls":["a:1","b:2"]}"#;
    feed(&mut session, info);
    feed(&mut session, b"\r\n");
    assert_eq!(session.phase(), Phase::Login);
    let auth = Auth::UserAndPassword { user: "u", password: "p" };
    session.log_in(&ClientInfo::DEFAULT, &auth, &mut memory).unwrap();
    session.poll_transmit(&mut SendBuf::new(&mut memory)).unwrap();
    feed(&mut session, b"PONG\r\n");
    assert!(session.is_ready());

    let filter = Filter::new("a.*").unwrap();
    let sid = session.subscribe(filter, None, 1).unwrap();
    session.reply_inbox(None, &inbox, 2).unwrap();
    assert_eq!(session.poll_flush(&mut flush, false), FlushState::Pending);
    session.poll_transmit(&mut SendBuf::new(&mut memory)).unwrap();
    confirmations.note_transmit(&session, 1);
    let mut headers = HeaderBuf::<ArrayBuf<64>>::new();
    headers.append("Name", "value").unwrap();
    let token = requests.open(7, Subject::new("a.b").unwrap(), now).unwrap();
    let mut text = ArrayBuf::<64>::new();
    let publish = Publish {
        reply: Some(inbox.reply(token, &mut text).unwrap()),
        headers: headers.as_headers(),
        ..Publish::new(Subject::new("a.b").unwrap(), b"payload")
    };
    let mut out = SendBuf::new(&mut memory);
    session.publish(&publish, &mut out).unwrap();
    requests.note_sent(token);
    let in_place = |space: &mut [u8]| {
        space.fill(b'x');
        Ok::<_, ()>(5)
    };
    publish.encode_with(&mut out, 10, in_place).unwrap();
    feed(
        &mut session,
        b"MSG a.b 1 5\r\nhello\r\nHMSG a.c 1 r 18 20\r\nNATS/1.0\r\nA: 1\r\n\r\nhi\r\n",
    );
    feed(
        &mut session,
        b"HMSG a.c 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\nPING\r\n-ERR 'Invalid Subject'\r\n",
    );
    requests.handle_time(
        now,
        |_, is_sent| Outcome::of_time(is_sent, session.is_connected()),
        |_, _, _| Then::Remove,
    );
    assert!(requests.is_empty());
    feed(&mut session, b"PONG\r\n");
    assert_eq!(session.poll_flush(&mut flush, false), FlushState::Done);
    assert_eq!(confirmations.confirmed(&session), 1);
    session.unsubscribe(sid, None);
    session.drain(now);
    session.poll_transmit(&mut SendBuf::new(&mut memory)).unwrap();
    feed(&mut session, b"PONG\r\n");
    session.poll_drained(Outstanding::NONE);
    session.poll_transmit(&mut SendBuf::new(&mut memory)).unwrap();
    feed(&mut session, b"PONG\r\n");
    while session.poll_released().is_some() {}
    assert!(matches!(session.phase(), Phase::Closed(_)));
    received
}

#[test]
fn the_core_never_allocates() {
    assert!(allocations(|| drop(vec![1])) > 0, "the counter counts");
    assert_eq!(allocations(|| assert_eq!(life(), 5 + 3 + 1)), 0);
}

/// A server that sends `count` messages as fast as it can.
fn flood(count: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        socket.write_all(b"INFO {\"headers\":true,\"max_payload\":1000000}\r\n").unwrap();
        let mut said = Vec::new();
        let mut buffer = [0; 1024];
        let mut hear = |socket: &mut std::net::TcpStream, end: &[u8]| {
            while !said.ends_with(end) {
                let len = socket.read(&mut buffer).unwrap();
                assert_ne!(len, 0);
                said.extend(&buffer[..len]);
            }
        };
        hear(&mut socket, b"PING\r\n");
        socket.write_all(b"PONG\r\n").unwrap();
        hear(&mut socket, b"SUB a.> 1\r\n");
        let plain = b"MSG a.plain 1 16\r\n0123456789abcdef\r\n".repeat(50);
        let headers = b"HMSG a.headers 1 re.ply 18 20\r\nNATS/1.0\r\nA: 1\r\n\r\nhi\r\n".repeat(50);
        let hundred = [plain, headers].concat();
        for _ in 0..count / 100 {
            socket.write_all(&hundred).unwrap();
        }
        // Until the client hangs up.
        let _ = socket.read_to_end(&mut Vec::new());
    });
    url
}

/// What the client's thread allocates to take `count` messages and look at all of their parts.
fn allocations_for(count: usize) -> u64 {
    let url = flood(count);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async move {
        let client = nats_tokio::connect(url).await.unwrap();
        let mut subscriber =
            client.subscribe("a.>").pending_limits(PendingLimits::NONE).await.unwrap();
        let before = COUNT.get();
        let mut seen = 0;
        for _ in 0..count {
            let message = subscriber.next().await.unwrap();
            seen += message.subject().len() + message.payload_bytes().len();
            seen += message.reply().map_or(0, str::len) + message.headers().iter().count();
        }
        assert!(seen > count * 20);
        COUNT.get() - before
    })
}

#[test]
fn receiving_does_not_allocate_per_message() {
    allocations_for(1_000);
    let count = 200_000;
    let allocations = allocations_for(count);
    // A read of 64 KiB holds over a thousand of these messages and costs a few allocations: for the
    // buffer, its sharing, and the list of what is in it.
    assert!(allocations < count as u64 / 50, "{allocations} allocations for {count} messages");
}

#[test]
fn publishing_does_not_allocate_per_message() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        socket.write_all(b"INFO {\"headers\":true,\"max_payload\":1000000}\r\n").unwrap();
        let mut buffer = vec![0; 1 << 20];
        loop {
            let len = socket.read(&mut buffer).unwrap_or(0);
            if len == 0 {
                return;
            }
            let pings = buffer[..len].windows(6).filter(|window| window == b"PING\r\n").count();
            socket.write_all(&b"PONG\r\n".repeat(pings)).unwrap();
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async move {
        let client = nats_tokio::connect(url).await.unwrap();
        let count = 200_000;
        let mut allocations = 0;
        for _ in 0..2 {
            let before = COUNT.get();
            for _ in 0..count {
                client.publish("a.subject", "0123456789abcdef").reply("re.ply").await.unwrap();
            }
            client.flush().await.unwrap();
            allocations = COUNT.get() - before;
        }
        assert!(allocations < count / 50, "{allocations} allocations for {count} messages");
    });
}

#[test]
fn a_million_late_requests_leave_memory_flat() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        tokio::spawn(take_everything(theirs));
        let client = nats_tokio::ConnectOptions::new().connect_stream(ours).await.unwrap();
        let timeout = std::time::Duration::from_millis(10);
        let mut resident = Vec::new();
        for _ in 0..10 {
            for _ in 0..100 {
                let late = (0..1000).map(|_| {
                    let client = client.clone();
                    tokio::spawn(async move { client.request("mute", "x").timeout(timeout).await })
                });
                for request in late.collect::<Vec<_>>() {
                    assert_eq!(request.await.unwrap(), Err(nats_tokio::RequestError::TimedOut));
                }
            }
            resident.push(resident_kib());
        }
        let (early, late) = (resident[1], resident[9]);
        assert!(late < early + 4096, "memory grows: {resident:?} KiB");
    });
}

/// A server that lets a client in, and listens.
async fn take_everything(mut pipe: tokio::io::DuplexStream) {
    use tokio::io::AsyncReadExt;
    use tokio::io::AsyncWriteExt;
    pipe.write_all(b"INFO {\"headers\":true}\r\n").await.unwrap();
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(len @ 1..) = pipe.read(&mut buffer).await {
        if buffer[..len].ends_with(b"PING\r\n") {
            pipe.write_all(b"PONG\r\n").await.unwrap();
        }
    }
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}
