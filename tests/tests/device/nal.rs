use nats_embassy::DisconnectReason;
use nats_embassy::Event;
use nats_embassy::NalConnector;
use nats_embassy::NoDns;
use nats_tests::NatsServer;

use crate::SESSION;
use crate::first_event;
use crate::network::Stack;
use crate::talk;

#[tokio::test]
async fn by_name_and_by_address() {
    let server = NatsServer::start("");
    let hub = nats_tokio::connect(server.url()).await.unwrap();
    let by_name = format!("nats://hub.example:{}", server.port());
    talk(&by_name, SESSION, NalConnector::new(&Stack, &Stack), &hub).await;
    talk(&server.url(), SESSION, NalConnector::new(Stack, NoDns), &hub).await;
}

#[tokio::test]
async fn what_cannot_be_found() {
    let server = NatsServer::start("");
    let unknown = format!("nats://other.example:{}", server.port());
    let named = format!("nats://hub.example:{}", server.port());
    let websocket = format!("ws://127.0.0.1:{}", server.port());
    let unreachable = Event::ConnectFailed(DisconnectReason::Unreachable);
    assert_eq!(first_event(&unknown, NalConnector::new(Stack, Stack)).await, unreachable);
    assert_eq!(first_event(&named, NalConnector::new(Stack, NoDns)).await, unreachable);
    assert_eq!(first_event(&websocket, NalConnector::new(Stack, NoDns)).await, unreachable);
    let secure = format!("tls://127.0.0.1:{}", server.port());
    let event = first_event(&secure, NalConnector::new(Stack, NoDns)).await;
    assert_eq!(event, Event::ConnectFailed(DisconnectReason::TlsUnavailable));
}
