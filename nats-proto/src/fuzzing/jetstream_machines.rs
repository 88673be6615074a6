//! The machines of JetStream, called in any order with anything.

use std::collections::HashMap;
use std::vec::Vec;

use crate::inbox::RequestId;
use crate::jetstream::ConsumerState;
use crate::jetstream::Fetch;
use crate::jetstream::FetchConfig;
use crate::jetstream::FetchOutput;
use crate::jetstream::GrowablePublishWindow;
use crate::jetstream::Handling;
use crate::jetstream::InboxId;
use crate::jetstream::Outcome;
use crate::jetstream::PublishReply;
use crate::jetstream::PublishResponse;
use crate::jetstream::PublishScanner;
use crate::jetstream::PullConfig;
use crate::jetstream::PullConsumer;
use crate::jetstream::PullOutput;
use crate::jetstream::PullStatus;
use crate::jetstream::Settled;
use crate::jetstream::WindowConfig;
use crate::jetstream::WindowMessage;
use crate::time::Instant;

/// Bytes, one after the other; zeros behind the last.
pub(super) struct Input<'b>(pub(super) &'b [u8]);

impl Input<'_> {
    pub(super) const fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    pub(super) fn number(&mut self) -> u32 {
        self.byte().into()
    }

    /// A small number, or a very large one.
    pub(super) fn sequence(&mut self) -> u64 {
        match self.byte() {
            255 => u64::MAX,
            small => u64::from(small) / 8,
        }
    }
}

pub(super) const STATUSES: [PullStatus<'static>; 20] = [
    PullStatus::Heartbeat,
    PullStatus::RequestTimeout,
    PullStatus::LeadershipChange,
    PullStatus::ServerShutdown,
    PullStatus::BatchCompleted,
    PullStatus::MessageTooLarge,
    PullStatus::NoResponders,
    PullStatus::MaxWaiting,
    PullStatus::PinIdMismatch,
    PullStatus::NoMessages,
    PullStatus::RequestsPending,
    PullStatus::InterestExpired,
    PullStatus::MaxRequestBatch(3),
    PullStatus::MaxRequestBytes(50),
    PullStatus::MaxRequestExpires(700),
    PullStatus::MaxRequestBatch(0),
    PullStatus::ConsumerDeleted,
    PullStatus::PushBased,
    PullStatus::BadRequest(""),
    PullStatus::RequiredApiLevel,
];

/// Whatever happens, a consumer has no more than its maximum, asks for no more right after a pull, and
/// waits for nothing without a timer.
pub fn jetstream_pull_consumer(data: &[u8]) {
    let mut input = Input(data);
    let (max, bytes) = (1 + input.number() % 20, input.number());
    let config = PullConfig::new(max).max_bytes(bytes).seed(input.number());
    let config = if input.byte() & 1 == 1 { config.await_consumer() } else { config };
    let mut consumer = PullConsumer::<2>::new(config).expect("valid");
    let (mut now, mut last, mut is_connected, mut ends) = (0, None, false, 0);
    while !input.0.is_empty() {
        let kind = input.byte();
        now += u64::from(input.number()) << (kind >> 5);
        let time = Instant::from_millis(now);
        let (inbox, number) = last.unwrap_or_else(|| (InboxId(input.number()), 0));
        match kind & 0xF {
            0 => {
                consumer.handle_connected();
                is_connected = true;
            }
            1 => {
                consumer.handle_disconnected();
                is_connected = false;
            }
            2..=5 => {
                let before = consumer.buffered();
                let handling = consumer.handle_message(inbox, input.number(), time);
                let came = u32::from(handling == Handling::Deliver);
                assert_eq!(consumer.buffered(), before + came);
                assert!(consumer.buffered() <= max);
            }
            6..=8 => {
                let status = STATUSES[usize::from(input.byte()) % STATUSES.len()];
                consumer.handle_status(inbox, Some(number), status, time);
            }
            9 => consumer.release(input.number(), input.number()),
            10 => consumer.handle_timeout(time),
            11 => {
                consumer.handle_info(ConsumerState::Exists { reached_max_ack_pending: true }, time)
            }
            12 => consumer.handle_info(ConsumerState::NotFound, time),
            13 => consumer.handle_pin(),
            14 => consumer.handle_pong(),
            _ if input.byte() > 200 => consumer.stop(time),
            _ if input.byte() > 200 => consumer.drain(time),
            _ => {}
        }
        if input.byte() & 3 == 0 {
            continue;
        }
        let mut outputs = 0;
        while let Some(output) = consumer.poll_output(time) {
            outputs += 1;
            assert!(outputs < 30, "outputs do not end");
            match output {
                PullOutput::Pull(pull) => {
                    assert!(is_connected && pull.batch > 0 && ends == 0);
                    assert!((pull.max_bytes > 0) == (bytes > 0));
                    assert!(consumer.buffered() + consumer.outstanding() <= max);
                    last = Some((pull.id.inbox, pull.id.number));
                }
                PullOutput::End(_) => ends += 1,
                PullOutput::Subscribe(_) | PullOutput::Unsubscribe(_) => assert!(is_connected),
                _ => {}
            }
        }
        assert!(ends <= 1 && (ends == 1) == consumer.is_over());
        let may_ask = is_connected && ends == 0 && consumer.buffered() == 0;
        let waits = consumer.poll_timeout().is_some();
        assert!(!may_ask || waits, "nothing is asked for, and nothing is waited for");
    }
}

