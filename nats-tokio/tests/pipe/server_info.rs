//! INFO and CONNECT.

use nats_tokio::ConnectOptions;

use crate::peer::Peer;

#[tokio::test(start_paused = true)]
async fn all_that_a_server_says_about_itself() {
    let (ours, theirs) = tokio::io::duplex(4096);
    let mut peer = Peer::new(theirs);
    let server = async {
        peer.send(concat!(
            r#"INFO {"server_id":"S","server_name":"n","version":"2.1.0","headers":true,"#,
            r#""max_payload":7,"client_id":3,"client_ip":"10.0.0.9","auth_required":true,"#,
            r#""tls_available":true,"jetstream":true,"domain":"hub","cluster":"east"}"#,
        ))
        .await;
        let connect = peer.next().await;
        assert!(connect.contains(r#"\"pedantic\":true"#), "{connect}");
        peer.expect(&["PING"]).await;
        peer.send("PONG").await;
    };
    let options = ConnectOptions::new().pedantic();
    let (client, ()) = tokio::join!(options.connect_stream(ours), server);
    let client = client.unwrap();
    let info = client.server_info();
    assert_eq!((info.client_id, info.client_ip.as_str()), (3, "10.0.0.9"));
    assert_eq!((info.domain.as_str(), info.cluster.as_str()), ("hub", "east"));
    assert!(info.auth_required && info.tls_available && info.headers && info.jetstream);
    assert!(!info.tls_required && !info.tls_verify && !info.lame_duck);
    // A later one says all that is true then.
    peer.send(r#"INFO {"server_id":"S","tls_required":true,"tls_verify":true,"ldm":true}"#).await;
    let mut events = client.events();
    assert!(events.next().await.is_some());
    let info = client.server_info();
    assert!(info.tls_required && info.tls_verify && info.lame_duck);
    assert!(!info.auth_required && !info.tls_available);
    assert_eq!(info.cluster, "");
}
