//! A stream in a few lines: it hears what is published, and answers as the test says.

use nats_tokio::Client;
use nats_tokio::ConnectOptions;

use crate::peer::Peer;
use crate::servers::Servers;

/// A connection whose other end is a stream.
pub(crate) struct StreamPeer {
    pub(crate) peer: Peer,
    sid: String,
}

/// A message as the stream gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Published {
    pub(crate) subject: String,
    pub(crate) reply: String,
    /// Names and values, as `name=value`.
    pub(crate) headers: Vec<String>,
    pub(crate) payload: String,
}

impl Published {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|header| header.strip_prefix(name)?.strip_prefix('='))
    }
}

/// A client that is connected to a stream, and reconnects to it.
pub(crate) async fn streaming(options: ConnectOptions) -> (Client, Servers, StreamPeer) {
    let (options, mut servers) = Servers::new(options);
    let (client, peer) = tokio::join!(options.connect("a"), servers.accept());
    (client.unwrap(), servers, StreamPeer::new(peer))
}

impl StreamPeer {
    pub(crate) const fn new(peer: Peer) -> Self {
        Self { peer, sid: String::new() }
    }

    /// The next message that is published; `None` if the client hangs up.
    pub(crate) async fn try_next(&mut self) -> Option<Published> {
        loop {
            let line = self.peer.next().await;
            let (head, payload) = line.split_once(": ").unwrap_or((&line, ""));
            let mut words = head.split(' ').map(str::to_owned);
            match words.next().as_deref() {
                Some("closed") => return None,
                Some("PING") => self.peer.send("PONG").await,
                Some("SUB") => self.sid = words.next_back().unwrap(),
                Some("PUB" | "HPUB") => {
                    return Some(Published {
                        subject: words.next().unwrap(),
                        reply: words.next().unwrap().trim_end_matches(':').to_owned(),
                        headers: words.collect(),
                        payload: payload.to_owned(),
                    });
                }
                Some("UNSUB") => {}
                other => panic!("{other:?}"),
            }
        }
    }

    pub(crate) async fn next(&mut self) -> Published {
        self.try_next().await.expect("a message")
    }

    /// Answers a message with these bytes.
    pub(crate) async fn answer(&mut self, published: &Published, body: &str) {
        let (reply, sid, len) = (&published.reply, &self.sid, body.len());
        self.peer.send_bytes(format!("MSG {reply} {sid} {len}\r\n{body}\r\n").as_bytes()).await;
    }

    /// Acknowledges a message.
    pub(crate) async fn store(&mut self, published: &Published, sequence: u64) {
        self.answer(published, &format!(r#"{{"stream":"S","seq":{sequence}}}"#)).await;
    }

    /// Says that the stream has it already.
    pub(crate) async fn store_again(&mut self, published: &Published, sequence: u64) {
        let body = format!(r#"{{"stream":"S","seq":{sequence},"duplicate": true}}"#);
        self.answer(published, &body).await;
    }

    /// Answers with a status and nothing else.
    pub(crate) async fn status(&mut self, published: &Published, status: &str) {
        let (reply, sid, block) =
            (&published.reply, &self.sid, format!("NATS/1.0 {status}\r\n\r\n"));
        let len = block.len();
        let frame = format!("HMSG {reply} {sid} {len} {len}\r\n{block}\r\n");
        self.peer.send_bytes(frame.as_bytes()).await;
    }

    /// Refuses a message.
    pub(crate) async fn refuse(&mut self, published: &Published, code: u16, text: &str) {
        let body = format!(
            r#"{{"error":{{"code":400,"err_code":{code},"description":"{text}"}},"stream":"S","seq":0}}"#
        );
        self.answer(published, &body).await;
    }

    /// Nothing is published for now.
    pub(crate) async fn expect_silence(&mut self) {
        let next = tokio::time::timeout(std::time::Duration::from_millis(10), self.next()).await;
        assert!(next.is_err(), "{next:?}");
    }
}
