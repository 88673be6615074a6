//! How large the public futures are: a device has them in the memory of its tasks.
//!
//! The bounds are those of 64-bit machines, close to what was measured. With pointers of half the
//! size they are smaller.

use core::pin::pin;

use nats_embassy::Config;
use nats_embassy::Link;
use nats_embassy::LinkResources;
use nats_embassy::PendingLimits;
use nats_embassy::Publish;
use nats_embassy::Subject;

use crate::Nats;
use crate::SECOND;
use crate::peer::Peer;
use crate::peer::Script;
use crate::transport::Network;

/// Up to `most`, and not much less, so that the bound follows when a future becomes smaller.
fn check(name: &str, future: &impl Future, most: usize) {
    let size = size_of_val(future);
    assert!(size <= most && size >= most - most / 5, "{name} takes {size} bytes, not {most}");
}

#[test]
fn futures_of_a_client() {
    let peer = Peer::new(Script::default());
    let mut resources = Nats::new();
    let config = Config::new("nats://one");
    let made = nats_embassy::new(config, Network::new(&peer), &mut resources, [7; 32]);
    let (client, mut runner) = made.unwrap();
    let mut subscription = client.subscribe("a", PendingLimits::drop_newest(1)).unwrap();
    let message = Publish::new(Subject::from_static("a"), b"");
    check("publish", &client.publish("a", b""), 48);
    check("publish_message", &client.publish_message(&message), 24);
    check("publish_in_place", &client.publish_in_place(&message, 8, |_| 0), 40);
    check("flush", &client.flush(), 24);
    check("request", &client.request("a", b"", SECOND), 136);
    check("next", &subscription.next(), 8);
    check("next_event", &client.next_event(), 8);
    check("drain", &client.drain(), 24);
    check("run", &runner.run(), 536);
}

#[test]
fn futures_of_a_link() {
    let peer = Peer::new(Script::default());
    let mut resources = LinkResources::<512, 512, 4>::new();
    let config = Config::new("nats://one");
    let made = nats_embassy::new(config, Network::new(&peer), &mut resources, [7; 32]);
    let (client, mut runner) = made.unwrap();
    let running = pin!(runner.run());
    let mut link = Link::new(client, running);
    let message = Publish::new(Subject::from_static("a"), b"");
    check("recv", &link.recv(), 32);
    check("request", &link.request(&message, SECOND, |_| {}), 160);
    check("drive", &link.drive(client.publish("a", b""), |_| {}), 176);
}
