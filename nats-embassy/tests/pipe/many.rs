//! Requests with several replies, and batches, in a client and in a link.

use core::time::Duration;

use embassy_time::Timer;
use nats_embassy::Client;
use nats_embassy::PendingLimits;
use nats_embassy::Publish;
use nats_embassy::PublishError;
use nats_embassy::RepliesEndReason;
use nats_embassy::ReplyLimits;
use nats_embassy::RequestError;
use nats_embassy::Subject;

use crate::Nats;
use crate::cancel::give_up_after;
use crate::clock::now;
use crate::link::with_link;
use crate::peer::Peer;
use crate::peer::Script;
use crate::with_client;

const QUESTION: Publish<'static> = Publish::new(Subject::from_static("ask"), b"?");
const TWO_SECONDS: ReplyLimits = ReplyLimits::within(Duration::from_secs(2));

type Outcome = (Vec<Vec<u8>>, Result<RepliesEndReason, RequestError>, u64);

/// Sends replies when it is asked, so many milliseconds apart.
async fn answer(peer: &Peer, replies: &[(u64, &str)]) {
    while peer.inbox().is_empty() && !replies.is_empty() {
        embassy_futures::yield_now().await;
    }
    for (pause, payload) in replies {
        Timer::after_millis(*pause).await;
        match *payload {
            "503" => {
                let (inbox, sid) = (peer.inbox(), peer.sid_of(&peer.inbox()));
                let status = "NATS/1.0 503\r\n\r\n";
                let line = format!("HMSG {inbox} {sid} 16 16\r\n{status}\r\n");
                peer.send(line.as_bytes());
            }
            "hang up" => peer.hang_up(),
            payload => peer.publish(&peer.inbox(), payload.as_bytes()),
        }
    }
    core::future::pending().await
}

async fn collect<'d>(client: Client<'d, Nats<'d>>, limits: ReplyLimits) -> Outcome {
    let (start, mut all) = (now(), Vec::new());
    let mut replies =
        match client.request_many(&QUESTION, PendingLimits::drop_newest(3), limits).await {
            Ok(replies) => replies,
            Err(error) => return (all, Err(error), now() - start),
        };
    let ended = loop {
        match replies.next().await {
            Ok(Some(reply)) => all.push(reply.payload().to_vec()),
            Ok(None) => break Ok(replies.ended().unwrap()),
            Err(error) => {
                assert!(matches!(replies.next().await, Ok(None)));
                break Err(error);
            }
        }
    };
    (all, ended, now() - start)
}

/// What becomes of a request in both.
fn check(script: &Script, limits: ReplyLimits, replies: &[(u64, &str)], expected: &Outcome) {
    let peer = Peer::new(script.clone());
    let of_client = with_client(&peer, async |client| {
        if script.listens {
            client.flush().await.unwrap();
        }
        let either =
            embassy_futures::select::select(collect(client, limits), answer(&peer, replies)).await;
        let embassy_futures::select::Either::First(outcome) = either else { unreachable!() };
        // All that it took is free again.
        assert!(client.subscribe("a", PendingLimits::drop_newest(6)).is_ok());
        outcome
    });
    assert_eq!(&of_client, expected);
    let peer = Peer::new(script.clone());
    let of_link = with_link(&peer, async |mut link, client| {
        if script.listens {
            link.drive(client.flush(), |_| {}).await.unwrap();
        }
        let (start, mut all) = (now(), Vec::new());
        let asking = link.request_many(
            &QUESTION,
            limits,
            |reply| all.push(reply.payload().to_vec()),
            |_| panic!("nothing else comes"),
        );
        let either = embassy_futures::select::select(asking, answer(&peer, replies)).await;
        let embassy_futures::select::Either::First(ended) = either else { unreachable!() };
        (all, ended, now() - start)
    });
    assert_eq!(&of_link, expected);
}

fn replies(all: &[&str]) -> Vec<Vec<u8>> {
    all.iter().map(|reply| reply.as_bytes().to_vec()).collect()
}

