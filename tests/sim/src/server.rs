//! A server's side of a link. It insists on the protocol.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::body;
use crate::body::Body;
use crate::checks::Checks;
use crate::checks::Invariant;
use crate::flaw::Flaw;
use crate::request;
use crate::request::Request;
use crate::rng::Rng;

/// The messages there are, by their numbers.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    known: Vec<Known>,
    /// The last one of the client's that a server processed.
    last_processed: u64,
}

#[derive(Debug)]
struct Known {
    subject: &'static str,
    /// The subscriptions that a server has to know before it gets this.
    behind: Vec<u64>,
}

impl Messages {
    /// The number of a new message.
    pub(crate) fn add(&mut self, subject: &'static str) -> u64 {
        self.known.push(Known { subject, behind: Vec::new() });
        self.known.len() as u64
    }

    pub(crate) fn subject(&self, id: u64) -> Option<&'static str> {
        let index = usize::try_from(id).ok()?.checked_sub(1)?;
        self.known.get(index).map(|known| known.subject)
    }

    pub(crate) fn put_behind(&mut self, id: u64, sids: Vec<u64>) {
        let index = usize::try_from(id).unwrap_or_default().wrapping_sub(1);
        if let Some(known) = self.known.get_mut(index) {
            known.behind = sids;
        }
    }

    fn behind(&self, id: u64) -> &[u64] {
        let index = usize::try_from(id).unwrap_or_default().wrapping_sub(1);
        self.known.get(index).map_or(&[], |known| known.behind.as_slice())
    }
}

/// What a server needs of the world.
pub(crate) struct Around<'w> {
    pub(crate) checks: &'w mut Checks,
    pub(crate) messages: &'w mut Messages,
    pub(crate) rng: &'w mut Rng,
    pub(crate) flaw: Option<Flaw>,
}

/// A subscription that a server has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KnownSubscription {
    pub(crate) filter: String,
    pub(crate) queue: Option<String>,
    pub(crate) delivered: u64,
    pub(crate) max: Option<u64>,
}

#[derive(Debug, Default)]
pub(crate) struct Peer {
    pub(crate) subscriptions: BTreeMap<u64, KnownSubscription>,
    /// What ended by itself: UNSUB may be on its way.
    ended: BTreeSet<u64>,
    /// All that were ever asked for on this link.
    pub(crate) seen: BTreeSet<u64>,
    /// What was sent to each subscription.
    pub(crate) sent: BTreeMap<u64, Vec<u64>>,
    /// How many messages of the client's were processed.
    pub(crate) processed: usize,
    pub(crate) is_logged_in: bool,
    /// Whether it told that it is about to shut down.
    pub(crate) is_lame: bool,
    /// Whether it closes the link once everything is said.
    pub(crate) is_done: bool,
    pub(crate) output: Vec<u8>,
    pub(crate) max_payload: usize,
    pub(crate) has_headers: bool,
    /// Whether TLS comes before everything else.
    pub(crate) needs_tls: bool,
    /// How many subscriptions it takes, and which it did not.
    pub(crate) max_subscriptions: Option<usize>,
    pub(crate) refused: BTreeSet<u64>,
    /// What it says behind the next PONG: too late.
    late: Vec<u64>,
    /// Whether it refuses all clients.
    pub(crate) is_locked: bool,
    pings: u32,
    pongs: u32,
    input: Vec<u8>,
}

impl Peer {
    /// Deals with what came.
    pub(crate) fn receive(&mut self, bytes: &[u8], around: &mut Around<'_>) {
        self.input.extend_from_slice(bytes);
        while !self.is_done
            && let Some(request) = request::take(&mut self.input)
        {
            around.checks.that(Invariant::WholeFrames, request.is_ok(), || format!("{request:?}"));
            if let Ok(request) = request {
                self.handle(request, around);
            }
        }
    }

    pub(crate) fn say(&mut self, line: &str) {
        self.output.extend_from_slice(line.as_bytes());
        self.output.extend_from_slice(b"\r\n");
    }

