//! Subscriptions that the server refuses.

use nats_tokio::EndReason;
use nats_tokio::Event;

use crate::peer::pair;

const FULL: &str = "-ERR 'maximum subscriptions exceeded'";

#[tokio::test(start_paused = true)]
async fn a_subscription_that_is_refused_for_another_reason_ends() {
    for text in [FULL, "-ERR 'Invalid Subject'"] {
        let (client, mut peer) = pair().await;
        let mut events = client.events();
        let mut subscriber = client.subscribe("a").await.unwrap();
        peer.expect(&["SUB a 1"]).await;
        peer.send(text).await;
        assert!(subscriber.next().await.is_none());
        assert_eq!(subscriber.ended(), Some(EndReason::Refused));
        let event = events.next().await.unwrap();
        assert!(matches!(&event, Event::ServerError { subject: None, .. }), "{event:?}");
        assert_eq!(event.to_string(), format!("server error: {}", &text[6..text.len() - 1]));
        // The next ones are asked after.
        let mut second = client.subscribe("b").await.unwrap();
        let third = client.subscribe("c").await.unwrap();
        let (b, c) = (second.sid(), third.sid());
        let lines = [format!("SUB b {b}"), "PING".into(), format!("SUB c {c}"), "PING".into()];
        peer.expect(&lines.each_ref().map(String::as_str)).await;
        peer.send(&format!("{text}|PONG|PONG|MSG c {c} 0|")).await;
        assert!(second.next().await.is_none());
        assert!({ third }.next().await.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn it_is_told_which_may_be_missing() {
    let (client, mut peer) = pair().await;
    let mut events = client.events();
    let a = client.subscribe("a").await.unwrap();
    let b = client.queue_subscribe("b", "q").await.unwrap();
    peer.expect(&["SUB a 1", "SUB b q 2"]).await;
    peer.send(FULL).await;
    assert!(matches!(events.next().await, Some(Event::ServerError { .. })));
    let missing = events.next().await.unwrap();
    let Event::SubscriptionMissing { text, may_be, .. } = &missing else { panic!("{missing:?}") };
    assert_eq!(text, "maximum subscriptions exceeded");
    assert_eq!(*may_be, [(a.sid(), "a".to_owned()), (b.sid(), "b q".to_owned())]);
    assert_eq!(
        missing.to_string(),
        "subscription refused, one of a (1) b q (2): maximum subscriptions \
         exceeded"
    );
    assert_eq!((a.ended(), b.ended()), (None, None));
}
