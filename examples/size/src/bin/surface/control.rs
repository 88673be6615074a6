//! Sessions and requests.

use core::num::NonZeroU64;
use core::time::Duration;

use nats_proto::Filter;
use nats_proto::FixedRequests;
use nats_proto::Inbox;
use nats_proto::Outcome;
use nats_proto::QueueGroup;
use nats_proto::ReplyLimits;
use nats_proto::RequestId;
use nats_proto::RequestMany;
use nats_proto::RngSeed;
use nats_proto::ServerUrl;
use nats_proto::Sid;
use nats_proto::StatusCode;
use nats_proto::Store;
use nats_proto::Subject;
use nats_proto::Then;
use nats_proto::session::Admission;
use nats_proto::session::Auth;
use nats_proto::session::Backoff;
use nats_proto::session::ClientInfo;
use nats_proto::session::Config;
use nats_proto::session::Confirmations;
use nats_proto::session::DisconnectReason;
use nats_proto::session::EndReason;
use nats_proto::session::Event;
use nats_proto::session::Flush;
use nats_proto::session::Offline;
use nats_proto::session::Outstanding;
use nats_proto::session::Phase;
use nats_proto::session::Session;
use nats_proto::session::Tls;
use nats_proto::session::UserInfo;
use nats_proto::wire::Connect;
use nats_proto::wire::Control;
use nats_proto::wire::InfoPart;
use nats_proto::wire::Publish;
use nats_proto::wire::PublishLens;
use nats_proto::wire::SendBuf;
use nats_proto::wire::ServerError;

use super::Line;
use super::bytes;
use super::count;
use super::count_long;
use super::flag;
use super::long;
use super::now;
use super::number;
use super::say;
use super::tell;
use super::text;
use size::input;
use size::output;
use size::put;

/// All calls, in an order that nobody knows.
pub(super) fn session<S: Store<Recipient = u8>>() {
    let mut session = Session::<S>::new(config(), RngSeed([input() as u8; 16]));
    let (mut flush, mut confirmations) = (Flush::new(), Confirmations::new());
    loop {
        match input() {
            0 => session.handle_open(),
            1 => note(session.handle_secured(number(), now())),
            2 => receive(&mut session),
            3 => note(session.handle_disconnected(lost(), now())),
            4 => note(session.handle_timeout(now())),
            5 => login(&mut session),
            6 => subscribe(&mut session),
            7 => tell(session.unsubscribe(Sid(long()), NonZeroU64::new(long()))),
            8 => tell(session.drain_subscription(Sid(long()))),
            9 => flush = Flush::new(),
            10 => session.drain(now()),
            11 => session.close(outstanding(), now()),
            12 => tell(session.poll_drained(outstanding())),
            13 => session.abort(),
            14 => transmit(&mut session),
            15 => add_server(&mut session),
            23 => publish(&mut session),
            16 => session.connect(now()),
            17 => note(session.force_reconnect(now())),
            18 => session.remove_servers(),
            19 => tell(session.select_server(number(), time(), now())),
            20 => output(session.deliver(Sid(long())).copied().unwrap_or_default().into()),
            21 => output(session.recipient_mut(Sid(long())).copied().unwrap_or_default().into()),
            22 => session.recipients_mut().for_each(|(sid, _)| count_long(sid.0)),
            _ => break,
        }
        output(session.poll_flush(&mut flush, flag()) as u32);
        confirmations.note_transmit(&session, long());
        count_long(confirmations.confirmed(&session));
        look_at(&session);
        if let Some(released) = session.poll_released() {
            count_long(released.sid.0);
        }
    }
}

