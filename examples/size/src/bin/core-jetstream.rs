//! The bare core with JetStream: messages are published with an id and acknowledged, and fetched and
//! acknowledged.
#![no_std]
#![no_main]

use core::time::Duration;

use nats_proto::HeaderBuf;
use nats_proto::Inbox;
use nats_proto::Message;
use nats_proto::RngSeed;
use nats_proto::Subject;
use nats_proto::jetstream::AckKind;
use nats_proto::jetstream::ApiPrefix;
use nats_proto::jetstream::ApiSubject;
use nats_proto::jetstream::ConsumerName;
use nats_proto::jetstream::Fetch;
use nats_proto::jetstream::FetchConfig;
use nats_proto::jetstream::FetchOutput;
use nats_proto::jetstream::Handling;
use nats_proto::jetstream::InboxId;
use nats_proto::jetstream::Outcome;
use nats_proto::jetstream::PublishHeaders;
use nats_proto::jetstream::PublishReply;
use nats_proto::jetstream::PublishScanner;
use nats_proto::jetstream::PullId;
use nats_proto::jetstream::PullInbox;
use nats_proto::jetstream::PullStatus;
use nats_proto::jetstream::SinglePublish;
use nats_proto::jetstream::StreamName;
use nats_proto::jetstream::WindowConfig;
use nats_proto::jetstream::WindowMessage;
use nats_proto::jetstream::pulled_size;
use nats_proto::wire::ArrayBuf;
use nats_proto::wire::Publish;
use nats_proto::wire::SendBuf;
use size::input;
use size::output;
use size::put;
use size::session::Layer;
use size::session::Nats;
use size::session::now;
use static_cell::StaticCell;

type Text = ArrayBuf<64>;
type Nothing = ArrayBuf<0>;
/// The same as a session's texts, so that JSON is read by the same code.
type Scratch = ArrayBuf<48>;

static SESSION: StaticCell<Nats<1>> = StaticCell::new();

const NEXT: ApiSubject<'static> = ApiSubject::consumer_next(
    StreamName::from_static("ORDERS"),
    ConsumerName::from_static("device"),
);
/// Routes: of publish acknowledgements, and of what is fetched.
const ACKS: u8 = 2;
const FETCHED: u8 = 3;

struct JetStream {
    inbox: Inbox<Text>,
    publish: SinglePublish,
    /// The message that is being published.
    sample: u32,
    scanner: PublishScanner<Scratch, Nothing>,
    inboxes: PullInbox<Text>,
    fetch: Fetch,
    /// Where the present inbox is.
    at: InboxId,
    /// The reply subject of the message to be acknowledged.
    ack: ArrayBuf<128>,
    is_connected: bool,
    position: u64,
}

impl Layer<1> for JetStream {
    fn exchange(&mut self, session: &mut Nats<1>, out: &mut SendBuf<'_>) {
        if !self.is_connected {
            self.is_connected = true;
            let _ = session.subscribe(self.inbox.filter(), None, ACKS);
            self.publish.handle_connected();
            self.fetch.handle_connected();
        }
        let outcome = self.publish.handle_timeout(now());
        self.settle(outcome);
        self.fetch.handle_timeout(now());
        if !self.publish.is_active() {
            self.sample = input();
            let message = WindowMessage::new((), 32, now() + Duration::from_secs(5));
            self.publish.start(message.with_id().retries(2));
        }
        self.transmit(out);
        if input() == 1 {
            let config = FetchConfig::new(1).max_wait(Duration::from_secs(5));
            self.fetch.start(config, now());
        }
        self.pull(session, out);
        if let Ok(subject) = Subject::new(core::str::from_utf8(&self.ack).unwrap_or_default()) {
            let body = AckKind::Ack.as_static().unwrap_or_default();
            let _ = Publish::new(subject, body).encode(out);
        }
    }

