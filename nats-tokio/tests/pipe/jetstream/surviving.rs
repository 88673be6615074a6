//! What messages of a consumer survive: lost connections, silence, and the end of the consumer.

use std::collections::BTreeSet;
use std::time::Duration;

use nats_tokio::ConnectionStatus;
use nats_tokio::jetstream::Messages;
use nats_tokio::jetstream::MessagesError;
use tokio::time::Instant;

use super::server::Line;
use super::server::SECOND;
use super::server::Server;
use super::server::Setup;

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(1000 * SECOND, future).await.expect("it takes too long")
}

/// The next messages, which have to be so many, as numbers.
async fn take(messages: &mut Messages, count: usize) -> BTreeSet<u64> {
    let mut numbers = BTreeSet::new();
    while numbers.len() < count {
        let message = soon(messages.next()).await.expect("a message").expect("no error");
        numbers.insert(std::str::from_utf8(message.payload()).unwrap().parse().unwrap());
        message.ack().await.unwrap();
    }
    numbers
}

/// What was sent by a connection that is not about pings and acknowledgements.
fn lines_of(server: &Server, connection: usize) -> Vec<Line> {
    let state = server.state();
    let late = state.sent.iter().rev().take_while(|sent| sent.connection >= connection);
    let mut lines: Vec<_> = late.collect();
    lines.reverse();
    let lines = lines.into_iter().map(|sent| sent.line.clone());
    lines.filter(|line| !matches!(line, Line::Ping | Line::Ack { .. } | Line::Other(_))).collect()
}

