//! What can become of a request, in a client and in a link. Each ends it at once.

use std::pin::Pin;

use embassy_futures::poll_once;
use embassy_futures::select::Either;
use embassy_futures::select::select;
use nats_embassy::Client;
use nats_embassy::Config;
use nats_embassy::Link;
use nats_embassy::LinkResources;
use nats_embassy::Offline;
use nats_embassy::Publish;
use nats_embassy::PublishError;
use nats_embassy::RequestError;
use nats_embassy::Subject;

use crate::Nats;
use crate::SECOND;
use crate::clock::block_on;
use crate::clock::now;
use crate::peer::INFO;
use crate::peer::Peer;
use crate::peer::Script;
use crate::transport::Network;

type Floor = LinkResources<'static, 512, 512, 4>;

/// Who asks. The runner is running meanwhile.
trait Asker {
    async fn request(&mut self, message: &Publish<'_>) -> Result<Vec<u8>, RequestError>;
    async fn connected(&mut self);
    fn drain(&self) -> Box<dyn FnOnce()>;
    fn close(&self) -> Box<dyn FnOnce()>;

    /// A request that has to end before its time.
    async fn ask(&mut self, subject: &'static str) -> Result<Vec<u8>, RequestError> {
        let start = now();
        let result = self.request(&Publish::new(Subject::from_static(subject), b"?")).await;
        assert_eq!(now(), start, "{subject} took its time: {result:?}");
        result
    }
}

struct OfClient(Client<'static, Nats<'static>>);

struct OfLink {
    client: Client<'static, Floor>,
    link: Link<'static, 'static, Floor>,
}

/// Begins something whose end nobody waits for.
fn begin(future: impl Future) {
    let _ = poll_once(future);
}

impl Asker for OfClient {
    async fn request(&mut self, message: &Publish<'_>) -> Result<Vec<u8>, RequestError> {
        let reply = self.0.request_message(message, SECOND).await?;
        Ok(reply.payload().to_vec())
    }

    async fn connected(&mut self) {
        self.0.flush().await.unwrap();
    }

    fn drain(&self) -> Box<dyn FnOnce()> {
        let client = self.0;
        Box::new(move || begin(client.drain()))
    }

    fn close(&self) -> Box<dyn FnOnce()> {
        let client = self.0;
        Box::new(move || begin(client.close()))
    }
}

impl Asker for OfLink {
    async fn request(&mut self, message: &Publish<'_>) -> Result<Vec<u8>, RequestError> {
        let reply = self.link.request(message, SECOND, |_| {}).await?;
        Ok(reply.payload().to_vec())
    }

    async fn connected(&mut self) {
        self.link.drive(self.client.flush(), |_| {}).await.unwrap();
    }

    fn drain(&self) -> Box<dyn FnOnce()> {
        let client = self.client;
        Box::new(move || begin(client.drain()))
    }

