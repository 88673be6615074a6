//! One line of a table: who does what, against which server.

use super::figure::Figure;
use super::goal::Goal;

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Client {
    Ours,
    Peer,
    /// No client at all.
    Raw,
}

impl Client {
    pub(super) const ALL: [Self; 3] = [Self::Ours, Self::Peer, Self::Raw];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Ours => "nats-tokio",
            Self::Peer => "async-nats",
            Self::Raw => "raw",
        }
    }

    pub(super) const fn program(self) -> &'static str {
        match self {
            Self::Ours => "bench-ours",
            Self::Peer => "bench-async-nats",
            Self::Raw => "bench-raw",
        }
    }

    /// The flavours of the runtime that it is measured in.
    pub(super) const fn flavours(self) -> &'static [&'static str] {
        match self {
            Self::Ours | Self::Peer => &["main", "spawn", "ct"],
            Self::Raw => &["none"],
        }
    }
}

/// What the other end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Server {
    None,
    /// One that costs next to nothing, in one of its modes.
    Null(&'static str),
    /// Two of them, the first of which dies.
    Pair(&'static str),
    /// nats-server.
    Real,
    /// nats-server with JetStream: programs make the stream themselves.
    JetStream,
}

/// One line of a table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) command: &'static str,
    pub(super) server: Server,
    pub(super) count: u32,
    pub(super) size: u32,
    pub(super) figure: Figure,
    pub(super) goals: &'static [Goal],
    pub(super) clients: &'static [Client],
    /// What else the program is told.
    pub(super) options: &'static [&'static str],
    /// What another program of the same client does at the same time.
    pub(super) partner: Option<&'static str>,
    /// The one flavour that the clients are compared in, instead of the best of each.
    pub(super) flavour: Option<&'static str>,
    pub(super) is_tls: bool,
    /// Whether everything has to share one processor.
    pub(super) is_pinned: bool,
}

pub(super) const fn row(
    name: &'static str,
    command: &'static str,
    server: Server,
    count: u32,
    size: u32,
) -> Row {
    Row {
        name,
        command,
        server,
        count,
        size,
        figure: Figure::Rate,
        goals: &[],
        clients: &Client::ALL,
        options: &[],
        partner: None,
        flavour: None,
        is_tls: false,
        is_pinned: false,
    }
}

impl Row {
    pub(super) const fn figure(self, figure: Figure) -> Self {
        Self { figure, ..self }
    }

    pub(super) const fn goals(self, goals: &'static [Goal]) -> Self {
        Self { goals, ..self }
    }

    pub(super) const fn clients(self, clients: &'static [Client]) -> Self {
        Self { clients, ..self }
    }

    pub(super) const fn options(self, options: &'static [&'static str]) -> Self {
        Self { options, ..self }
    }

    pub(super) const fn partner(self, command: &'static str) -> Self {
        Self { partner: Some(command), ..self }
    }

    pub(super) const fn flavour(self, flavour: &'static str) -> Self {
        Self { flavour: Some(flavour), ..self }
    }

    pub(super) const fn tls(self) -> Self {
        Self { is_tls: true, ..self }
    }

    pub(super) const fn pinned(self) -> Self {
        Self { is_pinned: true, ..self }
    }
}
