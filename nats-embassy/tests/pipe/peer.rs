//! The other side: a server with one client, which misbehaves when it is told to.

use std::cell::Cell;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;

use embedded_io_async::ErrorKind;
use nats_embassy::Headers;
use nats_embassy::Sid;
use nats_embassy::nats_proto::wire::ClientOp;
use nats_embassy::nats_proto::wire::Decoded;
use nats_embassy::nats_proto::wire::Decoder;
use nats_embassy::nats_proto::wire::Deliver;
use nats_embassy::nats_proto::wire::FromClient;
use nats_embassy::nats_proto::wire::SendBuf;
use nats_embassy::nats_proto::wire::matches;

pub(crate) const INFO: &str = r#"INFO {"server_id":"T","version":"2.15.1","headers":true,"max_payload":1048576,"proto":1,"nonce":"abc"}"#;

#[derive(Clone, Debug)]
pub(crate) struct Peer(Rc<RefCell<State>>, Rc<Hook>);

/// What happens when something is published to `ask`, once.
#[derive(Default)]
struct Hook(Cell<Option<Box<dyn FnOnce()>>>);

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}

#[derive(Debug)]
struct State {
    script: Script,
    is_open: bool,
    to_client: VecDeque<u8>,
    from_client: Vec<u8>,
    decoder: Decoder<FromClient>,
    subscriptions: Vec<(Sid, Vec<u8>, Option<u64>)>,
    reader: Option<Waker>,
    /// How many bytes went either way on this connection.
    read: usize,
    written: usize,
    log: Vec<String>,
    /// Whether something was published to `ask`.
    was_asked: bool,
    /// The last reply subject.
    inbox: String,
    /// The reply subjects of pulls, in order, with what they ask for.
    pulls: Vec<(String, String)>,
    /// How many messages a consumer has delivered.
    delivered: u64,
}

/// How the peer behaves.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) info: String,
    /// How many bytes are read or written at once.
    pub(crate) chunk: usize,
    /// After how many bytes the connection ends, for the first one only.
    pub(crate) cut_reading: Option<usize>,
    pub(crate) cut_writing: Option<usize>,
    /// Whether connections can be made.
    pub(crate) listens: bool,
    /// Whether anything is answered.
    pub(crate) is_mute: bool,
    /// What CONNECT is answered with, instead of nothing.
    pub(crate) refusal: Option<&'static str>,
    /// Whether closing a connection takes for ever.
    pub(crate) hangs_on_close: bool,
    /// Whether what is there is read without being pending first.
    pub(crate) is_prompt: bool,
    /// What may not be published to, or subscribed to: how that begins.
    pub(crate) forbidden: Option<&'static str>,
    /// Whether messages may not have reply subjects.
    pub(crate) forbids_replies: bool,
    /// Whether nothing that is published goes anywhere.
    pub(crate) is_silent: bool,
    /// Whether nothing is read.
    pub(crate) stalls: bool,
    /// What messages to subjects of `js` are answered with, one after the other: see [`Said`]. The last one
    /// stays.
    pub(crate) stream: Vec<Said>,
}

/// How a message to a stream is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// With this payload.
    Payload(&'static str),
    /// With this status.
    Status(&'static str),
    Nothing,
    /// The connection is closed instead.
    HangUp,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            info: INFO.to_owned(),
            chunk: 1024,
            cut_reading: None,
            cut_writing: None,
            listens: true,
            is_mute: false,
            refusal: None,
            hangs_on_close: false,
            is_prompt: false,
            forbidden: None,
            forbids_replies: false,
            is_silent: false,
            stalls: false,
            stream: Vec::new(),
        }
    }
}

impl Peer {
    pub(crate) fn new(script: Script) -> Self {
        Self(
            Rc::new(RefCell::new(State {
                script,
                is_open: false,
                to_client: VecDeque::new(),
                from_client: Vec::new(),
                decoder: Decoder::default(),
                subscriptions: Vec::new(),
                reader: None,
                read: 0,
                written: 0,
                log: Vec::new(),
                was_asked: false,
                inbox: String::new(),
                pulls: Vec::new(),
                delivered: 0,
            })),
            Rc::default(),
        )
    }

