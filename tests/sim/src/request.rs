//! A parser of what a client sends that has nothing in common with the core's: slow, strict, and
//! short enough to be believed.

/// What a client sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Connect(String),
    Publish { subject: String, reply: Option<String>, headers: Vec<u8>, payload: Vec<u8> },
    Subscribe { filter: String, queue: Option<String>, sid: u64 },
    Unsubscribe { sid: u64, max: Option<u64> },
    Ping,
    Pong,
}

/// Takes the first whole frame off `input`, if there is one.
pub(crate) fn take(input: &mut Vec<u8>) -> Option<Result<Request, String>> {
    let end = input.windows(2).position(|pair| pair == b"\r\n")?;
    let Some(Ok(line)) = input.get(..end).map(std::str::from_utf8) else {
        return Some(Err("a line that is not UTF-8".into()));
    };
    let line = line.to_owned();
    let words: Vec<&str> = line.split(' ').collect();
    let mut whole = end + 2;
    let request = match words.as_slice() {
        ["CONNECT", ..] => line
            .strip_prefix("CONNECT ")
            .filter(|json| json.starts_with('{') && json.ends_with('}'))
            .map(|json| Request::Connect(json.to_owned())),
        words if words.iter().any(|word| !name(word)) => None,
        ["PING"] => Some(Request::Ping),
        ["PONG"] => Some(Request::Pong),
        ["SUB", filter, sid] => subscribe(filter, None, sid),
        ["SUB", filter, queue, sid] => subscribe(filter, Some(queue), sid),
        ["UNSUB", sid] => number(sid).map(|sid| Request::Unsubscribe { sid, max: None }),
        ["UNSUB", sid, max] => number(sid).zip(number(max)).and_then(|(sid, max)| {
            (max > 0).then_some(Request::Unsubscribe { sid, max: Some(max) })
        }),
        ["PUB" | "HPUB", subject, sizes @ ..] => {
            let has_headers = words.first() == Some(&"HPUB");
            let (reply, headers, total) = match (has_headers, sizes) {
                (false, [total]) => (None, Some(0), size(total)),
                (false, [reply, total]) => (Some(*reply), Some(0), size(total)),
                (true, [headers, total]) => (None, size(headers), size(total)),
                (true, [reply, headers, total]) => (Some(*reply), size(headers), size(total)),
                _ => (None, None, None),
            };
            match headers.zip(total) {
                Some((headers, total)) if headers <= total => {
                    let body = input.get(whole..whole + total + 2)?;
                    whole += total + 2;
                    publish(subject, reply, body, headers)
                }
                _ => None,
            }
        }
        _ => None,
    };
    input.drain(..whole);
    Some(request.ok_or_else(|| format!("{line:?}")))
}

fn publish(subject: &str, reply: Option<&str>, body: &[u8], headers: usize) -> Option<Request> {
    let body = body.strip_suffix(b"\r\n")?;
    let (headers, payload) = body.split_at_checked(headers)?;
    Some(Request::Publish {
        subject: subject.to_owned(),
        reply: reply.map(str::to_owned),
        headers: headers.to_vec(),
        payload: payload.to_vec(),
    })
}

fn subscribe(filter: &str, queue: Option<&&str>, sid: &str) -> Option<Request> {
    let sid = number(sid)?;
    Some(Request::Subscribe {
        filter: filter.to_owned(),
        queue: queue.map(|queue| (*queue).to_owned()),
        sid,
    })
}

fn name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn size(text: &str) -> Option<usize> {
    number(text).and_then(|size| usize::try_from(size).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_frames_only() {
        let lines = "CONNECT {}\r\nSUB a.> q 7\r\nUNSUB 7 2\r\nPING\r\nPUB a r 4\r\n\r\n\r\n\r\n\
                     HPUB a 12 14\r\nNATS/1.0\r\n\r\nhi\r\n";
        let mut input = Vec::new();
        let mut found = Vec::new();
        for byte in lines.bytes() {
            input.push(byte);
            found.extend(take(&mut input).map(Result::unwrap));
        }
        assert!(input.is_empty());
        assert_eq!(found.len(), 6);
        assert!(matches!(&found[4], Request::Publish { payload, .. } if payload == b"\r\n\r\n"));
        assert!(matches!(&found[5], Request::Publish { payload, .. } if payload == b"hi"));
    }

    #[test]
    fn nothing_else() {
        for line in ["PUB a 1\r\nab\r\n", "UNSUB 1 0\r\n", "SUB a\r\n", "ping\r\n", "PUB a  1\r\n"]
        {
            let mut input = line.as_bytes().to_vec();
            assert!(matches!(take(&mut input), Some(Err(_))), "{line}");
        }
    }
}
