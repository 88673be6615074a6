//! Wakers that use the client at once.

use std::cell::RefCell;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::task::Context;
use std::task::Poll;
use std::task::Wake;
use std::task::Waker;

use nats_embassy::Client;
use nats_embassy::Config;
use nats_embassy::Link;
use nats_embassy::LinkResources;
use nats_embassy::PendingLimits;
use nats_embassy::Publish;
use nats_embassy::Subject;

use crate::Nats;
use crate::SECOND;
use crate::clock::block_on;
use crate::clock::jump;
use crate::peer::Peer;
use crate::peer::Script;
use crate::transport::Network;

thread_local! {
    /// What a waker does.
    static DOING: RefCell<Option<Box<dyn Fn()>>> = const { RefCell::new(None) };
}

#[derive(Default)]
struct Busy(AtomicUsize);

impl Wake for Busy {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
        DOING.with_borrow(|doing| doing.as_ref().expect("set")());
    }
}

/// Has every waker of the tasks use the client, and runs them.
fn run(client: Client<'static, Nats<'static>>, app: impl Future<Output = ()>) {
    let act = move || {
        let _ = client.statistics();
        let _ = client.is_connected();
        let _ = client.try_publish(&Publish::new(Subject::from_static("woken"), b""));
    };
    DOING.set(Some(Box::new(act)));
    let busy = Arc::new(Busy::default());
    let waker = Waker::from(Arc::clone(&busy));
    let mut app = pin!(app);
    let mut wakes = usize::MAX;
    for _ in 0..1_000_000 {
        if busy.0.load(SeqCst) == wakes {
            jump();
        }
        wakes = busy.0.load(SeqCst);
        if let Poll::Ready(()) = app.as_mut().poll(&mut Context::from_waker(&waker)) {
            DOING.set(None);
            return;
        }
    }
    panic!("it goes on for ever");
}

#[test]
fn of_a_client() {
    let peer = Peer::new(Script::default());
    let resources = Box::leak(Box::new(Nats::new()));
    let config = Config::new("nats://one");
    let (client, mut runner) =
        nats_embassy::new(config, Network::new(&peer), resources, [7; 32]).unwrap();
    let app = async {
        client.connected().await.unwrap();
        let mut service = client.subscribe("echo", PendingLimits::drop_newest(2)).unwrap();
        let serve = async {
            let request = service.next().await.unwrap();
            client.respond(&request, "answer").await.unwrap();
        };
        let ask = client.request("echo", "", SECOND);
        let ((), reply) = embassy_futures::join::join(serve, ask).await;
        assert_eq!(reply.unwrap().payload(), b"answer");
        client.flush().await.unwrap();
        client.force_reconnect();
        while client.next_event().await != Some(nats_embassy::Event::Reconnected) {}
        service.drain();
        assert!(service.next().await.is_none());
        drop(service);
        client.drain().await.unwrap();
    };
    run(client, async {
        embassy_futures::join::join(app, runner.run()).await;
    });
}

#[test]
fn a_link_of_one_task_still_works_with_what_wakers_do() {
    let peer = Peer::new(Script::default());
    let mut resources = LinkResources::<512, 512, 4>::new();
    let config = Config::new("nats://one");
    let made = nats_embassy::new(config, Network::new(&peer), &mut resources, [7; 32]);
    let (client, mut runner) = made.unwrap();
    let running = pin!(runner.run());
    block_on(async {
        let mut link = Link::new(client, running);
        link.subscribe("a").unwrap();
        let waker = Waker::from(Arc::new(Busy::default()));
        link.drive(client.flush(), |_| {}).await.unwrap();
        // Somebody else waits as well, in a task of their own.
        DOING.set(Some(Box::new(|| {})));
        let mut event = pin!(client.next_event());
        let _ = event.as_mut().poll(&mut Context::from_waker(&waker));
        client.try_publish(&Publish::new(Subject::from_static("a"), b"")).unwrap();
        assert_eq!(link.recv().await.unwrap().subject(), "a");
        DOING.set(None);
    });
}