    /// The number of the subscription to a filter.
    pub(crate) fn sid_of(&self, filter: &str) -> Sid {
        let state = self.0.borrow();
        let mut all = state.subscriptions.iter();
        all.find(|(_, known, _)| known == filter.as_bytes()).expect("known").0
    }

    /// Where the last request wants its answer.
    pub(crate) fn inbox(&self) -> String {
        self.0.borrow().inbox.clone()
    }

    /// The pulls that came since this was asked last: what each asks for.
    pub(crate) fn pulls(&self) -> Vec<String> {
        self.0.borrow_mut().pulls.drain(..).map(|(_, body)| body).collect()
    }

    /// How many pulls came since they were asked for last.
    pub(crate) fn pulls_so_far(&self) -> usize {
        self.0.borrow().pulls.len()
    }

    /// Where the last pull wants its messages.
    pub(crate) fn last_pull(&self) -> String {
        self.0.borrow().pulls.last().expect("there is a pull").0.clone()
    }

    /// Delivers a consumer's message for a pull, as the next one.
    pub(crate) fn deliver_for(&self, pull: &str, payload: &[u8]) {
        let mut state = self.0.borrow_mut();
        state.delivered += 1;
        let reply = format!("$JS.ACK.S.C.1.{0}.{0}.1795849452224744241.0", state.delivered);
        let sids = state.subscriptions_of(pull.as_bytes());
        let mut bytes = Vec::new();
        for sid in sids {
            let len = payload.len();
            bytes.extend(format!("MSG jobs {sid} {reply} {len}\r\n").into_bytes());
            bytes.extend_from_slice(payload);
            bytes.extend_from_slice(b"\r\n");
        }
        state.send(&bytes);
    }

    /// Says something about a pull: what follows the version in a status line.
    pub(crate) fn say_of(&self, pull: &str, status: &str) {
        let block = format!("NATS/1.0 {status}\r\n\r\n");
        let headers = Headers::from_bytes(block.as_bytes());
        self.0.borrow_mut().deliver(pull.as_bytes(), None, headers, b"");
    }

    /// How many subscriptions there are.
    pub(crate) fn subscription_count(&self) -> usize {
        self.0.borrow().subscriptions.len()
    }

    /// Has `hook` happen when something is published to `ask`, once.
    pub(crate) fn when_asked(&self, hook: impl FnOnce() + 'static) {
        self.1.0.set(Some(Box::new(hook)));
    }

