//! Whatever is text.

use nats_proto::Filter;
use nats_proto::HeaderBuf;
use nats_proto::Headers;
use nats_proto::QueueGroup;
use nats_proto::ServerUrl;
use nats_proto::Subject;
use nats_proto::SubjectError;
use nats_proto::creds::Credentials;
use nats_proto::nkeys::PublicKey;
use nats_proto::nkeys::SignatureText;
use nats_proto::wire::Info;
use nats_proto::wire::InfoPart;
use nats_proto::wire::InfoScanner;
use nats_proto::wire::ServerError;
use nats_proto::wire::ServerInfo;
use nats_proto::wire::covers;
use nats_proto::wire::matches;

use super::Line;
use super::bytes;
use super::count;
use super::count_long;
use super::flag;
use super::long;
use super::say;
use super::tell;
use super::text;
use size::input;
use size::output;
use size::put;

pub(super) fn urls() {
    let mut memory = [0; 64];
    let mut last: Option<ServerUrl<'_>> = None;
    for url in ServerUrl::list(text(&mut memory)) {
        let Ok(url) = url else {
            output(1);
            continue;
        };
        put(url.scheme().as_str().as_bytes());
        put(url.path().as_bytes());
        output(url.port().into());
        for part in [url.user(), url.password()].into_iter().flatten() {
            part.bytes().for_each(|byte| output(byte.into()));
            tell(part.is(url.host()));
        }
        let mut out = Line::new();
        tell(url.encode(&mut out).is_ok() & url.is_ip_address());
        put(&out);
        tell(last.is_some_and(|last| last.is_same_server(&url)));
        last = Some(url);
    }
}

pub(super) fn credentials() {
    let mut memory = [0; 64];
    let text = text(&mut memory);
    if let Ok(credentials) = Credentials::new(text) {
        say(credentials.jwt());
        say(credentials.seed());
    }
    match PublicKey::new(text) {
        Ok(key) => put(key.as_str().as_bytes()),
        Err(error) => output(error as u32),
    }
    let signature = SignatureText::new(&[input() as u8; 64]);
    put(signature.as_str().as_bytes());
}

pub(super) fn errors() {
    let mut memory = [0; 64];
    let error = ServerError::from_bytes(bytes(&mut memory));
    put(error.text().as_bytes());
    put(error.kind().name().as_bytes());
    output(error.kind().consequence() as u32);
    if let Some(violation) = error.violation() {
        put(violation.subject.as_bytes());
        tell(violation.subject.is(text(&mut [0; 16])));
        tell(violation.queue.is_some_and(|queue| queue.is(text(&mut [0; 16]))));
        count_long(violation.sid.unwrap_or_default().0);
    }
}

pub(super) fn info() {
    let (mut scanner, mut info) =
        (InfoScanner::<Line>::default(), ServerInfo::<Line, Line>::default());
    while !matches!(
        scanner.push(
            InfoPart { json: bytes(&mut [0; 64]), is_last: flag() },
            &mut info,
            |url| put(url.as_bytes())
        ),
        Ok(true)
    ) {}
    for text in [info.server_id(), info.version(), info.nonce(), info.client_ip(), info.domain()] {
        put(text.as_bytes());
    }
    tell(info.headers() | info.tls_required() | info.lame_duck() | info.is_truncated());
    count_long(info.client_id());
    output(info.max_payload() + u32::from(info.proto()));
    let mut memory = [0; 16];
    let text = text(&mut memory);
    let urls = [text, text];
    let told = Info::DEFAULT.server_id(text).nonce(text).connect_urls(&urls).client_id(long());
    let mut out = Line::new();
    tell(told.encode(&mut out).is_ok());
    put(&out);
}

pub(super) fn headers() {
    let (mut one, mut two, mut three) = ([0; 64], [0; 16], [0; 16]);
    let (name, value) = (text(&mut two), bytes(&mut three));
    let headers = Headers::from_bytes(bytes(&mut one));
    for (name, value) in headers.iter() {
        put(name.as_bytes());
        put(value.as_bytes());
    }
    say(headers.get(name));
    put(headers.get_bytes(name).unwrap_or_default());
    count(headers.get_all(name).count());
    if let Some(status) = headers.status() {
        put(status.description_bytes());
    }
    let mut block = HeaderBuf::<Line>::new();
    loop {
        match input() {
            0 => tell(block.append(name, value).is_ok()),
            1 => tell(block.insert(name, value).is_ok()),
            2 => tell(block.remove(name)),
            3 => block.clear(),
            _ => break,
        }
        put(block.as_headers().as_bytes());
    }
    put(&block.into_inner());
}

pub(super) fn subjects() {
    let (mut one, mut two) = ([0; 32], [0; 32]);
    let (one, two) = (text(&mut one), text(&mut two));
    tell(matches(one.as_bytes(), two.as_bytes()) | covers(one.as_bytes(), two.as_bytes()));
    match Subject::new(one) {
        Ok(subject) => {
            subject.tokens().for_each(|token| put(token.as_bytes()));
            subject.tokens().rev().for_each(|token| put(token.as_bytes()));
            if let Ok(filter) = Filter::new(two) {
                tell(filter.matches(subject) | filter.is_subset_of(subject.into()));
                filter.tokens().for_each(|token| put(token.as_bytes()));
            }
        }
        Err(SubjectError::Forbidden { at } | SubjectError::Wildcard { at }) => count(at),
        Err(_) => {}
    }
    tell(QueueGroup::new(one).is_ok());
}
