//! Operations as JSON.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nats_proto::Message;
use nats_proto::Sid;
use nats_proto::wire::ClientOp;
use nats_proto::wire::ConnectView;
use nats_proto::wire::Control;
use nats_proto::wire::InfoPart;
use nats_proto::wire::InfoScanner;
use nats_proto::wire::ServerInfo;
use nats_proto::wire::ServerOp;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

/// Puts the parts of INFO together.
#[derive(Default)]
pub(crate) struct InfoReader {
    scanner: InfoScanner<Vec<u8>>,
    info: ServerInfo<Vec<u8>>,
    urls: Vec<String>,
}

pub(crate) fn server_op(
    op: ServerOp<'_>,
    reader: &mut InfoReader,
) -> Result<Option<Value>, String> {
    Ok(Some(match op {
        ServerOp::Message(message) => {
            message_object(&message, ["MSG", "HMSG"], Some(message.sid()))
        }
        ServerOp::Control(Control::Info(part)) => return reader.read(part),
        ServerOp::Control(Control::Ping) => json!({ "op": "PING" }),
        ServerOp::Control(Control::Pong) => json!({ "op": "PONG" }),
        ServerOp::Control(Control::Ok) => json!({ "op": "+OK" }),
        ServerOp::Control(Control::Err(error)) => {
            let mut object = named("-ERR");
            insert_text(&mut object, "text", Some(error.as_bytes()));
            object.insert("kind".to_owned(), error.kind().name().into());
            Value::Object(object)
        }
        ServerOp::Oversized(message) => {
            json!({ "op": "SKIPPED", "sid": message.sid.0, "bytes": message.size })
        }
        op => return Err(format!("unknown operation {op:?}")),
    }))
}

pub(crate) fn client_op(op: ClientOp<'_>) -> Result<Value, String> {
    Ok(match op {
        ClientOp::Publish(message) => message_object(&message, ["PUB", "HPUB"], None),
        ClientOp::Subscribe(args) => {
            let mut object = named("SUB");
            insert_text(&mut object, "subject", Some(args.subject));
            insert_text(&mut object, "queue", args.queue);
            object.insert("sid".to_owned(), args.sid.0.into());
            Value::Object(object)
        }
        ClientOp::Unsubscribe(args) => {
            json!({ "op": "UNSUB", "sid": args.sid.0, "max": args.max.map(u64::from) })
        }
        ClientOp::Connect(connect) => json!({ "op": "CONNECT", "json": connect_json(connect)? }),
        ClientOp::Ping => json!({ "op": "PING" }),
        ClientOp::Pong => json!({ "op": "PONG" }),
        ClientOp::Oversized(message) => {
            json!({ "op": "SKIPPED", "sid": null, "bytes": message.size })
        }
        op => return Err(format!("unknown operation {op:?}")),
    })
}

fn connect_json(connect: ConnectView<'_>) -> Result<Value, String> {
    connect.check().map_err(|error| error.to_string())?;
    serde_json::from_slice(connect.as_bytes()).map_err(|error| error.to_string())
}

impl InfoReader {
    fn read(&mut self, part: InfoPart<'_>) -> Result<Option<Value>, String> {
        let urls = &mut self.urls;
        let is_done = self
            .scanner
            .push(part, &mut self.info, |url| urls.push(url.to_owned()))
            .map_err(|error| format!("INFO: {error}"))?;
        if !is_done {
            return Ok(None);
        }
        let info = &self.info;
        let text = |text: &str| if text.is_empty() { Value::Null } else { text.into() };
        let number = |number: u32| if number == 0 { Value::Null } else { number.into() };
        Ok(Some(json!({
            "op": "INFO",
            "server_id": text(info.server_id()),
            "version": text(info.version()),
            "max_payload": number(info.max_payload()),
            "headers": info.headers(),
            "auth_required": info.auth_required(),
            "tls_required": info.tls_required(),
            "nonce": text(info.nonce()),
            "ldm": info.lame_duck(),
            "connect_urls": std::mem::take(&mut self.urls),
        })))
    }
}

/// A message. With headers it has the other name, and more to say.
fn message_object(message: &Message<&[u8]>, names: [&str; 2], sid: Option<Sid>) -> Value {
    let has_headers = message.frame().first().is_some_and(|first| b"hH".contains(first));
    let [plain, with_headers] = names;
    let mut object = named(if has_headers { with_headers } else { plain });
    insert_text(&mut object, "subject", Some(message.subject_bytes()));
    if let Some(sid) = sid {
        object.insert("sid".to_owned(), sid.0.into());
    }
    insert_text(&mut object, "reply", message.reply_bytes());
    object.insert("payload".to_owned(), STANDARD.encode(message.payload()).into());
    if has_headers {
        let status = message.status();
        object.insert("status".to_owned(), status.map(|status| status.code().get()).into());
        let description = status.map(|status| status.description_bytes());
        insert_text(&mut object, "description", description.filter(|text| !text.is_empty()));
        let headers = message.headers().iter_bytes().map(|(name, value)| {
            Value::from(vec![String::from_utf8_lossy(name), String::from_utf8_lossy(value)])
        });
        object.insert("headers".to_owned(), headers.collect());
    }
    Value::Object(object)
}

fn named(op: &str) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("op".to_owned(), op.into());
    object
}

/// Bytes that should be text. If they are not, they are there in base64 as well.
fn insert_text(object: &mut Map<String, Value>, key: &str, bytes: Option<&[u8]>) {
    let text = bytes.map(String::from_utf8_lossy);
    object.insert(key.to_owned(), text.into());
    if let Some(bytes) = bytes.filter(|bytes| std::str::from_utf8(bytes).is_err()) {
        object.insert(format!("{key}_base64"), STANDARD.encode(bytes).into());
    }
}
