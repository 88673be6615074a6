//! Many messages by direct get, from servers that lose some, end in the middle, or say nothing.

use std::fmt::Write;
use std::future::Future;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use nats_tokio::Client;
use nats_tokio::ConnectOptions;
use nats_tokio::jetstream::Error;
use nats_tokio::jetstream::stream::DirectBatch;
use nats_tokio::jetstream::stream::DirectLast;
use tokio::sync::mpsc;

use crate::peer::Peer;
use crate::peer::pair;

const EOB: &str = "NATS/1.0 204 EOB";

/// A request as the server sees it.
struct Asked {
    sid: String,
    reply: String,
    body: String,
}

impl Asked {
    /// The next request for messages.
    async fn next(peer: &mut Peer) -> Self {
        let mut sid = String::new();
        loop {
            let line = peer.next().await;
            match line.split(' ').collect::<Vec<_>>().as_slice() {
                ["SUB", _, number] => sid = (*number).to_owned(),
                ["PUB", "$JS.API.DIRECT.GET.S", reply, body] => {
                    let reply = reply.trim_end_matches(':').to_owned();
                    return Self { sid, reply, body: body.replace('\\', "") };
                }
                ["PING"] => peer.send("PONG").await,
                ["UNSUB", ..] => {}
                other => panic!("{other:?}"),
            }
        }
    }

    fn headers(&self, lines: &[String]) -> String {
        let block = lines.iter().fold(String::new(), |block, line| block + line + "\r\n") + "\r\n";
        format!("HMSG {} {} {len} {len}\r\n{block}\r\n", self.reply, self.sid, len = block.len())
    }

    /// A message, with the sequence number of the one before, and how many follow.
    fn message(&self, sequence: u64, before: u64, pending: u64) -> String {
        let mut block = String::from("NATS/1.0\r\nOwn: 1\r\n");
        write!(
            block,
            "Nats-Stream: S\r\nNats-Subject: s.a\r\nNats-Sequence: {sequence}\r\n\
             Nats-Time-Stamp: 2026-11-28T07:06:56Z\r\nNats-Num-Pending: {pending}\r\n\
             Nats-Last-Sequence: {before}\r\n\r\n"
        )
        .unwrap();
        let (reply, sid, len) = (&self.reply, &self.sid, block.len());
        format!("HMSG {reply} {sid} {len} {}\r\n{block}x\r\n", len + 1)
    }

    fn status(&self, status: &str) -> String {
        self.headers(&[status.to_owned()])
    }

    fn end(&self, last: u64, pending: u64) -> String {
        self.headers(&[
            EOB.to_owned(),
            format!("Nats-Num-Pending: {pending}"),
            format!("Nats-Last-Sequence: {last}"),
            "Nats-UpTo-Sequence: 9".to_owned(),
        ])
    }
}

fn batch(client: &Client) -> DirectBatch {
    client.jetstream().stream("S").unwrap().direct_get_batch()
}

fn last(client: &Client) -> DirectLast {
    client.jetstream().stream("S").unwrap().direct_get_last_for(["s.>"])
}

/// All sequence numbers, and the error at the end.
async fn all(mut messages: DirectBatch) -> (Vec<u64>, Option<Error>) {
    let mut found = Vec::new();
    while let Some(message) = messages.next().await {
        match message {
            Ok(message) => {
                assert_eq!((message.subject.as_str(), message.headers.len()), ("s.a", 1));
                found.push(message.sequence);
            }
            Err(error) => {
                assert!(messages.next().await.is_none());
                return (found, Some(error));
            }
        }
    }
    (found, None)
}

/// What comes of all of them, while the server answers one request after the other with what these return.
async fn served(answers: &[(&str, &dyn Fn(&Asked) -> String)]) -> (Vec<u64>, Option<Error>) {
    let (client, mut peer) = pair().await;
    let serving = async {
        for (expected, answer) in answers {
            let asked = Asked::next(&mut peer).await;
            assert!(asked.body.contains(expected), "{} has no {expected}", asked.body);
            peer.send_bytes(answer(&asked).as_bytes()).await;
        }
        peer
    };
    let (found, _peer) = tokio::join!(all(batch(&client)), serving);
    found
}