    /// Whether it may say something unasked: not in the middle of a TLS handshake.
    pub(crate) const fn may_speak(&self) -> bool {
        !self.is_done && (self.is_logged_in || !self.needs_tls)
    }

    pub(crate) fn ping(&mut self) {
        self.pings += 1;
        self.say("PING");
    }

    /// Says goodbye.
    pub(crate) fn leave(&mut self, error: Option<&str>) {
        if let Some(error) = error {
            self.say(&format!("-ERR '{error}'"));
        }
        self.is_done = true;
    }

    /// Takes a subscription away, as a server does whose permissions are reloaded.
    pub(crate) fn revoke(&mut self, sid: u64) {
        if let Some(known) = self.subscriptions.remove(&sid) {
            let error = violation(&known.filter, known.queue.as_deref());
            self.say(&format!("-ERR '{error} (sid \"{sid}\")'"));
            self.ended.insert(sid);
        }
    }

    fn handle(&mut self, request: Request, around: &mut Around<'_>) {
        let is_connect = matches!(request, Request::Connect(_));
        around.checks.that(Invariant::ConnectFirst, is_connect != self.is_logged_in, || {
            format!("{request:?} when logged in is {}", self.is_logged_in)
        });
        match request {
            Request::Connect(_) if self.is_locked => self.leave(Some("Authorization Violation")),
            Request::Connect(_) => self.is_logged_in = true,
            Request::Ping => {
                self.say("PONG");
                for _ in std::mem::take(&mut self.late) {
                    self.say(TOO_MANY);
                }
            }
            Request::Pong => {
                self.pongs += 1;
                around
                    .checks
                    .that(Invariant::PongForPing, self.pongs <= self.pings, || "a PONG".into());
            }
            Request::Subscribe { filter, queue, sid } => {
                self.subscribe(filter, queue, sid, around);
            }
            Request::Unsubscribe { sid, max } => self.unsubscribe(sid, max, around),
            Request::Publish { subject, reply, headers, payload } => {
                let id = body::id_of(&payload).unwrap_or_default();
                let body = Body::new(id);
                let is_it = around.messages.subject(id) == Some(subject.as_str())
                    && reply == body.reply
                    && headers == body.headers()
                    && payload == body.payload;
                around.checks.that(
                    Invariant::PublishedOnce,
                    is_it && id > around.messages.last_processed,
                    || {
                        format!(
                            "message {id} to {subject} after {}",
                            around.messages.last_processed
                        )
                    },
                );
                self.check_limits(&headers, &payload, around);
                self.publish(id, around);
            }
        }
    }

    fn check_limits(&self, headers: &[u8], payload: &[u8], around: &mut Around<'_>) {
        let len = headers.len() + payload.len();
        let is_within = len <= self.max_payload && (headers.is_empty() || self.has_headers);
        around.checks.that(Invariant::WithinLimits, is_within, || {
            format!("{len} bytes, headers of {} bytes", headers.len())
        });
    }

    fn subscribe(
        &mut self,
        filter: String,
        queue: Option<String>,
        sid: u64,
        around: &mut Around<'_>,
    ) {
        around.checks.that(Invariant::FreshSid, self.seen.insert(sid), || {
            format!("SUB {filter} {sid} again")
        });
        let max = self.max_subscriptions;
        if body::is_permitted(&filter) && max.is_some_and(|max| self.subscriptions.len() >= max) {
            self.ended.insert(sid);
            self.refused.insert(sid);
            match around.flaw {
                Some(Flaw::ServerRefusesLate) => self.late.push(sid),
                _ => self.say(TOO_MANY),
            }
        } else if body::is_permitted(&filter) {
            let known = KnownSubscription { filter, queue, delivered: 0, max: None };
            self.subscriptions.insert(sid, known);
        } else {
            let error = violation(&filter, queue.as_deref());
            self.say(&format!("-ERR '{error}'"));
            self.ended.insert(sid);
        }
    }

