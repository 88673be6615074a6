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

#[cfg(test)]
mod tests {
    use nats_proto::session;

    use super::*;
    use crate::options::ConnectOptions;

    /// User, password and token that are sent to a server.
    async fn told(options: ConnectOptions, server: &str) -> String {
        let urls = SERVERS.map(|text| ServerUrl::new(text).unwrap());
        let server = ServerUrl::new(server).unwrap();
        let challenge =
            session::Challenge { server, nonce: "", auth_required: true, headers: true };
        let resolving = options.auth.resolve_for(&UrlCredentials::new(&urls), &challenge);
        match resolving.await.unwrap().get() {
            session::Auth::UserAndPassword { user, password } => {
                format!("({user:?}) ({password:?}) -")
            }
            session::Auth::Token(token) => format!("- - ({token:?})"),
            session::Auth::None => "- - -".to_owned(),
            other => panic!("{other:?}"),
        }
    }

    const SERVERS: [&str; 3] = ["c", "nats://u:p%40@a", "nats://t0ken@b:1"];

    #[tokio::test]
    async fn a_urls_own_credentials_come_first() {
        for (server, expected) in [
            ("nats://A:4222", "(\"u\") (\"p@\") -"),
            ("b:1", "- - (\"t0ken\")"),
            ("c", "- - (\"opt\")"),
            ("discovered", "- - (\"opt\")"),
        ] {
            assert_eq!(
                told(ConnectOptions::new().token("opt"), server).await,
                expected,
                "{server}"
            );
        }
    }

    #[tokio::test]
    async fn discovered_servers_belong_to_the_ones_we_know() {
        for (server, expected) in [
            ("a", "(\"u\") (\"p@\") -"),
            ("b:1", "- - (\"t0ken\")"),
            ("c", "- - -"),
            ("discovered", "(\"u\") (\"p@\") -"),
        ] {
            assert_eq!(told(ConnectOptions::new(), server).await, expected, "{server}");
        }
    }
}
