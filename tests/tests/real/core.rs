use std::collections::HashSet;
use std::time::Duration;

use nats_tests::NatsServer;
use nats_tokio::CloseReason;
use nats_tokio::ConnectOptions;
use nats_tokio::HeaderMap;
use nats_tokio::RequestError;
use nats_tokio::Subscriber;
use tokio::net::TcpStream;

use crate::chain;
use crate::connect;
use crate::soon;

async fn next(subscriber: &mut Subscriber) -> String {
    let message = soon(subscriber.next()).await.expect("a message");
    String::from_utf8(message.payload().to_vec()).expect("text")
}

#[tokio::test]
async fn every_kind_of_message_arrives() {
    let server = NatsServer::start("");
    let client = connect(&server).await;
    let info = client.server_info();
    assert!(info.version.starts_with("2.") && info.headers && info.client_id > 0);
    assert_eq!((client.max_payload(), info.address), (1_048_576, server.url()));

    let mut subscriber = client.subscribe("a.>").await.unwrap();
    let mut headers = HeaderMap::new();
    headers.append("Nats-Test", "first").unwrap();
    headers.append("Nats-Test", "second").unwrap();
    headers.append("lower", "é").unwrap();
    let large = (0..1_000_000).map(|at| (at % 251) as u8).collect::<Vec<u8>>();
    client.publish("a.plain", "hello").await.unwrap();
    client.publish("a.reply", "hello").reply("back.to").await.unwrap();
    client.publish("a.headers", "hello").headers(&headers).await.unwrap();
    client.publish("a.both", "").headers(&headers).reply("r").await.unwrap();
    client.publish("a.empty", "").await.unwrap();
    client.publish("a.binary", b"\r\nMSG \0\xFF").await.unwrap();
    client.publish("a.large", large.clone()).await.unwrap();
    client.publish("a.grün.日本", "unicode").await.unwrap();

    let message = soon(subscriber.next()).await.unwrap();
    assert_eq!((message.subject(), message.reply()), ("a.plain", None));
    let message = soon(subscriber.next()).await.unwrap();
    assert_eq!((message.payload(), message.reply()), (&b"hello"[..], Some("back.to")));
    let message = soon(subscriber.next()).await.unwrap();
    let all: Vec<_> = message.headers().iter().collect();
    assert_eq!(all, [("Nats-Test", "first"), ("Nats-Test", "second"), ("lower", "é")]);
    let message = soon(subscriber.next()).await.unwrap();
    assert_eq!((message.headers().get("lower"), message.reply()), (Some("é"), Some("r")));
    assert_eq!(next(&mut subscriber).await, "");
    assert_eq!(soon(subscriber.next()).await.unwrap().payload(), b"\r\nMSG \0\xFF");
    assert_eq!(soon(subscriber.next()).await.unwrap().payload(), large);
    assert_eq!(soon(subscriber.next()).await.unwrap().subject(), "a.grün.日本");

    client.flush().await.unwrap();
    let statistics = client.statistics();
    assert_eq!((statistics.in_messages, statistics.out_messages), (8, 8));
    assert!(statistics.in_bytes > 1_000_000 && statistics.out_bytes > 1_000_000);
    assert!(soon(client.rtt()).await.unwrap() < Duration::from_secs(5));
}

#[tokio::test]
async fn wildcards_and_overlapping_subscriptions() {
    let server = NatsServer::start("");
    let client = connect(&server).await;
    let mut star = client.subscribe("time.*.east").await.unwrap();
    let mut rest = client.subscribe("time.>").await.unwrap();
    let mut same = client.subscribe("time.us.east").await.unwrap();
    for subject in ["time.us.east", "time.us.east.atlanta", "time.eu.east", "time"] {
        client.publish(subject, subject).await.unwrap();
    }
    client.flush().await.unwrap();
    assert_eq!([next(&mut star).await, next(&mut star).await], ["time.us.east", "time.eu.east"]);
    assert_eq!(next(&mut rest).await, "time.us.east");
    assert_eq!(next(&mut rest).await, "time.us.east.atlanta");
    assert_eq!(next(&mut rest).await, "time.eu.east");
    assert_eq!(next(&mut same).await, "time.us.east");
    assert!(star.try_next().is_none() && rest.try_next().is_none() && same.try_next().is_none());
}

