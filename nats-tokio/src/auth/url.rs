//! The credentials in servers' addresses.

use nats_proto::PercentEncoded;
use nats_proto::ServerUrl;

use crate::auth::Auth;

/// The servers that were given to us, whole but for the credentials of their URLs, and these.
#[derive(Default)]
pub(crate) struct UrlCredentials(Vec<(String, Auth)>);

impl UrlCredentials {
    pub(crate) fn new(servers: &[ServerUrl<'_>]) -> Self {
        let whole = |url: &ServerUrl<'_>| {
            let mut text = Vec::new();
            // There is room as long as there is memory.
            let _ = url.encode(&mut text);
            String::from_utf8(text).unwrap_or_default()
        };
        Self(servers.iter().map(|url| (whole(url), of_url(url))).collect())
    }

    /// The credentials for `server`. One that is not known here was discovered, and belongs to those
    /// that are: it gets the first there are, if `or_first`.
    pub(crate) fn find(&self, server: &ServerUrl<'_>, or_first: bool) -> Option<&Auth> {
        let is_it = |address| ServerUrl::new(address).is_ok_and(|url| url.is_same_server(server));
        let known = self.0.iter().find(|(address, _)| is_it(address));
        let first = || self.0.iter().find(|(_, auth)| !auth.is_none());
        let found = known.or_else(|| or_first.then(first).flatten());
        found.map(|(_, auth)| auth).filter(|auth| !auth.is_none())
    }
}

fn of_url(url: &ServerUrl<'_>) -> Auth {
    let text = |encoded: PercentEncoded<'_>| {
        String::from_utf8_lossy(&encoded.bytes().collect::<Vec<u8>>()).into_owned()
    };
    match (url.user().map(text), url.password().map(text)) {
        (Some(name), Some(password)) => Auth::user_and_password(name, password),
        (Some(token), None) => Auth::token(token),
        (None, _) => Auth::none(),
    }
}
