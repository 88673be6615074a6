//! Parts of the core alone: `cargo bench --package nats-bench`, with a part of a name behind it.

use std::hint::black_box;

use divan::Bencher;
use divan::counter::BytesCount;
use divan::counter::ItemsCount;
use nats_bench::frames;
use nats_proto::HeaderBuf;
use nats_proto::Headers;
use nats_proto::Sid;
use nats_proto::Subject;
use nats_proto::wire::Decoded;
use nats_proto::wire::Decoder;
use nats_proto::wire::Deliver;
use nats_proto::wire::FromServer;
use nats_proto::wire::InfoPart;
use nats_proto::wire::InfoScanner;
use nats_proto::wire::Publish;
use nats_proto::wire::ServerInfo;
use nats_proto::wire::matches;

/// What one read brings.
const READ: usize = 64 * 1024;
/// How many messages are encoded before the buffer is emptied.
const BATCH: usize = 1000;

const SUBJECT: Subject<'static> = Subject::from_static("orders.eu.4711.shipped");
const REPLY: Subject<'static> = Subject::from_static("_INBOX.Wc2yMeFbx0kGzyqg4bVJHp.1c");
const BLOCK: &[u8] = b"NATS/1.0\r\n\
    Nats-Msg-Id: 0cA4Qp1kPzWlqD\r\n\
    Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\
    Content-Type: application/json\r\n\r\n";

fn main() {
    divan::main();
}

mod decode {
    use super::*;

    /// The decoder, as a driver uses it.
    #[divan::bench(args = [16, 128, 1024])]
    fn msg(bencher: Bencher<'_, '_>, size: usize) {
        measure(bencher, &frames::message(1, size), decode_all);
    }

    /// The same with a long subject, a reply subject and three headers.
    #[divan::bench(args = [16, 128])]
    fn hmsg(bencher: Bencher<'_, '_>, size: usize) {
        let mut frame = Vec::new();
        let payload = vec![b'x'; size];
        let message = Deliver {
            subject: SUBJECT.as_bytes(),
            sid: Sid(77),
            reply: Some(REPLY.as_bytes()),
            headers: Headers::from_bytes(BLOCK),
            payload: &payload,
        };
        message.encode(&mut frame).expect("memory");
        measure(bencher, &frame, decode_all);
    }

    /// No parser: a loop that only finds where each message ends.
    #[divan::bench(args = [16, 128, 1024])]
    fn only_find_frames(bencher: Bencher<'_, '_>, size: usize) {
        measure(bencher, &frames::message(1, size), frames::count);
    }

    /// No loop: a search for all line ends in the same bytes.
    #[divan::bench(args = [16, 128, 1024])]
    fn only_find_line_ends(bencher: Bencher<'_, '_>, size: usize) {
        measure(bencher, &frames::message(1, size), frames::count_lines);
    }

    fn measure(bencher: Bencher<'_, '_>, frame: &[u8], work: fn(&[u8]) -> usize) {
        let block = frames::block(frame, READ);
        let count = block.len() / frame.len();
        bencher
            .counter(ItemsCount::new(count))
            .counter(BytesCount::new(block.len()))
            .bench(|| work(black_box(&block)));
    }

    fn decode_all(mut input: &[u8]) -> usize {
        let mut decoder = Decoder::<FromServer>::default();
        let mut count = 0;
        while let Ok(Decoded::Frame { op, len }) = decoder.decode(input) {
            black_box(op);
            count += 1;
            input = &input[len..];
        }
        count
    }
}

mod encode {
    use super::*;

    #[divan::bench(name = "pub", args = [16, 128, 1024])]
    fn publish(bencher: Bencher<'_, '_>, size: usize) {
        measure(bencher, size, Headers::NONE);
    }

    #[divan::bench(name = "hpub", args = [16, 128])]
    fn publish_with_headers(bencher: Bencher<'_, '_>, size: usize) {
        measure(bencher, size, Headers::from_bytes(BLOCK));
    }

    fn measure(bencher: Bencher<'_, '_>, size: usize, headers: Headers<'_>) {
        let payload = vec![b'x'; size];
        let message = Publish { subject: SUBJECT, reply: None, headers, payload: &payload };
        let mut out = Vec::with_capacity(BATCH * message.encoded_len());
        bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
            out.clear();
            for _ in 0..BATCH {
                black_box(message).encode(&mut out).expect("memory");
            }
            black_box(out.len())
        });
    }
}

mod headers {
    use super::*;

    /// Finds the last of three.
    #[divan::bench]
    fn get() -> usize {
        let headers = Headers::from_bytes(black_box(BLOCK));
        headers.get("Content-Type").map_or(0, str::len)
    }

    #[divan::bench]
    fn iterate() -> usize {
        let headers = Headers::from_bytes(black_box(BLOCK));
        headers.iter().map(|(name, value)| name.len() + value.len()).sum()
    }

    #[divan::bench]
    fn build(bencher: Bencher<'_, '_>) {
        let mut headers = HeaderBuf::<Vec<u8>>::new();
        bencher.bench_local(|| {
            headers.clear();
            for (name, value) in [
                ("Nats-Msg-Id", "0cA4Qp1kPzWlqD"),
                ("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
                ("Content-Type", "application/json"),
            ] {
                headers.append(black_box(name), black_box(value)).expect("memory");
            }
            headers.as_headers().as_bytes().len()
        });
    }
}

mod info {
    use super::*;

    /// What a server alone says, and what a large cluster says.
    #[divan::bench(args = [0, 330])]
    fn servers(bencher: Bencher<'_, '_>, count: usize) {
        let urls: Vec<_> = (0..count).map(|number| format!("\"10.0.{number}.77:4222\"")).collect();
        let json = format!(
            "{{\"server_id\":\"NDPQXKVAZPAHTHHYZAPKCGFKHWNEVH35IPQQVW7PGVCAGJXM5DUPRWQB\",\
             \"server_name\":\"n1\",\"version\":\"2.15.1\",\"proto\":1,\"git_commit\":\"abc\",\
             \"go\":\"go1.26.0\",\"host\":\"0.0.0.0\",\"port\":4222,\"headers\":true,\
             \"max_payload\":1048576,\"client_id\":42,\"client_ip\":\"127.0.0.1\",\
             \"connect_urls\":[{}]}}",
            urls.join(",")
        );
        bencher.counter(BytesCount::new(json.len())).bench(|| {
            let mut scanner = InfoScanner::<Vec<u8>>::default();
            let mut info: ServerInfo<Vec<u8>> = ServerInfo::default();
            let mut count = 0;
            let part = InfoPart { json: black_box(json.as_bytes()), is_last: true };
            scanner.push(part, &mut info, |_| count += 1).expect("JSON");
            (info, count)
        });
    }
}

mod subject {
    use super::*;

    #[divan::bench(args = ["orders.eu.4711.shipped", "orders.*.*.shipped", "orders.>"])]
    fn matches_filter(filter: &str) -> bool {
        matches(black_box(filter.as_bytes()), black_box(SUBJECT.as_bytes()))
    }

    #[divan::bench]
    fn check() -> bool {
        Subject::new(black_box(SUBJECT.as_str())).is_ok()
    }
}
