// Who logs in.

use std::fmt;

use nats_proto::PercentEncoded;
use nats_proto::ServerUrl;
use nats_proto::session::Auth;
use nats_proto::session::ClientInfo;

/// Who logs in, at every server.
#[derive(Clone, Default)]
pub struct Login {
    /// The connection's name.
    pub name: Option<String>,
    /// A user's name; a token, if there is no password. Default: what the first address says that has
    /// one, as in `nats://user:password@host`.
    pub user: Option<String>,
    /// The user's password.
    pub password: Option<String>,
}

impl Login {
    /// A session keeps no secrets: what is in an address is kept here.
    pub(super) fn take_from(&mut self, server: &ServerUrl<'_>) {
        if self.user.is_none() {
            self.user = server.user().map(text);
            self.password = server.password().map(text);
        }
    }

    pub(super) fn client_info(&self) -> ClientInfo<'_> {
        ClientInfo::DEFAULT.name(self.name.as_deref())
    }

    pub(super) fn auth(&self) -> Auth<'_> {
        match (self.user.as_deref(), self.password.as_deref()) {
            (Some(user), Some(password)) => Auth::UserAndPassword { user, password },
            (Some(token), None) => Auth::Token(token),
            (None, _) => Auth::None,
        }
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("name", &self.name).finish_non_exhaustive()
    }
}

fn text(encoded: PercentEncoded<'_>) -> String {
    String::from_utf8_lossy(&encoded.bytes().collect::<Vec<_>>()).into_owned()
}