    fn close(&self) -> Box<dyn FnOnce()> {
        let client = self.client;
        Box::new(move || begin(client.close()))
    }
}

fn of_client(config: Config<'static>, peer: &Peer, row: impl AsyncFnOnce(&Peer, &mut OfClient)) {
    let resources = Box::leak(Box::new(Nats::new()));
    let made = nats_embassy::new(config, Network::new(peer), resources, [7; 32]);
    let (client, mut runner) = made.unwrap();
    let running = async {
        runner.run().await;
        core::future::pending::<()>().await;
    };
    let ended = block_on(select(row(peer, &mut OfClient(client)), running));
    assert!(matches!(ended, Either::First(())));
}

fn of_link(config: Config<'static>, peer: &Peer, row: impl AsyncFnOnce(&Peer, &mut OfLink)) {
    let resources = Box::leak(Box::new(Floor::new()));
    let made = nats_embassy::new(config, Network::new(peer), resources, [7; 32]);
    let (client, runner) = made.unwrap();
    let runner = Box::leak(Box::new(runner));
    let running = Pin::static_mut(Box::leak(Box::new(runner.run())));
    let link = Link::new(client, running);
    block_on(row(peer, &mut OfLink { client, link }));
}

macro_rules! rows {
    ($($config:expr, $script:expr, async fn $name:ident($peer:pat, $asker:ident) $row:block)*) => {
        $(
            #[test]
            fn $name() {
                async fn row($peer: &Peer, $asker: &mut impl Asker) $row
                of_client($config, &Peer::new($script), async |peer, asker| row(peer, asker).await);
                of_link($config, &Peer::new($script), async |peer, asker| row(peer, asker).await);
            }
        )*
    };
}

const CONFIG: Config<'static> = Config::new("nats://one");

/// Answers the first request that comes.
fn answer(peer: &Peer, payload: &'static [u8]) {
    let answering = peer.clone();
    peer.when_asked(move || answering.publish(&answering.inbox(), payload));
}

fn silent() -> Script {
    Script { is_silent: true, ..Script::default() }
}

rows! {
    CONFIG, silent(), async fn answered(peer, asker) {
        asker.connected().await;
        answer(peer, b"!");
        assert_eq!(asker.ask("ask").await.unwrap(), b"!");
    }

    CONFIG, Script::default(), async fn nobody_listens(_, asker) {
        asker.connected().await;
        assert_eq!(asker.ask("ask").await, Err(RequestError::NoResponders));
    }

    CONFIG, Script { forbidden: Some("ask"), ..silent() },
    async fn the_subject_may_not_be_published_to(_, asker) {
        asker.connected().await;
        assert_eq!(asker.ask("ask").await, Err(RequestError::NotPermitted));
        // What the server quotes.
        assert_eq!(asker.ask("ask\\é\"").await, Err(RequestError::NotPermitted));
    }

    CONFIG, Script { forbids_replies: true, ..silent() },
    async fn replies_may_not_be_asked_for(_, asker) {
        asker.connected().await;
        assert_eq!(asker.ask("ask").await, Err(RequestError::NotPermitted));
    }

    CONFIG, Script { forbidden: Some("_INBOX"), ..silent() },
    async fn the_inbox_is_refused(peer, asker) {
        asker.connected().await;
        for _ in 0..3 {
            assert_eq!(asker.ask("ask").await, Err(RequestError::NoInbox));
        }
        // The next request tries again.
        peer.script(|script| script.forbidden = None);
        answer(peer, b"!");
        assert_eq!(asker.ask("ask").await.unwrap(), b"!");
        assert!(peer.log().iter().filter(|line| line.starts_with("SUB _INBOX")).count() == 4);
    }

    CONFIG, silent(), async fn time_is_over(_, asker) {
        asker.connected().await;
        let start = now();
        let message = Publish::new(Subject::from_static("ask"), b"?");
        assert_eq!(asker.request(&message).await, Err(RequestError::TimedOut));
        assert_eq!(now() - start, 1000);
    }

    CONFIG, Script { listens: false, ..silent() }, async fn there_is_no_connection(_, asker) {
        let message = Publish::new(Subject::from_static("ask"), b"?");
        assert_eq!(asker.request(&message).await, Err(RequestError::NotConnected));
    }

    CONFIG.offline(Offline::Fail), Script { listens: false, ..silent() },
    async fn there_is_no_connection_and_none_is_waited_for(_, asker) {
        let expected = RequestError::Publish(PublishError::Disconnected);
        assert_eq!(asker.ask("ask").await, Err(expected));
    }

    CONFIG, silent(), async fn the_connection_is_lost(peer, asker) {
        asker.connected().await;
        let hanging = peer.clone();
        peer.when_asked(move || hanging.hang_up());
        assert_eq!(asker.ask("ask").await, Err(RequestError::Disconnected));
    }

    CONFIG, silent(), async fn the_reply_is_too_long(peer, asker) {
        asker.connected().await;
        // Longer than the memory for receiving.
        answer(peer, &[0; 2000]);
        assert_eq!(asker.ask("ask").await, Err(RequestError::ReplyTooLong));
    }

    CONFIG, silent(), async fn the_client_drains(_, asker) {
        asker.connected().await;
        asker.drain()();
        let error = asker.ask("ask").await.unwrap_err();
        assert!(matches!(error, RequestError::Draining | RequestError::Closed), "{error}");
    }

    CONFIG, silent(), async fn the_client_drains_meanwhile(peer, asker) {
        asker.connected().await;
        peer.when_asked(asker.drain());
        let error = asker.ask("ask").await.unwrap_err();
        assert!(matches!(error, RequestError::Draining | RequestError::Closed), "{error}");
    }

    CONFIG, Script { listens: false, ..silent() },
    async fn the_client_drains_without_a_connection(_, asker) {
        asker.drain()();
        assert_eq!(asker.ask("ask").await, Err(RequestError::Closed));
    }

    CONFIG, silent(), async fn the_client_is_closed(_, asker) {
        asker.connected().await;
        asker.close()();
        assert_eq!(asker.ask("ask").await, Err(RequestError::Closed));
    }

    CONFIG, silent(), async fn the_client_is_closed_meanwhile(peer, asker) {
        asker.connected().await;
        peer.when_asked(asker.close());
        assert_eq!(asker.ask("ask").await, Err(RequestError::Closed));
    }

    CONFIG, Script { info: INFO.replace("1048576", "0001"), ..silent() },
    async fn it_cannot_be_published(_, asker) {
        asker.connected().await;
        let long = Publish::new(Subject::from_static("ask"), b"too long");
        let error = asker.request(&long).await.unwrap_err();
        assert!(matches!(error, RequestError::Publish(PublishError::Refused(_))), "{error:?}");
        let long = Publish::new(Subject::from_static("ask"), &[0; 300]);
        assert!(matches!(asker.request(&long).await, Err(RequestError::Publish(_))));
    }
}

#[test]
fn the_reply_is_too_long_for_its_place() {
    let peer = Peer::new(silent());
    of_client(CONFIG, &peer, async |peer, asker| {
        asker.connected().await;
        answer(peer, &[0; 200]);
        assert_eq!(asker.ask("ask").await, Err(RequestError::ReplyTooLong));
        assert_eq!(asker.0.statistics().oversized_messages, 1);
    });
}

#[test]
fn there_are_too_many_requests() {
    let peer = Peer::new(silent());
    of_client(CONFIG, &peer, async |_, OfClient(client)| {
        let ask = || client.request("ask", "", SECOND);
        let (_, _, third) = embassy_futures::join::join3(ask(), ask(), ask()).await;
        assert_eq!(third.unwrap_err(), RequestError::TooMany);
    });
}

#[test]
fn one_that_waits_for_ever_does() {
    let peer = Peer::new(silent());
    of_client(CONFIG, &peer, async |peer, OfClient(client)| {
        for number in 0..3 {
            answer(peer, b"late");
            let reply = match number {
                0 => client.request("ask", "", core::time::Duration::MAX).await,
                1 => client.request("ask", "", embassy_time::Duration::MAX).await,
                _ => client.request("ask", "", SECOND * 1_000_000_000).await,
            };
            assert_eq!(reply.unwrap().payload(), b"late");
        }
    });
}
