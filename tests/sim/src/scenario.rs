//! One whole life with everything in it, to be cut at every byte.

use std::time::Duration;

use nats_proto::Store;
use nats_proto::session::CloseReason;

use crate::app::Recipient;
use crate::checks::Invariant;
use crate::life::Life;
use crate::operation::Operation;
use crate::operation::Pause;
use crate::setup::Setup;
use crate::wire::Cut;
use crate::world::World;

/// How many bytes go up and down when nothing is cut.
#[must_use]
pub fn length<S: Store<Recipient = Recipient>>() -> (u64, u64) {
    let mut world = World::<S>::new(Setup::plain(1));
    perform(&mut world);
    world.carried()
}

/// The whole of it, with a cut.
#[must_use]
pub fn play<S: Store<Recipient = Recipient>>(setup: Setup, cut: Option<Cut>) -> Life {
    let mut world = World::<S>::new(setup);
    if let Some(cut) = cut {
        world.cut(cut);
    }
    perform(&mut world);
    Life { checks: world.checks().clone(), counts: world.counts() }
}

fn perform<S: Store<Recipient = Recipient>>(world: &mut World<S>) {
    world.subscribe("a.*", None);
    world.connect();
    world.come_to_rest();
    world.subscribe("a.b", Some("q"));
    world.subscribe("a.b", Some("q"));
    world.subscribe("b", None);
    world.subscribe("c.d.e", None);
    world.unsubscribe(4, Some(3));
    for subject in ["a.b", "b", "c.d.e", "a.c"] {
        world.publish(subject);
    }
    world.flush();
    world.run(Duration::from_millis(1));
    for subject in ["a.b", "c.d.e", "a.b"] {
        world.arrive(subject);
    }
    world.come_to_rest();
    // The server asks, and reaches a maximum.
    world.apply(Operation::ServerPing, Pause::None);
    world.arrive("c.d.e");
    world.arrive("c.d.e");
    world.unsubscribe(1, None);
    world.publish("a.b");
    world.flush();
    world.come_to_rest();
    world.subscribe("deny.x", None);
    world.publish("deny.pub");
    world.arrive("b");
    world.drain_one(2);
    world.arrive("b");
    world.come_to_rest();
    // One server goes, the other takes over.
    world.arrive("a.c");
    world.apply(Operation::LameDuckMode { server: 0, after: 18 }, Pause::Moment);
    world.subscribe("b.*.c", None);
    world.unsubscribe(0, Some(5));
    world.publish("b.x.c");
    for _ in 0..7 {
        world.arrive("a.b");
        world.publish("b.x.c");
        world.run(Duration::from_secs(1));
    }
    world.come_to_rest();
    world.arrive("a.b");
    world.flush();
    world.come_to_rest();
    world.apply(Operation::Reconnect, Pause::Moment);
    world.publish("a.b");
    world.come_to_rest();
    world.arrive("a.b");
    world.drain();
    world.publish("a.c");
    world.end();
    world.check_ending();
}

impl<S: Store<Recipient = Recipient>> World<S> {
    /// Runs until there is a connection on which everything is done.
    fn come_to_rest(&mut self) {
        let is_settled = self.settle() && self.stop().is_none();
        self.must(Invariant::Converges, is_settled, "it does not come to rest");
    }

    /// It is drained, or was cut while it drained.
    fn check_ending(&mut self) {
        let is_fine = match self.stop() {
            Some(CloseReason::Drained) => true,
            Some(CloseReason::Disconnected(_)) => self.counts().cuts > 0,
            _ => false,
        };
        self.must(Invariant::StopsRightly, is_fine, "it did not end drained");
    }
}
