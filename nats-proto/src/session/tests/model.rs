//! Random operations, and a server that believes what it is told.

use core::num::NonZeroU64;

use proptest::prelude::*;

use super::*;
use crate::wire::ClientOp;
use crate::wire::FromClient;

/// What the lines that a session sends make a server believe.
#[derive(Default)]
struct ModelServer {
    subscriptions: std::collections::BTreeMap<u64, Believed>,
    maxed_out: Vec<u64>,
    pings: u32,
}

#[derive(Default)]
struct Believed {
    delivered: u64,
    max: Option<u64>,
}

impl Believed {
    fn is_over(&self) -> bool {
        self.max.is_some_and(|max| self.delivered >= max)
    }
}

impl ModelServer {
    fn receive(&mut self, mut bytes: &[u8]) {
        let mut decoder = Decoder::<FromClient>::default();
        while let Decoded::Frame { op, len } = decoder.decode(bytes).unwrap() {
            match op {
                ClientOp::Subscribe(subscribe) => {
                    let known = self.subscriptions.insert(subscribe.sid.0, Believed::default());
                    assert!(known.is_none(), "sid {} is taken", subscribe.sid);
                }
                ClientOp::Unsubscribe(unsubscribe) => {
                    let sid = unsubscribe.sid.0;
                    match self.subscriptions.get_mut(&sid) {
                        Some(known) => {
                            known.max = unsubscribe.max.map(NonZeroU64::get);
                            if known.max.is_none() || known.is_over() {
                                self.subscriptions.remove(&sid);
                            }
                        }
                        // It reached its maximum while UNSUB was on its way.
                        None => assert!(self.maxed_out.contains(&sid), "UNSUB {sid} of none"),
                    }
                }
                ClientOp::Ping => self.pings += 1,
                other => panic!("{other:?}"),
            }
            bytes = &bytes[len..];
        }
        assert!(bytes.is_empty(), "half a line");
    }
}

#[derive(Clone, Debug)]
enum Operation {
    Subscribe(u8),
    Unsubscribe(usize),
    Max(usize, u64),
    Drain(usize),
    Deliver(usize),
    Transmit(usize),
    Pong,
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        3 => any::<u8>().prop_map(Operation::Subscribe),
        1 => (0usize..6).prop_map(Operation::Unsubscribe),
        1 => (0usize..6, 1u64..4).prop_map(|(at, max)| Operation::Max(at, max)),
        1 => (0usize..6).prop_map(Operation::Drain),
        3 => (0usize..6).prop_map(Operation::Deliver),
        3 => (0usize..60).prop_map(Operation::Transmit),
        2 => Just(Operation::Pong),
    ]
}

fn server_and_registry_agree<S: Store<Recipient = u8>>(operations: Vec<Operation>) {
    let mut world = World::<S>::connected();
    let mut server = ModelServer::default();
    let mut sids: Vec<(Sid, u8)> = Vec::new();
    let mut released = Vec::new();
    for operation in operations {
        match operation {
            Operation::Subscribe(recipient) => {
                let filter = Filter::from_static("a.b");
                if let Ok(sid) = world.session.subscribe(filter, None, recipient) {
                    assert!(!sids.contains(&(sid, recipient)));
                    sids.push((sid, recipient));
                }
            }
            Operation::Unsubscribe(at) => {
                if let Some(&(sid, _)) = sids.get(at) {
                    world.session.unsubscribe(sid, None);
                    assert_eq!(world.session.deliver(sid), None);
                }
            }
            Operation::Max(at, max) => {
                if let Some(&(sid, _)) = sids.get(at) {
                    world.session.unsubscribe(sid, NonZeroU64::new(max));
                }
            }
            Operation::Drain(at) => {
                if let Some(&(sid, _)) = sids.get(at) {
                    world.session.drain_subscription(sid);
                }
            }
            Operation::Deliver(at) => {
                // The server sends what it believes is wanted.
                let Some((&sid, believed)) = server.subscriptions.iter_mut().nth(at) else {
                    continue;
                };
                believed.delivered += 1;
                let is_last = believed.is_over();
                if let Some(&mut recipient) = world.session.deliver(Sid(sid)) {
                    assert!(sids.contains(&(Sid(sid), recipient)), "another one's message");
                }
                if is_last {
                    server.subscriptions.remove(&sid);
                    server.maxed_out.push(sid);
                    assert_eq!(world.session.deliver(Sid(sid)), None, "more than the maximum");
                }
            }
            Operation::Transmit(room) => {
                let mut memory = std::vec![0; room];
                let mut out = SendBuf::new(&mut memory);
                let _ = world.session.poll_transmit(&mut out);
                server.receive(out.as_ref());
            }
            Operation::Pong => {
                if server.pings > 0 {
                    server.pings -= 1;
                    world.receive("PONG");
                }
            }
        }
        while let Some(over) = world.session.poll_released() {
            released.push((over.sid, over.recipient));
        }
    }
    // Let everything settle.
    server.receive(format!("{}\r\n", world.sent().replace('|', "\r\n")).trim_start().as_bytes());
    while server.pings > 0 {
        server.pings -= 1;
        world.receive("PONG");
        server
            .receive(format!("{}\r\n", world.sent().replace('|', "\r\n")).trim_start().as_bytes());
    }
    released.extend(world.released().iter().map(|_| (Sid(0), 0)));
    let registry: Vec<u64> = world.session.recipients_mut().map(|(sid, _)| sid.0).collect();
    let mut believed: Vec<u64> = server.subscriptions.keys().copied().collect();
    let by_slot = |sid: &u64| sid & 0xFF_FFFF;
    believed.sort_by_key(by_slot);
    assert_eq!(registry, believed);
    assert_eq!(released.len() + registry.len(), sids.len(), "every route comes back once");
}

proptest! {
    #[test]
    fn with_fixed_storage(operations in prop::collection::vec(operation(), 0..40)) {
        server_and_registry_agree::<Small>(operations);
    }

    #[cfg(feature = "alloc")]
    #[test]
    fn with_growable_storage(operations in prop::collection::vec(operation(), 0..40)) {
        server_and_registry_agree::<store::Growable<u8>>(operations);
    }
}