    /// Changes how the peer behaves.
    pub(crate) fn script(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.0.borrow_mut().script);
    }

    pub(crate) fn stalls(&self) -> bool {
        self.0.borrow().script.stalls
    }

    pub(crate) fn hangs_on_close(&self) -> bool {
        self.0.borrow().script.hangs_on_close
    }

    pub(crate) fn is_prompt(&self) -> bool {
        self.0.borrow().script.is_prompt
    }

    /// What happened since this was asked last.
    pub(crate) fn log(&self) -> Vec<String> {
        std::mem::take(&mut self.0.borrow_mut().log)
    }

    pub(crate) fn note(&self, text: &str) {
        self.0.borrow_mut().log.push(text.to_owned());
    }

    /// How many bytes the client has read and written on this connection.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let state = self.0.borrow();
        (state.read, state.written)
    }

    /// Sends something out of turn.
    pub(crate) fn send(&self, bytes: &[u8]) {
        self.0.borrow_mut().send(bytes);
    }

    /// Delivers a message to the subscriptions there are.
    pub(crate) fn publish(&self, subject: &str, payload: &[u8]) {
        self.0.borrow_mut().deliver(subject.as_bytes(), None, Headers::NONE, payload);
    }

    /// Ends the connection from this side.
    pub(crate) fn hang_up(&self) {
        let mut state = self.0.borrow_mut();
        state.is_open = false;
        state.wake();
    }

    pub(crate) fn dial(&self, host: &str) -> bool {
        let mut state = self.0.borrow_mut();
        state.log.push(format!("dial {host}"));
        if !state.script.listens {
            return false;
        }
        assert!(!state.is_open, "the connection before is still open");
        state.is_open = true;
        state.to_client.clear();
        state.from_client.clear();
        state.subscriptions.clear();
        state.decoder = Decoder::default();
        (state.read, state.written) = (0, 0);
        if !state.script.info.is_empty() {
            let info = format!("{}\r\n", state.script.info);
            state.send(info.as_bytes());
        }
        true
    }

    pub(crate) fn poll_read(
        &self,
        memory: &mut [u8],
        cx: &Context<'_>,
    ) -> Poll<Result<usize, ErrorKind>> {
        let mut state = self.0.borrow_mut();
        if state.script.cut_reading == Some(state.read) {
            state.script.cut_reading = None;
            state.is_open = false;
            state.to_client.clear();
        }
        if !state.is_open && state.to_client.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if state.to_client.is_empty() {
            state.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let left = state.script.cut_reading.map_or(usize::MAX, |cut| cut - state.read);
        let len = memory.len().min(state.script.chunk).min(state.to_client.len()).min(left);
        for (place, byte) in memory.iter_mut().zip(state.to_client.drain(..len)) {
            *place = byte;
        }
        state.read += len;
        Poll::Ready(Ok(len))
    }

    pub(crate) fn write(&self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        let mut state = self.0.borrow_mut();
        if state.script.cut_writing == Some(state.written) {
            state.script.cut_writing = None;
            state.is_open = false;
            state.wake();
        }
        if !state.is_open {
            return Err(ErrorKind::ConnectionReset);
        }
        let left = state.script.cut_writing.map_or(usize::MAX, |cut| cut - state.written);
        let len = bytes.len().min(state.script.chunk).min(left);
        state.from_client.extend_from_slice(&bytes[..len]);
        state.written += len;
        if !state.script.is_mute {
            state.handle_all();
        }
        if std::mem::take(&mut state.was_asked)
            && let Some(hook) = self.1.0.take()
        {
            drop(state);
            hook();
        }
        Ok(len)
    }
}

impl State {
    fn send(&mut self, bytes: &[u8]) {
        self.to_client.extend(bytes);
        self.wake();
    }

    fn wake(&mut self) {
        self.reader.take().into_iter().for_each(Waker::wake);
    }

    fn handle_all(&mut self) {
        loop {
            let input = std::mem::take(&mut self.from_client);
            let Decoded::Frame { op, len } =
                self.decoder.decode(&input).expect("the client speaks the protocol")
            else {
                self.from_client = input;
                return;
            };
            if matches!(op, ClientOp::Connect(_)) {
                self.log.push(String::from_utf8_lossy(&input[..len]).into_owned());
            }
            self.handle(op);
            self.from_client = input[len..].to_vec();
        }
    }

