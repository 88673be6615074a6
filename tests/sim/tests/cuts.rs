//! The whole scenario, with the link cut at every byte.

use nats_proto::Fixed;
use nats_proto::Growable;
use nats_proto::Store;
use nats_sim::Cut;
use nats_sim::Direction;
use nats_sim::Invariant;
use nats_sim::Recipient;
use nats_sim::SUBSCRIPTIONS;
use nats_sim::Setup;
use nats_sim::length;
use nats_sim::play;

type Small = Fixed<Recipient, SUBSCRIPTIONS, 4, 48>;

#[test]
fn uncut() {
    let life = play::<Small>(Setup::plain(1), None);
    assert_eq!(life.checks.violation(), None);
    assert_eq!(life.counts.cuts, 0);
    let idle = life.checks.counts().filter(|(_, count)| *count == 0);
    let idle: Vec<_> = idle.map(|(invariant, _)| invariant).collect();
    assert_eq!(idle, [Invariant::NoHammering], "everything else is in it");
    assert_eq!(length::<Small>(), length::<Growable<Recipient>>());
}

#[test]
fn at_every_byte_with_fixed_storage() {
    at_every_byte::<Small>(40);
}

#[test]
fn at_every_byte_with_growable_storage() {
    at_every_byte::<Growable<Recipient>>(4096);
}

fn at_every_byte<S: Store<Recipient = Recipient>>(room: usize) {
    let (up, down) = length::<S>();
    assert!(up > 1_000 && down > 2_000, "{up} {down}");
    let mut cuts = 0;
    for (direction, len) in [(Direction::Up, up), (Direction::Down, down)] {
        for after in 0..len {
            for is_gentle in [false, true] {
                let cut = Cut { direction, after, is_gentle };
                let life = play::<S>(Setup { room, ..Setup::plain(1) }, Some(cut));
                assert_eq!(life.checks.violation(), None, "{cut:?}, room for {room} bytes");
                cuts += life.counts.cuts;
            }
        }
    }
    // Only what the server says when the client has gone is never carried.
    assert!(cuts + 100 > 2 * (up + down), "{cuts} cuts for {up} and {down} bytes");
}