#[tokio::test]
async fn a_queue_group_shares_and_loses_nothing() {
    let server = NatsServer::start("");
    let sender = connect(&server).await;
    let receiver = connect(&server).await;
    let mut members = Vec::new();
    for client in [&sender, &receiver, &receiver] {
        members.push(client.queue_subscribe("jobs", "workers").await.unwrap());
    }
    let mut audit = receiver.queue_subscribe("jobs", "audit").await.unwrap();
    receiver.flush().await.unwrap();
    for job in 0..300 {
        sender.publish("jobs", job.to_string()).await.unwrap();
    }
    sender.flush().await.unwrap();
    receiver.flush().await.unwrap();
    let mut done = HashSet::new();
    for member in &mut members {
        let mut count = 0;
        while let Some(message) = member.try_next() {
            assert!(done.insert(message.payload().to_vec()), "done twice");
            count += 1;
        }
        assert!(count > 0, "each has something to do");
    }
    assert_eq!(done.len(), 300);
    assert_eq!(std::iter::from_fn(|| audit.try_next()).count(), 300, "another group has them all");
}

#[tokio::test]
async fn subscriptions_end_when_they_should() {
    let server = NatsServer::start("");
    let client = connect(&server).await;
    let three = client.subscribe("a").max_messages(3).await.unwrap();
    let later = client.subscribe("a").await.unwrap();
    let gone = client.subscribe("a").await.unwrap();
    let drained = client.subscribe("a").await.unwrap();
    drop(gone);
    client.flush().await.unwrap();
    for number in 0..4 {
        client.publish("a", number.to_string()).await.unwrap();
    }
    client.flush().await.unwrap();
    later.unsubscribe_after(5);
    let handle = drained.handle();
    handle.drain();
    for number in 4..8 {
        client.publish("a", number.to_string()).await.unwrap();
    }
    client.flush().await.unwrap();
    for (mut subscriber, count) in [(drained, 4), (three, 3), (later, 5)] {
        for number in 0..count {
            assert_eq!(next(&mut subscriber).await, number.to_string());
        }
        assert!(soon(subscriber.next()).await.is_none());
    }
}

#[tokio::test]
async fn requests_find_their_replies() {
    let server = NatsServer::start("");
    let client = connect(&server).await;
    let service = connect(&server).await;
    let mut requests = service.queue_subscribe("double", "q").await.unwrap();
    service.flush().await.unwrap();
    let answering = tokio::spawn(async move {
        while let Some(request) = requests.next().await {
            let number: u64 = std::str::from_utf8(request.payload()).unwrap().parse().unwrap();
            let mut headers = HeaderMap::new();
            headers.append("Was", number.to_string()).unwrap();
            let answer = (number * 2).to_string();
            service.respond(&request, &answer).headers(&headers).await.unwrap();
        }
    });
    let asking: Vec<_> = (0..1000_u64)
        .map(|number| {
            let client = client.clone();
            tokio::spawn(async move {
                let reply = client.request("double", number.to_string()).await.unwrap();
                assert_eq!(reply.payload(), (number * 2).to_string().as_bytes());
                assert_eq!(reply.headers().get("Was"), Some(number.to_string().as_str()));
            })
        })
        .collect();
    for asked in asking {
        soon(asked).await.unwrap();
    }
    answering.abort();
}

#[tokio::test]
async fn requests_that_get_no_reply() {
    let server = NatsServer::start("");
    let client = connect(&server).await;
    assert_eq!(soon(client.request("nobody", "")).await, Err(RequestError::NoResponders));
    let _mute = client.subscribe("mute").await.unwrap();
    let late = client.request("mute", "").timeout(Duration::from_millis(50));
    assert_eq!(soon(late).await, Err(RequestError::TimedOut));
}

