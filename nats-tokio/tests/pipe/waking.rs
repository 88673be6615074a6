//! Wakers that poll at once, on the stack of the waking thread: nothing may be locked then.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::task::Context;
use std::task::Wake;
use std::time::Duration;

use nats_tokio::Client;
use nats_tokio::ConnectOptions;
use nats_tokio::ConnectionStatus;
use nats_tokio::Event;
use nats_tokio::PendingLimits;

use crate::peer::Peer;
use crate::peer::connected;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A future that is polled by the waking thread.
struct Inline {
    work: Mutex<Option<Work>>,
    is_woken: AtomicBool,
}

impl Wake for Inline {
    fn wake(self: Arc<Self>) {
        self.is_woken.store(true, SeqCst);
        while let Ok(mut work) = self.work.try_lock() {
            if !self.is_woken.swap(false, SeqCst) {
                return;
            }
            let waker = Arc::clone(&self).into();
            if let Some(future) = work.as_mut()
                && future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready()
            {
                *work = None;
            }
        }
    }
}

/// Starts a future, and counts when it is done.
fn start(count: &Arc<AtomicUsize>, work: impl Future<Output = ()> + Send + 'static) {
    let count = Arc::clone(count);
    let work: Work = Box::pin(async move {
        work.await;
        count.fetch_add(1, SeqCst);
    });
    Arc::new(Inline { work: Mutex::new(Some(work)), is_woken: AtomicBool::new(false) }).wake();
}

/// Takes every lock that there is.
async fn use_everything(client: &Client) {
    let _ = (client.status(), client.statistics(), client.max_payload(), client.server_pool());
    let _ = client.publish("used", "x").try_send();
    if let Ok(mut subscriber) = client.subscribe("used").await {
        subscriber.try_next();
        subscriber.unsubscribe_after(5);
        subscriber.drain();
    }
    let _ = tokio::time::timeout(Duration::ZERO, client.request("used", "")).await;
}

async fn until(count: &Arc<AtomicUsize>, expected: usize) {
    while count.load(SeqCst) < expected {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// All that the client has to say now. Its PINGs are answered.
async fn settle(peer: &mut Peer) -> Vec<String> {
    let mut said = Vec::new();
    while let Ok(line) = tokio::time::timeout(Duration::from_millis(10), peer.next()).await {
        if line == "PING" {
            peer.send("PONG").await;
        }
        said.push(line);
    }
    said
}

/// The word at `number` of the line that begins like that.
fn word(said: &[String], begin: &str, number: usize) -> String {
    let line = said.iter().find(|line| line.starts_with(begin)).unwrap();
    line.split(' ').nth(number).unwrap().trim_end_matches(':').to_owned()
}

#[tokio::test(start_paused = true)]
async fn whoever_is_woken_may_use_the_client_at_once() {
    let options = ConnectOptions::new().pending_limits(PendingLimits::DEFAULT.messages(1));
    let (client, mut peer) = connected(options, 64 * 1024).await;
    let count = Arc::new(AtomicUsize::new(0));

    // A message, and one too many.
    let mut subscriber = client.subscribe("a").await.unwrap();
    start(&count, {
        let client = client.clone();
        let mut events = client.events();
        async move {
            while !matches!(events.next().await, Some(Event::SlowConsumer { .. })) {}
            use_everything(&client).await;
        }
    });
    start(&count, {
        let client = client.clone();
        async move {
            subscriber.next().await.unwrap();
            use_everything(&client).await;
            while subscriber.next().await.is_some() {}
            use_everything(&client).await;
        }
    });
    peer.expect(&["SUB a 1"]).await;
    peer.send("MSG a 1 1|x|MSG a 1 1|x").await;
    until(&count, 1).await;
    let mut said = settle(&mut peer).await;

    // Requests that are answered, not permitted, and too late; a flush.
    for (number, subject) in ["answered", "forbidden", "late"].into_iter().enumerate() {
        start(&count, {
            let client = client.clone();
            async move {
                let request = client.request(subject, "").timeout(Duration::from_secs(1)).await;
                assert_eq!(request.is_ok(), number == 0);
                use_everything(&client).await;
            }
        });
    }
    start(&count, {
        let client = client.clone();
        async move {
            client.flush().await.unwrap();
            use_everything(&client).await;
        }
    });
    said.extend(settle(&mut peer).await);
    let (reply, sid) = (word(&said, "PUB answered", 2), word(&said, "SUB _INBOX", 2));
    peer.send("-ERR 'Permissions Violation for Publish to \"forbidden\"'").await;
    peer.send(&format!("MSG {reply} {sid} 2|ok")).await;
    until(&count, 5).await;
    settle(&mut peer).await;

    // The end.
    for _ in 0..2 {
        start(&count, {
            let client = client.clone();
            let mut status = client.watch_status();
            async move {
                let _ = status.wait_for(|status| *status == ConnectionStatus::Closed).await;
                use_everything(&client).await;
            }
        });
        start(&count, {
            let client = client.clone();
            async move {
                client.request("lost", "").await.unwrap_err();
                use_everything(&client).await;
            }
        });
        start(&count, {
            let client = client.clone();
            async move {
                client.flush().await.unwrap_err();
                use_everything(&client).await;
            }
        });
    }
    drop(peer);
    until(&count, 12).await;
}