#[test]
fn each_limit_ends_it() {
    let silent = Script { is_silent: true, ..Script::default() };
    let stall = TWO_SECONDS.stall(Duration::from_millis(300));
    let max = RepliesEndReason::MaxReached;
    let late = RepliesEndReason::TimedOut;
    type Row<'a> = (ReplyLimits, &'a [(u64, &'a str)], &'a [&'a str], RepliesEndReason, u64);
    let table: &[Row<'_>] = &[
        (
            TWO_SECONDS,
            &[(100, "1"), (1000, ""), (800, "3"), (500, "4")],
            &["1", "", "3"],
            late,
            2000,
        ),
        (TWO_SECONDS.max_messages(2), &[(100, "1"), (50, "2"), (10, "3")], &["1", "2"], max, 150),
        (TWO_SECONDS.max_messages(0), &[], &[], max, 0),
        (
            stall,
            &[(900, "1"), (299, "2"), (500, "3")],
            &["1", "2"],
            RepliesEndReason::Stalled,
            1499,
        ),
        (
            TWO_SECONDS.sentinel(),
            &[(10, "1"), (10, ""), (10, "3")],
            &["1"],
            RepliesEndReason::Sentinel,
            20,
        ),
        (TWO_SECONDS, &[(10, "1"), (10, "503")], &["1"], RepliesEndReason::NoResponders, 20),
        (stall.sentinel().max_messages(3), &[(1900, "1"), (50, "2")], &["1", "2"], late, 2000),
        (stall.sentinel().max_messages(1), &[(5, "1"), (5, "")], &["1"], max, 5),
    ];
    for (limits, sent, expected, ended, millis) in table {
        check(&silent, *limits, sent, &(replies(expected), Ok(*ended), *millis));
    }
}

#[test]
fn a_flood_does_not_outlast_the_time() {
    let peer = Peer::new(Script { is_silent: true, ..Script::default() });
    with_client(&peer, async |client| {
        let flood = async {
            while peer.inbox().is_empty() {
                embassy_futures::yield_now().await;
            }
            loop {
                peer.publish(&peer.inbox(), b"more");
                Timer::after_millis(10).await;
            }
        };
        let slow = async {
            let pending_limits = PendingLimits::drop_newest(3);
            let mut replies =
                client.request_many(&QUESTION, pending_limits, TWO_SECONDS).await.unwrap();
            let mut count = 0;
            while replies.next().await.unwrap().is_some() {
                count += 1;
                Timer::after_millis(300).await;
            }
            assert_eq!(replies.ended(), Some(RepliesEndReason::TimedOut));
            count
        };
        let embassy_futures::select::Either::First(count) =
            embassy_futures::select::select(slow, flood).await;
        assert!((6..=8).contains(&count), "{count} replies");
        assert!(now() < 3_000);
    });
}

#[test]
fn whatever_else_ends_it_does_so_at_once() {
    let silent = Script { is_silent: true, ..Script::default() };
    let none = || Vec::new();
    check(&Script::default(), TWO_SECONDS, &[], &(none(), Err(RequestError::NoResponders), 0));
    let forbidden = Script { forbidden: Some("ask"), ..silent.clone() };
    check(&forbidden, TWO_SECONDS, &[], &(none(), Err(RequestError::NotPermitted), 0));
    let forbidden = Script { forbids_replies: true, ..silent.clone() };
    check(&forbidden, TWO_SECONDS, &[], &(none(), Err(RequestError::NotPermitted), 0));
    let forbidden = Script { forbidden: Some("_INBOX"), ..silent.clone() };
    check(&forbidden, TWO_SECONDS, &[], &(none(), Err(RequestError::NoInbox), 0));
    let lost = Err(RequestError::Disconnected);
    check(&silent, TWO_SECONDS, &[(7, "1"), (0, "hang up")], &(replies(&["1"]), lost, 7));
    let away = Script { listens: false, ..silent };
    check(&away, TWO_SECONDS, &[], &(none(), Err(RequestError::NotConnected), 2000));
}

#[test]
fn it_can_be_given_up_at_any_time() {
    for polls in 0..60 {
        let peer = Peer::new(Script { chunk: 16, ..Script::default() });
        with_client(&peer, async |client| {
            let mut service = client.subscribe("ask", PendingLimits::drop_newest(1)).unwrap();
            let serve = async {
                while let Some(request) = service.next().await {
                    for _ in 0..3 {
                        client.respond(&request, "!").await.unwrap();
                    }
                }
            };
            let ask = async {
                give_up_after(polls, collect(client, TWO_SECONDS.max_messages(3))).await;
                let (all, ended, _) = collect(client, TWO_SECONDS.max_messages(3)).await;
                assert_eq!((all.len(), ended), (3, Ok(RepliesEndReason::MaxReached)));
            };
            embassy_futures::select::select(serve, ask).await;
        });
        let peer = Peer::new(Script { chunk: 16, is_silent: true, ..Script::default() });
        with_link(&peer, async |mut link, client| {
            let ask = link.request_many(&QUESTION, TWO_SECONDS, |_| {}, |_| {});
            give_up_after(polls, ask).await;
            link.drive(client.flush(), |_| {}).await.unwrap();
            // All four subscriptions can be made.
            for _ in 0..4 {
                link.subscribe("a").unwrap();
            }
        });
    }
}

#[test]
fn a_batch_is_published_whole_or_not_at_all() {
    let peer = Peer::new(Script::default());
    with_client(&peer, async |client| {
        client.connected().await.unwrap();
        let subject = Subject::from_static("a");
        let (short, long) = (Publish::new(subject, b"1"), Publish::new(subject, &[0; 200]));
        client.publish_batch(&[short, Publish::new(subject, b"2"), short]).await.unwrap();
        let error = client.publish_batch(&[short, long, long]).await.unwrap_err();
        assert_eq!((error.index, error.error), (2, PublishError::TooLong { max: 256 }));
        client.flush().await.unwrap();
        client.try_publish_batch(&[short, long]).unwrap();
        let error = client.try_publish_batch(&[short, long]).unwrap_err();
        assert_eq!(error.error, PublishError::Full);
        // It waits for room for all of them.
        client.publish_batch(&[short, long]).await.unwrap();
        client.publish_batch(&[]).await.unwrap();
        client.flush().await.unwrap();
        for polls in 0..5 {
            give_up_after(polls, client.publish_batch(&[long, short])).await;
        }
        client.flush().await.unwrap();
    });
    let mut log = peer.log();
    log.retain(|line| line.starts_with("PUB"));
    let shorts = log.iter().filter(|line| line.len() < 20).count();
    assert_eq!(
        (&log[..3], log.len() % 2),
        (&["PUB a 1", "PUB a 2", "PUB a 1"].map(String::from)[..], 1)
    );
    assert_eq!(shorts, (log.len() - 3) / 2 + 3);
}
