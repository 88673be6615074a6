use nats_tests::NatsServer;
use nats_tokio::ConnectError;
use nats_tokio::ConnectOptions;
use nats_tokio::ErrorKind;
use nats_tokio::Event;

use crate::soon;

fn assert_refused<T: std::fmt::Debug>(result: Result<T, ConnectError>) {
    match result {
        Err(ConnectError::Refused { kind: ErrorKind::AuthorizationViolation, .. }) => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn user_and_password() {
    let server = NatsServer::start("authorization { user: joe, password: \"s3/cr@t\" }");
    let address = server.url();
    let address = address.strip_prefix("nats://").unwrap();
    let right = ConnectOptions::new().user_and_password("joe", "s3/cr@t");
    soon(right.connect(address)).await.unwrap();
    soon(nats_tokio::connect(format!("nats://joe:s3%2Fcr%40t@{address}"))).await.unwrap();
    soon(nats_tokio::connect(format!("joe:s3%2fcr@t@{address}"))).await.unwrap();
    assert_refused(soon(nats_tokio::connect(address)).await);
    assert_refused(soon(nats_tokio::connect(format!("joe:wrong@{address}"))).await);
    let wrong = ConnectOptions::new().user_and_password("joe", "wrong");
    assert_refused(soon(wrong.connect(address)).await);
}

#[tokio::test]
async fn token() {
    let server = NatsServer::start("authorization { token: \"t0k en\" }");
    let address = server.url();
    let address = address.strip_prefix("nats://").unwrap();
    soon(ConnectOptions::new().token("t0k en").connect(address)).await.unwrap();
    soon(nats_tokio::connect(format!("t0k%20en@{address}"))).await.unwrap();
    assert_refused(soon(nats_tokio::connect(address)).await);
    assert_refused(soon(ConnectOptions::new().token("wrong").connect(address)).await);
}

#[tokio::test]
async fn what_is_not_permitted_is_told_and_the_rest_goes_on() {
    let server = NatsServer::start(
        "authorization { users: [ { user: a, password: b, permissions: {
           publish: [\"open.>\", \"_INBOX.>\"], subscribe: [\"open.>\", \"_INBOX.>\"] } } ] }",
    );
    let options = ConnectOptions::new().user_and_password("a", "b");
    let client = options.connect(server.url()).await.unwrap();
    let mut events = client.events();
    let _closed = client.queue_subscribe("shut.x", "q").await.unwrap();
    client.publish("shut.y", "").await.unwrap();
    for expected in [
        "Permissions Violation for Subscription to \"shut.x\" using queue \"q\"",
        "Permissions Violation for Publish to \"shut.y\"",
    ] {
        match soon(events.next()).await {
            Some(Event::ServerError { kind: ErrorKind::PermissionsViolation, text, .. }) => {
                assert_eq!(text, expected);
            }
            other => panic!("{other:?}"),
        }
    }
    let mut open = client.subscribe("open.>").await.unwrap();
    client.publish("open.a", "x").await.unwrap();
    assert_eq!(soon(open.next()).await.unwrap().payload(), b"x");
}

#[tokio::test]
async fn an_inbox_prefix_lets_replies_through() {
    let server = NatsServer::start(
        "authorization { users: [ { user: a, password: b, permissions: {
           publish: [\"service\"], subscribe: [\"mine.>\"] } }, { user: s, password: s } ] }",
    );
    let service = ConnectOptions::new().user_and_password("s", "s");
    let service = service.connect(server.url()).await.unwrap();
    let mut requests = service.subscribe("service").await.unwrap();
    service.flush().await.unwrap();
    let options = ConnectOptions::new().user_and_password("a", "b").inbox_prefix("mine");
    let client = options.connect(server.url()).await.unwrap();
    let answer = async {
        let request = requests.next().await.unwrap();
        service.respond(&request, "yes").await.unwrap();
    };
    let (reply, ()) = soon(async { tokio::join!(client.request("service", ""), answer) }).await;
    assert_eq!(reply.unwrap().payload(), b"yes");
}
