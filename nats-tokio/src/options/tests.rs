//! Defaults in the documentation are those of the code.

use nats_proto::session::Backoff;
use nats_proto::session::ClientInfo;
use nats_proto::session::Tls;

use super::*;

const README: &str = include_str!("../../README.md");
const OPTIONS: &str = include_str!("../options.rs");
const LIMITS: &str = include_str!("limits.rs");
const RECONNECT: &str = include_str!("reconnect.rs");

fn time(duration: Duration) -> String {
    match duration.as_millis() {
        millis if millis % 60_000 == 0 => format!("{} min", millis / 60_000),
        millis if millis % 1_000 == 0 => format!("{} s", millis / 1_000),
        millis => format!("{millis} ms"),
    }
}

fn bytes(bytes: u64) -> String {
    const KIB: u64 = 1024;
    match bytes {
        bytes if bytes % (KIB * KIB) == 0 => format!("{} MiB", bytes / KIB / KIB),
        bytes if bytes % KIB == 0 && bytes > 8 * KIB => format!("{} KiB", bytes / KIB),
        bytes => format!("{bytes} bytes"),
    }
}

/// With commas between thousands.
fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The default in the row of a table of the README.
fn row(what: &str) -> &'static str {
    let start = format!("| {what} | ");
    let row = README.lines().find_map(|line| line.strip_prefix(start.as_str()));
    row.unwrap_or_else(|| panic!("no row {what:?}")).split(" | ").next().unwrap()
}

/// The documentation of the item whose declaration contains `item`, in one line.
fn doc(source: &str, item: &str) -> String {
    let at = source.find(item).unwrap_or_else(|| panic!("no {item:?}"));
    let (before, _) = source.split_at(at);
    let mut lines: Vec<_> = before
        .lines()
        .rev()
        .skip(usize::from(!before.ends_with('\n')))
        .skip_while(|line| line.trim_start().starts_with("#["))
        .take_while(|line| line.trim_start().starts_with("///"))
        .map(|line| line.trim_start().trim_start_matches("///").trim())
        .collect();
    lines.reverse();
    lines.join(" ")
}

fn assert_documented(source: &str, item: &str, default: &str) {
    let doc = doc(source, item);
    assert!(doc.contains(&format!("Default {default}")), "{item}: default {default}, in {doc:?}");
}

#[test]
fn defaults_in_the_readme() {
    let options = ConnectOptions::new();
    let config = options.config;
    let (limits, buffer) = (options.pending_limits, options.reconnect_buffer);
    assert_eq!(row("connecting to one server, log-in included"), time(config.connect_timeout));
    assert_eq!(row("a request's reply"), time(options.request_timeout));
    assert_eq!(row("requests in flight"), count(options.max_requests as u64));
    assert_eq!(row("flush, close"), time(config.flush_timeout));
    assert_eq!(row("drain"), time(config.drain_timeout));
    let pings =
        format!("every {}, {} unanswered", time(config.ping_interval), config.max_pings_out);
    assert_eq!(row("PING"), pings);
    assert_eq!(row("send buffer"), bytes(options.send_buffer as u64));
    let pending = format!(
        "{} messages, {}; then the newest are dropped",
        count(limits.messages),
        bytes(limits.bytes)
    );
    assert_eq!(row("pending messages of a subscriber"), pending);
    assert_eq!(limits.overflow, crate::Overflow::DropNewest);
    assert_eq!(row("one message"), "the server's limit");
    assert_eq!(options.max_message, None);
    assert_eq!(row("a control line to the server"), bytes(config.max_control_line as u64));
    assert_eq!(row("pending events of a listener"), count(crate::event::CAPACITY as u64));

    assert_eq!((row("reconnecting"), config.reconnect), ("on", true));
    let at_first = row("retrying if no server can be reached at first");
    assert_eq!((at_first, config.retry_on_initial_connect), ("off", false));
    let Backoff::Fixed { wait, jitter, jitter_tls } = config.backoff else { panic!() };
    let apart =
        format!("{}, and up to {} more, {} with TLS", time(wait), time(jitter), time(jitter_tls));
    assert_eq!(row("delay between two attempts at the same server"), apart);
    let attempts = row("failed attempts in a row until a server is removed");
    assert_eq!(Some(attempts.parse().unwrap()), config.max_reconnects);
    let refusal = row("the same authorization error twice");
    assert_eq!((refusal, config.ignore_auth_error_abort), ("the server is removed", false));
    let discovered = row("discovered servers");
    assert_eq!((discovered, config.ignore_discovered_servers), ("used", false));
    let leave = format!("within {}", time(config.lame_duck_jitter.unwrap()));
    assert_eq!(row("leaving a server in lame duck mode"), leave);
    assert_eq!(row("buffer for messages published meanwhile"), bytes(buffer.bytes as u64));
    assert_eq!(buffer.messages, u64::MAX);
    let full = row("publishing while that is full");
    assert_eq!((full, options.wait_for_connection), ("fails", false));
    let sent = row("requests that were sent");
    assert_eq!((sent, options.keep_requests_on_disconnect), ("fail at once", false));
    assert_eq!((row("whether"), config.tls), ("if the address or the server says so", Tls::Auto));
}

#[test]
fn defaults_of_the_options() {
    let options = ConnectOptions::new();
    let config = options.config;
    for (item, default) in [
        ("pub const fn connect_timeout", time(config.connect_timeout)),
        ("pub const fn request_timeout", time(options.request_timeout)),
        ("pub const fn flush_timeout", time(config.flush_timeout)),
        ("pub const fn drain_timeout", time(config.drain_timeout)),
        ("pub const fn ping_interval", time(config.ping_interval)),
        ("pub const fn max_pings_out", config.max_pings_out.to_string()),
        ("pub fn inbox_prefix", format!("`{}`", options.inbox_prefix)),
    ] {
        assert_documented(OPTIONS, item, &default);
    }
    for (item, default) in [
        ("pub const fn max_requests", count(options.max_requests as u64)),
        ("pub const fn send_buffer", bytes(options.send_buffer as u64)),
        ("pub const fn max_control_line", config.max_control_line.to_string()),
    ] {
        assert_documented(LIMITS, item, &default);
    }
    for (item, default) in [
        ("pub const fn max_reconnects", config.max_reconnects.unwrap().to_string()),
        ("pub const fn lame_duck_jitter", time(config.lame_duck_jitter.unwrap())),
        ("pub const fn reconnect_buffer", bytes(options.reconnect_buffer.bytes as u64)),
    ] {
        assert_documented(RECONNECT, item, &default);
    }
}

#[test]
fn what_connect_says_of_the_client() {
    let default = ClientInfo::DEFAULT.version(env!("CARGO_PKG_VERSION"));
    assert_eq!(ConnectOptions::new().client_info(), default);
    let options = ConnectOptions::new().name("n").no_echo();
    assert_eq!(options.client_info(), default.name(Some("n")).echo(false));
    assert_eq!(ConnectOptions::new().pedantic().client_info(), default.pedantic(true));
}
