//! Looks into NATS byte streams, subjects and filters.
//!
//! ```text
//! cargo run -q --example inspect -- decode [--from server|client] [--chunk N] [--max-line N] [--max-frame N]
//! cargo run -q --example inspect -- match FILTER SUBJECT
//! cargo run -q --example inspect -- subset A B
//! cargo run -q --example inspect -- valid subject|filter|queue TEXT
//! ```
//!
//! `decode` reads standard input to its end and prints one JSON object a line. Its exit status is 1
//! after a protocol error, 2 if the arguments make no sense.

mod decode;
mod json;

use std::io;
use std::io::Read;
use std::io::Write;
use std::process::ExitCode;

use nats_proto::Filter;
use nats_proto::QueueGroup;
use nats_proto::Subject;
use nats_proto::wire::FromClient;
use nats_proto::wire::FromServer;
use nats_proto::wire::Limits;

use crate::decode::inspect;

const USAGE: &str = "usage: inspect decode [--from server|client] [--chunk N] [--max-line N] \
                     [--max-frame N]\n       inspect match FILTER SUBJECT\n       inspect subset A B\n       \
                     inspect valid subject|filter|queue TEXT";

fn main() -> ExitCode {
    let arguments = nats_examples::command::arguments(USAGE);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments.as_slice() {
        ["decode", options @ ..] => decode(options),
        ["match", filter, subject] => matching(filter, subject).map(say),
        ["subset", inner, outer] => subset(inner, outer).map(say),
        ["valid", kind, text] => valid(kind, text).map(say),
        _ => Err(USAGE.to_owned()),
    };
    result.unwrap_or_else(|message| {
        eprintln!("{message}");
        ExitCode::from(2)
    })
}

fn say(answer: bool) -> ExitCode {
    println!("{answer}");
    ExitCode::SUCCESS
}

fn matching(filter: &str, subject: &str) -> Result<bool, String> {
    let filter = Filter::new(filter).map_err(|error| format!("the filter: {error}"))?;
    let subject = Subject::new(subject).map_err(|error| format!("the subject: {error}"))?;
    Ok(filter.matches(subject))
}

fn subset(inner: &str, outer: &str) -> Result<bool, String> {
    let inner = Filter::new(inner).map_err(|error| format!("the first filter: {error}"))?;
    let outer = Filter::new(outer).map_err(|error| format!("the second filter: {error}"))?;
    Ok(inner.is_subset_of(outer))
}

fn valid(kind: &str, text: &str) -> Result<bool, String> {
    match kind {
        "subject" => Ok(Subject::new(text).is_ok()),
        "filter" => Ok(Filter::new(text).is_ok()),
        "queue" => Ok(QueueGroup::new(text).is_ok()),
        _ => Err(USAGE.to_owned()),
    }
}

fn decode(mut options: &[&str]) -> Result<ExitCode, String> {
    let mut is_server = true;
    let mut chunk = usize::MAX;
    // INFO may be as long as the input.
    let mut limits = Limits::DEFAULT.info(usize::MAX / 2);
    while let [option, value, rest @ ..] = options {
        let number = || match value.parse::<usize>() {
            Ok(number) if number > 0 => Ok(number),
            _ => Err(format!("{option} takes a number from 1 on\n{USAGE}")),
        };
        match (*option, *value) {
            ("--from", "server") => is_server = true,
            ("--from", "client") => is_server = false,
            ("--chunk", _) => chunk = number()?,
            ("--max-line", _) => limits.line = number()?,
            ("--max-frame", _) => limits.frame = number()?,
            _ => return Err(USAGE.to_owned()),
        }
        options = rest;
    }
    if !options.is_empty() {
        return Err(USAGE.to_owned());
    }
    let mut input = Vec::new();
    io::stdin().read_to_end(&mut input).map_err(|error| error.to_string())?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    let result = match is_server {
        true => inspect::<FromServer>(&input, chunk, limits, &mut out),
        false => inspect::<FromClient>(&input, chunk, limits, &mut out),
    };
    let is_well = result.and_then(|is_well| out.flush().map(|()| is_well));
    match is_well {
        Ok(true) => Ok(ExitCode::SUCCESS),
        Ok(false) => Ok(ExitCode::from(1)),
        // The reader of the output has closed it.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        Err(error) => Err(error.to_string()),
    }
}
