//! Every future of the public interface, dropped at every await.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use embassy_time::Duration;
use embassy_time::with_timeout;
use nats_embassy::Auth;
use nats_embassy::Client;
use nats_embassy::Config;
use nats_embassy::PendingLimits;
use nats_embassy::Publish;
use nats_embassy::ReplyLimits;
use nats_embassy::SignError;
use nats_embassy::Signer;
use nats_embassy::Subject;

use crate::Nats;
use crate::SECOND;
use crate::clock::block_on;
use crate::peer::Peer;
use crate::peer::Script;
use crate::transport::Network;
use crate::with_client;

/// Polls `future` up to `polls` times, and says whether that was enough.
pub(crate) async fn give_up_after(polls: usize, future: impl Future) -> bool {
    let (mut future, mut left) = (pin!(future), polls);
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        // Not waiting to be woken makes more awaits, not fewer.
        cx.waker().wake_by_ref();
        future.as_mut().poll(cx).map(|_| true)
    })
    .await
}

/// Drops what `make` makes after every number of polls, and sees whether the client still works.
fn dropped_everywhere(make: impl for<'d> AsyncFn(Client<'d, Nats<'d>>)) {
    dropped_everywhere_with(&Script { chunk: 16, ..Script::default() }, make);
}

/// The same, with a server that behaves like that.
pub(crate) fn dropped_everywhere_with(
    script: &Script,
    make: impl for<'d> AsyncFn(Client<'d, Nats<'d>>),
) {
    for polls in 0.. {
        let is_done = Cell::new(false);
        let peer = Peer::new(script.clone());
        with_client(&peer, async |client| {
            is_done.set(give_up_after(polls, make(client)).await);
            // The server may be about to close the connection, also after a PONG.
            for _ in 0..2 {
                let _ = with_timeout(Duration::from_secs(1), client.flush()).await;
            }
            works(client).await;
        });
        if is_done.get() {
            assert!(polls > 0);
            return;
        }
        assert!(polls < 10_000, "it takes for ever");
    }
}

/// All that there is can be used.
async fn works<'d>(client: Client<'d, Nats<'d>>) {
    // What was begun on the side may have to come to its end.
    let _ = with_timeout(Duration::from_secs(1), client.flush()).await;
    let mut all =
        [(); 3].map(|()| client.subscribe("works", PendingLimits::drop_newest(2)).unwrap());
    client.publish("works", b"yes").await.unwrap();
    for subscription in &mut all {
        assert_eq!(subscription.next().await.unwrap().payload(), b"yes");
    }
    drop(all);
    client.flush().await.unwrap();
    for _ in 0..3 {
        assert!(client.request("nobody", b"", SECOND).await.is_err());
    }
    assert!(client.subscribe("works", PendingLimits::drop_newest(6)).is_ok());
}

#[test]
fn publishing() {
    dropped_everywhere(async |client| client.publish("a", b"payload").await.unwrap());
    let message = Publish::new(Subject::from_static("a"), &[1; 200]);
    dropped_everywhere(async |client| {
        for _ in 0..3 {
            client.publish_message(&message).await.unwrap();
        }
    });
    dropped_everywhere(async |client| {
        client.publish_in_place(&message, 100, |space| space.len()).await.unwrap();
    });
}

#[test]
fn publishing_several() {
    let (a, b) = (Subject::from_static("a"), Subject::from_static("b"));
    let batch = [Publish::new(a, &[1; 100]), Publish::new(b, &[2; 50])];
    dropped_everywhere(async |client| {
        for _ in 0..3 {
            client.publish_batch(&batch).await.unwrap();
        }
    });
}

#[test]
fn passing_on() {
    let with_received = |pass_on: bool| {
        dropped_everywhere(async |client| {
            let mut subscription = client.subscribe("a", PendingLimits::drop_newest(1)).unwrap();
            let message = Publish::new(Subject::from_static("a"), &[1; 100]);
            let message = Publish { reply: Some(Subject::from_static("b")), ..message };
            client.publish_message(&message).await.unwrap();
            let received = subscription.next().await.unwrap();
            for _ in 0..3 {
                if pass_on {
                    client.forward(&received, "c").await.unwrap();
                } else {
                    client.respond(&received, [2; 100]).await.unwrap();
                }
            }
        });
    };
    with_received(true);
    with_received(false);
}

#[test]
fn waiting() {
    dropped_everywhere(async |client| client.connected().await.unwrap());
    dropped_everywhere(async |client| assert!(client.next_event().await.is_some()));
    dropped_everywhere(async |client| client.flush().await.unwrap());
    dropped_everywhere(async |client| {
        client.rtt().await.unwrap();
    });
}

#[test]
fn receiving() {
    dropped_everywhere(async |client| {
        let mut subscription = client.subscribe("a", PendingLimits::drop_newest(1)).unwrap();
        client.publish("a", b"").await.unwrap();
        assert!(subscription.next().await.is_some());
    });
}

#[test]
fn requesting() {
    dropped_everywhere(async |client| {
        assert!(client.request("nobody", b"", SECOND).await.is_err());
    });
    dropped_everywhere(async |client| {
        let mut service = client.subscribe("echo", PendingLimits::drop_newest(1)).unwrap();
        let serve = async {
            let request = service.next().await.unwrap();
            client.respond(&request, b"answer").await.unwrap();
        };
        let ask = client.request("echo", b"", SECOND);
        let ((), reply) = embassy_futures::join::join(serve, ask).await;
        assert_eq!(reply.unwrap().payload(), b"answer");
    });
}

