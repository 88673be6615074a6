//! Which servers there are, which of them is next, and when.

use std::io;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use nats_tokio::Backoff;
use nats_tokio::ConnectError;
use nats_tokio::ConnectOptions;
use nats_tokio::Event;
use tokio::time::Instant;

use crate::peer::INFO;
use crate::peer::Peer;
use crate::servers::Servers;

/// Options whose servers take whoever comes and drop him at once, or cannot be reached; and the times
/// in milliseconds at which they were tried.
fn counted(options: ConnectOptions, takes: bool) -> (ConnectOptions, Arc<Mutex<Vec<u64>>>) {
    let tried = Arc::new(Mutex::new(Vec::new()));
    let (log, start) = (Arc::clone(&tried), Instant::now());
    let options = options.connector(move |_| {
        log.lock().unwrap().push(u64::try_from(start.elapsed().as_millis()).unwrap());
        async move {
            if !takes {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            let (ours, theirs) = tokio::io::duplex(4096);
            tokio::spawn(async move { Peer::new(theirs).accept().await });
            Ok(ours)
        }
    });
    (options, tried)
}

#[tokio::test(start_paused = true)]
async fn a_server_that_takes_us_and_drops_us_is_backed_off_from() {
    let backoff =
        Backoff::Exponential { min: Duration::from_millis(100), max: Duration::from_secs(60) };
    let (options, tried) = counted(ConnectOptions::new().backoff(backoff), true);
    let client = options.connect("a").await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let tried = tried.lock().unwrap().clone();
    assert!((8..=12).contains(&tried.len()), "{tried:?}");
    assert!(client.server_pool()[0].failures >= 8);
}

#[tokio::test(start_paused = true)]
async fn a_back_off_of_zero_does_not_spin() {
    let zero = Duration::ZERO;
    let fixed = Backoff::Fixed { wait: zero, jitter: zero, jitter_tls: zero };
    for options in [
        ConnectOptions::new().backoff(fixed),
        ConnectOptions::new().reconnect_delay_callback(|_| Duration::ZERO),
        ConnectOptions::new().reconnect_to_server_callback(|_, _| Some((0, Duration::ZERO))),
    ] {
        for takes in [false, true] {
            let options = options.clone().retry_on_initial_connect().max_reconnects(None);
            let (options, tried) = counted(options, takes);
            let _client = options.connect("a").await.unwrap();
            tokio::time::sleep(Duration::from_secs(1)).await;
            let count = tried.lock().unwrap().len();
            assert!((45..=55).contains(&count), "{count} attempts");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_delay_is_asked_for_from_the_first_attempt_on() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    let options = ConnectOptions::new().reconnect_delay_callback(move |failures| {
        log.lock().unwrap().push(failures);
        Duration::from_millis(100)
    });
    let (options, tried) = counted(options, true);
    let _client = options.connect("a").await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    assert_eq!(*tried.lock().unwrap(), (0..=10).map(|at| at * 100).collect::<Vec<_>>());
    assert_eq!(*asked.lock().unwrap(), (1..=11).collect::<Vec<_>>());

    // Zero behind a connection that has lasted.
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    let options = ConnectOptions::new().reconnect_delay_callback(move |failures| {
        log.lock().unwrap().push(failures);
        Duration::from_millis(700)
    });
    let (options, mut servers) = Servers::new(options);
    let (client, peer) = tokio::join!(options.connect("a"), servers.accept());
    tokio::time::sleep(Duration::from_secs(10)).await;
    let start = Instant::now();
    drop(peer);
    let _peer = servers.accept().await;
    assert_eq!(start.elapsed(), Duration::from_millis(700));
    assert_eq!(*asked.lock().unwrap(), [0]);
    drop(client);
}

#[tokio::test(start_paused = true)]
async fn there_is_one_delay_for_each_round_of_servers() {
    let options = ConnectOptions::new()
        .reconnect_delay_callback(|_| Duration::from_millis(250))
        .max_reconnects(None)
        .retry_on_initial_connect();
    let (options, tried) = counted(options, false);
    let _client = options.connect("a,b,c,d").await.unwrap();
    tokio::time::sleep(Duration::from_millis(2_900)).await;
    assert_eq!(tried.lock().unwrap().len(), 12 * 4);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_empty_is_no_server() {
    for servers in
        [vec!["nats://a", ""], vec!["", "nats://a"], vec![" ", "a", "\t"], vec!["a,"], vec![",a,,"]]
    {
        let (options, mut known) = Servers::new(ConnectOptions::new());
        let (client, _peer) = tokio::join!(options.connect(servers.clone()), known.accept());
        let client = client.unwrap();
        let addresses = |client: &nats_tokio::Client| -> Vec<_> {
            client.server_pool().into_iter().map(|known| known.server).collect()
        };
        assert_eq!(addresses(&client), ["nats://a:4222"], "{servers:?}");
        client.set_server_pool(servers.clone()).unwrap();
        assert_eq!(addresses(&client), ["nats://a:4222"], "{servers:?}");
    }
    let (options, mut known) = Servers::new(ConnectOptions::new());
    let (client, _peer) = tokio::join!(options.connect(" "), known.accept());
    let client = client.unwrap();
    assert_eq!(client.server_pool()[0].server, "nats://localhost:4222");
    for nothing in [vec![], vec!["", ""], vec![","]] {
        let error = client.set_server_pool(nothing).unwrap_err();
        assert!(matches!(error, ConnectError::NoServers), "{error}");
        assert_eq!(client.server_pool()[0].server, "nats://localhost:4222", "nothing changes");
    }
}

#[tokio::test(start_paused = true)]
async fn servers_that_there_is_no_room_for_are_counted() {
    let (options, mut servers) = Servers::new(ConnectOptions::new());
    let (client, mut peer) = tokio::join!(options.connect("a"), servers.accept());
    let client = client.unwrap();
    let mut events = client.events();
    let urls: Vec<_> = (0..10_000).map(|number| format!("\"x{number}:1\"")).collect();
    let info = INFO.replace('}', &format!(r#","connect_urls":[{}]}}"#, urls.join(",")));
    peer.send(&info).await;
    assert_event!(events.next().await.unwrap(), ServersSkipped { count: 10_000 - 256 });
    let Some(Event::ServersChanged { added, removed, .. }) = events.next().await else { panic!() };
    assert_eq!((added.len(), removed.len(), client.server_pool().len()), (256, 0, 257));
}

#[tokio::test(start_paused = true)]
async fn what_is_known_of_a_server_is_of_one_server() {
    let (options, mut servers) =
        Servers::new(ConnectOptions::new().retain_servers_order().max_reconnects(None));
    let (client, peer) = tokio::join!(options.connect("a,b"), servers.accept());
    let client = client.unwrap();
    drop(peer);
    // The next one says nothing for now.
    let (host, mut other) = servers.next().await;
    assert_eq!(host, "b");
    let known = || {
        let info = client.server_info();
        (info.server_id, info.address)
    };
    let of_a = ("S".to_owned(), "nats://a:4222".to_owned());
    assert_eq!(known(), of_a);
    other.send(&INFO.replace(r#""S""#, r#""B""#)).await;
    assert!(other.next().await.starts_with("CONNECT"));
    let of_b = ("B".to_owned(), "nats://b:4222".to_owned());
    assert_eq!(known(), of_b);
    drop(other);
    servers.next().await;
    assert_eq!(known(), of_b, "it was the last that said anything");
}