/// Whatever happens, a fetch ends once, in time, and with no more than was asked for.
pub fn jetstream_fetch(data: &[u8]) {
    let mut input = Input(data);
    let mut fetch = Fetch::new();
    let (mut now, mut last, mut batch, mut due, mut open) = (0, None, 0, 0, 0_u32);
    while !input.0.is_empty() {
        let kind = input.byte();
        now += u64::from(input.number()) << (kind >> 5);
        let time = Instant::from_millis(now);
        let (inbox, number) = last.unwrap_or_else(|| (InboxId(input.number()), 0));
        match kind & 0xF {
            0 | 1 => fetch.handle_connected(),
            2 => {
                fetch.handle_disconnected();
                open = 0;
            }
            3 | 4 => {
                batch = 1 + input.number();
                let wait = u64::from(input.number()) * 100;
                due = now + if wait == 0 { 1_000 } else { wait };
                let config = FetchConfig::new(batch).max_bytes(input.number());
                fetch.start(config.max_wait(core::time::Duration::from_millis(wait)), time);
            }
            5..=8 => {
                let handling = fetch.handle_message(inbox, input.number(), time);
                assert!(handling == Handling::Nak || fetch.received() <= batch);
            }
            9..=11 => {
                let status = STATUSES[usize::from(input.byte()) % STATUSES.len()];
                fetch.handle_status(inbox, Some(number), status, time);
            }
            12 => fetch.cancel(time),
            13 => fetch.handle_pin(),
            14 => match input.byte() % 5 {
                0 => fetch.handle_info(ConsumerState::NotFound, time),
                1 => fetch.handle_info(ConsumerState::Unknown, time),
                2 => fetch.handle_info(ConsumerState::NotPermitted, time),
                3 => fetch.handle_not_permitted(time),
                _ => {
                    let state = ConsumerState::Exists { reached_max_ack_pending: false };
                    fetch.handle_info(state, time);
                }
            },
            _ => fetch.handle_timeout(time),
        }
        let mut outputs = 0;
        while let Some(output) = fetch.poll_output(time) {
            outputs += 1;
            assert!(outputs < 10, "outputs do not end");
            match output {
                FetchOutput::Pull(pull) => {
                    assert!(pull.batch == batch && fetch.received() == 0);
                    last = Some((pull.id.inbox, pull.id.number));
                }
                FetchOutput::Subscribe(_) => open += 1,
                FetchOutput::Unsubscribe(_) => open -= 1,
                FetchOutput::RequestInfo => assert!(fetch.is_active()),
                FetchOutput::End(_) => assert!(!fetch.is_active()),
            }
        }
        assert!(open <= 4, "{open} inboxes");
        let timeout = fetch.poll_timeout().map(Instant::as_millis);
        assert!(!fetch.is_active() || timeout.is_some_and(|timeout| timeout <= due));
    }
}