#[test]
fn requesting_several() {
    let limits = ReplyLimits::within(SECOND).max_messages(3);
    dropped_everywhere(async |client| {
        let mut service = client.subscribe("echo", PendingLimits::drop_newest(1)).unwrap();
        let serve = async {
            let request = service.next().await.unwrap();
            for _ in 0..3 {
                client.respond(&request, b"answer").await.unwrap();
            }
        };
        let ask = async {
            let question = Publish::new(Subject::from_static("echo"), b"");
            let pending_limits = PendingLimits::drop_newest(3);
            let mut replies = client.request_many(&question, pending_limits, limits).await.unwrap();
            for _ in 0..3 {
                assert_eq!(replies.next().await.unwrap().unwrap().payload(), b"answer");
            }
            assert!(replies.next().await.unwrap().is_none());
        };
        embassy_futures::join::join(serve, ask).await;
    });
}

#[test]
fn a_reply_is_not_lost_with_the_future_that_waits_for_it() {
    let limits = ReplyLimits::within(SECOND).max_messages(2);
    for polls in 1..20 {
        let peer = Peer::new(Script { is_silent: true, chunk: 16, ..Script::default() });
        with_client(&peer, async |client| {
            let question = Publish::new(Subject::from_static("ask"), b"");
            let pending_limits = PendingLimits::drop_newest(2);
            let mut replies = client.request_many(&question, pending_limits, limits).await.unwrap();
            client.flush().await.unwrap();
            let mut received = Vec::new();
            while received.len() < 2 {
                peer.publish(&peer.inbox(), &[u8::try_from(received.len()).unwrap()]);
                let before = received.len();
                while received.len() == before {
                    give_up_after(polls, async {
                        let reply = replies.next().await.unwrap().unwrap();
                        received.extend_from_slice(reply.payload());
                    })
                    .await;
                    embassy_futures::yield_now().await;
                }
            }
            assert_eq!(received, [0, 1]);
            assert!(replies.next().await.unwrap().is_none());
        });
    }
}

#[test]
fn a_message_is_not_lost_with_the_future_that_waits_for_it() {
    for polls in 1..20 {
        let peer = Peer::new(Script::default());
        with_client(&peer, async |client| {
            let mut subscription = client.subscribe("a", PendingLimits::drop_newest(1)).unwrap();
            client.publish("a", b"once").await.unwrap();
            let taken = Cell::new(false);
            give_up_after(polls, async {
                subscription.next().await.unwrap();
                taken.set(true);
            })
            .await;
            if !taken.get() {
                assert_eq!(subscription.next().await.unwrap().payload(), b"once");
            }
        });
    }
}

#[test]
fn ending() {
    for polls in 1..60 {
        let peer = Peer::new(Script { chunk: 16, ..Script::default() });
        with_client(&peer, async |client| {
            client.publish("a", b"").await.unwrap();
            if polls % 2 == 0 {
                give_up_after(polls, client.drain()).await;
            } else {
                give_up_after(polls, client.close()).await;
            }
            client.close().await.unwrap();
            assert!(client.connected().await.is_err());
        });
    }
}

#[test]
fn running() {
    for polls in 0..200 {
        let peer = Peer::new(Script { chunk: 16, ..Script::default() });
        let mut resources = Nats::new();
        let config = Config::new("nats://one");
        let made = nats_embassy::new(config, Network::new(&peer), &mut resources, [7; 32]);
        let (client, mut runner) = made.unwrap();
        block_on(async {
            let mut subscription = client.subscribe("a", PendingLimits::drop_newest(2)).unwrap();
            give_up_after(polls, runner.run()).await;
            let app = async {
                client.publish("a", b"still").await.unwrap();
                loop {
                    let second = Duration::from_secs(1);
                    match with_timeout(second, subscription.next()).await {
                        Ok(message) => break drop(message),
                        Err(_) => client.publish("a", b"again").await.unwrap(),
                    }
                }
                drop(subscription);
                works(client).await;
            };
            embassy_futures::select::select(app, runner.run()).await;
        });
    }
}

/// Signs at once.
struct Element;

impl Signer for Element {
    async fn sign(&mut self, nonce: &[u8]) -> Result<[u8; 64], SignError> {
        (nonce == b"abc").then_some([1; 64]).ok_or(SignError)
    }
}

#[test]
fn running_leaves_nothing_of_a_login_to_the_next_one() {
    // A JWT is longer than what is written at once.
    let jwt = "x".repeat(2000);
    for polls in 0..60 {
        let peer = Peer::new(Script { chunk: 16, ..Script::default() });
        let mut resources = Nats::new();
        let config = Config::new("nats://one").auth(Auth::Jwt(&jwt));
        let made = nats_embassy::new(config, Network::new(&peer), &mut resources, [7; 32]);
        let (client, runner) = made.unwrap();
        let mut runner = runner.with_signer(Element);
        block_on(async {
            give_up_after(polls, runner.run()).await;
            embassy_futures::select::select(works(client), runner.run()).await;
        });
        let log = peer.log();
        let connect = log.iter().rfind(|line| line.starts_with("CONNECT")).unwrap();
        assert!(connect.contains(&jwt) && connect.matches("\"sig\":\"AQEB").count() == 1);
    }
}
