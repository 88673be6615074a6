//! Handles work where there is no runtime, and after theirs is gone.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::task::Wake;
use std::thread::Thread;
use std::time::Duration;

use nats_tokio::Client;
use nats_tokio::ConnectError;
use nats_tokio::ConnectOptions;
use nats_tokio::FlushError;
use nats_tokio::PublishError;
use nats_tokio::RequestError;
use tokio::runtime::Runtime;

use crate::peer::Peer;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The smallest executor there is.
fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

fn client_of(runtime: &Runtime) -> Client {
    runtime.block_on(async {
        let (ours, theirs) = tokio::io::duplex(4096);
        let mut peer = Peer::new(theirs);
        tokio::spawn(async move {
            peer.accept().await;
            peer.serve().await
        });
        ConnectOptions::new().connect_stream(ours).await.unwrap()
    })
}

#[test]
fn connecting_without_a_runtime_is_an_error() {
    let (ours, _theirs) = tokio::io::duplex(64);
    let error = block_on(ConnectOptions::new().connect_stream(ours)).unwrap_err();
    assert!(matches!(error, ConnectError::NoRuntime), "{error}");
}

#[test]
fn handles_are_at_home_anywhere() {
    let runtime = Runtime::new().unwrap();
    let client = client_of(&runtime);
    std::thread::spawn(move || {
        let subscriber = block_on(client.subscribe("a")).unwrap();
        block_on(client.publish("a", "x")).unwrap();
        client.publish("a", "x").try_send().unwrap();
        block_on(client.flush()).unwrap();
        let late = client.request("a", "x").timeout(Duration::from_millis(20));
        assert_eq!(block_on(late), Err(RequestError::TimedOut));
        subscriber.drain();
        drop(subscriber);
        block_on(client.drain()).unwrap();
        drop(client);
    })
    .join()
    .unwrap();
}

#[test]
fn handles_outlive_their_runtime() {
    let runtime = Runtime::new().unwrap();
    let client = client_of(&runtime);
    let mut subscriber = block_on(client.subscribe("a")).unwrap();
    let mut events = client.events();
    let flush = client.flush();
    drop(runtime);
    assert_eq!(block_on(flush), Err(FlushError::Closed));
    assert!(block_on(subscriber.next()).is_none());
    assert_eq!(block_on(client.publish("a", "x")), Err(PublishError::Closed));
    assert!(block_on(client.request("a", "x")).is_err());
    assert!(block_on(client.subscribe("a")).is_err());
    block_on(client.drain()).unwrap_err();
    block_on(client.close());
    while block_on(events.next()).is_some() {}
    drop(subscriber);
}
