//! Blocks of Rust in the texts that do not run here, and why.

/// What they need.
const DEVICE: &str = "a device";
const HOST: &str = "hosts that are not here";

/// The file, the heading above or the item below, and which of several.
pub const NOT_RUN: &[(&str, &str)] = &[
    ("README.md, A few lines each, 3", DEVICE),
    ("nats-embassy/README.md, A device", DEVICE),
    ("nats-embassy/README.md, JetStream", DEVICE),
    ("nats-embassy/README.md, JetStream, 2", DEVICE),
    ("nats-embassy/README.md, One task, and no queues", DEVICE),
    ("nats-embassy/README.md, TLS", DEVICE),
    ("nats-embassy/README.md, TLS, 2", DEVICE),
    ("nats-embassy/src/client/link.rs, Link", DEVICE),
    ("nats-tokio/README.md, Authentication", HOST),
    ("nats-tokio/README.md, Authentication, 2", HOST),
    ("nats-tokio/README.md, Proxies", HOST),
    ("nats-tokio/README.md, TLS", HOST),
    ("nats-tokio/README.md, WebSocket", HOST),
    ("nats-tokio/README.md, When the connection is lost", HOST),
    ("nats-tokio/docs/proxies.md, Connecting through proxies", HOST),
    ("nats-tokio/docs/proxies.md, WebSocket behind an HTTP proxy", HOST),
    ("nats-tokio/src/options/auth.rs, auth_callback", HOST),
    ("nats-tokio/src/client.rs, Client", HOST),
    ("nats-tokio/src/options.rs, ConnectOptions", HOST),
    ("nats-tokio/src/client/connect.rs, connect", HOST),
];
