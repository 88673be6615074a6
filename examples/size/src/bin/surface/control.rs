//! Sessions and requests.

use core::num::NonZeroU64;
use core::time::Duration;

use nats_proto::Filter;
use nats_proto::Inbox;
use nats_proto::Pending;
use nats_proto::QueueGroup;
use nats_proto::ReplyLimits;
use nats_proto::RequestId;
use nats_proto::RequestMany;
use nats_proto::Requests;
use nats_proto::RngSeed;
use nats_proto::ServerUrl;
use nats_proto::Sid;
use nats_proto::Slot;
use nats_proto::StatusCode;
use nats_proto::Store;
use nats_proto::Subject;
use nats_proto::session::Backoff;
use nats_proto::session::Config;
use nats_proto::session::DisconnectReason;
use nats_proto::session::Event;
use nats_proto::session::Session;
use nats_proto::session::Step;
use nats_proto::session::Tls;
use nats_proto::wire::Connect;
use nats_proto::wire::Control;
use nats_proto::wire::InfoPart;
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
    let mut flush = session.last_ping();
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
            9 => flush = session.flush().unwrap_or(flush),
            10 => session.drain(now()),
            11 => session.finish(now()),
            12 => session.finish_unconnected(),
            13 => session.abort(),
            14 => transmit(&mut session),
            15 => add_server(&mut session),
            16 => session.connect(now()),
            17 => note(session.force_reconnect(now())),
            18 => session.remove_servers(),
            19 => tell(session.select_server(number(), time(), now())),
            20 => output(session.deliver(Sid(long())).copied().unwrap_or_default().into()),
            21 => output(session.recipient_mut(Sid(long())).copied().unwrap_or_default().into()),
            22 => session.recipients_mut().for_each(|(sid, _)| count_long(sid.0)),
            _ => break,
        }
        output(session.flush_state(flush) as u32);
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
    Config {
        connect_timeout: time(),
        ping_interval: time(),
        max_pings_out: input() as u8,
        drain_timeout: time(),
        flush_timeout: time(),
        tls: if flag() { Tls::First } else { Tls::Required },
        retain_servers_order: flag(),
        reconnect: flag(),
        retry_on_initial_connect: flag(),
        backoff,
        max_reconnects: flag().then(input),
        ignore_auth_error_abort: flag(),
        ignore_discovered_servers: flag(),
        lame_duck_jitter: flag().then(time),
        max_control_line: number(),
    }
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
        Some(Event::Reconnecting { attempt }) => output(attempt),
        Some(Event::ServerError(error)) => put(error.as_bytes()),
        Some(Event::Disconnected { error: Some(error), .. }) => put(error.as_bytes()),
        _ => {}
    }
}

fn login<S: Store>(session: &mut Session<S>) {
    let (mut one, mut two, mut out) = ([0; 16], [0; 16], [0; 64]);
    let name = Some(text(&mut one));
    let jwt = Some(text(&mut two));
    let connect = Connect { name, jwt, echo: flag(), protocol: input() as u8, ..Connect::DEFAULT };
    let len = session.login(&connect, &mut out);
    put(out.get(..len).unwrap_or_default());
    tell(connect.encode(&mut Line::new()).is_ok());
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
}

fn look_at<S: Store>(session: &Session<S>) {
    match session.step() {
        Step::Dial(server) | Step::Secure(server) => put(server.host().as_bytes()),
        Step::Login(challenge) => put(challenge.nonce.as_bytes()),
        _ => {}
    }
    if let Some((at, timer)) = session.poll_timeout() {
        count_long(at.as_millis());
        output(timer as u32);
    }
    for server in session.server_pool() {
        put(server.url.host().as_bytes());
    }
    count(session.subscriptions());
    tell(session.is_connected() | session.is_ready() | session.has_transmit());
    tell(session.draining().is_some() | session.was_connected());
    output(session.losses() + session.server_pool_changes() + session.servers_skipped());
    count(session.publish_limits().payload);
    put(session.tls_name().as_bytes());
    put(session.info().server_name().as_bytes());
    say(session.server().map(|server| server.host()));
}

pub(super) fn requests() {
    let mut requests = Requests::<u8, heapless::Vec<Slot<Pending<u8>>, 3>>::default();
    let mut memory = [0; 16];
    let Ok(prefix) = Subject::new(text(&mut memory)) else { return };
    let Ok(inbox) = Inbox::<Line>::new(prefix, RngSeed([input() as u8; 16])) else { return };
    put(inbox.filter().as_bytes());
    loop {
        let request_id = requests.open(input() as u8, now()).unwrap_or(RequestId(long()));
        if let Ok(reply) = inbox.reply(request_id, &mut Line::new()) {
            put(reply.as_bytes());
        }
        if let Some(request_id) = inbox.request_id(bytes(&mut [0; 64])) {
            output(requests.get_mut(request_id).copied().unwrap_or_default().into());
            output(requests.close(request_id).unwrap_or_default().into());
        }
        requests.expire(now(), |_, recipient| output((*recipient).into()));
        requests.fail(|_, _| flag());
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
