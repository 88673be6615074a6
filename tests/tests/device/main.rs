//! The client for microcontrollers, over sockets of this machine, against real servers.

#![allow(missing_docs, reason = "tests")]

mod chain;
mod clock;
mod impostor;
mod jetstream;
mod nal;
mod network;
mod openssl;
mod tls;

use std::time::Duration;

use embassy_futures::select::Either;
use embassy_futures::select::select;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use nats_embassy::Client;
use nats_embassy::Config;
use nats_embassy::Connector;
use nats_embassy::Event;
use nats_embassy::PendingLimits;
use nats_embassy::Resources;
use nats_embassy::nats_proto::session;

type Nats<'d> = Resources<'d, NoopRawMutex, 1024, 1024, 4, 8, 256, 2>;

/// Tests do not wait long.
const SESSION: session::Config = Config::SESSION.backoff(session::Backoff::Exponential {
    min: Duration::from_millis(10),
    max: Duration::from_millis(100),
});

/// Runs `app` on a device.
async fn run<C: Connector, T>(
    url: &str,
    session: session::Config,
    connector: C,
    app: impl for<'d> AsyncFnOnce(Client<'d, Nats<'d>>) -> T,
) -> T {
    let mut resources = Nats::new();
    let config = Config::new(url).session(session);
    let (client, mut runner) =
        nats_embassy::new(config, connector, &mut resources, [7; 32]).unwrap();
    let working = async {
        let value = app(client).await;
        let _ = client.close().await;
        value
    };
    let all = embassy_futures::join::join(working, runner.run());
    let all = tokio::time::timeout(Duration::from_secs(60), all).await;
    all.expect("it takes too long").0
}

/// The first thing that happens.
async fn first_event<C: Connector>(url: &str, connector: C) -> Event {
    run(url, SESSION, connector, async |client| client.next_event().await.unwrap()).await
}

/// Publishes and receives as much as it can, at the same time, and drains.
async fn talk<C: Connector>(
    url: &str,
    session: session::Config,
    connector: C,
    hub: &nats_tokio::Client,
) {
    const COUNT: u32 = 3000;
    let mut telemetry = hub.subscribe("telemetry").await.unwrap();
    let flood = async |ready: nats_tokio::Message| {
        for _ in 0..COUNT {
            hub.publish("commands", vec![b'x'; 200]).await.unwrap();
        }
        hub.publish(ready.reply().unwrap(), "done").await.unwrap();
    };
    let mut requests = hub.subscribe("ready").await.unwrap();
    let device = run(url, session, connector, async |client| {
        let mut commands = client.subscribe("commands", PendingLimits::drop_oldest(4)).unwrap();
        let publish = async {
            for number in 0..COUNT {
                client.publish("telemetry", &number.to_be_bytes()).await.unwrap();
            }
        };
        let receive = async {
            let request = client.request("ready", b"", Duration::from_secs(30));
            let count = async { while commands.next().await.is_some() {} };
            match select(request, count).await {
                Either::First(answer) => assert_eq!(answer.unwrap().payload(), b"done"),
                Either::Second(()) => panic!("the subscription ended"),
            }
        };
        embassy_futures::join::join(publish, receive).await;
        // With the answer.
        assert_eq!(client.statistics().in_messages, COUNT + 1);
        assert_eq!(client.statistics().connects, 1);
        drop(commands);
        client.drain().await.unwrap();
    });
    let flood = async { flood(requests.next().await.unwrap()).await };
    embassy_futures::join::join(device, flood).await;
    for number in 0..COUNT {
        let message = telemetry.next().await.unwrap();
        assert_eq!(message.payload(), number.to_be_bytes());
    }
}