/// Whatever happens, every message of a window has one outcome, no later than its deadline.
pub fn jetstream_window(data: &[u8]) {
    let mut input = Input(data);
    let config = WindowConfig::new(1 + input.number() % 8).max_bytes(500);
    let config = if input.byte() & 1 == 1 { config.independent() } else { config };
    let mut window = GrowablePublishWindow::<u8>::new(config);
    if input.byte() & 1 == 1 {
        window.start_chain(input.number().into(), input.number().into());
    }
    let mut scanner = PublishScanner::<Vec<u8>>::default();
    let mut deadlines = HashMap::<u64, u64>::new();
    let (mut now, mut position, mut request_ids) = (0, 0, Vec::<RequestId>::new());
    while !input.0.is_empty() {
        let kind = input.byte();
        now += u64::from(input.number()) << (kind >> 5);
        let time = Instant::from_millis(now);
        let at = usize::from(input.byte()).checked_rem(request_ids.len()).unwrap_or_default();
        let request_id =
            request_ids.get(at).copied().unwrap_or_else(|| RequestId(input.number().into()));
        let mut settled = Vec::<Settled<u8>>::new();
        match kind & 0xF {
            0 => window.handle_connected(),
            1 => {
                let lost = u64::from(input.number()).min(position);
                window.handle_disconnected(lost, time, |one| settled.push(one));
            }
            2..=4 => {
                let deadline = now + u64::from(input.number()) * 100;
                let message =
                    WindowMessage::new(kind, input.number(), Instant::from_millis(deadline));
                let message = message.retries(input.byte());
                let message = if input.byte() & 1 == 1 { message.with_id() } else { message };
                if let Ok(handle) = window.publish(message) {
                    deadlines.insert(handle.number(), deadline);
                }
            }
            5..=9 => {
                let payload: &[u8] = match input.byte() % 8 {
                    0 => b"hello",
                    1 => br#"{"error":{"code":503,"err_code":10008}}"#,
                    2 => br#"{"error":{"code":429,"err_code":10167}}"#,
                    3 => br#"{"error":{"code":400,"err_code":10071}}"#,
                    4 => br#"{"error":{"code":409,"err_code":10158}}"#,
                    5 => b"",
                    _ => br#"{"stream":"S","seq":1}"#,
                };
                let response = PublishResponse::read(payload, &mut scanner);
                let reply = match response {
                    Ok(response) => PublishReply::Response(response),
                    Err(_) if payload.is_empty() => PublishReply::NoResponders,
                    Err(_) => PublishReply::NotAnAck,
                };
                settled.extend(window.handle_reply(request_id, reply, time));
            }
            10 => {
                let payload: &[u8] = match input.byte() % 4 {
                    0 => br#"{"error":{"err_code":10070,"description":"wrong last msg ID: "}}"#,
                    1 => br#"{"error":{"err_code":10070,"description":"wrong last msg ID: m"}}"#,
                    2 => br#"{"error":{"err_code":10071,"description":"wrong last sequence: 1"}}"#,
                    _ => br#"{"stream":"S","seq":1}"#,
                };
                if let Ok(response) = PublishResponse::read(payload, &mut scanner) {
                    let number = Some(input.number().into()).filter(|_| input.byte() & 1 == 1);
                    let reply = PublishReply::Response(response);
                    settled.extend(window.handle_chain_reply(request_id, reply, |_| number, time));
                }
            }
            11 => window.close(|one| settled.push(one)),
            12 => settled.extend(window.handle_too_large(request_id)),
            13 => {
                let odd = |data: &u8| data & 1 == 1;
                let count = window.count_sent(odd);
                let before = settled.len();
                window.handle_not_permitted(odd, |one| settled.push(one));
                assert_eq!(settled.len() - before, count as usize);
            }
            14 => window.handle_inbox_not_permitted(|one| settled.push(one)),
            _ => {}
        }
        window.handle_timeout(time, |one| settled.push(one));
        for Settled { number, outcome, .. } in settled {
            assert!(deadlines.remove(&number).is_some(), "{number} has two outcomes");
            assert!(outcome.may_be_stored() || !matches!(outcome, Outcome::MayBeStored(_)));
        }
        assert!(deadlines.values().all(|deadline| *deadline > now), "an outcome is late");
        assert_eq!(window.len() as usize, deadlines.len());
        while let Some(transmit) = window.poll_transmit(position + 1, time) {
            position += 1;
            request_ids.push(transmit.request_id);
        }
        assert!(window.in_flight() <= window.len() && window.len() <= 8);
        let timeout = window.poll_timeout().map(Instant::as_millis);
        let earliest = deadlines.values().min();
        assert!(earliest.is_none_or(|earliest| timeout.is_some_and(|at| at <= *earliest)));
    }
}
