use std::pin::pin;
use std::sync::atomic::AtomicBool;
use std::task::Context;
use std::task::Wake as _;
use std::task::Waker;

use nats_proto::wire::ClientOp;
use nats_proto::wire::Decoded;
use nats_proto::wire::Decoder;
use nats_proto::wire::FromClient;

use super::*;

/// Looks, when it is woken, whether it could use the router.
struct Inline {
    router: Arc<Router>,
    could: AtomicBool,
}

impl std::task::Wake for Inline {
    fn wake(self: Arc<Self>) {
        self.could.store(self.router.subscriptions.try_lock().is_ok(), Relaxed);
    }
}

#[test]
fn whoever_is_woken_may_use_the_router() {
    let router = Arc::<Router>::default();
    let mailbox = Arc::new(Mailbox::new(1000));
    let args = SubscribeArgs { subject: b"a", queue: None, sid: Sid(1) };
    router.subscribe(args, 1, &mailbox);
    let inline = Arc::new(Inline { router: Arc::clone(&router), could: AtomicBool::new(false) });
    let waker = Waker::from(Arc::clone(&inline));
    let mut context = Context::from_waker(&waker);
    let mut taken = pin!(mailbox.taken());
    assert!(taken.as_mut().poll(&mut context).is_pending());

    let mut decoder = Decoder::<FromClient>::default();
    let Ok(Decoded::Frame { op: ClientOp::Publish(message), .. }) =
        decoder.decode(b"PUB a 2\r\nhi\r\n")
    else {
        panic!("that is a message");
    };
    let publisher = Publisher { client: 2, wants_echo: true, wants_no_responders: false };
    router.publish(&message, publisher);
    assert!(inline.could.load(Relaxed), "it was woken, and the router was free");
    assert!(taken.as_mut().poll(&mut context).is_ready());
    inline.wake_by_ref();
}
