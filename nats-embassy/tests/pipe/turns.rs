//! Tasks of an executor that polls first what was woken last, as Embassy's does.

use std::pin::Pin;
use std::pin::pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::task::Context;
use std::task::Wake;
use std::task::Waker;

use embassy_time::Duration;
use embassy_time::with_timeout;
use nats_embassy::Config;
use nats_embassy::Queueing;

use crate::Nats;
use crate::clock::jump;
use crate::peer::Peer;
use crate::peer::Script;
use crate::transport::Network;

#[derive(Clone)]
struct Task {
    number: usize,
    woken: Arc<Mutex<Vec<usize>>>,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        let mut woken = self.woken.lock().unwrap();
        if !woken.contains(&self.number) {
            woken.push(self.number);
        }
    }
}

/// Runs tasks until the first one ends.
fn run(tasks: &mut [Pin<&mut dyn Future<Output = ()>>]) {
    let woken = Arc::new(Mutex::new((0..tasks.len()).collect::<Vec<_>>()));
    let wakers = (0..tasks.len()).map(|number| Task { number, woken: Arc::clone(&woken) });
    let wakers = wakers.map(|task| Waker::from(Arc::new(task))).collect::<Vec<_>>();
    loop {
        let round = std::mem::take(&mut *woken.lock().unwrap());
        if round.is_empty() {
            jump();
        }
        for number in round.into_iter().rev() {
            let polled = tasks[number].as_mut().poll(&mut Context::from_waker(&wakers[number]));
            if polled.is_ready() && number == 0 {
                return;
            }
        }
    }
}

#[test]
fn what_was_read_is_taken_before_there_is_more() {
    const MESSAGES: u32 = 40;
    let peer = Peer::new(Script { is_prompt: true, ..Script::default() });
    let mut resources = Nats::new();
    let config = Config::new("nats://one");
    let made = nats_embassy::new(config, Network::new(&peer), &mut resources, [7; 32]);
    let (client, mut runner) = made.unwrap();
    let receiving = pin!(async {
        // As many as are read at once.
        let mut messages = client.subscribe("a", Queueing::drop_newest(5)).unwrap();
        client.flush().await.unwrap();
        for _ in 0..MESSAGES {
            peer.publish("a", &[b'x'; 100]);
        }
        let mut received = 0;
        while let Ok(Some(_)) = with_timeout(Duration::from_secs(1), messages.next()).await {
            received += 1;
        }
        assert_eq!((received, messages.dropped()), (MESSAGES, 0));
    });
    let running = pin!(async {
        runner.run().await;
    });
    run(&mut [receiving, running]);
}