/// A consumer that counts on the pull of a lost connection is dead after it (nats-io/nats.go#1729).
#[tokio::test(start_paused = true)]
async fn a_thousand_connections_are_lost_and_each_time_there_is_one_pull_for_all_that_is_free() {
    let server = Server::new(Setup { ack_wait: 2 * SECOND, ..Setup::default() });
    let consumer = server.consumer().await;
    let mut messages = consumer.messages().max_messages(100).await.unwrap();
    let mut next = 1;
    for round in 0..1_000_u32 {
        server.publish(10);
        assert_eq!(take(&mut messages, 10).await, (next..next + 10).collect());
        tokio::time::sleep(SECOND / 10).await;
        next += 10;
        let connections = server.state().connections();
        match round % 3 {
            // Idle.
            0 => {
                server.cut();
                server.publish(5);
            }
            // Inside of a message.
            1 => {
                server.state().cut_within = Some(40);
                server.publish(5);
            }
            // The server is killed, and started on its store.
            _ => {
                server.state().is_down = true;
                server.cut();
                server.publish(5);
                tokio::time::sleep(SECOND).await;
                server.state().is_down = false;
            }
        }
        let lost = usize::from(round % 3 == 1);
        let mut came = take(&mut messages, 5 - lost).await;
        let lines = lines_of(&server, connections);
        let is_sub = |line: &Line| matches!(line, Line::Subscribe { .. });
        let rest: Vec<_> = lines.iter().skip_while(|line| is_sub(line)).collect();
        let [Line::Pull { body, .. }] = &rest[..] else { panic!("{round}: {lines:?}") };
        assert!(is_sub(&lines[0]) && body.starts_with(r#"{"batch":100,"#), "{round}: {lines:?}");
        assert_eq!(server.state().connections(), connections + 1);
        // What was cut in the middle is delivered again.
        came.append(&mut take(&mut messages, lost).await);
        assert_eq!(came, (next..next + 5).collect());
        next += 5;
    }
}

/// A consumer that waits for a pull that its server has forgotten is silent for ever (nats-io/nats.rs#860).
#[tokio::test(start_paused = true)]
async fn two_heartbeats_that_do_not_come_are_one_new_pull() {
    for max in [1, 10] {
        let server = Server::new(Setup::default());
        let consumer = server.consumer().await;
        let messages = consumer.messages().max_messages(max).heartbeat(SECOND).await;
        let mut messages = messages.unwrap();
        server.publish(1);
        take(&mut messages, 1).await;
        tokio::time::sleep(SECOND / 2).await;
        let forgotten = server.state().forget();
        server.publish(1);
        let (before, began) = (server.pulls().len(), Instant::now());
        take(&mut messages, 1).await;
        assert!(began.elapsed() <= 2 * SECOND + SECOND / 10, "{:?}", began.elapsed());
        assert_eq!(forgotten, 1);
        tokio::time::sleep(SECOND / 10).await;
        // With room for one message there is another pull when it was taken.
        assert_eq!(server.pulls().len() - before, if max == 1 { 2 } else { 1 });
    }
}

/// A server that hangs is only left when PINGs go unanswered, which takes minutes.
#[tokio::test(start_paused = true)]
async fn a_connection_that_is_silent_for_two_heartbeats_is_probed_and_left_after_five_seconds() {
    let server = Server::new(Setup::default());
    let consumer = server.consumer().await;
    let mut messages = consumer.messages().heartbeat(SECOND).await.unwrap();
    server.publish(1);
    take(&mut messages, 1).await;
    server.state().is_mute = true;
    let began = Instant::now();
    let error = soon(messages.next()).await.unwrap().unwrap_err();
    assert_eq!(error, MessagesError::Stalled);
    while server.state().connections() < 2 {
        tokio::time::sleep(SECOND / 100).await;
    }
    let took = began.elapsed();
    assert!((6 * SECOND..8 * SECOND).contains(&took), "{took:?}");
    server.state().is_mute = false;
    server.cut();
    server.publish(1);
    take(&mut messages, 1).await;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    WhileAPullWaits,
    BetweenTwoPulls,
    WhileDisconnected,
}

async fn delete(server: &Server, moment: Moment) {
    match moment {
        Moment::WhileAPullWaits => server.delete_consumer(),
        Moment::BetweenTwoPulls => {
            server.state().forget();
            server.delete_consumer();
        }
        Moment::WhileDisconnected => {
            server.state().is_down = true;
            server.cut();
            server.delete_consumer();
            tokio::time::sleep(SECOND).await;
            server.state().is_down = false;
        }
    }
}

const MOMENTS: [Moment; 3] =
    [Moment::WhileAPullWaits, Moment::BetweenTwoPulls, Moment::WhileDisconnected];

/// Messages wait for ever for a consumer that was deleted (nats-io/nats.net#628, nats-io/nats.rs#1584).
#[tokio::test(start_paused = true)]
async fn a_consumer_that_is_deleted_is_told_of_once_and_soon() {
    // Old servers say nothing to a pull of a consumer that is gone.
    for says_nobody in [true, false] {
        for moment in MOMENTS {
            let server = Server::new(Setup { says_nobody, ..Setup::default() });
            let consumer = server.consumer().await;
            let mut messages = consumer.messages().heartbeat(SECOND).await.unwrap();
            server.publish(1);
            take(&mut messages, 1).await;
            tokio::time::sleep(SECOND / 10).await;
            let began = Instant::now();
            delete(&server, moment).await;
            let error = soon(messages.next()).await.unwrap().unwrap_err();
            assert_eq!(error, MessagesError::ConsumerDeleted, "{moment:?}, {says_nobody}");
            // A connection takes a second until it is tried again, and longer than that.
            let most = match moment {
                Moment::WhileAPullWaits => SECOND / 100,
                Moment::BetweenTwoPulls => 2 * SECOND + SECOND / 10,
                Moment::WhileDisconnected => 2 * SECOND + 5 * SECOND,
            };
            assert!(began.elapsed() <= most, "{moment:?}, {says_nobody}: {:?}", began.elapsed());
            assert!(soon(messages.next()).await.is_none());
            for max_wait in [Duration::ZERO, SECOND, 30 * SECOND] {
                let error = consumer.fetch(1).max_wait(max_wait).await.unwrap_err();
                assert_eq!(error.to_string(), "the consumer is gone", "{max_wait:?}");
            }
        }
    }
}

/// After a stream is made anew nothing is consumed (nats-io/nats-server#4061).
#[tokio::test(start_paused = true)]
async fn a_consumer_that_comes_back_is_waited_for() {
    for says_nobody in [true, false] {
        for moment in MOMENTS {
            let server = Server::new(Setup { says_nobody, ..Setup::default() });
            let consumer = server.consumer().await;
            let messages = consumer.messages().heartbeat(SECOND).await_consumer().await;
            let mut messages = messages.unwrap();
            server.publish(1);
            take(&mut messages, 1).await;
            tokio::time::sleep(SECOND / 10).await;
            delete(&server, moment).await;
            let error = soon(messages.next()).await.unwrap().unwrap_err();
            assert_eq!(error, MessagesError::AwaitingConsumer, "{moment:?}, {says_nobody}");
            let is_request = |line: &Line| matches!(line, Line::Pull { .. } | Line::Info);
            let before = server.count(is_request);
            let told = tokio::time::timeout(60 * SECOND, messages.next()).await;
            assert!(told.is_err(), "{told:?}");
            let requests = server.count(is_request) - before;
            assert!((20..=60).contains(&requests), "{requests} in a minute");
            server.recreate_consumer();
            let began = Instant::now();
            take(&mut messages, 1).await;
            assert!(began.elapsed() <= 2 * SECOND, "{:?}", began.elapsed());
        }
    }
}

/// A client that may not subscribe to its inboxes never gets a message, nor an error.
#[tokio::test(start_paused = true)]
async fn an_inbox_that_is_refused_is_told_of() {
    let (client, mut peer) = crate::peer::pair().await;
    let consumer = client.jetstream().stream("S").unwrap().consumer("C").unwrap();
    let mut messages = consumer.messages().await.unwrap();
    let line = peer.next().await;
    let filter = line.split(' ').nth(1).unwrap().to_owned();
    assert!(line.starts_with("SUB _INBOX."), "{line}");
    let violation = format!("-ERR 'Permissions Violation for Subscription to \"{filter}\"'");
    peer.send(&violation).await;
    let error = soon(messages.next()).await.unwrap().unwrap_err();
    assert_eq!(error, MessagesError::NotPermitted);
    assert!(soon(messages.next()).await.is_none());
    let _ = peer.take_request().await;
    // A fetch is told, too, of its inbox or of its pull.
    for kind in ["Subscription", "Publish"] {
        let (error, ()) =
            tokio::join!(async { consumer.fetch(1).max_wait(SECOND).await.unwrap_err() }, async {
                let mut filter = String::new();
                let subject = loop {
                    let line = peer.next().await;
                    let mut words = line.split(' ');
                    match (words.next(), words.next()) {
                        (Some("SUB"), Some(subject)) => filter = subject.to_owned(),
                        (Some("PUB"), Some(subject)) => break subject.to_owned(),
                        (Some("PING"), _) => peer.send("PONG").await,
                        _ => {}
                    }
                };
                let refused = if kind == "Publish" { subject } else { filter };
                let line = format!("-ERR 'Permissions Violation for {kind} to \"{refused}\"'");
                peer.send(&line).await;
            });
        assert_eq!(error.to_string(), "asking for messages is not permitted", "{kind}");
    }
    assert_eq!(client.status(), ConnectionStatus::Connected);
}