fn config() -> Config {
    let backoff = match flag() {
        true => Backoff::Fixed { wait: time(), jitter: time(), jitter_tls: time() },
        false => Backoff::Exponential { min: time(), max: time() },
    };
    Config::DEFAULT
        .connect_timeout(time())
        .ping_interval(time())
        .max_pings_out(input() as u8)
        .drain_timeout(time())
        .flush_timeout(time())
        .tls(if flag() { Tls::First } else { Tls::Required })
        .retain_servers_order(flag())
        .reconnect(flag())
        .retry_on_initial_connect(flag())
        .backoff(backoff)
        .max_reconnects(flag().then(input))
        .ignore_auth_error_abort(flag())
        .ignore_discovered_servers(flag())
        .lame_duck_jitter(flag().then(time))
        .max_control_line(number())
}

fn time() -> Duration {
    let most = Duration::MAX;
    if flag() { most } else { Duration::from_secs(long()) }
}

fn lost() -> DisconnectReason {
    match input() {
        0 => DisconnectReason::Closed,
        1 => DisconnectReason::Requested,
        2 => DisconnectReason::LameDuckMode,
        _ => DisconnectReason::Server(ServerError::from_bytes(bytes(&mut [0; 64])).kind()),
    }
}

fn receive<S: Store>(session: &mut Session<S>) {
    let mut memory = [0; 64];
    let bytes = bytes(&mut memory);
    let op = match input() {
        0 => Control::Info(InfoPart { json: bytes, is_last: flag() }),
        1 => Control::Ping,
        2 => Control::Pong,
        3 => Control::Ok,
        _ => Control::Err(ServerError::from_bytes(bytes)),
    };
    note(session.handle_control(op, now()));
}

fn note(event: Option<Event<'_>>) {
    match event {
        Some(Event::Reconnecting { attempt, .. }) => output(attempt),
        Some(Event::ServerError(error)) => put(error.as_bytes()),
        Some(Event::Disconnected { error: Some(error), .. }) => put(error.as_bytes()),
        _ => {}
    }
}

fn login<S: Store>(session: &mut Session<S>) {
    let (mut one, mut two, mut out) = ([0; 16], [0; 16], [0; 64]);
    let name = Some(text(&mut one));
    let jwt = Some(text(&mut two));
    let client = ClientInfo::DEFAULT.name(name).echo(flag()).verbose(flag()).pedantic(flag());
    let auth = match (jwt, input()) {
        (Some(text), 0) => Auth::Jwt { jwt: text, signature: name },
        (Some(text), 1) => Auth::Nkey { public: text, signature: text },
        (Some(text), 2) => Auth::UserAndPassword { user: text, password: text },
        (Some(text), 3) => Auth::Token(text),
        _ => Auth::None,
    };
    count(session.log_in_len(&client, &auth).unwrap_or_default());
    let len = session.log_in(&client, &auth, &mut out).unwrap_or_default();
    put(out.get(..len).unwrap_or_default());
    let connect = Connect { name, jwt, protocol: input() as u8, ..Connect::DEFAULT };
    tell(connect.encode(&mut Line::new()).is_ok());
}

fn outstanding() -> Outstanding {
    Outstanding { undelivered: flag(), unsent: flag() }
}

fn publish<S: Store>(session: &mut Session<S>) {
    let (mut one, mut two, mut memory) = ([0; 16], [0; 16], [0; 64]);
    let Ok(subject) = Subject::new(text(&mut one)) else { return };
    let message = Publish::new(subject, bytes(&mut two));
    let mut out = SendBuf::new(&mut memory);
    tell(session.publish(&message, &mut out).is_ok());
    let lens = PublishLens::of(&message);
    tell(session.publish_encoded(bytes(&mut [0; 16]), lens, &mut out).is_ok());
    put(out.as_ref());
    tell(session.publish_gate().admit(Offline::Keep) == Admission::Keep);
}

fn subscribe<S: Store<Recipient = u8>>(session: &mut Session<S>) {
    let (mut one, mut two) = ([0; 16], [0; 16]);
    if let Ok(filter) = Filter::new(text(&mut one)) {
        let queue = QueueGroup::new(text(&mut two)).ok();
        tell(session.subscribe(filter, queue, input() as u8).is_ok());
    }
}

