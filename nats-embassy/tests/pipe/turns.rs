//! Who gets a turn, and when.

use std::pin::pin;

use embassy_time::Duration;
use embassy_time::with_timeout;
use nats_embassy::Config;
use nats_embassy::PendingLimits;

use crate::Nats;
use crate::executor::run_tasks;
use crate::peer::Peer;
use crate::peer::Script;
use crate::transport::Network;

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
        let mut messages = client.subscribe("a", PendingLimits::drop_newest(5)).unwrap();
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
    run_tasks(&mut [receiving, running]);
}
