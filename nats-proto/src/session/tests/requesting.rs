use core::time::Duration;

use super::*;
use crate::inbox::Inbox;
use crate::inbox::RequestId;
use crate::session::pending_requests::FixedRequests;
use crate::session::pending_requests::Outcome;
use crate::session::request_inbox::RequestError;
use crate::session::request_inbox::RequestInbox;
use crate::subject::Subject;

type Text = crate::wire::ArrayBuf<64>;
type Few = RequestInbox<FixedRequests<u8, 3>, Text>;

const TIME: Subject<'static> = Subject::from_static("time");
const INBOX: u8 = 99;

/// A client with room for three requests.
struct Asking {
    world: World<Small>,
    requests: Few,
    told: Vec<(u8, Outcome)>,
}

impl Asking {
    fn new() -> Self {
        let mut world = World::<Small>::connected();
        let inbox = world.session.new_inbox(Inbox::DEFAULT_PREFIX).unwrap();
        let requests = RequestInbox::new(inbox, FixedRequests::default());
        Self { world, requests, told: Vec::new() }
    }

    /// Asks, and returns the reply subject.
    fn ask(&mut self, owner: u8, seconds: u64) -> Result<(RequestId, String), RequestError> {
        let deadline = self.world.now + Duration::from_secs(seconds);
        let mut text = Text::new();
        let session = &mut self.world.session;
        let (id, reply) = self.requests.open(session, owner, TIME, deadline, INBOX, &mut text)?;
        self.requests.note_sent(id);
        Ok((id, reply.to_string()))
    }

    /// What a driver does after every call. Returns what was told.
    fn settle(&mut self) -> Vec<(u8, Outcome)> {
        let Self { world, requests, told } = self;
        assert!(requests.poll_released(&mut world.session).is_none());
        requests.settle(&world.session, world.now, |_, owner, outcome| {
            told.push((*owner, outcome));
        });
        core::mem::take(&mut self.told)
    }

    /// A reply as it comes, if it is for a request.
    fn reply(&mut self, frame: &str) -> Option<(RequestId, u8, Result<(), Outcome>)> {
        let mut decoder = Decoder::<FromServer>::new(crate::wire::Limits::for_buffer(100));
        match decoder.decode(frame.as_bytes()).unwrap() {
            Decoded::Frame { op: ServerOp::Message(message), .. } => {
                assert!(self.requests.is_inbox(message.sid()));
                self.requests.handle_reply(&message)
            }
            Decoded::Frame { op: ServerOp::Oversized(message), .. } => {
                assert!(self.requests.is_inbox(message.sid));
                self.requests.handle_oversized(&message);
                None
            }
            other => panic!("{other:?}"),
        }
    }

    fn sid(&mut self) -> Sid {
        let (sid, recipient) = self.world.session.recipients_mut().next().unwrap();
        assert_eq!(*recipient, INBOX);
        sid
    }
}

#[test]
fn one_inbox_serves_all_requests_and_each_has_one_outcome() {
    let mut asking = Asking::new();
    let (first, to_first) = asking.ask(1, 5).unwrap();
    let (second, to_second) = asking.ask(2, 5).unwrap();
    let (third, to_third) = asking.ask(3, 5).unwrap();
    assert_eq!(asking.ask(4, 5), Err(RequestError::Full));
    let sid = asking.sid();
    assert!(asking.world.sent().starts_with("SUB _INBOX."));
    assert_eq!(asking.world.session.subscriptions(), 1);

    let answer = format!("MSG {to_first} {sid} 2\r\n42\r\n");
    assert_eq!(asking.reply(&answer), Some((first, 1, Ok(()))));
    assert_eq!(asking.reply(&answer), None, "a second reply");
    let nobody = format!("HMSG {to_second} {sid} 16 16\r\nNATS/1.0 503\r\n\r\n\r\n");
    assert_eq!(asking.reply(&nobody), Some((second, 2, Err(Outcome::NoResponders))));
    let long = format!("MSG {to_third} {sid} 1000\r\n");
    assert_eq!((asking.reply(&long), asking.reply(&long)), (None, None));
    assert_eq!(asking.settle(), [(3, Outcome::ReplyTooLong)]);
    assert_eq!(asking.requests.close(third), None);
    assert!(asking.requests.is_empty() && asking.settle().is_empty());
    assert_eq!(asking.reply(&format!("MSG other {sid} 2\r\n42\r\n")), None);
}

#[test]
fn requests_end_with_their_time_their_connection_and_the_session() {
    let mut asking = Asking::new();
    let (late, _) = asking.ask(1, 1).unwrap();
    asking.ask(2, 5).unwrap();
    let deadline = asking.requests.poll_timeout(&asking.world.session);
    assert_eq!(deadline, Some(asking.world.now + Duration::from_secs(1)));
    asking.world.now = asking.world.now + Duration::from_secs(1);
    assert_eq!(asking.settle(), [(1, Outcome::TimedOut)]);
    assert_eq!(asking.requests.close(late), None);
    asking.world.sent();

    asking.world.lose(DisconnectReason::Closed);
    assert_eq!(asking.settle(), [(2, Outcome::Disconnected)]);
    asking.world.redial();
    asking.world.establish();
    // The inbox was subscribed to again, and is the same.
    let sid = asking.sid();
    asking.ask(3, 5).unwrap();
    assert!(asking.requests.is_inbox(sid));
    let (given_up, _) = asking.ask(4, 5).unwrap();
    assert_eq!(asking.requests.close(given_up), Some(4));
    asking.world.session.abort();
    assert_eq!(asking.settle(), [(3, Outcome::Closed)]);
    assert_eq!(asking.ask(5, 5), Err(RequestError::Inbox(SubscribeError::Closed)));
}

#[test]
fn a_refused_request_or_inbox_ends_what_it_is_about_and_the_next_one_tries_again() {
    let mut asking = Asking::new();
    asking.ask(1, 5).unwrap();
    let first = asking.sid();
    asking.world.sent();
    let filter = asking.requests.inbox().filter().to_string();
    let of_inbox = format!("Subscription to \"{filter}\"");
    for (what, outcome) in
        [("Publish to \"time\"", Outcome::NotPermitted), (of_inbox.as_str(), Outcome::NoInbox)]
    {
        let line = format!("-ERR 'Permissions Violation for {what}'\r\n");
        let Ok(Decoded::Frame { op: ServerOp::Control(op), .. }) =
            asking.world.decoder.decode(line.as_bytes())
        else {
            panic!("{line}");
        };
        let event = asking.world.session.handle_control(op, asking.world.now).unwrap();
        asking.requests.handle_event(&event);
        assert_eq!(asking.settle(), [(1, outcome)], "{line}");
        assert!(asking.requests.is_empty());
        asking.ask(1, 5).unwrap();
    }
    assert_ne!(asking.sid(), first);
    assert!(asking.world.sent().contains("SUB _INBOX."));
}

#[test]
fn a_request_that_comes_right_behind_a_loss_hides_it_from_none() {
    let mut asking = Asking::new();
    asking.ask(1, 5).unwrap();
    asking.world.sent();
    asking.world.lose(DisconnectReason::Closed);
    let deadline = asking.world.now + Duration::from_secs(5);
    let (session, mut text) = (&mut asking.world.session, Text::new());
    let opened = asking.requests.open(session, 2, TIME, deadline, INBOX, &mut text);
    assert!(opened.is_ok());
    assert_eq!(asking.settle(), [(1, Outcome::Disconnected)], "the second one is not sent");
}