fn transmit<S: Store>(session: &mut Session<S>) {
    let mut memory = [0; 64];
    let mut out = SendBuf::new(&mut memory);
    tell(session.poll_transmit(&mut out).is_ok());
    put(out.as_ref());
}

fn add_server<S: Store>(session: &mut Session<S>) {
    if let Ok(url) = ServerUrl::new(text(&mut [0; 32])) {
        tell(session.add_server(&url).is_ok());
    }
    let user_info = if flag() { UserInfo::Allow } else { UserInfo::Refuse };
    tell(session.add_servers(text(&mut [0; 32]), user_info).is_ok());
}

fn look_at<S: Store>(session: &Session<S>) {
    tell(session.phase() == Phase::Exchange);
    say(session.target().map(|server| server.host()));
    say(session.challenge().and_then(|challenge| challenge.nonce()));
    count(session.target_number().unwrap_or_default());
    if let Some((at, timer)) = session.poll_timeout() {
        count_long(at.as_millis());
        output(timer as u32);
    }
    for server in session.server_pool() {
        put(server.url.host().as_bytes());
    }
    count(session.subscriptions());
    tell(session.is_connected() | session.is_ready() | session.has_transmit());
    tell(session.is_draining() | session.was_connected());
    output(session.connection() + session.server_pool_changes() + session.servers_skipped());
    count(session.publish_limits().payload);
    put(session.tls_name().as_bytes());
    put(session.info().server_name().as_bytes());
}

pub(super) fn requests() {
    let mut requests = FixedRequests::<u8, 3>::default();
    let mut memory = [0; 16];
    let Ok(prefix) = Subject::new(text(&mut memory)) else { return };
    let Ok(inbox) = Inbox::<Line>::new(prefix, RngSeed([input() as u8; 16])) else { return };
    put(inbox.filter().as_bytes());
    loop {
        let mut memory = [0; 16];
        let Ok(subject) = Subject::new(text(&mut memory)) else { return };
        let opened = match flag() {
            true => requests.open(input() as u8, subject, now()),
            false => requests.open_many(input() as u8, subject, now()),
        };
        let request_id = opened.unwrap_or(RequestId(long()));
        requests.note_sent(RequestId(long()));
        if let Ok(reply) = inbox.reply(request_id, &mut Line::new()) {
            put(reply.as_bytes());
        }
        if let Some(request_id) = inbox.request_id(bytes(&mut [0; 64])) {
            output(requests.get_mut(request_id).copied().unwrap_or_default().into());
            tell(requests.outcome(request_id) == Some(Outcome::Answered));
            tell(requests.end(request_id, Outcome::ReplyTooLong).is_some());
            output(requests.close(request_id).unwrap_or_default().into());
        }
        let then = |_, owner: &mut u8, _| {
            output((*owner).into());
            if flag() { Then::Keep } else { Then::Remove }
        };
        requests.handle_time(now(), |_, is_sent| Outcome::of_time(is_sent, flag()), then);
        requests.handle_disconnected(|_| flag(), then);
        requests.handle_inbox_ended(EndReason::Drained, then);
        if let Some(violation) = ServerError::from_bytes(bytes(&mut [0; 64])).violation() {
            requests.handle_refused(&violation, &inbox, then);
        }
        if flag() {
            requests.handle_closed(then);
        }
        let next = requests.poll_timeout().unwrap_or_default();
        count_long(now().since(next).as_secs());
        count(requests.len());
    }
}

pub(super) fn request_many() {
    let limits = ReplyLimits::within(time()).stall(time()).max_messages(long()).sentinel();
    let mut request = RequestMany::new(limits, now());
    while request.ended().is_none() {
        let status = flag().then_some(StatusCode::NO_RESPONDERS);
        tell(request.handle_reply(flag(), status, now()));
        request.handle_timeout(request.poll_timeout().unwrap_or_default());
    }
}