    fn receive(&mut self, recipient: u8, message: &Message<&[u8]>) {
        if recipient == ACKS {
            let Some(request_id) = self.inbox.request_id(message.subject_bytes()) else { return };
            let reply = PublishReply::read(message, &mut self.scanner);
            let outcome = self.publish.handle_reply(request_id, reply, now());
            self.settle(outcome);
            return;
        }
        match PullStatus::read(message) {
            Some(status) => {
                let number = PullId::number_in(message.subject_bytes());
                self.fetch.handle_status(self.at, number, status, now());
            }
            None => {
                let handling = self.fetch.handle_message(self.at, pulled_size(message), now());
                if handling == Handling::Deliver {
                    put(message.payload());
                }
                let reply = message.reply_bytes().unwrap_or_default();
                self.ack = ArrayBuf::from_slice(reply).unwrap_or_default();
            }
        }
    }

    fn disconnect(&mut self) {
        self.is_connected = false;
        let outcome = self.publish.handle_disconnected(self.position, now());
        self.settle(outcome);
        self.fetch.handle_disconnected();
    }
}

impl JetStream {
    fn settle(&mut self, outcome: Option<Outcome>) {
        if let Some(outcome) = outcome {
            output(self.sample);
            output(outcome.may_be_stored().into());
        }
    }

    fn transmit(&mut self, out: &mut SendBuf<'_>) {
        if let Some(request_id) = self.publish.poll_transmit(self.position + 1, now()) {
            self.position += 1;
            let (mut reply, mut block) = (Text::new(), HeaderBuf::<Text>::new());
            let mut id = [0; 8];
            for (place, shift) in id.iter_mut().zip([28, 24, 20, 16, 12, 8, 4, 0]) {
                *place = b'a' + (self.sample >> shift & 0xF) as u8;
            }
            let id = core::str::from_utf8(&id).unwrap_or_default();
            let _ = PublishHeaders::NONE.message_id(id).write(&mut block);
            let reply = self.inbox.reply(request_id, &mut reply).ok();
            let subject = Subject::from_static("telemetry.1");
            let headers = block.as_headers();
            let _ = Publish { subject, reply, headers, payload: b"21" }.encode(out);
        }
    }

    fn pull(&mut self, session: &mut Nats<1>, out: &mut SendBuf<'_>) {
        while let Some(wanted) = self.fetch.poll_output(now()) {
            let mut text = ArrayBuf::<64>::new();
            match wanted {
                FetchOutput::Subscribe(inbox) => {
                    self.at = inbox;
                    if let Ok(filter) = self.inboxes.filter(inbox, &mut text) {
                        let _ = session.subscribe(filter, None, FETCHED);
                    }
                }
                FetchOutput::Pull(pull) => {
                    let (mut reply, mut body) = (Text::new(), ArrayBuf::<128>::new());
                    let _ = pull.request().encode(&mut body);
                    let Ok(subject) = NEXT.encode(ApiPrefix::DEFAULT, &mut text) else { continue };
                    let reply = self.inboxes.reply(pull.id, &mut reply).ok();
                    let _ = Publish { reply, ..Publish::new(subject, &body) }.encode(out);
                }
                FetchOutput::End(end) => {
                    output(matches!(end, nats_proto::jetstream::FetchEndReason::Full).into())
                }
                _ => {}
            }
        }
    }
}

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    let seed = RngSeed([input() as u8; 16]);
    let prefix = Inbox::<()>::DEFAULT_PREFIX;
    let (Ok(inbox), Ok(inboxes)) = (Inbox::new(prefix, seed), PullInbox::new(prefix, seed)) else {
        loop {}
    };
    let layer = JetStream {
        inbox,
        publish: SinglePublish::new(WindowConfig::DEFAULT),
        sample: 0,
        scanner: PublishScanner::default(),
        inboxes,
        fetch: Fetch::new(),
        at: InboxId(0),
        ack: ArrayBuf::new(),
        is_connected: false,
        position: 0,
    };
    size::session::run(&SESSION, layer)
}
