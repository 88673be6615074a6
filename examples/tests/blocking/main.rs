//! The driver of `blocking` in every situation that a driver has to pass, with a clock that jumps.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod world;

use std::time::Duration;

use nats_examples::blocking::Client;
use nats_examples::blocking::Incoming;
use nats_proto::Filter;
use nats_proto::Instant;
use nats_proto::Outcome;
use nats_proto::Subject;
use nats_proto::session::CloseReason;
use nats_proto::session::Config;
use nats_proto::session::DisconnectReason;
use nats_proto::session::EndReason;
use nats_proto::session::Refused;
use nats_proto::wire::ErrorKind;
use nats_proto::wire::Publish;
use nats_proto::wire::PublishError;

use world::Dial;
use world::Scene;
use world::Scripted;
use world::all;
use world::connected;
use world::scene;
use world::scene_at;
use world::soon;

const NOT_PERMITTED: &str = "-ERR 'Permissions Violation for Publish to \"x\"'\r\n";
const SUBJECT: Subject<'static> = Subject::from_static("a.b");

#[test]
fn frames_come_at_once_or_byte_by_byte() {
    let mut outcomes = Vec::new();
    for step in [usize::MAX, 1, 7] {
        let (mut client, world) = scene(Config::DEFAULT);
        world.borrow_mut().step = step;
        let sid = client.subscribe(Filter::from_static("a.*"), None).unwrap();
        let mut came = all(&mut client);
        world.borrow_mut().say(&format!(
            "PING\r\nMSG a.b {sid} 2\r\nhi\r\n{NOT_PERMITTED}MSG a.b {sid} 0\r\n\r\n"
        ));
        came.extend(all(&mut client));
        outcomes.push((came, world.borrow().written.clone()));
    }
    let (came, written) = &outcomes[0];
    assert_eq!(came[0], "Connected");
    assert_eq!(came[1], "hi");
    assert!(came[2].starts_with("Refused"), "{came:?}");
    assert_eq!(came[3], "");
    assert!(written.ends_with("SUB a.* 1\r\nPONG\r\n"), "{written}");
    assert!(outcomes.iter().all(|outcome| outcome == &outcomes[0]), "{outcomes:?}");
}

#[test]
fn every_kind_of_loss_is_told_once_and_survived() {
    type Fault = fn(&Scene);
    let faults: [(Fault, &str); 5] = [
        (|(_, world)| world.borrow_mut().hang_up(), "Disconnected(Closed)"),
        (
            |(_, world)| {
                world.borrow_mut().is_broken = true;
                world.borrow_mut().say("PING\r\n");
            },
            "Disconnected(Io)",
        ),
        (|(_, world)| world.borrow_mut().say("BANG\r\n"), "Disconnected(Protocol("),
        (|(_, world)| world.borrow_mut().say("INFO [\r\n"), "Disconnected(Info)"),
        (
            |(_, world)| world.borrow_mut().say("-ERR 'Stale Connection'\r\n"),
            "Disconnected(Server(StaleConnection))",
        ),
    ];
    for (fault, told) in faults {
        let mut scene = connected();
        fault(&scene);
        let lost = format!("{:?}", soon(&mut scene.0).unwrap());
        assert!(lost.starts_with(told), "{lost}");
        assert!(!scene.1.borrow().is_up, "{told}: the connection is kept");
        scene.1.borrow_mut().is_broken = false;
        assert!(matches!(soon(&mut scene.0), Some(Incoming::Reconnected)), "{told}");
        assert_eq!(scene.1.borrow().dialed, ["nats://a:4222", "nats://b:4222"]);
    }
}

#[test]
fn what_stands_after_the_end_of_a_connection_is_dropped() {
    let (mut client, world) = connected();
    let sid = client.subscribe(Filter::from_static("a.*"), None).unwrap();
    all(&mut client);
    // Half a message is written, and half of one is read.
    world.borrow_mut().window = 5;
    client.publish(&Publish::new(SUBJECT, b"lost")).unwrap();
    let text = format!("-ERR 'Stale Connection'\r\nMSG a.b {sid} 5\r\nstale\r\nINFO {{");
    world.borrow_mut().say(&text);
    assert!(matches!(soon(&mut client), Some(Incoming::Disconnected(DisconnectReason::Server(_)))));
    world.borrow_mut().window = usize::MAX;
    assert!(matches!(soon(&mut client), Some(Incoming::Reconnected)));
    assert!(all(&mut client).is_empty());
    let world = world.borrow();
    let (connect, rest) = world.written.split_once("\r\n").unwrap();
    assert!(connect.starts_with("CONNECT {"), "{connect}");
    assert_eq!(rest, "PING\r\nSUB a.* 1\r\nPING\r\n");
}