    fn unsubscribe(&mut self, sid: u64, max: Option<u64>, around: &mut Around<'_>) {
        let is_known = self.subscriptions.contains_key(&sid) || self.ended.contains(&sid);
        around.checks.that(Invariant::KnownSid, is_known, || format!("UNSUB {sid} {max:?}"));
        if let Some(known) = self.subscriptions.get_mut(&sid) {
            known.max = max;
            if max.is_none() {
                self.subscriptions.remove(&sid);
            } else if max.is_some_and(|max| known.delivered >= max) {
                self.subscriptions.remove(&sid);
                self.ended.insert(sid);
            }
        }
        if max.is_none() {
            self.ended.remove(&sid);
        }
    }

    /// Processes what the client published.
    fn publish(&mut self, id: u64, around: &mut Around<'_>) {
        let behind = around.messages.behind(id);
        let missing = behind.iter().find(|sid| !self.seen.contains(sid));
        around.checks.that(Invariant::SubscribedBefore, missing.is_none(), || {
            format!("message {id} came before SUB {}", missing.copied().unwrap_or_default())
        });
        if around.flaw == Some(Flaw::ServerLosesMessages) && id.is_multiple_of(5) {
            return;
        }
        self.processed += 1;
        around.messages.last_processed = id;
        match around.messages.subject(id) {
            Some(subject) if body::is_permitted(subject) => self.deliver(id, subject, around),
            Some(subject) => {
                self.say(&format!("-ERR 'Permissions Violation for Publish to \"{subject}\"'"));
            }
            None => {}
        }
    }

    /// Sends a message to all subscriptions that match, and to one of each group.
    pub(crate) fn deliver(&mut self, id: u64, subject: &str, around: &mut Around<'_>) {
        let mut chosen = Vec::new();
        let mut groups: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for (sid, known) in &self.subscriptions {
            if body::matches(&known.filter, subject) {
                match &known.queue {
                    Some(queue) => groups.entry(queue).or_default().push(*sid),
                    None => chosen.push(*sid),
                }
            }
        }
        for members in groups.into_values() {
            chosen.extend(members.get(around.rng.index(members.len())));
        }
        for sid in chosen {
            self.send(sid, id, subject, around.flaw);
        }
    }

    fn send(&mut self, sid: u64, id: u64, subject: &str, flaw: Option<Flaw>) {
        let Some(known) = self.subscriptions.get_mut(&sid) else { return };
        known.delivered += 1;
        let is_over = known.max.is_some_and(|max| known.delivered >= max);
        if is_over && flaw != Some(Flaw::ServerForgetsMaxima) {
            self.subscriptions.remove(&sid);
            self.ended.insert(sid);
        }
        let Body { reply, payload, .. } = Body::new(id);
        let headers = Body::new(id).headers();
        let total = headers.len() + payload.len();
        let mut line = format!("{}MSG {subject} {sid}", if headers.is_empty() { "" } else { "H" });
        for word in
            reply.into_iter().chain((!headers.is_empty()).then(|| headers.len().to_string()))
        {
            line.push(' ');
            line.push_str(&word);
        }
        let times =
            if flaw == Some(Flaw::ServerSendsTwice) && id.is_multiple_of(7) { 2 } else { 1 };
        for _ in 0..times {
            self.say(&format!("{line} {total}"));
            self.output.extend_from_slice(&headers);
            self.output.extend_from_slice(&payload);
            self.output.extend_from_slice(b"\r\n");
        }
        self.sent.entry(sid).or_default().push(id);
    }
}

const TOO_MANY: &str = "-ERR 'maximum subscriptions exceeded'";

fn violation(filter: &str, queue: Option<&str>) -> String {
    let queue = queue.map(|queue| format!(" using queue \"{queue}\"")).unwrap_or_default();
    format!("Permissions Violation for Subscription to \"{filter}\"{queue}")
}