#[tokio::test]
async fn everything_published_is_there_after_drain_close_and_drop() {
    let server = NatsServer::start("");
    let observer = connect(&server).await;
    let mut observed = observer.subscribe("a").await.unwrap();
    observer.flush().await.unwrap();
    for way in ["drain", "close", "drop"] {
        let client = connect(&server).await;
        for number in 0..1000 {
            client.publish("a", number.to_string()).await.unwrap();
        }
        match way {
            "drain" => soon(client.drain()).await.unwrap(),
            "close" => soon(client.close()).await,
            _ => drop(client),
        }
        for number in 0..1000 {
            assert_eq!(next(&mut observed).await, number.to_string(), "{way}");
        }
    }
}

#[tokio::test]
async fn draining_answers_what_was_asked() {
    let server = NatsServer::start("");
    let client = connect(&server).await;
    let service = connect(&server).await;
    let mut requests = service.subscribe("slow").await.unwrap();
    service.flush().await.unwrap();
    let asking: Vec<_> = (0..20)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.request("slow", "").await })
        })
        .collect();
    // All twenty are on their way.
    while requests.pending().messages < 20 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let draining = tokio::spawn({
        let service = service.clone();
        async move { service.drain().await }
    });
    while let Some(request) = requests.next().await {
        service.respond(&request, "done").await.unwrap();
    }
    soon(draining).await.unwrap().unwrap();
    for asked in asking {
        assert_eq!(soon(asked).await.unwrap().unwrap().payload(), b"done");
    }
}

#[tokio::test]
async fn no_echo_and_a_name() {
    let server = NatsServer::start("http: \"127.0.0.1:-1\"");
    let options = ConnectOptions::new().no_echo().name("a \"test\"");
    let client = options.connect(server.url()).await.unwrap();
    let other = connect(&server).await;
    let mut own = client.subscribe("a").await.unwrap();
    let mut others = other.subscribe("a").await.unwrap();
    other.flush().await.unwrap();
    client.publish("a", "x").await.unwrap();
    client.flush().await.unwrap();
    assert_eq!(next(&mut others).await, "x");
    assert!(own.try_next().is_none());
}

#[tokio::test]
async fn servers_that_are_not_there_are_passed_over() {
    let server = NatsServer::start("");
    let dead = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    for _ in 0..5 {
        let urls = [format!("nats://127.0.0.1:{dead}"), server.url()];
        let client = soon(nats_tokio::connect(urls)).await.unwrap();
        assert_eq!(client.server_info().address, server.url());
    }
    let error = nats_tokio::connect(format!("127.0.0.1:{dead}")).await.unwrap_err();
    assert!(chain(&error).contains("refused"), "{error}");
}

#[tokio::test]
async fn any_stream_will_do() {
    let server = NatsServer::start("");
    let stream = TcpStream::connect(("127.0.0.1", server.port())).await.unwrap();
    let client = ConnectOptions::new().connect_stream(stream).await.unwrap();
    client.flush().await.unwrap();

    let address = format!("127.0.0.1:{}", server.port());
    let options = ConnectOptions::new().connector(move |_| TcpStream::connect(address.clone()));
    let client = options.connect("nats://elsewhere").await.unwrap();
    client.flush().await.unwrap();
}

#[tokio::test]
async fn a_server_that_goes_away_is_noticed() {
    let server = NatsServer::start("");
    let client = ConnectOptions::new().no_reconnect().connect(server.url()).await.unwrap();
    let mut subscriber = client.subscribe("a").await.unwrap();
    client.flush().await.unwrap();
    drop(server);
    assert!(soon(subscriber.next()).await.is_none());
    assert!(matches!(soon(client.closed()).await, CloseReason::Disconnected(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_tasks_on_many_threads() {
    let server = NatsServer::start("");
    let client = connect(&server).await;
    let mut sum = client.subscribe("count").await.unwrap();
    client.flush().await.unwrap();
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move {
                for _ in 0..2_000 {
                    client.publish("count", "0123456789").await.unwrap();
                }
            })
        })
        .collect();
    for _ in 0..32_000 {
        assert_eq!(next(&mut sum).await, "0123456789");
    }
    for task in tasks {
        soon(task).await.unwrap();
    }
    assert_eq!(sum.dropped(), 0);
}
