//! What the documentation says of defaults is what the code does.

use core::time::Duration;
use std::string::ToString;

use super::*;

const CONFIG: &str = include_str!("../config.rs");

fn time(duration: Duration) -> String {
    match duration.as_millis() {
        millis if millis % 60_000 == 0 => format!("{} min", millis / 60_000),
        millis if millis % 1_000 == 0 => format!("{} s", millis / 1_000),
        millis => format!("{millis} ms"),
    }
}

/// The documentation of the item whose declaration contains `item`, in one line.
fn doc(item: &str) -> String {
    let at = CONFIG.find(item).unwrap_or_else(|| panic!("no {item:?}"));
    let (before, _) = CONFIG.split_at(at);
    let mut lines: Vec<_> = before
        .lines()
        .rev()
        .skip(usize::from(!before.ends_with('\n')))
        .take_while(|line| line.trim_start().starts_with("///"))
        .map(|line| line.trim_start().trim_start_matches("///").trim())
        .collect();
    lines.reverse();
    lines.join(" ")
}

#[test]
fn the_documentation_says_what_the_defaults_are() {
    let config = Config::DEFAULT;
    for (item, default) in [
        ("pub connect_timeout", time(config.connect_timeout)),
        ("pub ping_interval", time(config.ping_interval)),
        ("pub max_pings_out", config.max_pings_out.to_string()),
        ("pub drain_timeout", time(config.drain_timeout)),
        ("pub flush_timeout", time(config.flush_timeout)),
        ("pub retain_servers_order", config.retain_servers_order.to_string()),
        ("pub max_control_line", config.max_control_line.to_string()),
        ("pub reconnect", config.reconnect.to_string()),
        ("pub retry_on_initial_connect", config.retry_on_initial_connect.to_string()),
        ("pub max_reconnects", config.max_reconnects.unwrap().to_string()),
        ("pub ignore_auth_error_abort", config.ignore_auth_error_abort.to_string()),
        ("pub ignore_discovered_servers", config.ignore_discovered_servers.to_string()),
        ("pub lame_duck_jitter", time(config.lame_duck_jitter.unwrap())),
    ] {
        let doc = doc(item);
        assert!(doc.contains(&format!("Default {default}")), "{item}: {default}, in {doc:?}");
    }
}
