//! Lives: from bytes, and from seeds that make bytes.

use nats_proto::Fixed;
use nats_proto::Growable;
use nats_proto::Store;

use crate::SUBSCRIPTIONS;
use crate::app::Recipient;
use crate::checks::Checks;
use crate::flaw::Flaw;
use crate::operation;
use crate::operation::Operation;
use crate::rng::Rng;
use crate::setup::Setup;
use crate::world::Counts;
use crate::world::World;

/// How many bytes come before the operations.
const HEAD: usize = 4;

/// How many operations a life has at the most.
const MAX_OPERATIONS: u64 = 120;

/// How a life ended.
#[derive(Clone, Debug, Default)]
pub struct Life {
    /// What was looked at, and found.
    pub checks: Checks,
    /// What happened.
    pub counts: Counts,
}

/// The bytes that a seed makes: a life of random operations.
#[must_use]
pub fn bytes_of(seed: u64) -> Vec<u8> {
    let mut rng = Rng::new(seed);
    let count = rng.below(MAX_OPERATIONS) * operation::LEN as u64;
    (0..HEAD as u64 + count).map(|_| rng.next().to_le_bytes()[0]).collect()
}

/// The life that bytes describe: four for what it begins with, and three for each operation.
#[must_use]
pub fn live(bytes: &[u8], flaw: Option<Flaw>, trace: bool) -> Life {
    let Some((head, operations)) = bytes.split_first_chunk::<HEAD>() else {
        return Life::default();
    };
    let setup = Setup { flaw, trace, ..Setup::random(u32::from_le_bytes(*head).into()) };
    if trace {
        eprintln!("{setup:#?}");
    }
    if head[0] & 1 == 0 {
        live_in::<Fixed<Recipient, SUBSCRIPTIONS, 4, 48>>(setup, operations)
    } else {
        live_in::<Growable<Recipient>>(setup, operations)
    }
}

fn live_in<S: Store<Recipient = Recipient>>(setup: Setup, operations: &[u8]) -> Life {
    let mut world = World::<S>::new(setup);
    let (operations, _) = operations.as_chunks::<{ operation::LEN }>();
    // Some is asked for before there is a connection.
    let early = usize::from(setup.variety) * 3;
    for (index, bytes) in operations.iter().enumerate() {
        if index == early {
            world.connect();
        }
        let (operation, pause) = Operation::decode(*bytes);
        world.apply(operation, pause);
        if world.is_over() {
            break;
        }
    }
    world.connect();
    if !world.is_over() {
        world.heal();
    }
    if !world.is_over() && world.stop().is_none() {
        match setup.seed % 4 {
            0 => world.close(),
            1 => world.finish(),
            _ => world.drain(),
        }
    }
    if !world.is_over() {
        world.end();
    }
    Life { checks: world.checks().clone(), counts: world.counts() }
}