    fn handle(&mut self, op: ClientOp<'_>) {
        match op {
            ClientOp::Connect(_) => {
                if let Some(text) = self.script.refusal {
                    self.send(format!("-ERR '{text}'\r\n").as_bytes());
                    self.is_open = false;
                }
            }
            ClientOp::Ping => self.send(b"PONG\r\n"),
            ClientOp::Subscribe(args) => {
                let subject = String::from_utf8_lossy(args.subject).into_owned();
                let group = args.queue.map(String::from_utf8_lossy).unwrap_or_default();
                self.log.push(format!("SUB {subject} {group} {}", args.sid));
                if self.script.forbidden.is_some_and(|start| subject.starts_with(start)) {
                    let text = "Permissions Violation for Subscription to";
                    return self.send(format!("-ERR '{text} \"{subject}\"'\r\n").as_bytes());
                }
                self.subscriptions.push((args.sid, args.subject.to_vec(), None));
            }
            ClientOp::Unsubscribe(args) => {
                let max = args.max.map(|max| max.get());
                self.log.push(format!("UNSUB {} {}", args.sid, max.unwrap_or(0)));
                match max {
                    None => self.subscriptions.retain(|(sid, ..)| *sid != args.sid),
                    Some(_) => {
                        self.subscriptions
                            .iter_mut()
                            .filter(|(sid, ..)| *sid == args.sid)
                            .for_each(|(.., left)| *left = max);
                    }
                }
            }
            ClientOp::Publish(message) => {
                let (subject, payload) = (message.subject_bytes(), message.payload());
                self.was_asked |= subject == b"ask";
                if let Some(reply) = message.reply_bytes() {
                    self.inbox = String::from_utf8_lossy(reply).into_owned();
                }
                if let Some(text) = self.violation(subject, message.reply_bytes()) {
                    return self.send(text.as_bytes());
                }
                self.log.push(format!("PUB {} {}", message.subject(), payload.escape_ascii()));
                if subject.starts_with(b"$JS.")
                    && subject.windows(9).any(|part| part == b".MSG.NEXT")
                {
                    let body = String::from_utf8_lossy(payload).into_owned();
                    self.pulls.push((self.inbox.clone(), body));
                    return;
                }
                if self.script.is_silent {
                    return;
                }
                if subject.starts_with(b"js.") && !self.script.stream.is_empty() {
                    return self.answer_as_a_stream(message.headers(), message.reply_bytes());
                }
                let is_heard =
                    self.deliver(subject, message.reply_bytes(), message.headers(), payload);
                if let (false, Some(reply)) = (is_heard, message.reply_bytes()) {
                    let status = Headers::from_bytes(b"NATS/1.0 503\r\n\r\n");
                    self.deliver(reply, None, status, b"");
                }
            }
            _ => {}
        }
    }

    fn answer_as_a_stream(&mut self, headers: Headers<'_>, reply: Option<&[u8]>) {
        if let Some(id) = headers.get("Nats-Msg-Id") {
            self.log.push(format!("id {id}"));
        }
        let script = &mut self.script.stream;
        let said = if script.len() > 1 { script.remove(0) } else { script[0] };
        let reply = reply.unwrap_or_default().to_vec();
        match said {
            Said::Payload(payload) => {
                self.deliver(&reply, None, Headers::NONE, payload.as_bytes());
            }
            Said::Status(status) => {
                let block = format!("NATS/1.0 {status}\r\n\r\n");
                self.deliver(&reply, None, Headers::from_bytes(block.as_bytes()), b"");
            }
            Said::Nothing => {}
            Said::HangUp => {
                self.is_open = false;
                self.wake();
            }
        }
    }

    fn subscriptions_of(&self, subject: &[u8]) -> Vec<Sid> {
        let all = self.subscriptions.iter().filter(|(_, filter, _)| matches(filter, subject));
        all.map(|(sid, ..)| *sid).collect()
    }

    fn violation(&self, subject: &[u8], reply: Option<&[u8]>) -> Option<String> {
        let subject = String::from_utf8_lossy(subject);
        let text = "-ERR 'Permissions Violation for Publish";
        if self.script.forbidden.is_some_and(|start| subject.starts_with(start)) {
            return Some(format!("{text} to {subject:?}'\r\n"));
        }
        let reply = String::from_utf8_lossy(reply.filter(|_| self.script.forbids_replies)?);
        Some(format!("{text} with Reply of {reply:?}'\r\n"))
    }

    fn deliver(
        &mut self,
        subject: &[u8],
        reply: Option<&[u8]>,
        headers: Headers<'_>,
        payload: &[u8],
    ) -> bool {
        let mut bytes = Vec::new();
        for (sid, filter, left) in &mut self.subscriptions {
            if matches(filter, subject) && *left != Some(0) {
                *left = left.map(|left| left - 1);
                let message = Deliver { subject, sid: *sid, reply, headers, payload };
                let mut memory = [0; 4096];
                let mut out = SendBuf::new(&mut memory);
                message.encode(&mut out).unwrap();
                bytes.extend_from_slice(out.as_ref());
            }
        }
        self.send(&bytes);
        !bytes.is_empty()
    }
}