#[test]
fn timers_go_on_while_a_server_does_not_answer() {
    let (mut client, world) = scene(Config::DEFAULT);
    world.borrow_mut().dial = Dial::Hangs;
    assert!(client.next(Instant::from_millis(1999)).is_none());
    assert_eq!(world.borrow().dialed.len(), 1);
    assert!(matches!(soon(&mut client), Some(Incoming::Disconnected(DisconnectReason::TimedOut))));
    assert_eq!(world.borrow().now, Instant::from_millis(2000));
    // The attempt is given up, and its connection is not the next one's.
    assert!(!world.borrow().is_up);
    world.borrow_mut().dial = Dial::Opens;
    assert!(matches!(soon(&mut client), Some(Incoming::Connected)));
    assert_eq!(world.borrow().dialed, ["nats://a:4222", "nats://b:4222"]);
}

#[test]
fn servers_that_cannot_be_reached_are_tried_in_turn_with_pauses() {
    let (mut client, world) = scene(Config::DEFAULT.max_reconnects(Some(3)));
    world.borrow_mut().dial = Dial::Fails;
    let mut tries = 0;
    let stop = loop {
        match soon(&mut client).unwrap() {
            Incoming::Disconnected(DisconnectReason::Unreachable) => tries += 1,
            Incoming::Closed(stop) => break stop,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((stop, tries), (CloseReason::Disconnected(DisconnectReason::Unreachable), 6));
    assert!(client.now() >= Instant::from_millis(4000), "{:?}", client.now());
    assert!(matches!(soon(&mut client), Some(Incoming::Closed(_))), "it says so again");
}

#[test]
fn refused_credentials_end_it_with_the_cause() {
    let (mut client, world) = scene(Config::DEFAULT);
    world.borrow_mut().answers = false;
    let mut refusals = 0;
    let stop = loop {
        let until = client.now() + Duration::from_millis(10);
        match client.next(until) {
            Some(Incoming::Disconnected(DisconnectReason::Server(
                ErrorKind::AuthorizationViolation,
            ))) => {
                refusals += 1;
            }
            Some(Incoming::Closed(stop)) => break stop,
            Some(other) => panic!("{other:?}"),
            None if world.borrow().written.ends_with("PING\r\n") => {
                world.borrow_mut().say("-ERR 'Authorization Violation'\r\n");
            }
            None => {}
        }
    };
    assert_eq!(
        stop,
        CloseReason::Disconnected(DisconnectReason::Server(ErrorKind::AuthorizationViolation))
    );
    // Twice by each server.
    assert_eq!(refusals, 4);
    assert!(!world.borrow().is_up);
}

#[test]
fn credentials_in_an_address_are_used_and_shown_to_nobody() {
    for (address, fields) in [
        ("nats://sue:s%20cret@a", r#""user":"sue","pass":"s cret""#),
        ("nats://t0ken@a", r#""auth_token":"t0ken""#),
    ] {
        let (mut client, world) = scene_at(address, Config::DEFAULT);
        assert!(matches!(soon(&mut client), Some(Incoming::Connected)));
        let written = world.borrow().written.clone();
        assert!(written.contains(fields), "{written}");
        let shown = format!("{client:?}");
        assert!(!shown.contains("cret") && !shown.contains("t0ken"), "{shown}");
    }
}

#[test]
fn a_subscription_that_is_not_permitted_ends_and_the_rest_goes_on() {
    let (mut client, world) = connected();
    let sid = client.subscribe(Filter::from_static("secret"), None).unwrap();
    all(&mut client);
    let refusal = "-ERR 'Permissions Violation for Subscription to \"secret\"'\r\n";
    world.borrow_mut().say(refusal);
    let came = all(&mut client);
    assert!(came[0].starts_with("Refused"), "{came:?}");
    assert_eq!(came[1], format!("{:?}", Incoming::Ended { sid, reason: EndReason::NotPermitted }));
    assert_eq!(client.publish(&Publish::new(SUBJECT, b"")), Ok(()));
}

#[test]
fn lines_that_are_longer_than_what_is_taken_at_once_are_written_whole() {
    let (mut client, world) = scene(Config::DEFAULT);
    world.borrow_mut().step = 3;
    let long = ["a".repeat(4000), "b".repeat(300)];
    for filter in &long {
        client.subscribe(Filter::new(filter).unwrap(), None).unwrap();
    }
    assert_eq!(all(&mut client), ["Connected"]);
    let lines = format!("SUB {} 1\r\nSUB {} 2\r\n", long[0], long[1]);
    assert!(world.borrow().written.contains(&lines));
}

#[test]
fn many_subscriptions_are_made_again_through_a_buffer_that_does_not_hold_them() {
    let (mut client, world) = scene(Config::DEFAULT);
    for number in 0..200 {
        let filter = format!("{}.{number}", "a".repeat(1000));
        client.subscribe(Filter::new(&filter).unwrap(), None).unwrap();
    }
    assert_eq!(all(&mut client), ["Connected"]);
    // Nothing overtakes them.
    while client.publish(&Publish::new(SUBJECT, b"")) == Err(Refused::Full) {
        let now = client.now();
        client.next(now);
    }
    all(&mut client);
    let world = world.borrow();
    assert_eq!(world.written.matches("SUB ").count(), 200);
    assert!(world.written.find("PUB ") > world.written.rfind("SUB "));
}

#[test]
fn pings_without_end_while_nothing_is_taken_cost_no_memory() {
    let (mut client, world) = connected();
    world.borrow_mut().window = 0;
    let writes = world.borrow().writes;
    for _ in 0..100 {
        world.borrow_mut().say(&"PING\r\n".repeat(1000));
        let until = client.now() + Duration::from_millis(100);
        while client.next(until).is_some() {}
    }
    // It looks every now and then whether something is taken.
    let writes = world.borrow().writes - writes;
    assert!(writes < 1500, "{writes} attempts to write in ten seconds");
    assert_eq!(client.publish(&Publish::new(SUBJECT, b"")), Err(Refused::Full));
    world.borrow_mut().window = usize::MAX;
    all(&mut client);
    assert_eq!(world.borrow().written.matches("PONG\r\n").count(), 100_000);
}

#[test]
fn limits_that_change_count_for_the_next_message() {
    let (mut client, world) = connected();
    assert_eq!(client.publish(&Publish::new(SUBJECT, b"123456")), Ok(()));
    world.borrow_mut().say("INFO {\"server_id\":\"TEST\",\"max_payload\":5}\r\n");
    all(&mut client);
    let limit = PublishError::PayloadTooLarge { len: 6, max: 5 };
    let outcome = client.publish(&Publish::new(SUBJECT, b"123456"));
    assert_eq!(outcome, Err(Refused::Limits(limit)));
    let long = vec![b'x'; 1 << 20];
    world.borrow_mut().say("INFO {\"server_id\":\"TEST\",\"max_payload\":8388608}\r\n");
    all(&mut client);
    // One that is longer than the buffer goes alone.
    assert_eq!(client.publish(&Publish::new(SUBJECT, &long)), Ok(()));
    assert_eq!(client.publish(&Publish::new(SUBJECT, b"")), Err(Refused::Full));
    all(&mut client);
    assert!(world.borrow().written.contains(&"x".repeat(1 << 20)));
    assert_eq!(client.publish(&Publish::new(SUBJECT, b"")), Ok(()));
}

#[test]
fn nothing_is_published_without_a_connection() {
    let (mut client, world) = scene(Config::DEFAULT);
    let message = Publish::new(SUBJECT, b"");
    assert_eq!(client.publish(&message), Err(Refused::Offline));
    assert!(matches!(soon(&mut client), Some(Incoming::Connected)));
    assert_eq!(client.publish(&message), Ok(()));
    world.borrow_mut().hang_up();
    soon(&mut client);
    assert_eq!(client.publish(&message), Err(Refused::Offline));
    client.abort();
    assert_eq!(client.publish(&message), Err(Refused::Closed));
}

#[test]
fn subscriptions_that_end_are_told_and_leave_nothing() {
    let (mut client, world) = connected();
    for _ in 0..10_000 {
        let sid = client.subscribe(Filter::from_static("a.*"), None).unwrap();
        client.unsubscribe(sid, None);
        let ended = format!("{:?}", Incoming::Ended { sid, reason: EndReason::Unsubscribed });
        assert_eq!(all(&mut client), [ended]);
    }
    assert_eq!(client.session().subscriptions(), 0);
    let sid = client.subscribe(Filter::from_static("a.*"), None).unwrap();
    client.unsubscribe(sid, std::num::NonZeroU64::new(2));
    all(&mut client);
    let message = format!("MSG a.b {sid} 1\r\nx\r\n");
    world.borrow_mut().say(&message.repeat(3));
    let ended = format!("{:?}", Incoming::Ended { sid, reason: EndReason::MaxReached });
    assert_eq!(all(&mut client), ["x", "x", &ended]);
}

#[test]
fn a_message_that_is_too_long_counts_and_is_told() {
    let (mut client, world) = connected();
    let sid = client.subscribe(Filter::from_static("a.*"), None).unwrap();
    client.unsubscribe(sid, std::num::NonZeroU64::new(3));
    all(&mut client);
    let size = 1 << 20;
    let long = format!("MSG a.b {sid} {size}\r\n{}\r\n", "x".repeat(size));
    world.borrow_mut().say(&format!("{long}MSG a.b {sid} 2\r\nhi\r\nMSG a.b 99 2\r\nno\r\n"));
    let too_long = format!("{:?}", Incoming::TooLong { sid, size });
    assert_eq!(all(&mut client), [too_long.as_str(), "hi"]);
    // One of three is left on the next connection.
    world.borrow_mut().hang_up();
    soon(&mut client);
    assert!(matches!(soon(&mut client), Some(Incoming::Reconnected)));
    all(&mut client);
    assert!(world.borrow().written.contains("UNSUB 1 1\r\n"), "{}", world.borrow().written);
}

#[test]
fn flushes_have_one_outcome_each() {
    let (mut client, world) = connected();
    let flushed = |number, is_done| format!("{:?}", Incoming::Flushed { number, is_done });
    let first = client.flush().unwrap();
    let second = client.flush().unwrap();
    assert_eq!(all(&mut client), [flushed(first, true), flushed(second, true)]);
    world.borrow_mut().answers = false;
    let lost = client.flush().unwrap();
    assert!(all(&mut client).is_empty());
    world.borrow_mut().hang_up();
    world.borrow_mut().answers = true;
    assert!(matches!(soon(&mut client), Some(Incoming::Disconnected(DisconnectReason::Closed))));
    // One that begins without a connection waits for one.
    let early = client.flush().unwrap();
    let came = [flushed(lost, false), "Reconnected".to_owned(), flushed(early, true)];
    assert_eq!(all(&mut client), came);
    client.abort();
    let late = client.flush().unwrap();
    assert_eq!(all(&mut client), [flushed(late, false), "Closed(Closed)".to_owned()]);
}

#[test]
fn requests_have_one_outcome_each() {
    let (mut client, world) = connected();
    let ask = |client: &mut Client<Scripted>| {
        client.request(SUBJECT, b"?", Duration::from_secs(5)).unwrap()
    };
    let replied = |id, reply| format!("{:?}", Incoming::Reply { id, reply });
    let [answered, late, nobody, too_long] = std::array::from_fn(|_| ask(&mut client));
    all(&mut client);
    let written = world.borrow().written.clone();
    let subjects: Vec<_> = written.lines().filter_map(|line| line.strip_prefix("PUB ")).collect();
    let inboxes: Vec<_> = subjects.iter().map(|line| line.split(' ').nth(1).unwrap()).collect();
    let sid = written.split("SUB _INBOX.").nth(1).unwrap().split([' ', '\r']).nth(1).unwrap();
    assert_eq!((inboxes.len(), written.matches("SUB _INBOX.").count()), (4, 1));

    let reply = format!("MSG {} {sid} 2\r\n42\r\n", inboxes[0]);
    world.borrow_mut().say(&reply.repeat(2));
    let status = "NATS/1.0 503\r\n\r\n";
    world.borrow_mut().say(&format!("HMSG {} {sid} 16 16\r\n{status}\r\n", inboxes[2]));
    let long = "x".repeat(1 << 20);
    world.borrow_mut().say(&format!("MSG {} {sid} {}\r\n{long}\r\n", inboxes[3], long.len()));
    match client.next(Instant::from_millis(0)) {
        Some(Incoming::Reply { id, reply: Ok(reply) }) if id == answered => {
            assert_eq!(reply.payload(), b"42");
        }
        other => panic!("{other:?}"),
    }
    let came = all(&mut client);
    assert_eq!(came[0], replied(nobody, Err(Outcome::NoResponders)));
    assert_eq!(came[1..], [replied(too_long, Err(Outcome::ReplyTooLong))]);
    let until = client.now() + Duration::from_secs(5);
    let told = format!("{:?}", client.next(until).unwrap());
    assert_eq!(told, replied(late, Err(Outcome::TimedOut)));

    // Not permitted, with the request or with its inbox; lost; closed.
    let refused = ask(&mut client);
    all(&mut client);
    world.borrow_mut().say("-ERR 'Permissions Violation for Publish to \"a.b\"'\r\n");
    assert!(all(&mut client).contains(&replied(refused, Err(Outcome::NotPermitted))));
    let lost = ask(&mut client);
    all(&mut client);
    world.borrow_mut().hang_up();
    let came = all(&mut client);
    assert!(came.contains(&replied(lost, Err(Outcome::Disconnected))), "{came:?}");
    assert_eq!(came.last().map(String::as_str), Some("Reconnected"));
    let closed = ask(&mut client);
    client.abort();
    assert_eq!(all(&mut client)[0], replied(closed, Err(Outcome::Closed)));
}

#[test]
fn draining_ends_and_says_how() {
    // With a subscription: what is on its way still comes.
    let (mut client, world) = connected();
    let sid = client.subscribe(Filter::from_static("a.*"), None).unwrap();
    all(&mut client);
    client.publish(&Publish::new(SUBJECT, b"last")).unwrap();
    client.drain();
    world.borrow_mut().say(&format!("MSG a.b {sid} 6\r\non way\r\n"));
    let ended = format!("{:?}", Incoming::Ended { sid, reason: EndReason::Drained });
    assert_eq!(all(&mut client), ["on way", &ended, "Closed(Drained)"]);
    assert!(world.borrow().written.contains("PUB a.b 4\r\nlast\r\n"));
    assert!(!world.borrow().is_up);

    // Without one, twice.
    let (mut client, _) = connected();
    client.drain();
    client.drain();
    assert_eq!(all(&mut client), ["Closed(Drained)"]);

    // Without a connection there is nothing to wait for.
    let (mut client, _) = scene(Config::DEFAULT);
    client.drain();
    assert_eq!(all(&mut client), ["Closed(Drained)"]);

    // The connection is lost meanwhile.
    let (mut client, world) = connected();
    world.borrow_mut().answers = false;
    client.drain();
    all(&mut client);
    world.borrow_mut().hang_up();
    assert_eq!(all(&mut client), ["Disconnected(Closed)", "Closed(Disconnected(Closed))"]);

    // The server hangs.
    let (mut client, world) = connected();
    world.borrow_mut().answers = false;
    client.drain();
    assert!(matches!(soon(&mut client), Some(Incoming::Closed(CloseReason::DrainTimedOut))));
}

#[test]
fn closing_ends_every_step() {
    for dial in [Dial::Opens, Dial::Fails, Dial::Hangs] {
        for millis in [0, 1, 3000] {
            for is_at_once in [true, false] {
                let (mut client, world) = scene(Config::DEFAULT);
                world.borrow_mut().dial = dial;
                while client.next(Instant::from_millis(millis)).is_some() {}
                if is_at_once {
                    client.abort()
                } else {
                    client.close()
                }
                let came = all(&mut client);
                assert_eq!(came.len(), 1, "{dial:?} {millis}: {came:?}");
                let is_drained = came[0] == "Closed(Drained)";
                assert!(is_drained || came[0] == "Closed(Closed)", "{came:?}");
                assert!(!(is_drained && is_at_once), "{dial:?} {millis}");
                assert!(!world.borrow().is_up, "{dial:?} {millis}");
            }
        }
    }
}

#[test]
fn a_server_that_hangs_is_noticed_even_if_nothing_can_be_written() {
    for window in [usize::MAX, 0] {
        let (mut client, world) = connected();
        world.borrow_mut().answers = false;
        world.borrow_mut().window = window;
        let incoming = client.next(Instant::from_millis(361_000));
        assert!(
            matches!(incoming, Some(Incoming::Disconnected(DisconnectReason::Stale))),
            "{incoming:?}"
        );
        assert_eq!(client.now(), Instant::from_millis(360_000));
    }
}

#[test]
fn a_clock_that_jumps_far_ahead_is_taken_well() {
    let (mut client, world) = connected();
    world.borrow_mut().answers = false;
    world.borrow_mut().now = Instant::from_millis(10_000_000);
    world.borrow_mut().hang_up();
    assert!(matches!(soon(&mut client), Some(Incoming::Disconnected(_))));
    world.borrow_mut().answers = true;
    assert!(matches!(soon(&mut client), Some(Incoming::Reconnected)));
}

#[test]
fn a_server_that_shuts_down_is_left_for_the_other() {
    let (mut client, world) = connected();
    client.subscribe(Filter::from_static("a.*"), None).unwrap();
    all(&mut client);
    world.borrow_mut().say("INFO {\"server_id\":\"TEST\",\"max_payload\":5,\"ldm\":true}\r\n");
    assert!(matches!(
        soon(&mut client),
        Some(Incoming::Disconnected(DisconnectReason::LameDuckMode))
    ));
    assert!(world.borrow().written.ends_with("UNSUB 1\r\nPING\r\n"));
    assert!(matches!(soon(&mut client), Some(Incoming::Reconnected)));
    assert_eq!(world.borrow().dialed, ["nats://a:4222", "nats://b:4222"]);
}