#[tokio::test(start_paused = true)]
async fn the_next_page_begins_behind_the_last_message() {
    let first = |asked: &Asked| asked.message(3, 0, 2) + &asked.message(5, 3, 1) + &asked.end(5, 1);
    let second = |asked: &Asked| asked.message(6, 0, 0) + &asked.end(6, 0);
    let (found, error) = served(&[("\"seq\":0", &first), ("\"seq\":6", &second)]).await;
    assert_eq!(found, [3, 5, 6]);
    assert!(error.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_missing_is_asked_for_again() {
    let first = |asked: &Asked| asked.message(1, 0, 4) + &asked.message(3, 2, 2);
    let second =
        |asked: &Asked| asked.message(2, 0, 1) + &asked.message(3, 2, 0) + &asked.end(3, 0);
    let (found, error) = served(&[("\"seq\":0", &first), ("\"seq\":2", &second)]).await;
    assert_eq!(found, [1, 2, 3]);
    assert!(error.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_falls_silent_is_asked_for_the_rest() {
    let silent = |asked: &Asked| asked.message(1, 0, 9);
    let nothing = |_: &Asked| String::new();
    let (found, error) = served(&[("\"seq\":0", &silent), ("\"seq\":2", &nothing)]).await;
    assert_eq!(found, [1]);
    assert!(matches!(error, Some(Error::TimedOut)), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn nonsense_is_an_error() {
    let empty = |asked: &Asked| asked.status(EOB);
    let (found, error) = served(&[("", &empty)]).await;
    assert!(found.is_empty() && matches!(error, Some(Error::InvalidResponse(_))), "{error:?}");
    let unnumbered =
        |asked: &Asked| asked.message(1, 0, 9).replace("Nats-Sequence: 1", "Nats-Sequence: x");
    let (_, error) = served(&[("", &unnumbered)]).await;
    assert!(matches!(error, Some(Error::InvalidResponse(_))), "{error:?}");
    let refused = |asked: &Asked| asked.status("NATS/1.0 408 Bad Request");
    let (_, error) = served(&[("", &refused)]).await;
    assert_eq!(error.unwrap().to_string(), "Bad Request (408)");
    let none = |asked: &Asked| asked.status("NATS/1.0 503");
    let (_, error) = served(&[("", &none)]).await;
    assert!(matches!(error, Some(Error::NoResponders)), "{error:?}");
    let nothing_there = |asked: &Asked| asked.status("NATS/1.0 404 Message Not Found");
    let (found, error) = served(&[("", &nothing_there)]).await;
    assert!(found.is_empty() && error.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_is_survived_once_something_came() {
    let (servers, mut connections) = mpsc::channel(1);
    let options = ConnectOptions::new().connector(move |_| {
        let servers = servers.clone();
        async move {
            let (ours, theirs) = tokio::io::duplex(1024);
            servers.send(Peer::new(theirs)).await.unwrap();
            Ok(ours)
        }
    });
    let serving = async {
        for (sequence, before, pending) in [(1, 0, 1), (2, 0, 0)] {
            let mut peer: Peer = connections.recv().await.unwrap();
            peer.accept().await;
            let asked = Asked::next(&mut peer).await;
            assert!(asked.body.contains(&format!("\"seq\":{before}")) || sequence == 2);
            peer.send_bytes(asked.message(sequence, before, pending).as_bytes()).await;
            if pending == 0 {
                peer.send_bytes(asked.end(2, 0).as_bytes()).await;
                return peer;
            }
            // The client is cut off in the middle of the page.
        }
        unreachable!()
    };
    let reading = async {
        let client = options.connect("a").await.unwrap();
        all(batch(&client)).await
    };
    let ((found, error), _peer) = tokio::join!(reading, serving);
    assert_eq!(found, [1, 2]);
    assert!(error.is_none(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn the_last_messages_are_those_of_one_moment() {
    let (client, mut peer) = pair().await;
    let serving = async {
        let asked = Asked::next(&mut peer).await;
        let (batch, filters) = ("\"batch\":1024", "\"multi_last\":[\"s.>\"]");
        assert!(asked.body.contains(batch) && asked.body.contains(filters), "{}", asked.body);
        assert!(!asked.body.contains("up_to_seq"), "{}", asked.body);
        peer.send_bytes((asked.message(4, 0, 1) + &asked.end(4, 1)).as_bytes()).await;
        let asked = Asked::next(&mut peer).await;
        let (from, up_to) = ("\"seq\":5", "\"up_to_seq\":9");
        assert!(asked.body.contains(from) && asked.body.contains(up_to), "{}", asked.body);
        peer.send_bytes((asked.message(8, 0, 0) + &asked.end(8, 0)).as_bytes()).await;
    };
    let reading = async {
        let mut messages = last(&client);
        let mut found = Vec::new();
        while let Some(message) = messages.next().await {
            found.push(message.unwrap().sequence);
        }
        found
    };
    let (found, ()) = tokio::join!(reading, serving);
    assert_eq!(found, [4, 8]);
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_the_next_message_that_is_dropped_loses_none() {
    let (client, mut peer) = pair().await;
    let serving = async {
        for page in 0..3 {
            let asked = Asked::next(&mut peer).await;
            let first = page * 2 + 1;
            tokio::time::sleep(Duration::from_millis(5)).await;
            for (at, before) in [(first, 0), (first + 1, first)] {
                peer.send_bytes(asked.message(at, before, 6 - at).as_bytes()).await;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            peer.send_bytes(asked.end(first + 1, 5 - first).as_bytes()).await;
        }
        peer
    };
    let reading = async {
        let mut messages = batch(&client);
        let mut found = Vec::new();
        loop {
            // Each wait is given up at its first await.
            let next = {
                let mut next = pin!(messages.next());
                std::future::poll_fn(|task| Poll::Ready(next.as_mut().poll(task))).await
            };
            match next {
                Poll::Ready(Some(message)) => found.push(message.unwrap().sequence),
                Poll::Ready(None) => return found,
                Poll::Pending => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        }
    };
    let (found, _peer) = tokio::join!(reading, serving);
    assert_eq!(found, [1, 2, 3, 4, 5, 6]);
}

#[tokio::test(start_paused = true)]
async fn what_is_invalid_is_not_sent() {
    let (client, mut peer) = pair().await;
    let stream = client.jetstream().stream("S").unwrap();
    let error = stream.direct_get_batch().subject("a..b").next().await.unwrap().unwrap_err();
    assert!(matches!(error, Error::InvalidSubject(_)), "{error:?}");
    let error = stream.direct_get_last_for(["a", "b c"]).next().await.unwrap().unwrap_err();
    assert!(matches!(error, Error::InvalidSubject(_)), "{error:?}");
    assert!(stream.direct_get_last_for([] as [&str; 0]).next().await.is_none());
    assert!(stream.direct_get_batch().max_messages(0).next().await.is_none());
    peer.expect_silence().await;
}
