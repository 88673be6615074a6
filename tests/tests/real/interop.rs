//! Other clients: nats-py, and nats.js.

mod jetstream;
mod peer;

use std::process::Stdio;

use nats_tests::NatsServer;
use nats_tokio::HeaderMap;
use tokio::io::AsyncBufReadExt;
use tokio::io::BufReader;
use tokio::process::Command;

use crate::connect;
use crate::soon;

const PEER: &str = r#"
import asyncio, os, nats

async def main():
    nc = await nats.connect(os.environ["NATS_URL"], name="peer")
    done = asyncio.Event()

    async def echo(msg):
        if msg.data == b"stop":
            await msg.respond(b"stopping")
            done.set()
        elif msg.headers:
            await nc.publish(msg.reply, msg.data, headers=dict(msg.headers))
        else:
            await msg.respond(msg.data)

    await nc.subscribe("echo", cb=echo, queue="q")
    await nc.flush()
    print("ready", flush=True)

    # The other way round: it asks, and publishes.
    for i in range(100):
        reply = await nc.request("ask.rust", str(i).encode(), timeout=5)
        assert reply.data == f"rust heard {i}".encode(), reply
        assert reply.headers["Kind"] == "answer", reply.headers
    for size in (0, 1, 1000, 100000, 1000000):
        await nc.publish("data", bytes(i % 251 for i in range(size)), headers={"Size": str(size)})
    try:
        await nc.request("nobody.there", b"", timeout=5)
        raise SystemExit("somebody answered")
    except nats.errors.NoRespondersError:
        pass
    await done.wait()
    await nc.drain()
    print("done", flush=True)

asyncio.run(main())
"#;

/// The Python that has nats-py: `NATS_PY_PATH` says where `cargo xtask test` put it.
fn python(program: &str, server: &NatsServer) -> Command {
    let mut command = Command::new("python3");
    command
        .args(["-c", program])
        .env("PYTHONPATH", tool("NATS_PY_PATH", "nats-py"))
        .env("NATS_URL", server.url())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// A folder of what `cargo xtask test` obtains.
fn tool(variable: &str, name: &str) -> String {
    std::env::var(variable)
        .unwrap_or_else(|_| format!("{}/../target/tools/{name}", env!("CARGO_MANIFEST_DIR")))
}

#[tokio::test]
async fn messages_go_both_ways_between_us_and_nats_py() {
    let server = NatsServer::start("");
    let client = connect(&server).await;
    let mut questions = client.subscribe("ask.rust").await.unwrap();
    let mut data = client.subscribe("data").await.unwrap();
    client.flush().await.unwrap();

    let mut python =
        python(PEER, &server).spawn().expect("python3 with nats-py: run `cargo xtask test`");
    let mut lines = BufReader::new(python.stdout.take().unwrap()).lines();
    let line = soon(lines.next_line()).await.unwrap();
    assert_eq!(line.as_deref(), Some("ready"), "nats-py did not start: run `cargo xtask test`");

    let mut kind = HeaderMap::new();
    kind.append("Kind", "answer").unwrap();
    for _ in 0..100 {
        let question = soon(questions.next()).await.unwrap();
        let text = String::from_utf8_lossy(question.payload()).into_owned();
        let answer = format!("rust heard {text}");
        client.respond(&question, answer).headers(&kind).await.unwrap();
    }
    for size in [0, 1, 1000, 100_000, 1_000_000] {
        let message = soon(data.next()).await.unwrap();
        assert_eq!(message.headers().get("Size"), Some(size.to_string().as_str()));
        assert_eq!(message.payload().len(), size);
        assert!(message.payload().iter().enumerate().all(|(at, &byte)| byte == (at % 251) as u8));
    }

    for number in 0..100 {
        let text = format!("question {number}");
        let reply = soon(client.request("echo", &text)).await.unwrap();
        assert_eq!(reply.payload(), text.as_bytes());
    }
    let mut headers = HeaderMap::new();
    headers.append("X-One", "1").unwrap();
    headers.append("x-two", "zwei und drei").unwrap();
    let reply = soon(client.request("echo", "with headers").headers(&headers)).await.unwrap();
    assert_eq!(reply.headers().get("X-One"), Some("1"));
    assert_eq!(reply.headers().get("x-two"), Some("zwei und drei"));
    let reply = soon(client.request("echo", "stop")).await.unwrap();
    assert_eq!(reply.payload(), b"stopping");
    assert_eq!(soon(lines.next_line()).await.unwrap().as_deref(), Some("done"));
    assert!(soon(python.wait()).await.unwrap().success());
}
