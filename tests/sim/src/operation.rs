//! Operations of an application, a server or a connection, as three bytes.

use crate::wire::Direction;

/// How many bytes an operation takes.
pub(crate) const LEN: usize = 3;

/// An operation of an application, a server or the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Subscribe {
        filter: u8,
        queue: u8,
    },
    Unsubscribe(u8),
    /// A maximum: so many more than it got, if that is above zero, or as many as it got.
    Max(u8, u8),
    DrainOne(u8),
    Publish {
        subject: u8,
        count: u8,
    },
    /// Another client publishes.
    Arrive {
        subject: u8,
        count: u8,
    },
    Flush,
    ServerPing,
    ServerError(u8),
    LameDuckMode {
        server: u8,
        after: u8,
    },
    Info {
        server: u8,
        tells_of: u8,
    },
    Cut {
        direction: Direction,
        after: u8,
        is_gentle: bool,
    },
    Silence,
    Mood {
        server: u8,
        mood: u8,
    },
    Conditions(u8, u8),
    Reconnect,
    ReplaceServers(u8),
    AddServer(u8),
    ChooseServer(u8, u8),
    Pass(u8),
    Revoke(u8),
    Die {
        silently: bool,
    },
    Drain,
    Finish,
    Close,
}

/// How much happens before the next operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pause {
    None,
    Turn,
    Moment,
    Rest,
}

impl Operation {
    /// What three bytes mean, and how much happens next. All of them mean something.
    pub(crate) const fn decode([code, first, second]: [u8; LEN]) -> (Self, Pause) {
        let pause = match code >> 6 {
            0 => Pause::None,
            1 => Pause::Turn,
            2 => Pause::Moment,
            _ => Pause::Rest,
        };
        let operation = match code & 63 {
            0..10 => Self::Subscribe { filter: first, queue: second },
            10..14 => Self::Unsubscribe(first),
            14..19 => Self::Max(first, second),
            19..22 => Self::DrainOne(first),
            22..29 => Self::Publish { subject: first, count: second },
            29..36 => Self::Arrive { subject: first, count: second },
            36..39 => Self::Flush,
            39..41 => Self::ServerPing,
            41..43 => Self::ServerError(first),
            43..45 => Self::LameDuckMode { server: first, after: second },
            45..47 => Self::Info { server: first, tells_of: second },
            47..51 => Self::Cut {
                direction: if first & 1 == 0 { Direction::Up } else { Direction::Down },
                after: second,
                is_gentle: first & 2 == 0,
            },
            51 => Self::Silence,
            52..54 => Self::Mood { server: first, mood: second },
            54..56 => Self::Conditions(first, second),
            56 => Self::Reconnect,
            57 => Self::ReplaceServers(first),
            58 => {
                if first & 1 == 0 {
                    Self::AddServer(second)
                } else {
                    Self::ChooseServer(first, second)
                }
            }
            59..61 => Self::Pass(first),
            61 => Self::Revoke(first),
            62 => Self::Die { silently: first & 1 == 0 },
            _ => match first {
                0..20 => Self::Drain,
                20..30 => Self::Finish,
                30..35 => Self::Close,
                _ => Self::Pass(second),
            },
        };
        (operation, pause)
    }
}
